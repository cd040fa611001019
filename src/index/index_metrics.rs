//! The index's metrics: when they move.

use std::time::Duration;

use super::{Applied, Memory, Stats};
use crate::telemetry::{
    INDEX_ADDED_TOTAL, INDEX_BUILD_SECONDS, INDEX_BUILDS_TOTAL, INDEX_BYTES, INDEX_COMPACTIONS_TOTAL, INDEX_DEAD_ROWS,
    INDEX_PRODUCTS, INDEX_REMOVED_TOTAL, INDEX_REVISION, INDEX_ROWS, INDEX_WRITE_LOCK_SECONDS,
    INDEX_WRITE_WAIT_SECONDS,
};

/// Makes the counters appear at 0 before anything is counted.
pub(super) fn register() {
    for reason in ["start", "beside"] {
        metrics::counter!(INDEX_BUILDS_TOTAL, "reason" => reason).increment(0);
    }
    for name in [INDEX_ADDED_TOTAL, INDEX_REMOVED_TOTAL, INDEX_COMPACTIONS_TOTAL] {
        metrics::counter!(name).increment(0);
    }
}

pub(super) fn built(took: Duration, beside: bool) {
    let reason = if beside { "beside" } else { "start" };
    metrics::counter!(INDEX_BUILDS_TOTAL, "reason" => reason).increment(1);
    metrics::histogram!(INDEX_BUILD_SECONDS).record(took.as_secs_f64());
}

pub(super) fn wrote(waited: Duration, held: Duration, applied: Applied) {
    metrics::histogram!(INDEX_WRITE_WAIT_SECONDS).record(waited.as_secs_f64());
    metrics::histogram!(INDEX_WRITE_LOCK_SECONDS).record(held.as_secs_f64());
    if let Applied::Changed { added, removed } = applied {
        metrics::counter!(INDEX_ADDED_TOTAL).increment(added as u64);
        metrics::counter!(INDEX_REMOVED_TOTAL).increment(removed as u64);
    }
}

pub(super) fn compacted(held: Duration) {
    metrics::histogram!(INDEX_WRITE_LOCK_SECONDS).record(held.as_secs_f64());
    metrics::counter!(INDEX_COMPACTIONS_TOTAL).increment(1);
}

pub(super) fn holds(stats: &Stats) {
    metrics::gauge!(INDEX_ROWS).set(stats.rows as f64);
    metrics::gauge!(INDEX_DEAD_ROWS).set(stats.dead as f64);
    metrics::gauge!(INDEX_PRODUCTS).set(stats.products as f64);
    let Memory { vectors, rows, images, products } = stats.memory;
    for (part, bytes) in [("vectors", vectors), ("rows", rows), ("images", images), ("products", products)] {
        metrics::gauge!(INDEX_BYTES, "part" => part).set(bytes as f64);
    }
    metrics::gauge!(INDEX_REVISION).set(stats.revision as f64);
}
