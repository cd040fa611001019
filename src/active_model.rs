//! The model in use: its embedder and the index of its embeddings, exchanged as one. Beside it, during a model switch,
//! the incoming model.
//!
//! Invariant: an [`ActiveModel`]'s embedder and index belong to the same model. Each piece of work takes the current
//! [`ActiveModel`] once and uses it to the end, so it never compares embeddings of two models. An exchange waits for
//! nobody: the old model is freed when the last piece of work with it ends.

mod incoming_model;

use std::sync::Arc;

use tokio::sync::watch;

use crate::embedding::Embedder;
use crate::index::VectorIndex;

pub use incoming_model::{CONCURRENT_PHOTOS, IncomingModel};

/// A model that is loaded and can embed.
#[derive(Debug, Clone)]
pub struct StartedModel {
    pub embedder: Arc<Embedder>,
    /// File name of the model's manifest.
    pub manifest: String,
    /// Generation of the switch that made it the active model; `None` if the settings name it.
    pub generation: Option<i64>,
}

/// A model that recognition uses.
#[derive(Debug)]
pub struct ActiveModel {
    pub embedder: Arc<Embedder>,
    /// The photos on sale, as this model embeds them.
    pub index: Arc<VectorIndex>,
    /// File name of the model's manifest.
    pub manifest: String,
    /// Generation of the switch that made it the active model; `None` if the settings name it.
    pub generation: Option<i64>,
}

impl ActiveModel {
    /// `index` must hold embeddings of `model`.
    pub fn new(model: StartedModel, index: VectorIndex) -> Self {
        let StartedModel { embedder, manifest, generation } = model;
        Self { embedder, index: Arc::new(index), manifest, generation }
    }
}

/// Holds the model in use. Clones share it.
#[derive(Debug, Clone)]
pub struct ModelSlot(Arc<watch::Sender<Arc<ActiveModel>>>);

impl ModelSlot {
    pub fn new(model: ActiveModel) -> Self {
        Self(Arc::new(watch::Sender::new(Arc::new(model))))
    }

    /// The model in use. Keep it for one piece of work and no longer.
    pub fn current(&self) -> Arc<ActiveModel> {
        Arc::clone(&self.0.borrow())
    }

    /// Puts another model in use.
    pub(crate) fn exchange(&self, model: ActiveModel) {
        self.0.send_replace(Arc::new(model));
    }
}
