//! What both models make of the photos that are enrolled, before one takes the other's place.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::{Comparison, ModelSwitches, SwitchError};
use crate::db::model_switches::SwitchRow;
use crate::db::product_images::{self, VectorRow};
use crate::domain::{ImageId, ProductId};
use crate::embedding::Embedder;
use crate::index::{IndexOptions, Row, VectorIndex};
use crate::index_feed::image_embeddings;
use crate::index_feed::{FollowError, filling};

/// Photos that are taken, the oldest ones: enough for a difference of a few points to show, and compared in seconds.
const TAKEN: i64 = 4_000;

impl ModelSwitches {
    /// Enrols every second photo of each product and asks with the others, by both models. Photos that the old model has not
    /// seen are left out, as those of which damaged vectors are kept, and products with one photo cannot be asked for.
    pub(super) async fn compare(&self, row: &SwitchRow, embedder: &Embedder) -> Result<Comparison, SwitchError> {
        let before = self.taken(&row.from_model).await?;
        let after = self.taken(&row.to_model).await?;
        // The old model need not be the one that this server has.
        let before = of_dimension(&before, usual_dimension(&before));
        let after = of_dimension(&after, embedder.dim());
        let in_both = |rows: &[Row], others: &[Row]| -> Vec<Row> {
            let known: HashMap<ImageId, ProductId> = others.iter().map(|row| (row.image, row.product)).collect();
            rows.iter().filter(|row| known.contains_key(&row.image)).cloned().collect()
        };
        let (before, after) = (in_both(&before, &after), in_both(&after, &before));
        let (asked, right_before) = self.right(before).await?;
        let (_, right_after) = self.right(after).await?;
        Ok(Comparison { asked, right_before, right_after })
    }

    /// Photos on sale with what is kept of what a model made of them.
    async fn taken(&self, model: &str) -> Result<Vec<VectorRow>, SwitchError> {
        let found = product_images::on_sale(&mut self.catalog.db.read().await?, model, ImageId::NIL, TAKEN).await?;
        Ok(found)
    }

    /// How many photos were asked, and of how many the first answer was right.
    async fn right(&self, rows: Vec<Row>) -> Result<(usize, usize), SwitchError> {
        let Some(dim) = rows.first().map(|row| row.vector.len()) else { return Ok((0, 0)) };
        let mut seen: HashMap<ProductId, usize> = HashMap::new();
        let (enrolled, asked): (Vec<Row>, Vec<Row>) = rows.into_iter().partition(|row| {
            let count = seen.entry(row.product).or_default();
            *count += 1;
            *count % 2 == 1
        });
        let options = IndexOptions { beside: true, ..filling::index_options(&self.engine) };
        let built = self.blocking(move || {
            VectorIndex::build(dim, 0, enrolled, options).map_err(|error| SwitchError::Index(FollowError::Index(error)))
        });
        let index = built.await?;
        let mut right = 0;
        for row in &asked {
            let hits = index.search(Arc::clone(&row.vector), 1).await;
            let hits = hits.map_err(|error| SwitchError::Index(FollowError::Index(error)))?;
            right += usize::from(hits.hits.first().is_some_and(|hit| hit.product == row.product));
        }
        Ok((asked.len(), right))
    }
}

/// The number of values that most of the vectors have; 0 where there are none.
fn usual_dimension(rows: &[VectorRow]) -> usize {
    let mut counts: BTreeMap<usize, usize> = BTreeMap::new();
    for vector in rows.iter().filter_map(|row| row.vector.as_ref()) {
        *counts.entry(vector.len() / size_of::<f32>()).or_default() += 1;
    }
    counts.into_iter().max_by_key(|(_, count)| *count).map_or(0, |(dim, _)| dim)
}

/// Those that have a sound vector of `dim` values. The others are made anew when the model is taken up.
fn of_dimension(rows: &[VectorRow], dim: usize) -> Vec<Row> {
    let sound = |row: &VectorRow| {
        Some(Row { image: row.image_id, product: row.product_id, vector: image_embeddings::kept(row, dim)? })
    };
    rows.iter().filter_map(sound).collect()
}
