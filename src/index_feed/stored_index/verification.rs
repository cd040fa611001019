//! `tillsight index verify`: compares the snapshot, with the changes since applied, with the database, row by row and bit by
//! bit.

use std::collections::VecDeque;
use std::path::PathBuf;

use serde::Serialize;

use super::super::change_log::{BATCH_SIZE, added_images, check_order, index_changes};
use super::super::filling::PAGE_SIZE;
use super::super::image_embeddings::stored_row;
use super::super::{FollowError, SnapshotFault, snapshot_file, stored_rows};
use super::{StoredIndex, StoredIndexError};
use crate::db::catalog_changes;
use crate::db::product_images::{self, ImageEmbeddingRow};
use crate::db::{DatabaseError, Reader};
use crate::domain::{ImageId, ProductId};
use crate::index::{IndexRow, VectorIndex};

/// The most differences that are listed.
const LISTED_DIFFERENCES_MAX: usize = 10;

/// The result of the comparison.
#[derive(Debug, Clone, Serialize)]
pub struct Verification {
    /// The key of the model in use.
    pub model: String,
    /// Where the model is named: in the settings or by a switch.
    pub model_origin: String,
    pub snapshot: PathBuf,
    /// The last change in the snapshot.
    pub snapshot_revision: i64,
    /// The catalog's newest change; the changes up to it were applied to the snapshot.
    pub revision: i64,
    /// Photos on sale.
    pub photos: u64,
    /// Photos whose product and vector are equal on both sides.
    pub same: u64,
    /// Photos whose product or vector differ, or that only one side has.
    pub different: u64,
    /// The first ten differences.
    pub differences: Vec<Difference>,
    /// Photos on sale without an embedding by this model in the database.
    pub missing_embeddings: u64,
    /// Embeddings in the database that are damaged: of another length, not finite, not of length 1.
    pub damaged_embeddings: u64,
}

/// A photo that differs between snapshot and database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    pub image: ImageId,
    /// Its product in the database, or else in the snapshot.
    pub product: ProductId,
    pub what: &'static str,
}

impl Verification {
    /// Whether nothing differs and no embedding is missing or damaged.
    pub fn is_sound(&self) -> bool {
        self.different == 0 && self.missing_embeddings == 0 && self.damaged_embeddings == 0
    }
}

impl StoredIndex {
    /// Loads the snapshot, applies the changes since, and compares the index with the photos on sale. Takes the memory of one
    /// index.
    ///
    /// # Errors
    /// There is no usable snapshot; the database does not answer.
    pub async fn verify(&self) -> Result<Verification, StoredIndexError> {
        let path = self.snapshot_path();
        if !path.exists() {
            return Err(StoredIndexError::NoSnapshot(path));
        }
        let verified = self.verify_snapshot(path.clone()).await;
        verified.map_err(|fault| StoredIndexError::from_reading(path, fault))
    }

    async fn verify_snapshot(&self, path: PathBuf) -> Result<Verification, SnapshotFault> {
        let snapshot = snapshot_file::open_snapshot(&self.db, &self.model, self.dim, path.clone()).await?;
        let (snapshot_revision, options) = (snapshot.header().revision, self.options);
        // Loaded before the transaction begins, since a large file takes longer than a transaction may be idle.
        let index = tokio::task::spawn_blocking(move || snapshot.load(options)).await??;
        let mut reader = self.db.snapshot().await?;
        let revision = catalog_changes::read_head(&mut reader).await?;
        self.apply_changes(&mut reader, &index, snapshot_revision, revision).await?;
        let mut verification = Verification {
            model: self.model.clone(),
            model_origin: self.model_origin.clone(),
            snapshot: path,
            snapshot_revision,
            revision,
            photos: 0,
            same: 0,
            different: 0,
            differences: Vec::new(),
            missing_embeddings: 0,
            damaged_embeddings: 0,
        };
        self.compare(&mut reader, &index, &mut verification).await?;
        Ok(verification)
    }

