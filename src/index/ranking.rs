//! From the best rows of each segment to the nearest products of the whole index.
//!
//! FAISS returns the k best rows of a segment, not products. It knows nothing of dead rows, and its scores depend on the number
//! of queries in a batch, so they only select candidates. First a few rows of every segment are searched. The products of these
//! rows give a bound; segments that may have more rows above it are searched deeper, until none may. The rows above the
//! bound are scored again, always in the same way. So the result is that of one flat index, whatever the segments, the depth
//! and the other queries of the batch.

use std::collections::{HashMap, HashSet};

use rayon::ThreadPool;
use rayon::iter::{IntoParallelIterator, IntoParallelRefIterator, ParallelIterator};

use super::scan::Query;
use super::segment::{RowHit, Segment};
use super::{Hit, IndexError};
use crate::domain::ProductId;

/// With fewer segments there is nothing to share.
const PARALLEL_SEGMENTS_MIN: usize = 2;
/// The fewest rows that the first search of a segment asks for.
const DEPTH_MIN: usize = 16;
/// Factor of the depth from one search of a segment to the next.
const DEPTH_FACTOR: usize = 4;

/// FAISS' result for one segment and one query.
#[derive(Debug)]
pub(super) struct SegmentResult {
    /// Positions of live rows and FAISS' scores, best first.
    pub(super) rows: Vec<(u32, f32)>,
    /// The worst returned score: no other row of the segment has a better one. `None` if all rows were returned.
    pub(super) unreturned_score_max: Option<f32>,
}

/// The nearest products of each query, best first. `product_count` is the number of products in the index, `rows_wanted` an
/// estimate of the rows of all segments that suffice. `helpers` share the work if there is enough of it.
pub(super) fn nearest_products(
    segments: &[&Segment],
    queries: &[Query],
    (product_count, rows_wanted): (usize, usize),
    helpers: Option<&ThreadPool>,
) -> Result<Vec<Vec<Hit>>, IndexError> {
    let helpers = helpers.filter(|_| segments.len() >= PARALLEL_SEGMENTS_MIN);
    // A product's rows were added together and lie next to each other, so a segment may hold twice its share of the rows.
    let mut depth =
        rows_wanted.saturating_mul(2).div_ceil(segments.len().max(1)).clamp(DEPTH_MIN, rows_wanted.max(DEPTH_MIN));
    // If more products are wanted than exist, no bound would ever be set.
    let wanted: Vec<usize> = queries.iter().map(|query| query.products.min(product_count)).collect();
    let active_queries: Vec<usize> = (0..queries.len()).filter(|query| wanted[*query] > 0).collect();
    let mut results: Vec<Vec<Option<SegmentResult>>> =
        segments.iter().map(|_| queries.iter().map(|_| None).collect()).collect();
    let mut pending: Vec<(usize, Vec<usize>)> =
        (0..segments.len()).map(|segment| (segment, active_queries.clone())).collect();
    pending.retain(|(_, queries)| !queries.is_empty());
    let mut bounds = vec![f32::NEG_INFINITY; queries.len()];
    while !pending.is_empty() {
        let search = |(segment, selected): &(usize, Vec<usize>)| segments[*segment].search(queries, selected, depth);
        let segment_results: Vec<Vec<SegmentResult>> = match helpers {
            Some(helpers) if pending.len() >= PARALLEL_SEGMENTS_MIN => {
                helpers.install(|| pending.par_iter().map(search).collect::<Result<_, _>>())?
            }
            _ => pending.iter().map(search).collect::<Result<_, _>>()?,
        };
        for ((segment, selected), query_results) in pending.into_iter().zip(segment_results) {
            for (query, result) in selected.into_iter().zip(query_results) {
                results[segment][query] = Some(result);
            }
        }
        for query in &active_queries {
            bounds[*query] = score_bound(segments, &results, *query, wanted[*query]);
        }
        pending = (0..segments.len()).map(|segment| (segment, queries_to_deepen(&results[segment], &bounds))).collect();
        pending.retain(|(_, queries)| !queries.is_empty());
        depth = depth.saturating_mul(DEPTH_FACTOR);
    }
    let hits = |query: usize| rank_hits(segments, &results, query, &queries[query], (wanted[query], bounds[query]));
    Ok(match helpers {
        Some(helpers) => helpers.install(|| (0..queries.len()).into_par_iter().map(hits).collect()),
        None => (0..queries.len()).map(hits).collect(),
    })
}

/// The FAISS score below which no row can belong to the query's nearest `products`: the score of the last of them, minus
/// FAISS' largest error for both rows.
fn score_bound(segments: &[&Segment], results: &[Vec<Option<SegmentResult>>], query: usize, products: usize) -> f32 {
    let mut rows: Vec<(f32, usize, u32)> = returned_rows(results, query).collect();
    rows.sort_unstable_by(|one, other| other.0.total_cmp(&one.0));
    let mut found_products = HashSet::new();
    let last = rows.into_iter().find(|(_, segment, position)| {
        found_products.insert(segments[*segment].product(*position));
        found_products.len() == products
    });
    let score_error = segments.first().map_or(0.0, |segment| segment.score_error_max());
    last.map_or(f32::NEG_INFINITY, |(score, ..)| score - 2.0 * score_error)
}

/// The queries for which the segment may have more rows at or above the bound than it returned.
fn queries_to_deepen(results: &[Option<SegmentResult>], bounds: &[f32]) -> Vec<usize> {
    let may_have_more = |(result, bound): (&Option<SegmentResult>, &f32)| {
        result.as_ref().and_then(|result| result.unreturned_score_max).is_some_and(|score| score >= *bound)
    };
    let flags = results.iter().zip(bounds).map(may_have_more);
    flags.enumerate().filter_map(|(query, more)| more.then_some(query)).collect()
}

/// Score, segment and position of every row that was returned for a query.
fn returned_rows(results: &[Vec<Option<SegmentResult>>], query: usize) -> impl Iterator<Item = (f32, usize, u32)> {
    let query_results =
        results.iter().enumerate().filter_map(move |(segment, results)| Some((segment, results[query].as_ref()?)));
    query_results
        .flat_map(|(segment, result)| result.rows.iter().map(move |(position, score)| (*score, segment, *position)))
}

/// The best row of each of the nearest products, by our own scores.
fn rank_hits(
    segments: &[&Segment],
    results: &[Vec<Option<SegmentResult>>],
    query_number: usize,
    query: &Query,
    (products, bound): (usize, f32),
) -> Vec<Hit> {
    let candidates = returned_rows(results, query_number).filter(|(score, ..)| *score >= bound);
    let mut hits: Vec<RowHit> =
        candidates.map(|(_, segment, position)| segments[segment].score_row(position, &query.vector)).collect();
    hits.sort_unstable_by(RowHit::compare);
    let mut ranking: Vec<Hit> = Vec::new();
    let mut ranks: HashMap<ProductId, usize> = HashMap::new();
    for RowHit { score, row } in hits {
        let is_full = ranking.len() == products;
        // Second images count down to the last product, as the bound says nothing of lower rows.
        if is_full && ranking.last().is_none_or(|last| score < last.score) {
            break;
        }
        match ranks.get(&row.product) {
            Some(rank) => ranking[*rank].second_score = ranking[*rank].second_score.or(Some(score)),
            None if is_full => {}
            None => {
                ranks.insert(row.product, ranking.len());
                ranking.push(Hit { product: row.product, image: row.image, score, second_score: None });
            }
        }
    }
    ranking
}
