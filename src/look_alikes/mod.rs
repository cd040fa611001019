//! Which products look alike, and whether a product's photos are enough, both answered by the catalogue's own photos.
//!
//! A photo is left out and searched for: would the till recognise it by its product's
//! other photos, or take it for another product (`left_out_photo`)?
//! For the photos of one product, the answers say whether they are enough (`photo_check`). For the whole catalogue, they give
//! the pairs of products that the till will take for each other, and how often it would be right (`report`).
//!
//! Invariants: only the index is searched, in batches so short that a till's search waits for some ten milliseconds at most. An
//! answer holds for one model and one revision of its index. Nothing is written.

mod left_out_photo;
mod photo_check;
mod report;
mod report_cache;
mod report_progress;
#[cfg(test)]
mod tests;
mod verdict_counts;

use std::sync::Arc;

use crate::active_model::{ActiveModel, LearnedConfidence};
use crate::confidence::CatalogConfidence;
use crate::domain::VerdictLimits;
use crate::embedding::Thresholds;
use crate::index::{IndexError, IndexRow, VectorIndex};

pub use crate::confidence::COPY_SCORE;
pub use left_out_photo::{JudgedPhoto, LeftOutPhoto, Neighbour};
pub use photo_check::{PHOTOS_CHECKED_MAX, PhotoCheck};
pub use report::{LookAlikePair, LookAlikeReport, ProductCount};
pub use report_cache::{CachedReport, ReportCache};
pub use report_progress::ReportProgress;
pub use verdict_counts::VerdictCounts;

/// Photos that are searched for at a time: 33 ms of one thread in an index of 100 000 photos.
const SEARCHES_PER_BATCH: usize = 16;
/// Products that a search finds while no confidence is learned.
const PRODUCTS_FOUND_MIN: usize = 3;

/// Searches a catalogue's photos under one model for look-alikes.
#[derive(Debug, Clone)]
pub struct LookAlikeSearch {
    index: Arc<VectorIndex>,
    confidence: Option<Arc<LearnedConfidence>>,
    thresholds: Thresholds,
    limits: VerdictLimits,
}

impl LookAlikeSearch {
    /// Searches the index of the model in use.
    pub fn of_active_model(active: &ActiveModel, limits: VerdictLimits) -> Self {
        let (index, thresholds) = (Arc::clone(&active.index), active.embedder.thresholds().clone());
        Self { index, confidence: active.confidence.current(), thresholds, limits }
    }

    /// For the command line. `stored_confidence` is what a server has stored for the model, if it has.
    pub fn from_stored(
        index: VectorIndex,
        stored_confidence: Option<serde_json::Value>,
        thresholds: Thresholds,
        limits: VerdictLimits,
    ) -> Self {
        // Of another version of the program: then scores decide, as they do on a server that has not learned yet.
        let confidence =
            stored_confidence.and_then(|content| serde_json::from_value::<CatalogConfidence>(content).ok());
        let learned = confidence.map(|confidence| Arc::new(LearnedConfidence { confidence, index_revision: 0 }));
        Self { index: Arc::new(index), confidence: learned, thresholds, limits }
    }

    fn confidence(&self) -> Option<&CatalogConfidence> {
        self.confidence.as_ref().map(|learned| &learned.confidence)
    }

    /// Leaves each of these photos out and searches for it; one answer per photo, in their order. Photos that are not in the
    /// index are searched for too. How near photos of one product are to each other is known best if all are in `photos`: a
    /// search of the index finds the two nearest at most, and one of them is the photo itself.
    ///
    /// # Errors
    /// See [`VectorIndex::search_batch`].
    pub async fn leave_out(&self, photos: &[IndexRow]) -> Result<Vec<LeftOutPhoto>, IndexError> {
        let ranked = self.confidence().map_or(PRODUCTS_FOUND_MIN, CatalogConfidence::products_needed);
        let mut answers = Vec::with_capacity(photos.len());
        for batch in photos.chunks(SEARCHES_PER_BATCH) {
            let queries = batch.iter().map(|photo| Arc::clone(&photo.vector)).collect();
            // The photo's own product may drop out, if it has no other photo.
            let found = self.index.search_batch(queries, ranked + 1).await?;
            answers.extend(batch.iter().zip(found).map(|(photo, hits)| self.judge(photo, photos, hits.hits)));
        }
        Ok(answers)
    }

    /// For each row, the photo of another product that is a copy of the row's photo, if there is one.
    ///
    /// # Errors
    /// See [`VectorIndex::search_batch`].
    pub async fn find_copies(&self, photos: &[IndexRow]) -> Result<Vec<Option<Neighbour>>, IndexError> {
        let answers = self.leave_out(photos).await?;
        Ok(answers.into_iter().map(|answer| answer.nearest.filter(|nearest| nearest.score > COPY_SCORE)).collect())
    }
}
