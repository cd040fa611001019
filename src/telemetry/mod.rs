//! Logs and metrics: their setup, and the names of the metrics.
//!
//! Logs go to standard error, one event where a failure is handled, with dotted field names and no personal data.
//! Metrics are kept by the `metrics` crate and rendered by [`Metrics::render`] in Prometheus' text format; names follow
//! Prometheus' rules (base units, `_total` for counters).

mod names;
mod process_metrics;

use std::backtrace::{Backtrace, BacktraceStatus};
use std::io::IsTerminal;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::EnvFilter;

use crate::config::{LogFormat, Settings};

pub use names::*;
pub use process_metrics::PROCESS_METRICS;

/// The metrics of orders, receipt numbers and alerts.
pub const NUMBERING_METRICS: [&str; 12] = [
    ORDERS_TOTAL,
    ORDER_SECONDS,
    ORDER_CONFLICTS_TOTAL,
    ORDER_NUMBER_CONFLICTS_TOTAL,
    ORDER_NUMBER_RETRIES_TOTAL,
    ORDER_NUMBER_GAPS,
    ORDER_NUMBER_DUPLICATES,
    VOID_PLACEHOLDERS,
    INTEGRITY_HEALTH,
    REFUNDS_TOTAL,
    ALERTS_FIRING,
    ALERT_DELIVERIES_TOTAL,
];

/// Upper bounds of the buckets of every histogram that counts seconds.
const SECONDS: [f64; 17] =
    [0.00001, 0.00005, 0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// The metrics of this process.
#[derive(Clone)]
pub struct Metrics {
    handle: PrometheusHandle,
    /// Identifier and name.
    stores: Arc<Mutex<Vec<(String, String)>>>,
}

impl Metrics {
    /// Installs the recorder, once per process; later calls return the same recorder.
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
        names::describe();
        let profile = if cfg!(debug_assertions) { "debug" } else { "release" };
        let target = format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS);
        let labels =
            [("version", env!("CARGO_PKG_VERSION").to_owned()), ("target", target), ("profile", profile.to_owned())];
        metrics::gauge!(BUILD_INFO, &labels).set(1.0);
        Self { handle, stores: Arc::default() }
    }

    /// Folds recorded samples into the histograms. Call it every few seconds: otherwise samples accumulate until the metrics
    /// are rendered.
    pub fn upkeep(&self) {
        self.handle.run_upkeep();
    }

    /// The identifier and the name of every store.
    pub fn set_store_names(&self, stores: Vec<(String, String)>) {
        *self.stores.lock().unwrap_or_else(PoisonError::into_inner) = stores;
    }

    /// The metrics with these names, in Prometheus' text format.
    pub fn render_selected(&self, names: &[&str]) -> String {
        select_metrics(&self.render(), names)
    }

    /// Every metric in Prometheus' text format.
    pub fn render(&self) -> String {
        self.handle.run_upkeep();
        let stores = self.stores.lock().unwrap_or_else(PoisonError::into_inner).clone();
        self.handle.render() + &render_store_info(&stores) + &process_metrics::render()
    }
}

fn render_store_info(stores: &[(String, String)]) -> String {
    let escape = |name: &str| name.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    let line = |(id, name): &(String, String)| format!("{STORE_INFO}{{store=\"{id}\",name=\"{}\"}} 1\n", escape(name));
    let lines: String = stores.iter().map(line).collect();
    match lines.is_empty() {
        true => lines,
        false => format!("# HELP {STORE_INFO} {STORE_INFO_HELP}\n# TYPE {STORE_INFO} gauge\n{lines}\n"),
    }
}

/// The lines of `text` about metrics with these `names`: comments, samples, and the series of histograms.
fn select_metrics(text: &str, names: &[&str]) -> String {
    let is_selected = |line: &&str| {
        let rest = line.strip_prefix("# HELP ").or_else(|| line.strip_prefix("# TYPE ")).unwrap_or(line);
        let name = rest.split(['{', ' ']).next().unwrap_or_default();
        names.iter().any(|selected| {
            let suffix = name.strip_prefix(selected);
            suffix.is_some_and(|suffix| ["", "_bucket", "_sum", "_count"].contains(&suffix))
        })
    };
    text.lines().filter(is_selected).flat_map(|line| [line, "\n"]).collect()
}

/// Whether log lines are JSON objects, so that a program reads standard error.
static JSON_LOGS: AtomicBool = AtomicBool::new(false);

/// Whether everything on standard error is to be a JSON object.
pub fn logs_are_json() -> bool {
    JSON_LOGS.load(Ordering::Relaxed)
}

/// A panic as one line of the log, instead of the lines for people that Rust prints.
fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        let message = panic.payload_as_str().unwrap_or("a panic without a message");
        let backtrace = Backtrace::capture();
        if backtrace.status() == BacktraceStatus::Captured {
            tracing::error!(panic.place = place, %backtrace, "panicked: {message}");
        } else {
            tracing::error!(panic.place = place, "panicked: {message}");
        }
    }));
}

/// Sends log lines to standard error as the settings say. A second call changes nothing.
pub fn init_logs(settings: &Settings) -> Result<(), String> {
    let filter = EnvFilter::try_new(&settings.log_filter).map_err(|_| {
        format!(
            "setting log_filter: \"{}\" is not a level (error, warn, info, debug or trace), or a list such as \
                 info,tillsight::checkout=debug",
            settings.log_filter
        )
    })?;
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // If standard error is closed, lines are lost without a panic: `eprintln!` would panic in whoever logs, for example the
    // task that stops the server.
    let logs = logs.log_internal_errors(false);
    let logs = logs.with_ansi(std::io::stderr().is_terminal());
    set_log_format(settings.log_format);
    // A second initialisation can only come from tests that start several servers in one process.
    let _already_set = match settings.log_format {
        LogFormat::Text => logs.try_init(),
        LogFormat::Json => {
            log_panics();
            logs.json().flatten_event(true).try_init()
        }
    };
    Ok(())
}

/// For a start whose settings cannot be read: what is on standard error has `format` all the same.
pub fn set_log_format(format: LogFormat) {
    JSON_LOGS.store(format == LogFormat::Json, Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_stores_are_escaped() {
        let stores = [("1".to_owned(), "Bob's \"deli\" \\ two\nlines".to_owned())];
        let text = render_store_info(&stores);
        assert!(text.contains(r#"{store="1",name="Bob's \"deli\" \\ two\nlines"} 1"#), "{text}");
        assert_eq!(render_store_info(&[]), "");
    }

    #[test]
    fn lines_are_selected_by_the_whole_name() {
        let text = "# TYPE a_total counter\na_total{x=\"1\"} 2\n\n# TYPE a_total_more gauge\na_total_more 1\n\
            # TYPE b_seconds histogram\nb_seconds_bucket{le=\"1\"} 3\nb_seconds_sum 1\nb_seconds_count 3\nc 1\n";
        let some = select_metrics(text, &["a_total", "b_seconds"]);
        assert_eq!(some.lines().count(), 6, "{some}");
        assert!(!some.contains("more") && !some.contains("c 1"), "{some}");
    }
}
