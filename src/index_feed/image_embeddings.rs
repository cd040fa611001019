//! Embeddings of enrolled photos under one model: read from the database, or made from the original where this model has
//! not seen the photo yet (another model embedded it, or another server runs another one).
//!
//! What fails is told apart: a [`PhotoFailure`] is about one photo, and whoever meets it goes on with the others and says
//! which one it was; a [`FollowError`] is about everything (no room, no database, no thread), and nothing goes on.

use std::sync::Arc;

use super::FollowError;
use super::unsearchable_images::UnsearchableImages;
use crate::db::blobs::{BlobError, Blobs};
use crate::db::product_images::{self, VectorRow};
use crate::db::{Database, DatabaseError};
use crate::domain::ImageId;
use crate::embedding::{EmbedError, Embedder, Embedding};
use crate::index::Row;
use crate::telemetry::UNSEARCHABLE_IMAGES_TOTAL;

/// What embeddings are read with, and made with where they are missing.
pub(crate) struct EmbeddingSource<'a> {
    pub(crate) db: &'a Database,
    pub(crate) blobs: &'a Blobs,
    pub(crate) embedder: &'a Embedder,
    /// Is told of photos that an index has to do without.
    pub(crate) left_out: &'a UnsearchableImages,
}

/// Why one photo has no embedding, while others may have theirs. Another time it may.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PhotoFailure {
    /// Its original is gone, cannot be read, or is nothing that the model can use.
    #[error("{0}")]
    Photo(String),
    /// The run of the model failed: for this photo's sake, for another's in the same batch, or for the model's own.
    #[error("{0}")]
    Run(String),
}

impl EmbeddingSource<'_> {
    /// The key of the model.
    pub(crate) fn model(&self) -> &str {
        self.embedder.model_id().as_str()
    }

    /// The index's rows for these photos, in their order. A photo that cannot be embedded is left out, with an error in the
    /// log: one lost file must not stop a whole store. [`UnsearchableImages`] learns of it, and it is tried again.
    pub(crate) async fn of(&self, rows: Vec<VectorRow>) -> Result<Vec<Row>, FollowError> {
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
        let lost = |reason: &PhotoFailure| {
            metrics::counter!(UNSEARCHABLE_IMAGES_TOTAL).increment(1);
            tracing::error!(image.id = %row.image_id, product.id = %row.product_id, error = %reason,
                "a photo cannot be embedded; its product is not recognised by it until that succeeds");
            self.left_out.notice();
        };
        Ok(made.inspect_err(lost).ok())
    }

    /// Embeds a photo from its original and keeps the embedding; or tells why this photo has none.
    ///
    /// # Errors
    /// No photo can be embedded now: the database or the embedder has no time for it, or a thread is gone.
    pub(crate) async fn try_make(&self, row: &VectorRow) -> Result<Result<Embedding, PhotoFailure>, FollowError> {
        let of_photo = |reason: String| Ok(Err(PhotoFailure::Photo(reason)));
        let original = match self.blobs.get(row.content_hash).await {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return of_photo("its original is missing from the folder of images".to_owned()),
            Err(error @ (BlobError::Damaged(_) | BlobError::Full(_) | BlobError::Io { .. })) => {
                return of_photo(format!("its original cannot be read: {error}"));
            }
            Err(error @ BlobError::Thread) => return Err(FollowError::Embedder(error.to_string())),
        };
        #[cfg(feature = "fail-points")]
        fail::fail_point!(&format!("vectors.run {}", row.image_id), |_| Ok(Err(PhotoFailure::Run(
            "it was made to fail".to_owned()
        ))));
        match self.embedder.embed_photo(original).await {
            Ok(seen) => {
                self.write(row.image_id, &seen.embedding).await?;
                Ok(Ok(seen.embedding))
            }
            Err(error @ (EmbedError::Busy | EmbedError::Stopped)) => Err(FollowError::Embedder(error.to_string())),
            Err(error @ EmbedError::Failed(_)) => Ok(Err(PhotoFailure::Run(error.to_string()))),
            Err(error @ (EmbedError::Decode(_) | EmbedError::NotFinite { .. } | EmbedError::ZeroNorm)) => {
                of_photo(error.to_string())
            }
        }
    }

    async fn write(&self, image: ImageId, embedding: &Embedding) -> Result<(), DatabaseError> {
        let mut tx = self.db.begin().await?;
        let written = product_images::insert_vector(&mut tx, image, self.model(), &embedding.to_bytes()).await;
        match written {
            // The photo was removed while it was being embedded: nothing to keep, and a change in the log says so.
            Err(DatabaseError::Dangling) => Ok(()),
            other => {
                other?;
                tx.commit().await
            }
        }
    }
}

/// The vector that is stored; nothing where there is none, or one that is damaged (not of `dim` values, not finite, not of
/// length 1).
pub(crate) fn kept(row: &VectorRow, dim: usize) -> Option<Arc<[f32]>> {
    let read = Embedding::from_bytes(row.vector.as_deref()?, dim);
    let read = read.inspect_err(|error| {
        tracing::error!(image.id = %row.image_id, error = %error, "a stored embedding is damaged; making it anew");
    });
    read.ok().map(Arc::from)
}
