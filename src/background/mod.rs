//! The registry of background work: every task that runs beside the server, from its registration to its end.
//!
//! A task has a name, a purpose and a trigger. The registry starts and stops it, restarts it after a panic, and keeps how
//! its runs went, for `/metrics` and the admin API. A task only says what one run does. After a panic it goes on with what
//! it shares with others as the panic left it.

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

/// The pause before a task that panicked is restarted, so that one that panics at once does not fill the log.
const RESTART_DELAY: Duration = Duration::from_secs(1);

/// Wakes the one task that waits for it. Raised several times while the task runs, it wakes it once more.
#[derive(Debug, Clone, Default)]
pub struct Signal(Arc<Notify>);

impl Signal {
    /// Wakes the task.
    pub fn raise(&self) {
        self.0.notify_one();
    }

    /// Waits until the signal is raised.
    pub async fn raised(&self) {
        self.0.notified().await;
    }
}

/// The tasks that are registered and not started yet.
pub struct BackgroundTasks {
    clock: Clock,
    tasks: Vec<(Arc<TaskRecord>, BoxFuture<'static, ()>)>,
}

impl BackgroundTasks {
    /// No task yet.
    pub fn new(clock: Clock) -> Self {
        Self { clock, tasks: Vec::new() }
    }

    /// Begins to register a task; its trigger, which the next call names, completes that. `name` is the label `task` of the
    /// metrics, `purpose` one sentence for admins.
    pub fn register(&mut self, name: &'static str, purpose: &'static str) -> TaskRegistration<'_> {
        TaskRegistration { registry: self, name, purpose }
    }

    /// How the tasks registered so far are doing, now and later.
    pub fn monitor(&self) -> TaskMonitor {
        TaskMonitor::new(self.tasks.iter().map(|(record, _)| Arc::clone(record)).collect())
    }

    /// Starts every task.
    pub fn start(self) -> RunningTasks {
        RunningTasks(self.tasks.into_iter().map(|(_, work)| work).collect())
    }
}

/// A task of which name and purpose are known.
#[must_use = "a task is registered by its trigger"]
pub struct TaskRegistration<'a> {
    registry: &'a mut BackgroundTasks,
    name: &'static str,
    purpose: &'static str,
}

impl TaskRegistration<'_> {
    /// It runs at the start and then every `period`.
    pub fn every<S, F, E>(self, period: Duration, state: &S, run: impl FnMut(S) -> F + Send + 'static)
    where
        S: Clone + Send + 'static,
        F: Future<Output = Result<(), E>> + Send + 'static,
        E: Display + Send + 'static,
    {
        let run = with_clone(state.clone(), run);
        self.add(Trigger::Every, Some(period), |record| repeat(record, Signal::default(), period, run));
    }

    /// It runs at the start, when `signal` is raised, and at least every `period`.
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

    /// It waits for its work itself and reports each run.
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

/// The tasks that were started. Dropping it aborts them.
pub struct RunningTasks(JoinSet<()>);

impl RunningTasks {
    /// Aborts every task where it waits next, and waits until each has ended: from then on none of them uses the database or
    /// takes a lease again.
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

/// `run` with a clone of `state` for each run.
fn with_clone<S: Clone, F>(state: S, mut run: impl FnMut(S) -> F) -> impl FnMut() -> F {
    move || run(state.clone())
}

/// The result of `work`. `None` if it panicked: that is recorded, and the pause before the restart is over.
async fn catch_panic<T>(record: &TaskRecord, work: impl Future<Output = T>) -> Option<T> {
    match AssertUnwindSafe(work).catch_unwind().await {
        Ok(result) => Some(result),
        Err(panic) => {
            record.panicked(&*panic);
            // The panic's payload is not kept over the pause.
            drop(panic);
            tokio::time::sleep(RESTART_DELAY).await;
            None
        }
    }
}
