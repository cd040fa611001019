//! The index's metrics: their names and when they move.

use std::time::Duration;

use super::{Applied, Memory, Stats};

/// Indexes built from all vectors, by reason: `start`, and `beside` for those of another model or a comparison.
const BUILDS: &str = "tillsight_index_builds_total";
/// Builds after the start in place of the served index, which no code path makes. Kept so that operators and tests can see that it stays 0.
const REBUILDS: &str = "tillsight_index_rebuilds_total";
const BUILD_SECONDS: &str = "tillsight_index_build_seconds";
/// Vectors added to and removed from the index that is served from.
const ADDED: &str = "tillsight_index_added_vectors_total";
const REMOVED: &str = "tillsight_index_removed_vectors_total";
/// Segments copied without their dead rows.
const COMPACTIONS: &str = "tillsight_index_compactions_total";
/// Time a change waited for running searches, and time it then kept searches waiting.
const LOCK_WAIT_SECONDS: &str = "tillsight_index_write_wait_seconds";
const LOCK_SECONDS: &str = "tillsight_index_write_lock_seconds";
const ROWS: &str = "tillsight_index_rows";
const DEAD: &str = "tillsight_index_dead_rows";
const PRODUCTS: &str = "tillsight_index_products";
/// Memory taken, by part: vectors, rows, images, products.
const BYTES: &str = "tillsight_index_bytes";
const REVISION: &str = "tillsight_index_revision";

/// Makes the counters appear at 0 before anything is counted.
pub(super) fn register() {
    for reason in ["start", "beside"] {
        metrics::counter!(BUILDS, "reason" => reason).increment(0);
    }
    for name in [REBUILDS, ADDED, REMOVED, COMPACTIONS] {
        metrics::counter!(name).increment(0);
    }
}

pub(super) fn built(took: Duration, beside: bool) {
    let reason = if beside { "beside" } else { "start" };
    metrics::counter!(BUILDS, "reason" => reason).increment(1);
    metrics::histogram!(BUILD_SECONDS).record(took.as_secs_f64());
}

pub(super) fn wrote(waited: Duration, held: Duration, applied: Applied) {
    metrics::histogram!(LOCK_WAIT_SECONDS).record(waited.as_secs_f64());
    metrics::histogram!(LOCK_SECONDS).record(held.as_secs_f64());
    if let Applied::Changed { added, removed } = applied {
        metrics::counter!(ADDED).increment(added as u64);
        metrics::counter!(REMOVED).increment(removed as u64);
    }
}

pub(super) fn compacted(held: Duration) {
    metrics::histogram!(LOCK_SECONDS).record(held.as_secs_f64());
    metrics::counter!(COMPACTIONS).increment(1);
}

pub(super) fn holds(stats: &Stats) {
    metrics::gauge!(ROWS).set(stats.rows as f64);
    metrics::gauge!(DEAD).set(stats.dead as f64);
    metrics::gauge!(PRODUCTS).set(stats.products as f64);
    let Memory { vectors, rows, images, products } = stats.memory;
    for (part, bytes) in [("vectors", vectors), ("rows", rows), ("images", images), ("products", products)] {
        metrics::gauge!(BYTES, "part" => part).set(bytes as f64);
    }
    metrics::gauge!(REVISION).set(stats.revision as f64);
}
