//! The report over the whole catalogue: pairs of products that the till will take for each other, strongest first.
//!
//! Two passes over the index, batch by batch: the first counts the photos of each product, the second checks an even sample of
//! them. Memory: a count per product and the pairs. At most [`REPORT_PHOTOS_MAX`] photos are checked, so the time of a report
//! grows with the size of the index and not with its square.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::photo_check::are_enough;
use super::{LeftOutPhoto, LookAlikeSearch, Neighbour, ReportProgress, VerdictCounts};
use crate::domain::{ImageId, ProductId};
use crate::index::{IndexError, IndexRow};

/// Photos that are read at a time.
const PHOTOS_PER_READ: usize = 512;
/// The most photos that are checked: 42 s of one thread with 100 000 photos.
const REPORT_PHOTOS_MAX: usize = 20_000;
/// The most photos of one product that are checked.
const PHOTOS_PER_PRODUCT_MAX: usize = 8;
/// Pairs of less confidence are not listed: the till would hardly take one for the other.
const LISTED_CONFIDENCE_MIN: f32 = 0.2;
/// The most pairs that are kept.
const PAIRS_MAX: usize = 10_000;

/// Two products that look alike: the till may take the photo of the one for the other.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LookAlikePair {
    pub product: ProductId,
    /// The photo that was left out; it names the pair, since each photo is in one pair at most.
    pub image: ImageId,
    pub neighbour: Neighbour,
}

/// How many of a product's photos its other photos recognise.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ProductCount {
    pub photos: usize,
    pub checked: usize,
    pub recognized: usize,
}

impl ProductCount {
    /// Whether more photos would hardly help.
    pub fn is_enough(&self) -> bool {
        are_enough(self.photos, self.checked, self.recognized)
    }
}

/// The report.
#[derive(Debug, Clone, PartialEq)]
pub struct LookAlikeReport {
    /// The catalog change that the index was at.
    pub revision: i64,
    /// Photos in the index.
    pub photos: usize,
    /// Photos that were left out in turn.
    pub photos_checked: usize,
    /// How the till would judge them.
    pub verdicts: VerdictCounts,
    /// Strongest first.
    pub pairs: Vec<LookAlikePair>,
    pub products: HashMap<ProductId, ProductCount>,
}

impl LookAlikeReport {
    /// The products whose photos are not enough: the least recognised first, and of those the ones with the fewest photos.
    pub fn products_without_enough_photos(&self) -> Vec<(ProductId, ProductCount)> {
        let mut products: Vec<(ProductId, ProductCount)> =
            self.products.iter().map(|(id, count)| (*id, *count)).collect();
        products.retain(|(_, count)| !count.is_enough());
        let share = |count: &ProductCount| count.recognized as f64 / count.checked.max(1) as f64;
        products.sort_by(|(id, count), (other_id, other)| {
            let by_share = share(count).total_cmp(&share(other));
            by_share.then(count.photos.cmp(&other.photos)).then(id.cmp(other_id))
        });
        products
    }
}

impl LookAlikeSearch {
    /// Checks photos of the whole catalogue, and tells `progress` how far it is.
    ///
    /// # Errors
    /// The index does not answer.
    pub async fn report(&self, progress: &ReportProgress) -> Result<LookAlikeReport, IndexError> {
        let revision = self.index.stats().await.revision;
        let mut products: HashMap<ProductId, ProductCount> = HashMap::new();
        let mut after = ImageId::NIL;
        while let Some(rows) = self.next_batch(&mut after).await {
            rows.iter().for_each(|row| products.entry(row.product).or_default().photos += 1);
        }
        let photos = products.values().map(|count| count.photos).sum();
        let checked_per_product = (REPORT_PHOTOS_MAX / products.len().max(1)).clamp(1, PHOTOS_PER_PRODUCT_MAX);
        progress.begin(products.values().map(|count| count.photos.min(checked_per_product)).sum());
        let mut verdicts = VerdictCounts::default();
        let mut seen: HashMap<ProductId, usize> = HashMap::new();
        let mut strongest: HashMap<[ProductId; 2], LookAlikePair> = HashMap::new();
        let mut after = ImageId::NIL;
        while let Some(mut rows) = self.next_batch(&mut after).await {
            rows.retain(|row| {
                let number = seen.entry(row.product).or_default();
                *number += 1;
                // Products that were added since the first pass are checked too.
                let count = products.get(&row.product).map_or(1, |count| count.photos);
                is_sampled(*number - 1, count, checked_per_product)
            });
            for answer in self.leave_out(&rows).await?.iter().filter(|answer| !answer.is_copy()) {
                let count = products.entry(answer.product).or_default();
                count.checked += 1;
                count.recognized += usize::from(answer.is_recognized());
                verdicts.add(answer);
                keep_strongest(&mut strongest, answer);
            }
            progress.add(rows.len());
        }
        let mut pairs: Vec<LookAlikePair> = strongest.into_values().collect();
        // By id where all else is equal, so that the same catalogue gives the same pages.
        pairs.sort_by(|one, other| {
            other.neighbour.compare_strength(&one.neighbour).then_with(|| one.image.cmp(&other.image))
        });
        pairs.truncate(PAIRS_MAX);
        let photos_checked = products.values().map(|count| count.checked).sum();
        Ok(LookAlikeReport { revision, photos, photos_checked, verdicts, pairs, products })
    }

    /// The rows after `after`, which is moved to the last of them; `None` at the end.
    async fn next_batch(&self, after: &mut ImageId) -> Option<Vec<IndexRow>> {
        let rows = self.index.rows_after(*after, PHOTOS_PER_READ).await;
        *after = rows.last()?.image;
        Some(rows)
    }
}

/// Whether the photo with this number, from 0, is one of `wanted` that are spread evenly over `count`.
fn is_sampled(number: usize, count: usize, wanted: usize) -> bool {
    number * wanted / count.max(1) != (number + 1) * wanted / count.max(1) || wanted >= count
}

fn keep_strongest(pairs: &mut HashMap<[ProductId; 2], LookAlikePair>, answer: &LeftOutPhoto) {
    let Some(neighbour) = answer.nearest else { return };
    let is_listed = match neighbour.confidence {
        Some(confidence) => confidence >= LISTED_CONFIDENCE_MIN,
        None => answer.is_mistaken,
    };
    if !is_listed {
        return;
    }
    let pair = LookAlikePair { product: answer.product, image: answer.image, neighbour };
    let key = [pair.product.min(neighbour.product), pair.product.max(neighbour.product)];
    match pairs.entry(key) {
        Entry::Vacant(entry) => drop(entry.insert(pair)),
        Entry::Occupied(mut entry) if entry.get().neighbour.compare_strength(&neighbour).is_lt() => {
            entry.insert(pair);
        }
        Entry::Occupied(_) => {}
    }
}
