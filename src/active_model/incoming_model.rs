//! The model that is being switched to, beside the one in use: photos that are enrolled meanwhile are seen by both.
//!
//! So what a switch has left to do only grows less, and so does what is left to do for the index of the new model once it is
//! carried out: both end however long an import goes on. The import pays for it with its own time: its photos take turns
//! with the older ones that the switch's worker embeds, and at most [`AT_ONCE`] of them are inside at a time, as many as of
//! the worker's. Each of the two therefore has half of the model.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::{Semaphore, watch};

use crate::embedding::{Embedder, Embedding, ModelId};

/// Photos of each of the two, uploads and the worker, that are decoded and embedded by the new model side by side.
pub(crate) const AT_ONCE: usize = 4;

/// Holds the other model while there is one.
#[derive(Debug)]
pub(crate) struct IncomingModel {
    model: watch::Sender<Option<Arc<Embedder>>>,
    turns: Semaphore,
}

impl Default for IncomingModel {
    fn default() -> Self {
        Self { model: watch::Sender::new(None), turns: Semaphore::new(AT_ONCE) }
    }
}

impl IncomingModel {
    /// From now on uploads are seen by `embedder` too, or by none.
    pub(crate) fn set(&self, embedder: Option<Arc<Embedder>>) {
        self.model.send_replace(embedder);
    }

    /// What the other model makes of a photo. Nothing where there is none, where it is the one `in_use` by now, or where it
    /// fails: then the switch's worker tries, which names photos that cannot be embedded.
    pub(crate) async fn see(&self, bytes: Bytes, in_use: &ModelId) -> Option<(ModelId, Embedding)> {
        let embedder = self.model.borrow().clone().filter(|other| other.model_id() != in_use)?;
        let _turn = self.turns.acquire().await.ok()?;
        match embedder.embed_photo(bytes).await {
            Ok(seen) => Some((embedder.model_id().clone(), seen.embedding)),
            Err(error) => {
                tracing::debug!(model.id = %embedder.model_id(), %error, "an uploaded photo is left to the switch's worker");
                None
            }
        }
    }
}
