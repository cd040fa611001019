//! What both models make of the photos that are enrolled, before one takes the other's place.

use std::collections::HashMap;
use std::sync::Arc;

use super::{Comparison, ModelSwitches, SwitchError};
use crate::catalog::vectors;
use crate::catalog::{FollowError, load};
use crate::domain::{ImageId, ProductId};
use crate::index::{IndexOptions, Row, VectorIndex};
use crate::store::model_switches::SwitchRow;
use crate::store::product_images;

/// Photos that are taken, the oldest ones: enough for a difference of a few points to show, and compared in seconds.
const TAKEN: i64 = 4_000;

impl ModelSwitches {
    /// Enrols every second photo of each product and asks with the others, by both models. Photos that the old model has not
    /// seen are left out, and products with one photo cannot be asked for.
    pub(super) async fn compare(&self, row: &SwitchRow) -> Result<Comparison, SwitchError> {
        let before = self.taken(&row.from_model).await?;
        let after = self.taken(&row.to_model).await?;
        let in_both = |rows: &[Row], others: &[Row]| -> Vec<Row> {
            let known: HashMap<ImageId, ProductId> = others.iter().map(|row| (row.image, row.product)).collect();
            rows.iter().filter(|row| known.contains_key(&row.image)).cloned().collect()
        };
        let (before, after) = (in_both(&before, &after), in_both(&after, &before));
        let (asked, right_before) = self.right(before).await?;
        let (_, right_after) = self.right(after).await?;
        Ok(Comparison { asked, right_before, right_after })
    }

    /// Photos on sale with what a model made of them. The dimension is that of the vectors, whichever model's they are.
    async fn taken(&self, model: &str) -> Result<Vec<Row>, SwitchError> {
        let mut tx = self.catalog.store.read().await?;
        let found = product_images::on_sale(&mut tx, model, ImageId::NIL, TAKEN).await?;
        tx.rollback().await?;
        let row = |row: product_images::VectorRow| {
            let dim = row.vector.as_ref()?.len() / size_of::<f32>();
            Some(Row { image: row.image_id, product: row.product_id, vector: vectors::kept(&row, dim)? })
        };
        Ok(found.into_iter().filter_map(row).collect())
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
        let options = IndexOptions { beside: true, ..load::index_options(&self.engine) };
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
