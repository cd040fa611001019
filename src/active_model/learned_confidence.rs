//! The confidence learned from the catalogue, exchanged while recognition uses it.

use std::sync::Arc;

use tokio::sync::watch;

use crate::confidence::CatalogConfidence;

/// A confidence and the catalogue that it was learned from.
#[derive(Debug, Clone, PartialEq)]
pub struct LearnedConfidence {
    pub confidence: CatalogConfidence,
    /// The last change of the catalog that the index had applied.
    pub index_revision: i64,
}

/// Holds the confidence of one model, if there is one.
#[derive(Debug, Default)]
pub struct ConfidenceSlot(watch::Sender<Option<Arc<LearnedConfidence>>>);

impl ConfidenceSlot {
    /// The confidence in use; `None` while none is learned. Keep it for one piece of work and no longer.
    pub fn current(&self) -> Option<Arc<LearnedConfidence>> {
        self.0.borrow().clone()
    }

    /// Puts another confidence in use, or none.
    pub fn exchange(&self, learned: Option<LearnedConfidence>) {
        self.0.send_replace(learned.map(Arc::new));
    }
}
