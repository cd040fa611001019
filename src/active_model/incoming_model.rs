//! The incoming model of a switch. It also embeds the photos that are uploaded during the switch.
//!
//! So the photos that the switch must still embed only become fewer, and it ends even during a long import. Uploads and the
//! switch worker each embed at most [`CONCURRENT_PHOTOS`] photos at a time, so each gets half of the model's time.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::{Semaphore, watch};

use crate::domain::Region;
use crate::embedding::{Embedder, Embedding, ModelId};
use crate::product_photos::{RegionChoice, embed_product_photo};

/// The most photos that uploads embed by the incoming model at the same time; the same for the switch worker.
pub const CONCURRENT_PHOTOS: usize = 4;

/// Holds the incoming model, if there is one. Clones share it.
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
    /// Makes uploads be embedded by this model too.
    pub fn set(&self, embedder: Arc<Embedder>) {
        self.0.embedder.send_replace(Some(embedder));
    }

    /// Removes the incoming model.
    pub fn clear(&self) {
        self.0.embedder.send_replace(None);
    }

    /// The incoming model's embedding of this region of an uploaded photo. `None` without an incoming model, or if it is the
    /// `active` one by now. `None` also if it fails: the switch worker then embeds the photo or reports it.
    pub async fn embed_upload(&self, bytes: Bytes, region: Region, active: &ModelId) -> Option<(ModelId, Embedding)> {
        let embedder = self.0.embedder.borrow().clone().filter(|incoming| incoming.model_id() != active)?;
        let _permit = self.0.upload_permits.acquire().await.ok()?;
        match embed_product_photo(&embedder, bytes, RegionChoice::Given(region)).await {
            Ok(photo) => Some((embedder.model_id().clone(), photo.embedding)),
            Err(error) => {
                tracing::debug!(model.id = %embedder.model_id(), %error,
                    "the incoming model could not embed an uploaded photo; the switch worker will try it");
                None
            }
        }
    }
}
