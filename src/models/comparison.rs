//! Comparing both models on the enrolled photos before one replaces the other.

use std::collections::{BTreeMap, HashSet};

use super::{Comparison, ModelSwitches, SwitchError};
use crate::db::model_switches::SwitchRow;
use crate::db::product_images::{self, ImageEmbeddingRow};
use crate::domain::{ImageId, ProductId};
use crate::embedding::Embedder;
use crate::index_feed::{IndexRow, stored_rows};

/// The oldest photos are compared: enough of them for a difference of a few points to show, within seconds.
const MAX_PHOTOS: i64 = 4_000;

impl ModelSwitches {
    /// Indexes every second photo of each product and searches with the rest, once per model. Photos without a valid embedding
    /// by both models, and products with one photo, are skipped.
    pub(super) async fn compare(&self, row: &SwitchRow, embedder: &Embedder) -> Result<Comparison, SwitchError> {
        let before = self.list_embedded_photos(&row.from_model).await?;
        let after = self.list_embedded_photos(&row.to_model).await?;
        // The old model need not be the one that this server has, so its dimension is read off the embeddings.
        let before = stored_rows(&before, most_common_dimension(&before));
        let after = stored_rows(&after, embedder.dim());
        let (images_before, images_after) = (images_of(&before), images_of(&after));
        let (asked, right_before) = self.count_right(retain_images(before, &images_after)).await?;
        let (_, right_after) = self.count_right(retain_images(after, &images_before)).await?;
        Ok(Comparison { asked, right_before, right_after })
    }

    /// Photos on sale with `model`'s embeddings.
    async fn list_embedded_photos(&self, model: &str) -> Result<Vec<ImageEmbeddingRow>, SwitchError> {
        Ok(product_images::list_on_sale(&mut self.db.read().await?, model, ImageId::NIL, MAX_PHOTOS).await?)
    }

    /// The number of queries, and for how many of them the first answer was right.
    async fn count_right(&self, rows: Vec<IndexRow>) -> Result<(usize, usize), SwitchError> {
        let mut photos_seen: BTreeMap<ProductId, usize> = BTreeMap::new();
        let (enrolled, queries): (Vec<IndexRow>, Vec<IndexRow>) = rows.into_iter().partition(|row| {
            let count = photos_seen.entry(row.product).or_default();
            *count += 1;
            *count % 2 == 1
        });
        let right = self.index_feed.count_correct_answers(enrolled, &queries).await?;
        Ok((queries.len(), right))
    }
}

fn images_of(rows: &[IndexRow]) -> HashSet<ImageId> {
    rows.iter().map(|row| row.image).collect()
}

fn retain_images(mut rows: Vec<IndexRow>, images: &HashSet<ImageId>) -> Vec<IndexRow> {
    rows.retain(|row| images.contains(&row.image));
    rows
}

/// The number of values that most of the vectors have; 0 if there are none.
fn most_common_dimension(rows: &[ImageEmbeddingRow]) -> usize {
    let mut counts: BTreeMap<usize, usize> = BTreeMap::new();
    for vector in rows.iter().filter_map(|row| row.vector.as_ref()) {
        *counts.entry(vector.len() / size_of::<f32>()).or_default() += 1;
    }
    counts.into_iter().max_by_key(|(_, count)| *count).map_or(0, |(dim, _)| dim)
}
