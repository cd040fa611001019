//! Embeddings of enrolled photos under the active model: read from the database, or made from the original where this
//! model has not seen the photo yet (another model embedded it, or another server runs another one).

use std::sync::Arc;

use super::FollowError;
use crate::domain::ImageId;
use crate::embedding::{EmbedError, Embedder, Embedding};
use crate::index::Row;
use crate::store::blobs::{BlobError, Blobs};
use crate::store::product_images::{self, VectorRow};
use crate::store::{Store, StoreError};
use crate::telemetry::UNSEARCHABLE_IMAGES_TOTAL;

/// What embeddings are read with, and made with where they are missing.
pub(super) struct Vectors<'a> {
    pub(super) store: &'a Store,
    pub(super) blobs: &'a Blobs,
    pub(super) embedder: &'a Embedder,
}

impl Vectors<'_> {
    /// The key of the active model.
    pub(super) fn model(&self) -> &str {
        self.embedder.model_id().as_str()
    }

    /// The index's rows for these photos, in their order. A photo that cannot be embedded at all (its original is gone or
    /// damaged) is left out, with an error in the log and a count: one lost file must not stop a whole store.
    pub(super) async fn of(&self, rows: Vec<VectorRow>) -> Result<Vec<Row>, FollowError> {
        let mut found = Vec::with_capacity(rows.len());
        for row in rows {
            let vector = match kept(&row, self.embedder.dim()) {
                Some(vector) => Some(vector),
                None => self.make(&row).await?.map(Arc::from),
            };
            found.extend(vector.map(|vector| Row { image: row.image_id, product: row.product_id, vector }));
        }
        Ok(found)
    }

    async fn make(&self, row: &VectorRow) -> Result<Option<Embedding>, FollowError> {
        let made = self.try_make(row).await?;
        let lost = |reason: &String| {
            metrics::counter!(UNSEARCHABLE_IMAGES_TOTAL).increment(1);
            tracing::error!(image.id = %row.image_id, product.id = %row.product_id, error = %reason,
                "a photo cannot be embedded; its product is not recognised by it");
        };
        Ok(made.inspect_err(lost).ok())
    }

    /// Embeds a photo from its original and keeps the embedding; or tells why it cannot be embedded at all.
    ///
    /// # Errors
    /// It may be embedded later: the disk, the database or the embedder has no time for it now.
    pub(super) async fn try_make(&self, row: &VectorRow) -> Result<Result<Embedding, String>, FollowError> {
        let original = match self.blobs.get(row.content_hash).await {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return Ok(Err("its original is missing from the folder of images".to_owned())),
            Err(error @ BlobError::Damaged { .. }) => return Ok(Err(error.to_string())),
            // A disk that fails for a moment must not cost the photo its place: the follower tries again.
            Err(error) => return Err(FollowError::Embedder(error.to_string())),
        };
        match self.embedder.embed_photo(original).await {
            Ok(seen) => {
                self.write(row.image_id, &seen.embedding).await?;
                Ok(Ok(seen.embedding))
            }
            Err(error @ (EmbedError::Busy | EmbedError::Stopped)) => Err(FollowError::Embedder(error.to_string())),
            Err(
                error @ (EmbedError::Decode(_)
                | EmbedError::NotFinite { .. }
                | EmbedError::ZeroNorm
                | EmbedError::Failed(_)),
            ) => Ok(Err(error.to_string())),
        }
    }

    async fn write(&self, image: ImageId, embedding: &Embedding) -> Result<(), StoreError> {
        let mut tx = self.store.begin().await?;
        let written = product_images::insert_vector(&mut tx, image, self.model(), &embedding.to_bytes()).await;
        match written {
            // The photo was removed while it was being embedded: nothing to keep, and a change in the log says so.
            Err(StoreError::Dangling) => tx.rollback().await,
            other => {
                other?;
                tx.commit().await
            }
        }
    }
}

/// The vector that is stored; nothing where there is none, or one that is damaged (not of `dim` values, not finite, not of
/// length 1).
pub(super) fn kept(row: &VectorRow, dim: usize) -> Option<Arc<[f32]>> {
    let read = Embedding::from_bytes(row.vector.as_deref()?, dim);
    let read = read.inspect_err(|error| {
        tracing::error!(image.id = %row.image_id, error = %error, "a stored embedding is damaged; making it anew");
    });
    read.ok().map(Arc::from)
}
