//! Logs and metrics: how they are set up, and the names of the metrics.
//!
//! Logs go to standard error, one event where a failure is handled, with dotted field names and no personal data.
//! Metrics are kept by the `metrics` crate and rendered by [`Metrics::render`] in Prometheus' text format; names follow
//! Prometheus' rules (base units, `_total` for counters).

use std::io::IsTerminal;
use std::sync::OnceLock;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::EnvFilter;

use crate::config::{LogFormat, Settings};

/// Seconds from the first byte of a request to the last of its reply, by route and status.
pub const HTTP_SECONDS: &str = "tillsight_http_request_duration_seconds";
/// Requests answered, by route and status.
pub const HTTP_TOTAL: &str = "tillsight_http_requests_total";
/// Seconds of the stages of recognition, by `stage`: decode, queue, infer, search.
pub const RECOGNITION_SECONDS: &str = "tillsight_recognition_duration_seconds";
/// Regions judged, by verdict.
pub const VERDICTS_TOTAL: &str = "tillsight_verdicts_total";
/// Recognitions whose evidence could not be stored.
pub const EVIDENCE_LOST_TOTAL: &str = "tillsight_recognition_evidence_lost_total";
/// Photos on sale that the index does without now, because they cannot be embedded; they are tried again.
pub const UNSEARCHABLE_IMAGES: &str = "tillsight_unsearchable_images";
/// Times that the index learnt of a photo that could not be embedded.
pub const UNSEARCHABLE_IMAGES_TOTAL: &str = "tillsight_unsearchable_images_total";
/// Attempts to follow the catalog's log that failed, by reason: hole, ahead, embedder, index, store.
pub const FOLLOW_FAILURES_TOTAL: &str = "tillsight_catalog_follow_failures_total";
/// Attempts to take up the model that was switched to that failed.
pub const MODEL_ADOPTION_FAILURES_TOTAL: &str = "tillsight_model_adoption_failures_total";
/// Snapshots of the index that were there and not used, by reason: damaged, ahead, other, incomplete, failed.
pub const INDEX_SNAPSHOTS_REJECTED_TOTAL: &str = "tillsight_index_snapshots_rejected_total";
/// Seconds to write a snapshot of the index.
pub const INDEX_SNAPSHOT_SECONDS: &str = "tillsight_index_snapshot_seconds";
/// Orders confirmed.
pub const ORDERS_TOTAL: &str = "tillsight_orders_total";
/// Seconds of one confirm.
pub const ORDER_SECONDS: &str = "tillsight_order_creation_duration_seconds";
/// Confirms refused because the session had changed or closed meanwhile.
pub const ORDER_CONFLICTS_TOTAL: &str = "tillsight_order_creation_conflicts_total";
/// Transactions that met another one over a number, or found the number there already.
pub const ORDER_NUMBER_CONFLICTS_TOTAL: &str = "tillsight_order_number_conflicts_total";
/// Transactions that take a number and were run again, by `reason`: conflict, timeout, error.
pub const ORDER_NUMBER_RETRIES_TOTAL: &str = "tillsight_order_number_retries_total";
/// Payments recorded, by method.
pub const PAYMENTS_TOTAL: &str = "tillsight_payments_total";
/// Refunds and voids, by kind.
pub const REFUNDS_TOTAL: &str = "tillsight_refunds_total";
/// Receipt numbers that no order carries, by `store`: of the newest check.
pub const ORDER_NUMBER_GAPS: &str = "tillsight_order_number_gaps";
/// Receipt numbers that several orders carry, by `store`: of the newest check.
pub const ORDER_NUMBER_DUPLICATES: &str = "tillsight_order_number_duplicates";
/// Health of numbers and hash chains, 0 to 100, by `store`; `none` stands for lines that belong to no store.
pub const INTEGRITY_HEALTH: &str = "tillsight_integrity_health";
/// Logins, by outcome.
pub const LOGINS_TOTAL: &str = "tillsight_logins_total";

/// Upper bounds of the buckets of every histogram that counts seconds.
const SECONDS: [f64; 17] =
    [0.00001, 0.00005, 0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// The process's metrics, ready to be shown.
#[derive(Clone)]
pub struct Metrics(PrometheusHandle);

impl Metrics {
    /// Starts recording, once per process; later calls give the same recorder.
    pub fn install() -> Self {
        static RECORDER: OnceLock<Metrics> = OnceLock::new();
        RECORDER.get_or_init(Self::build).clone()
    }

    fn build() -> Self {
        let buckets = PrometheusBuilder::new().set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS);
        let recorder = buckets.unwrap_or_else(|_| PrometheusBuilder::new()).build_recorder();
        let handle = recorder.handle();
        if metrics::set_global_recorder(recorder).is_err() {
            tracing::warn!("another metrics recorder was installed first; /metrics will be empty");
        }
        Self(handle)
    }

    /// Folds what was recorded into the histograms. Without it samples pile up until somebody asks for the text: call it
    /// every few seconds.
    pub fn upkeep(&self) {
        self.0.run_upkeep();
    }

    /// Everything recorded so far, in Prometheus' text format.
    pub fn render(&self) -> String {
        self.0.run_upkeep();
        self.0.render()
    }
}

/// Sends log lines to standard error as the settings say. A second call changes nothing.
pub fn init_logs(settings: &Settings) -> Result<(), String> {
    let filter = EnvFilter::try_new(&settings.log_filter)
        .map_err(|error| format!("setting log_filter: \"{}\": {error}", settings.log_filter))?;
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // Colours are for a person at a terminal; in a file or a journal they are rubbish.
    let lines = lines.with_ansi(std::io::stderr().is_terminal());
    // A second initialisation can only come from tests that start several servers in one process.
    let _already_set = match settings.log_format {
        LogFormat::Text => lines.try_init(),
        LogFormat::Json => lines.json().flatten_event(true).try_init(),
    };
    Ok(())
}
