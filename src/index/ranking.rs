//! From the nearest rows of each segment to the nearest products of all.
//!
//! FAISS returns the k best rows of a segment, not products, knows nothing of dead rows, and its scores depend on how many
//! queries it was given at once: they only choose. All segments are looked into, a few rows deep; the products that these
//! rows name set a bound; segments that may hold more above it are looked into deeper, until none may; and what lies above the
//! bound, and nothing else, is scored anew, in one way. So the answer is that of one flat index, whatever the segments,
//! the depth and the company of the query.

use std::collections::HashSet;

use rayon::ThreadPool;
use rayon::iter::{IntoParallelIterator, IntoParallelRefIterator, ParallelIterator};

use super::scan::Query;
use super::segment::{RowHit, Segment};
use super::{Hit, IndexError};

/// Segments from which on a scan is shared: below that there is nothing to share.
const SHARED_FROM: usize = 2;
/// Fewest rows that a look into a segment asks for.
const SHALLOWEST: usize = 16;
/// How many times deeper each next look goes.
const DEEPER: usize = 4;

/// What FAISS said of one segment and one query.
#[derive(Debug)]
pub(super) struct SegmentResult {
    /// Places of living rows and FAISS' scores, best first.
    pub(super) rows: Vec<(u32, f32)>,
    /// The worst score that was returned; no other row of the segment has a better one. Nothing where all were returned.
    pub(super) floor: Option<f32>,
}

/// For each query its nearest products, best first. `rows_wanted` rows of all segments together are likely to be enough
/// for it, and `there_are` as many products in them. `helpers` share the work out where there is enough of it.
pub(super) fn nearest_products(
    segments: &[&Segment],
    queries: &[Query],
    (there_are, rows_wanted): (usize, usize),
    helpers: Option<&ThreadPool>,
) -> Result<Vec<Vec<Hit>>, IndexError> {
    let helpers = helpers.filter(|_| segments.len() >= SHARED_FROM);
    // Rows of one product lie side by side, as they came: each segment may have twice its share.
    let mut depth =
        rows_wanted.saturating_mul(2).div_ceil(segments.len().max(1)).clamp(SHALLOWEST, rows_wanted.max(SHALLOWEST));
    // Where more products are wanted than there are, no bound would ever be set.
    let wanted: Vec<usize> = queries.iter().map(|query| query.products.min(there_are)).collect();
    let everyone: Vec<usize> = (0..queries.len()).filter(|at| wanted[*at] > 0).collect();
    let mut seen: Vec<Vec<Option<SegmentResult>>> =
        segments.iter().map(|_| queries.iter().map(|_| None).collect()).collect();
    let mut deeper: Vec<(usize, Vec<usize>)> = (0..segments.len()).map(|at| (at, everyone.clone())).collect();
    deeper.retain(|(_, asked)| !asked.is_empty());
    let mut bounds = vec![f32::NEG_INFINITY; queries.len()];
    while !deeper.is_empty() {
        let look = |(segment, asked): &(usize, Vec<usize>)| segments[*segment].look(queries, asked, depth);
        let looks: Vec<Vec<SegmentResult>> = match helpers {
            Some(helpers) if deeper.len() >= SHARED_FROM => {
                helpers.install(|| deeper.par_iter().map(look).collect::<Result<_, _>>())?
            }
            _ => deeper.iter().map(look).collect::<Result<_, _>>()?,
        };
        for ((segment, asked), looks) in deeper.into_iter().zip(looks) {
            asked.into_iter().zip(looks).for_each(|(at, look)| seen[segment][at] = Some(look));
        }
        for at in &everyone {
            bounds[*at] = bound(segments, &seen, *at, wanted[*at]);
        }
        deeper = (0..segments.len()).map(|segment| (segment, unseen_above(&seen[segment], &bounds))).collect();
        deeper.retain(|(_, asked)| !asked.is_empty());
        depth = depth.saturating_mul(DEEPER);
    }
    let hits = |at: usize| hits(segments, &seen, at, &queries[at], (wanted[at], bounds[at]));
    Ok(match helpers {
        Some(helpers) => helpers.install(|| (0..queries.len()).into_par_iter().map(hits).collect()),
        None => (0..queries.len()).map(hits).collect(),
    })
}

/// The score of FAISS below which no row can be one of the query's nearest `products`: less than that of the last of them by
/// twice what FAISS may be wrong by, once for either row.
fn bound(segments: &[&Segment], seen: &[Vec<Option<SegmentResult>>], query: usize, products: usize) -> f32 {
    let mut rows: Vec<(f32, usize, u32)> = living(seen, query).collect();
    rows.sort_unstable_by(|one, other| other.0.total_cmp(&one.0));
    let mut named = HashSet::new();
    let last = rows.into_iter().find(|(_, segment, place)| {
        named.insert(segments[*segment].product(*place));
        named.len() == products
    });
    let rounding = segments.first().map_or(0.0, |segment| segment.rounding());
    last.map_or(f32::NEG_INFINITY, |(score, ..)| score - 2.0 * rounding)
}

/// The queries for which the segment may hold more rows at or above the bound than were returned.
fn unseen_above(seen: &[Option<SegmentResult>], bounds: &[f32]) -> Vec<usize> {
    let may_hold_more = |(look, bound): (&Option<SegmentResult>, &f32)| {
        look.as_ref().and_then(|look| look.floor).is_some_and(|floor| floor >= *bound)
    };
    seen.iter().zip(bounds).map(may_hold_more).enumerate().filter_map(|(at, more)| more.then_some(at)).collect()
}

/// Score, segment and place of every row that was returned for a query.
fn living(seen: &[Vec<Option<SegmentResult>>], query: usize) -> impl Iterator<Item = (f32, usize, u32)> {
    let looks = seen.iter().enumerate().filter_map(move |(segment, looks)| Some((segment, looks[query].as_ref()?)));
    looks.flat_map(|(segment, look)| look.rows.iter().map(move |(place, score)| (*score, segment, *place)))
}

/// The best row of each of the nearest products, by our own scores.
fn hits(
    segments: &[&Segment],
    seen: &[Vec<Option<SegmentResult>>],
    at: usize,
    query: &Query,
    (products, bound): (usize, f32),
) -> Vec<Hit> {
    let above = living(seen, at).filter(|(score, ..)| *score >= bound);
    let mut found: Vec<RowHit> =
        above.map(|(_, segment, place)| segments[segment].found(place, &query.vector)).collect();
    found.sort_unstable_by(RowHit::order);
    let mut named = HashSet::new();
    found.retain(|found| named.len() < products && named.insert(found.entry.product));
    found.into_iter().map(|RowHit { score, entry }| Hit { product: entry.product, image: entry.image, score }).collect()
}
