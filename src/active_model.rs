//! The model in use: its embedder and the index of its embeddings, exchanged as one.
//!
//! Invariant: an [`ActiveModel`]'s embedder and index are of one model. Whoever begins a piece of work takes what is in the
//! slot and uses it to the end, so an embedding is never compared with those of another model, and an exchange never
//! waits for anybody: what was in use goes when the last piece of work with it ends.

pub(crate) mod incoming_model;

use std::sync::Arc;

use tokio::sync::watch;

use crate::embedding::Embedder;
use crate::index::VectorIndex;

/// One model, ready to recognise by.
#[derive(Debug)]
pub struct ActiveModel {
    /// Turns photos into embeddings.
    pub embedder: Arc<Embedder>,
    /// Embeddings of the enrolled photos, by that embedder's model.
    pub index: Arc<VectorIndex>,
    /// File name of the model's manifest.
    pub manifest: String,
    /// The switch by which it became active, counted over all; nothing where it is the settings'.
    pub generation: Option<i64>,
}

/// Holds the model in use; a clone is the same slot.
#[derive(Debug, Clone)]
pub struct ModelSlot(Arc<watch::Sender<Arc<ActiveModel>>>);

impl ModelSlot {
    /// A slot that holds `model`.
    pub fn new(model: ActiveModel) -> Self {
        Self(Arc::new(watch::Sender::new(Arc::new(model))))
    }

    /// The model in use, to be kept for one piece of work and no longer.
    pub fn now(&self) -> Arc<ActiveModel> {
        Arc::clone(&self.0.borrow())
    }

    /// Puts another model in use.
    pub(crate) fn exchange(&self, model: ActiveModel) {
        self.0.send_replace(Arc::new(model));
    }
}
