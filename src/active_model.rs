//! The model in use: its embedder and the index of its embeddings, exchanged as one. During a model switch, also the incoming
//! model.
//!
//! Invariant: an [`ActiveModel`]'s embedder and index belong to the same model. Each operation takes the current
//! [`ActiveModel`] once and uses it to the end, so it never compares embeddings of two models. An exchange does not wait: the
//! old model is freed when the last operation with it ends. A model carries what it learned from the catalogue's photos, so
//! that is never applied to another model's scores.

mod incoming_model;
mod learned_confidence;

use std::sync::Arc;

use tokio::sync::watch;

use crate::embedding::Embedder;
use crate::index::VectorIndex;

pub use incoming_model::{CONCURRENT_PHOTOS, IncomingModel};
pub use learned_confidence::{ConfidenceSlot, LearnedConfidence};

/// A loaded model, ready to embed.
#[derive(Debug, Clone)]
pub struct StartedModel {
    pub embedder: Arc<Embedder>,
    /// File name of the model's manifest.
    pub manifest: String,
    /// Generation of the switch that made it the active model; `None` if the settings name it.
    pub generation: Option<i64>,
}

/// A model with its index.
#[derive(Debug)]
pub struct ActiveModel {
    pub embedder: Arc<Embedder>,
    /// Embeddings of the photos on sale by this model.
    pub index: Arc<VectorIndex>,
    /// What was learned from these photos by this model.
    pub confidence: ConfidenceSlot,
    /// File name of the model's manifest.
    pub manifest: String,
    /// Generation of the switch that made it the active model; `None` if the settings name it.
    pub generation: Option<i64>,
}

impl ActiveModel {
    /// `index` must hold embeddings of `model`.
    pub fn new(model: StartedModel, index: VectorIndex) -> Self {
        let StartedModel { embedder, manifest, generation } = model;
        Self { embedder, index: Arc::new(index), confidence: ConfidenceSlot::default(), manifest, generation }
    }
}

/// Holds the model in use. Clones share it.
#[derive(Debug, Clone)]
pub struct ModelSlot(Arc<watch::Sender<Arc<ActiveModel>>>);

impl ModelSlot {
    pub fn new(model: ActiveModel) -> Self {
        Self(Arc::new(watch::Sender::new(Arc::new(model))))
    }

    /// The model in use. Keep it for one operation only.
    pub fn current(&self) -> Arc<ActiveModel> {
        Arc::clone(&self.0.borrow())
    }

    /// Puts another model in use.
    pub(crate) fn exchange(&self, model: ActiveModel) {
        self.0.send_replace(Arc::new(model));
    }
}