    /// Applies the changes after `from` up to `to`, as a server does.
    async fn apply_changes(
        &self,
        reader: &mut Reader,
        index: &VectorIndex,
        from: i64,
        to: i64,
    ) -> Result<(), FollowError> {
        let mut revision = from;
        while revision < to {
            let changes = catalog_changes::list_after(reader, revision, BATCH_SIZE).await?;
            let (last, changes) = check_order(revision, changes)?;
            let rows = product_images::list_embeddings(reader, &self.model, &added_images(&changes)).await?;
            index.apply(last, index_changes(changes, stored_rows(&rows, self.dim))).await?;
            revision = last;
        }
        Ok(())
    }

    /// Reads both sides in the order of the photos' ids.
    async fn compare(
        &self,
        reader: &mut Reader,
        index: &VectorIndex,
        verification: &mut Verification,
    ) -> Result<(), DatabaseError> {
        let (mut stored, mut indexed): (VecDeque<ImageEmbeddingRow>, VecDeque<IndexRow>) =
            (VecDeque::new(), VecDeque::new());
        let (mut last_stored, mut last_indexed) = (ImageId::NIL, ImageId::NIL);
        loop {
            if stored.is_empty() {
                stored = product_images::list_on_sale(reader, &self.model, last_stored, PAGE_SIZE).await?.into();
                last_stored = stored.back().map_or(last_stored, |row| row.image_id);
            }
            if indexed.is_empty() {
                indexed = index.rows_after(last_indexed, PAGE_SIZE as usize).await.into();
                last_indexed = indexed.back().map_or(last_indexed, |row| row.image);
            }
            let next_stored = stored.front().map(|row| row.image_id);
            let next_indexed = indexed.front().map(|row| row.image);
            let Some(image) = next_stored.into_iter().chain(next_indexed).min() else { return Ok(()) };
            let stored_row = stored.pop_front_if(|row| row.image_id == image);
            let indexed_row = indexed.pop_front_if(|row| row.image == image);
            self.compare_photo(image, stored_row, indexed_row, verification);
        }
    }

    fn compare_photo(
        &self,
        image: ImageId,
        stored: Option<ImageEmbeddingRow>,
        indexed: Option<IndexRow>,
        verification: &mut Verification,
    ) {
        verification.photos += u64::from(stored.is_some());
        let valid = stored.as_ref().and_then(|row| stored_row(row, self.dim));
        match &stored {
            Some(row) if row.vector.is_none() => verification.missing_embeddings += 1,
            Some(_) if valid.is_none() => verification.damaged_embeddings += 1,
            Some(_) | None => {}
        }
        let what = match (&stored, &valid, &indexed) {
            (Some(_), Some(valid), Some(row)) if valid.product != row.product => Some("it is of another product"),
            (Some(_), Some(valid), Some(row)) if !have_same_bits(&valid.vector, &row.vector) => {
                Some("its vector is another one")
            }
            (Some(_), Some(_), Some(_)) => {
                verification.same += 1;
                None
            }
            (Some(_), Some(_), None) => Some("it is on sale, and missing from the snapshot and the changes since"),
            // Without an embedding in the database there is nothing to compare; it is counted above.
            (Some(_), None, _) => None,
            (None, _, _) => Some("it is not on sale, and in the snapshot and the changes since"),
        };
        let Some(what) = what else { return };
        verification.different += 1;
        let product = stored.map(|row| row.product_id).or(indexed.map(|row| row.product));
        if let Some(product) = product.filter(|_| verification.differences.len() < LISTED_DIFFERENCES_MAX) {
            verification.differences.push(Difference { image, product, what });
        }
    }
}

fn have_same_bits(one: &[f32], other: &[f32]) -> bool {
    one.iter().map(|value| value.to_bits()).eq(other.iter().map(|value| value.to_bits()))
}
