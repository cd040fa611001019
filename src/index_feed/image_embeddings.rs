//! Embeddings of enrolled photos by one model: read from the database, or computed from the original. A photo has no embedding
//! by a model that was not active when it was enrolled, or that another server uses.
//!
//! A [`PhotoFailure`] concerns one photo, and the others can be embedded. A [`FollowError`] (a full queue, no database, no
//! thread) concerns all photos.

use std::sync::Arc;

use super::{FollowError, IndexRow};
use crate::db::blobs::{BlobError, Blobs};
use crate::db::product_images::{self, ImageEmbeddingRow};
use crate::db::{Database, DatabaseError};
use crate::domain::ImageId;
use crate::embedding::{EmbedError, Embedder, Embedding};
use crate::product_photos::{ProductPhotoError, RegionChoice, embed_product_photo};

/// Reads and computes the embeddings of one model.
#[derive(Clone, Copy)]
pub struct ImageEmbeddings<'a> {
    pub(super) db: &'a Database,
    blobs: &'a Blobs,
    pub(super) embedder: &'a Embedder,
}

/// Why one photo has no embedding. Another attempt may succeed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PhotoFailure {
    /// The original is missing, unreadable, or unusable for the model.
    #[error("{0}")]
    Photo(String),
    /// The run of the model failed, because of this photo, another one in its batch, or the model itself.
    #[error("{0}")]
    ModelRun(String),
}

impl<'a> ImageEmbeddings<'a> {
    pub(super) fn new(db: &'a Database, blobs: &'a Blobs, embedder: &'a Embedder) -> Self {
        Self { db, blobs, embedder }
    }

    /// Embeds a photo from its original and stores the embedding. The inner error says why this photo has none.
    ///
    /// # Errors
    /// No photo can be embedded now: the database or the embedder is busy or has failed.
    pub async fn embed_original(
        &self,
        row: &ImageEmbeddingRow,
    ) -> Result<Result<Embedding, PhotoFailure>, FollowError> {
        let original = match self.blobs.get(row.content_hash).await {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return photo_failure("its original is missing from the folder of images".to_owned()),
            Err(error @ (BlobError::Damaged(_) | BlobError::Full(_) | BlobError::Io { .. })) => {
                return photo_failure(format!("its original cannot be read: {error}"));
            }
            Err(error @ BlobError::Thread) => return Err(FollowError::Embedder(error.to_string())),
        };
        #[cfg(feature = "fail-points")]
        fail::fail_point!(&format!("embeddings.run {}", row.image_id), |_| Ok(Err(PhotoFailure::ModelRun(
            "a test made it fail".to_owned()
        ))));
        // Photos that were enrolled before regions were found have none.
        let choice = row.region.map_or(RegionChoice::AutoOrWhole, RegionChoice::Given);
        match embed_product_photo(self.embedder, original, choice).await {
            Ok(photo) => {
                self.store_embedding(row.image_id, &photo.embedding).await?;
                Ok(Ok(photo.embedding))
            }
            Err(ProductPhotoError::Embed(error)) => match error {
                EmbedError::Busy | EmbedError::Stopped => Err(FollowError::Embedder(error.to_string())),
                EmbedError::Failed(_) => Ok(Err(PhotoFailure::ModelRun(error.to_string()))),
                EmbedError::Decode(_) | EmbedError::NotFinite { .. } | EmbedError::ZeroNorm => {
                    photo_failure(error.to_string())
                }
            },
            Err(error @ (ProductPhotoError::Several(_) | ProductPhotoError::OutsidePhoto { .. })) => {
                photo_failure(error.to_string())
            }
        }
    }

    async fn store_embedding(&self, image: ImageId, embedding: &Embedding) -> Result<(), DatabaseError> {
        let model = self.embedder.model_id().as_str();
        let mut tx = self.db.begin().await?;
        match product_images::upsert_embedding(&mut tx, image, model, &embedding.to_bytes()).await {
            // The photo was removed meanwhile; the log has that change.
            Err(DatabaseError::ForeignKeyViolation) => Ok(()),
            inserted => {
                inserted?;
                tx.commit().await
            }
        }
    }
}

fn photo_failure(reason: String) -> Result<Result<Embedding, PhotoFailure>, FollowError> {
    Ok(Err(PhotoFailure::Photo(reason)))
}

/// The stored vector; `None` if there is none, or if it is damaged: not of `dim` values, not finite, not of length 1.
pub(super) fn stored_vector(row: &ImageEmbeddingRow, dim: usize) -> Option<Arc<[f32]>> {
    let embedding = Embedding::from_bytes(row.vector.as_deref()?, dim);
    let embedding = embedding.inspect_err(|error| {
        tracing::error!(image.id = %row.image_id, error = %error, "a stored embedding is damaged; it is computed again");
    });
    embedding.ok().map(Arc::from)
}

/// The index row of a photo with a valid stored vector of `dim` values.
pub(super) fn stored_row(row: &ImageEmbeddingRow, dim: usize) -> Option<IndexRow> {
    Some(IndexRow { image: row.image_id, product: row.product_id, vector: stored_vector(row, dim)? })
}

/// The index rows of the photos with a valid stored vector of `dim` values.
pub fn stored_rows(rows: &[ImageEmbeddingRow], dim: usize) -> Vec<IndexRow> {
    rows.iter().filter_map(|row| stored_row(row, dim)).collect()
}
