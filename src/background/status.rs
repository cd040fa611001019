//! The status of background tasks: recorded by the registry, counted in the metrics, shown to admins.

use std::any::Any;
use std::fmt::Display;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;
use utoipa::ToSchema;

use crate::clock::Clock;
use crate::domain::Timestamp;
use crate::pool::panic_message;
use crate::telemetry::{BACKGROUND_LAST_SUCCESS_SECONDS, BACKGROUND_PANICS_TOTAL, BACKGROUND_RUNS_TOTAL};

/// The most characters of a stored error text.
const ERROR_CHARS_MAX: usize = 500;

/// What makes a task run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = TaskTrigger)]
pub enum Trigger {
    Every,
    /// A signal from another part of the server, or else the period.
    OnSignal,
    /// The task waits for its own work.
    Continuous,
}

/// A background task of this server with its last runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = BackgroundTask)]
pub struct TaskStatus {
    /// The label `task` of the metrics `tillsight_background_*`.
    #[schema(examples("performance"))]
    pub name: &'static str,
    /// What the task is for, in one sentence.
    pub purpose: &'static str,
    pub trigger: Trigger,
    /// The most seconds between two runs; `null` if the task waits for its own work.
    pub period_s: Option<u64>,
    /// Whether it is running now.
    pub running: bool,
    /// Runs since the server started, including the current one.
    pub runs: u64,
    /// Start of the last run.
    pub last_started_at: Option<Timestamp>,
    /// Duration of the last finished run, in milliseconds.
    pub last_duration_ms: Option<u64>,
    /// End of the last successful run.
    pub last_success_at: Option<Timestamp>,
    /// Why a run last failed. Stays after a later run has succeeded.
    pub last_error: Option<String>,
    /// When a run last failed.
    pub last_error_at: Option<Timestamp>,
    /// How often the task panicked (a fault of the program) and was restarted.
    pub panics: u64,
}

/// Shows the status of all registered tasks; cheap to clone.
#[derive(Clone, Default)]
pub struct TaskMonitor(Arc<[Arc<TaskRecord>]>);

impl TaskMonitor {
    pub(super) fn new(records: Vec<Arc<TaskRecord>>) -> Self {
        Self(records.into())
    }

    /// The status of every task, in the order of registration.
    pub fn status(&self) -> Vec<TaskStatus> {
        self.0.iter().map(|record| record.status()).collect()
    }
}

/// Records the runs of a continuous task.
#[derive(Clone)]
pub struct RunReporter(Arc<TaskRecord>);

impl RunReporter {
    pub(super) fn new(record: &Arc<TaskRecord>) -> Self {
        Self(Arc::clone(record))
    }

    /// Runs `work`, records it as one run, and returns its result. `work` is boxed, so that a large future does not enlarge
    /// the task's loop.
    pub fn run<T, E: Display>(&self, work: impl Future<Output = Result<T, E>>) -> impl Future<Output = Result<T, E>> {
        let work = Box::pin(work);
        async move {
            self.0.run_started();
            let outcome = work.await;
            self.0.run_finished(&outcome);
            outcome
        }
    }
}

/// The registration of a task.
pub(super) struct TaskInfo {
    pub(super) name: &'static str,
    pub(super) purpose: &'static str,
    pub(super) trigger: Trigger,
    pub(super) period: Option<Duration>,
}

/// A task and its runs.
pub(super) struct TaskRecord {
    info: TaskInfo,
    clock: Clock,
    history: Mutex<RunHistory>,
}

#[derive(Debug, Default)]
struct RunHistory {
    /// Start of the current run.
    started: Option<Instant>,
    runs: u64,
    last_started_at: Option<Timestamp>,
    last_duration: Option<Duration>,
    last_success_at: Option<Timestamp>,
    last_error: Option<(Timestamp, String)>,
    /// Whether the last finished run failed.
    failing: bool,
    panics: u64,
}

impl TaskRecord {
    pub(super) fn new(info: TaskInfo, clock: Clock) -> Self {
        // The counters exist at 0 before the first run.
        for outcome in ["done", "failed", "panicked"] {
            metrics::counter!(BACKGROUND_RUNS_TOTAL, "task" => info.name, "outcome" => outcome).increment(0);
        }
        metrics::counter!(BACKGROUND_PANICS_TOTAL, "task" => info.name).increment(0);
        Self { info, clock, history: Mutex::default() }
    }

    pub(super) fn run_started(&self) {
        let mut history = self.history();
        history.started = Some(Instant::now());
        history.runs += 1;
        history.last_started_at = Some(self.clock.now());
    }

    /// Records the outcome of the run. Of a series of failures, the first one, every change of the reason, and the next success
    /// are logged.
    pub(super) fn run_finished<T, E: Display>(&self, outcome: &Result<T, E>) {
        let now = self.clock.now();
        let mut history = self.history();
        history.last_duration = history.started.take().map(|started| started.elapsed());
        match outcome {
            Ok(_) => {
                history.last_success_at = Some(now);
                if std::mem::take(&mut history.failing) {
                    tracing::info!(task = self.info.name, "a background task succeeds again");
                }
                self.count_run("done");
                let seconds = now.micros() as f64 / 1e6;
                metrics::gauge!(BACKGROUND_LAST_SUCCESS_SECONDS, "task" => self.info.name).set(seconds);
            }
            Err(error) => {
                let error: String = error.to_string().chars().take(ERROR_CHARS_MAX).collect();
                let is_repeated =
                    history.failing && history.last_error.as_ref().is_some_and(|(_, last)| *last == error);
                if !is_repeated {
                    tracing::warn!(task = self.info.name, error, "a background task failed; it will run again");
                }
                history.failing = true;
                history.last_error = Some((now, error));
                self.count_run("failed");
            }
        }
    }

    pub(super) fn panicked(&self, panic: &(dyn Any + Send)) {
        let reason = panic_message(panic);
        tracing::error!(task = self.info.name, reason, "a background task panicked; it is restarted");
        metrics::counter!(BACKGROUND_PANICS_TOTAL, "task" => self.info.name).increment(1);
        let mut history = self.history();
        history.panics += 1;
        history.failing = true;
        history.last_error =
            Some((self.clock.now(), "the program has a fault (panic); see the server's log".to_owned()));
        // A continuous task may panic between two runs.
        if let Some(started) = history.started.take() {
            history.last_duration = Some(started.elapsed());
            self.count_run("panicked");
        }
    }

    fn count_run(&self, outcome: &'static str) {
        metrics::counter!(BACKGROUND_RUNS_TOTAL, "task" => self.info.name, "outcome" => outcome).increment(1);
    }

    fn status(&self) -> TaskStatus {
        let history = self.history();
        let (last_error_at, last_error) = history.last_error.clone().unzip();
        TaskStatus {
            name: self.info.name,
            purpose: self.info.purpose,
            trigger: self.info.trigger,
            period_s: self.info.period.map(|period| period.as_secs()),
            running: history.started.is_some(),
            runs: history.runs,
            last_started_at: history.last_started_at,
            last_duration_ms: history.last_duration.and_then(|duration| u64::try_from(duration.as_millis()).ok()),
            last_success_at: history.last_success_at,
            last_error,
            last_error_at,
            panics: history.panics,
        }
    }

    fn history(&self) -> MutexGuard<'_, RunHistory> {
        self.history.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
