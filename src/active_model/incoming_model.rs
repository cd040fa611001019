//! The model that is being switched to. Photos uploaded during a switch are embedded by it too.
//!
//! So the photos that a switch still has to embed only become fewer, and a switch ends however long an import goes on.
//! Uploads and the switch worker each embed at most [`CONCURRENT_PHOTOS`] photos at a time, so each gets half of the
//! incoming model.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::{Semaphore, watch};

use crate::embedding::{Embedder, Embedding, ModelId};

/// Photos that uploads, and as many that the switch worker, embed at the same time by the incoming model.
pub const CONCURRENT_PHOTOS: usize = 4;

/// Holds the incoming model while there is one. Clones share it.
#[derive(Debug, Clone)]
pub struct IncomingModel(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    embedder: watch::Sender<Option<Arc<Embedder>>>,
    upload_permits: Semaphore,
}

impl Default for IncomingModel {
    fn default() -> Self {
        let upload_permits = Semaphore::new(CONCURRENT_PHOTOS);
        Self(Arc::new(Shared { embedder: watch::Sender::new(None), upload_permits }))
    }
}

impl IncomingModel {
    /// From now on uploads are embedded by this model too.
    pub fn set(&self, embedder: Arc<Embedder>) {
        self.0.embedder.send_replace(Some(embedder));
    }

    /// From now on there is no incoming model.
    pub fn clear(&self) {
        self.0.embedder.send_replace(None);
    }

    /// The incoming model's embedding of an uploaded photo. `None` if there is no such model, if it is `active` by now,
    /// or if it fails: then the switch worker embeds the photo, or reports it.
    pub async fn embed_upload(&self, bytes: Bytes, active: &ModelId) -> Option<(ModelId, Embedding)> {
        let embedder = self.0.embedder.borrow().clone().filter(|incoming| incoming.model_id() != active)?;
        let _permit = self.0.upload_permits.acquire().await.ok()?;
        match embedder.embed_photo(bytes).await {
            Ok(photo) => Some((embedder.model_id().clone(), photo.embedding)),
            Err(error) => {
                tracing::debug!(model.id = %embedder.model_id(), %error,
                    "the incoming model could not embed an uploaded photo; the switch worker will try it");
                None
            }
        }
    }
}
