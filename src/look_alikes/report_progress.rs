//! How far a report is, for whoever waits for it.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Photos that were checked, of those that will be. Both are read without the other: a figure for people.
#[derive(Debug, Default)]
pub struct ReportProgress {
    checked: AtomicUsize,
    to_check: AtomicUsize,
}

impl ReportProgress {
    pub(super) fn begin(&self, to_check: usize) {
        self.checked.store(0, Ordering::Relaxed);
        self.to_check.store(to_check, Ordering::Relaxed);
    }

    pub(super) fn add(&self, checked: usize) {
        self.checked.fetch_add(checked, Ordering::Relaxed);
    }

    /// Photos that were checked, and photos that will be.
    pub fn read(&self) -> (usize, usize) {
        let to_check = self.to_check.load(Ordering::Relaxed);
        // A product may get more photos meanwhile.
        (self.checked.load(Ordering::Relaxed).min(to_check), to_check)
    }
}
