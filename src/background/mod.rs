//! The registry of background tasks.
//!
//! A task has a name, a purpose and a trigger, and defines what one run does. The registry starts and stops it, restarts it
//! after a panic, and records its runs for `/metrics` and the admin API. A panic does not reset state shared with other
//! tasks.

mod status;
#[cfg(test)]
mod tests;

use std::fmt::Display;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use crate::clock::Clock;

pub use status::{RunReporter, TaskMonitor, TaskStatus, Trigger};
use status::{TaskInfo, TaskRecord};

/// The pause before a panicked task is restarted, so that one that always panics does not fill the log.
const RESTART_DELAY: Duration = Duration::from_secs(1);

/// Wakes the one task that waits for it. Several signals during a run cause one more run.
#[derive(Debug, Clone, Default)]
pub struct Signal(Arc<Notify>);

impl Signal {
    pub fn raise(&self) {
        self.0.notify_one();
    }

    /// Waits until the signal is raised.
    pub async fn raised(&self) {
        self.0.notified().await;
    }
}

/// The registered tasks before their start.
pub struct BackgroundTasks {
    clock: Clock,
    tasks: Vec<(Arc<TaskRecord>, BoxFuture<'static, ()>)>,
}

impl BackgroundTasks {
    pub fn new(clock: Clock) -> Self {
        Self { clock, tasks: Vec::new() }
    }

    /// Begins to register a task; the call that sets its trigger completes it. `name` is the label `task` of the metrics,
    /// `purpose` one sentence for admins.
    pub fn register(&mut self, name: &'static str, purpose: &'static str) -> TaskRegistration<'_> {
        TaskRegistration { registry: self, name, purpose }
    }

    /// Shows the status of the tasks registered so far.
    pub fn monitor(&self) -> TaskMonitor {
        TaskMonitor::new(self.tasks.iter().map(|(record, _)| Arc::clone(record)).collect())
    }

    pub fn start(self) -> RunningTasks {
        RunningTasks(self.tasks.into_iter().map(|(_, work)| work).collect())
    }
}

/// A task without a trigger yet.
#[must_use = "a task is registered by its trigger"]
pub struct TaskRegistration<'a> {
    registry: &'a mut BackgroundTasks,
    name: &'static str,
    purpose: &'static str,
}

impl TaskRegistration<'_> {
    /// The task runs at the start and then every `period`.
    pub fn every<S, F, E>(self, period: Duration, state: &S, run: impl FnMut(S) -> F + Send + 'static)
    where
        S: Clone + Send + 'static,
        F: Future<Output = Result<(), E>> + Send + 'static,
        E: Display + Send + 'static,
    {
        let run = with_clone(state.clone(), run);
        self.add(Trigger::Every, Some(period), |record| repeat(record, Signal::default(), period, run));
    }

    /// The task runs at the start, when `signal` is raised, and at least every `period`.
    pub fn on_signal<S, F, E>(
        self,
        (signal, period): (Signal, Duration),
        state: &S,
        run: impl FnMut(S) -> F + Send + 'static,
    ) where
        S: Clone + Send + 'static,
        F: Future<Output = Result<(), E>> + Send + 'static,
        E: Display + Send + 'static,
    {
        let run = with_clone(state.clone(), run);
        self.add(Trigger::OnSignal, Some(period), |record| repeat(record, signal, period, run));
    }

    /// The task waits for its own work and reports each run.
    pub fn continuous<S, F>(self, state: &S, mut work: impl FnMut(S, RunReporter) -> F + Send + 'static)
    where
        S: Clone + Send + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        let state = state.clone();
        self.add(Trigger::Continuous, None, |record| async move {
            let runs = RunReporter::new(&record);
            let mut work = with_clone(state, move |state| work(state, runs.clone()));
            while catch_panic(&record, async { work().await }).await.is_none() {}
        });
    }

    fn add<F>(self, trigger: Trigger, period: Option<Duration>, work: impl FnOnce(Arc<TaskRecord>) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let info = TaskInfo { name: self.name, purpose: self.purpose, trigger, period };
        let record = Arc::new(TaskRecord::new(info, self.registry.clock.clone()));
        let work = work(Arc::clone(&record)).boxed();
        self.registry.tasks.push((record, work));
    }
}

/// The started tasks. Dropping it aborts them.
pub struct RunningTasks(JoinSet<()>);

impl RunningTasks {
    /// Aborts every task at its next await and waits until all have ended: after that, none uses the database or takes a
    /// lease.
    pub async fn stop(mut self) {
        self.0.shutdown().await;
    }
}

async fn repeat<F, E>(record: Arc<TaskRecord>, signal: Signal, period: Duration, mut run: impl FnMut() -> F)
where
    F: Future<Output = Result<(), E>>,
    E: Display,
{
    let mut ticks = tokio::time::interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = signal.raised() => {}
        }
        record.run_started();
        match catch_panic(&record, async { run().await }).await {
            Some(outcome) => record.run_finished(&outcome),
            None => ticks.reset_immediately(),
        }
    }
}

/// Calls `run` with a new clone of `state` each time.
fn with_clone<S: Clone, F>(state: S, mut run: impl FnMut(S) -> F) -> impl FnMut() -> F {
    move || run(state.clone())
}

/// The result of `work`. If it panics, records that, waits for the pause before a restart, and returns `None`.
async fn catch_panic<T>(record: &TaskRecord, work: impl Future<Output = T>) -> Option<T> {
    match AssertUnwindSafe(work).catch_unwind().await {
        Ok(result) => Some(result),
        Err(panic) => {
            record.panicked(&*panic);
            // Free the panic's payload before the pause.
            drop(panic);
            tokio::time::sleep(RESTART_DELAY).await;
            None
        }
    }
}
