//! Whether the snapshot and the changes since give what the database has, row for row and bit for bit.

use std::collections::VecDeque;
use std::path::PathBuf;

use serde::Serialize;

use super::super::filling::PAGE;
use super::super::{FollowError, SnapshotFault, image_embeddings, snapshot_file};
use super::{StoredIndex, StoredIndexError};
use crate::db::catalog_changes;
use crate::db::product_images::{self, VectorRow};
use crate::db::{DatabaseError, Reader};
use crate::domain::{ImageId, ProductId};
use crate::index::{Row, VectorIndex};
use crate::index_feed::follower::{BATCH, added_by, in_order, readable};

/// Differences that are named.
const NAMED: usize = 10;

/// What a comparison found.
#[derive(Debug, Clone, Serialize)]
pub struct Verification {
    /// The key of the model in use.
    pub model: String,
    /// Why it is this one: the settings name it, or it was switched to.
    pub model_origin: String,
    /// The snapshot.
    pub snapshot: PathBuf,
    /// The change at which it stands.
    pub snapshot_revision: i64,
    /// The catalog's newest change, up to which the log was followed from there.
    pub revision: i64,
    /// Photos on sale.
    pub photos: u64,
    /// Photos whose product and vector are the same on both sides, bit for bit.
    pub same: u64,
    /// Photos that are not.
    pub different: u64,
    /// The first of these.
    pub differences: Vec<Difference>,
    /// Photos on sale without an embedding of this model in the database.
    pub missing_embeddings: u64,
    /// Embeddings in the database that are damaged: of another length, not finite, not of length 1.
    pub damaged_embeddings: u64,
}

/// A photo of which snapshot and database say different things.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The photo.
    pub image: ImageId,
    /// Its product: the database's, or else the snapshot's.
    pub product: ProductId,
    /// What differs.
    pub what: &'static str,
}

impl Verification {
    /// Whether there is nothing to complain of.
    pub fn is_sound(&self) -> bool {
        self.different == 0 && self.missing_embeddings == 0 && self.damaged_embeddings == 0
    }
}

impl StoredIndex {
    /// Reads the snapshot, follows the log from where it stands, and compares the outcome with what is on sale: one state of
    /// the database. Takes the memory of one index.
    ///
    /// # Errors
    /// There is no snapshot, or a start would pass it over; the database does not answer.
    pub async fn verify(&self) -> Result<Verification, StoredIndexError> {
        let path = self.place();
        if !path.exists() {
            return Err(StoredIndexError::NoSnapshot(path));
        }
        let verified = self.verify_snapshot(path.clone()).await;
        verified.map_err(|fault| StoredIndexError::of_snapshot(path, fault))
    }

    async fn verify_snapshot(&self, path: PathBuf) -> Result<Verification, SnapshotFault> {
        let opened = snapshot_file::open(&self.db, &self.model, self.dim, path.clone()).await?;
        let (snapshot_revision, options) = (opened.head().revision, self.options);
        // Before the transaction: reading a large file takes longer than a database lets one sit idle.
        let index = tokio::task::spawn_blocking(move || opened.load(options)).await??;
        let mut reader = self.db.snapshot().await?;
        let revision = catalog_changes::head(&mut reader).await?;
        self.follow(&mut reader, &index, snapshot_revision, revision).await?;
        let mut found = Verification {
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
        self.compare(&mut reader, &index, &mut found).await?;
        Ok(found)
    }

    /// Applies the changes after `from` as a server would, up to `to`.
    async fn follow(&self, reader: &mut Reader, index: &VectorIndex, from: i64, to: i64) -> Result<(), FollowError> {
        let mut at = from;
        while at < to {
            let changes = catalog_changes::after(reader, at, BATCH).await?;
            let (last, changes) = in_order(at, changes)?;
            let rows = product_images::vectors(reader, &self.model, &added_by(&changes)).await?;
            let sound = rows.iter().filter_map(|row| self.sound(row)).collect();
            index.apply(last, readable(changes, sound)).await?;
            at = last;
        }
        Ok(())
    }

    /// Goes through both sides in the order of the photos' identifiers.
    async fn compare(
        &self,
        reader: &mut Reader,
        index: &VectorIndex,
        found: &mut Verification,
    ) -> Result<(), DatabaseError> {
        let (mut stored, mut indexed): (VecDeque<VectorRow>, VecDeque<Row>) = (VecDeque::new(), VecDeque::new());
        let (mut stored_up_to, mut indexed_up_to) = (ImageId::NIL, ImageId::NIL);
        loop {
            if stored.is_empty() {
                stored = product_images::on_sale(reader, &self.model, stored_up_to, PAGE).await?.into();
                stored_up_to = stored.back().map_or(stored_up_to, |row| row.image_id);
            }
            if indexed.is_empty() {
                indexed = index.rows_after(indexed_up_to, PAGE as usize).await.into();
                indexed_up_to = indexed.back().map_or(indexed_up_to, |row| row.image);
            }
            let first =
                stored.front().map(|row| row.image_id).into_iter().chain(indexed.front().map(|row| row.image)).min();
            let Some(image) = first else { return Ok(()) };
            let row = stored.pop_front_if(|row| row.image_id == image);
            let kept = indexed.pop_front_if(|row| row.image == image);
            self.count(image, row, kept, found);
        }
    }

    fn count(&self, image: ImageId, stored: Option<VectorRow>, indexed: Option<Row>, found: &mut Verification) {
        found.photos += u64::from(stored.is_some());
        let sound = stored.as_ref().and_then(|row| self.sound(row));
        match &stored {
            Some(row) if row.vector.is_none() => found.missing_embeddings += 1,
            Some(_) if sound.is_none() => found.damaged_embeddings += 1,
            Some(_) | None => {}
        }
        let what = match (&stored, &sound, &indexed) {
            (Some(_), Some(sound), Some(row)) if sound.product != row.product => Some("it is of another product"),
            (Some(_), Some(sound), Some(row)) if !same_bits(&sound.vector, &row.vector) => {
                Some("its vector is another one")
            }
            (Some(_), Some(_), Some(_)) => {
                found.same += 1;
                None
            }
            (Some(_), Some(_), None) => Some("it is on sale, and missing from the snapshot and the changes since"),
            // No embedding in the database that could be compared; that is counted above.
            (Some(_), None, _) => None,
            (None, _, _) => Some("it is not on sale, and in the snapshot and the changes since"),
        };
        let Some(what) = what else { return };
        found.different += 1;
        let product = stored.map(|row| row.product_id).or(indexed.map(|row| row.product));
        if let Some(product) = product.filter(|_| found.differences.len() < NAMED) {
            found.differences.push(Difference { image, product, what });
        }
    }

    fn sound(&self, row: &VectorRow) -> Option<Row> {
        let vector = image_embeddings::kept(row, self.dim)?;
        Some(Row { image: row.image_id, product: row.product_id, vector })
    }
}

fn same_bits(one: &[f32], other: &[f32]) -> bool {
    one.iter().map(|value| value.to_bits()).eq(other.iter().map(|value| value.to_bits()))
}
