//! The index's metrics.

use std::time::Duration;

use super::{ChangeOutcome, IndexStats, MemoryUsage};
use crate::telemetry::{
    INDEX_ADDED_TOTAL, INDEX_BUILD_SECONDS, INDEX_BUILDS_TOTAL, INDEX_BYTES, INDEX_COMPACTIONS_TOTAL, INDEX_DEAD_ROWS,
    INDEX_PRODUCTS, INDEX_REMOVED_TOTAL, INDEX_REVISION, INDEX_ROWS, INDEX_WRITE_LOCK_SECONDS,
    INDEX_WRITE_WAIT_SECONDS,
};

/// Makes the counters appear with the value 0.
pub(super) fn register_counters() {
    for reason in ["start", "beside"] {
        metrics::counter!(INDEX_BUILDS_TOTAL, "reason" => reason).increment(0);
    }
    for name in [INDEX_ADDED_TOTAL, INDEX_REMOVED_TOTAL, INDEX_COMPACTIONS_TOTAL] {
        metrics::counter!(name).increment(0);
    }
}

pub(super) fn record_build(duration: Duration, standby: bool) {
    let reason = if standby { "beside" } else { "start" };
    metrics::counter!(INDEX_BUILDS_TOTAL, "reason" => reason).increment(1);
    metrics::histogram!(INDEX_BUILD_SECONDS).record(duration.as_secs_f64());
}

pub(super) fn record_write(wait_time: Duration, lock_time: Duration, outcome: ChangeOutcome) {
    metrics::histogram!(INDEX_WRITE_WAIT_SECONDS).record(wait_time.as_secs_f64());
    metrics::histogram!(INDEX_WRITE_LOCK_SECONDS).record(lock_time.as_secs_f64());
    if let ChangeOutcome::Changed { added, removed } = outcome {
        metrics::counter!(INDEX_ADDED_TOTAL).increment(added as u64);
        metrics::counter!(INDEX_REMOVED_TOTAL).increment(removed as u64);
    }
}

pub(super) fn record_compaction(lock_time: Duration) {
    metrics::histogram!(INDEX_WRITE_LOCK_SECONDS).record(lock_time.as_secs_f64());
    metrics::counter!(INDEX_COMPACTIONS_TOTAL).increment(1);
}

pub(super) fn set_gauges(stats: &IndexStats) {
    metrics::gauge!(INDEX_ROWS).set(stats.rows as f64);
    metrics::gauge!(INDEX_DEAD_ROWS).set(stats.dead_rows as f64);
    metrics::gauge!(INDEX_PRODUCTS).set(stats.products as f64);
    let MemoryUsage { vectors, rows, images, products } = stats.memory;
    for (part, bytes) in [("vectors", vectors), ("rows", rows), ("images", images), ("products", products)] {
        metrics::gauge!(INDEX_BYTES, "part" => part).set(bytes as f64);
    }
    metrics::gauge!(INDEX_REVISION).set(stats.revision as f64);
}
