//! Admission control in front of a chain of pools: how many jobs are in progress, and how long the next one may wait.
//!
//! A queue of fixed length bounds memory and says nothing about time: 256 photos in front of a shopper are seconds. An
//! interactive job is therefore admitted only while its expected wait is at most `max_wait`, and refused at once otherwise.
//! Admitted jobs wait here, in the order of coming, until one of [`JOBS_PER_CORE`] slots per core is free, so that few jobs
//! are in progress and what waits is still small (an encoded photo, not its pixels).
//!
//! The expected wait of a job that finds `n` others ahead, of which `slots` are in progress, is `(n − slots + ½) × work ÷
//! cores`: those ahead finish evenly, one in every `work ÷ cores`. The work on one job is estimated from how long permits
//! are held.
//!
//! Background jobs (an upload of many photos, a catalogue that is embedded anew) wait for their turn instead of being
//! refused: on an idle machine one job per core is in progress, beside interactive jobs exactly one, so that neither kind
//! starves the other.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Mutex as AsyncMutex, Notify, OwnedSemaphorePermit, Semaphore};

use crate::telemetry::POOL_ADMISSIONS_TOTAL;

/// Interactive jobs in progress per core: while one computes, another may be on its way from one pool to the next.
const JOBS_PER_CORE: usize = 2;
/// A new measurement counts for an eighth of the estimate: some ten photos make it, one giant does not.
const WEIGHT: u32 = 8;

/// How urgent a job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Priority {
    /// Somebody stands and waits for it.
    Interactive,
    /// It waits for as long as it takes.
    Background,
}

/// A job was refused because it would have waited for too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many jobs are waiting; the next one would wait for {} ms", expected_wait.as_millis())]
pub struct Overloaded {
    /// How long it would have waited.
    pub expected_wait: Duration,
}

/// What an [`Admission`] admits.
#[derive(Debug, Clone, Copy)]
pub struct AdmissionLimits {
    /// Jobs that the machine works on at the same time (at least one).
    pub cores: usize,
    /// Longest expected wait of an interactive job. Zero: what cannot begin at once is refused.
    pub max_wait: Duration,
    /// Background jobs that may wait.
    pub background_queue: usize,
}

/// Admits jobs to a chain of pools.
#[derive(Debug)]
pub struct Admission {
    name: &'static str,
    limits: AdmissionLimits,
    shared: Arc<Shared>,
    /// Held by interactive jobs in progress.
    slots: Arc<Semaphore>,
    background_queue: Semaphore,
    /// Held by the background job whose turn is next.
    background_turn: AsyncMutex<()>,
}

#[derive(Debug)]
struct Shared {
    cores: usize,
    state: Mutex<State>,
    job_ended: Notify,
}

#[derive(Debug)]
struct State {
    /// Interactive jobs, waiting or in progress.
    interactive: usize,
    /// Background jobs in progress.
    background: usize,
    /// Estimated work on one job: how long it takes on a core of its own.
    work: Duration,
}

impl Admission {
    /// Admits to the pools called `name`. `work` is the first estimate of how long one job takes on a core.
    pub fn new(name: &'static str, limits: AdmissionLimits, work: Duration) -> Self {
        for outcome in ["hurried", "patient", "refused"] {
            metrics::counter!(POOL_ADMISSIONS_TOTAL, "pool" => name, "outcome" => outcome).increment(0);
        }
        let limits = AdmissionLimits { cores: limits.cores.max(1), ..limits };
        let state = Mutex::new(State { interactive: 0, background: 0, work });
        Self {
            name,
            limits,
            shared: Arc::new(Shared { cores: limits.cores, state, job_ended: Notify::new() }),
            slots: Arc::new(Semaphore::new(limits.cores * JOBS_PER_CORE)),
            background_queue: Semaphore::new(limits.background_queue.clamp(1, Semaphore::MAX_PERMITS)),
            background_turn: AsyncMutex::default(),
        }
    }

    /// Most jobs in progress at a time. A pool behind this admission needs no longer queue.
    pub fn most_in_progress(&self) -> usize {
        self.slots_in_all() + self.limits.cores
    }

    /// Waits until the job may begin.
    ///
    /// # Cancel safety
    /// Dropping the future gives the place in the queue to the next job.
    ///
    /// # Errors
    /// At once: an interactive job would wait for longer than `max_wait`, or the queue of background jobs is full.
    pub async fn admit(&self, priority: Priority) -> Result<Permit, Overloaded> {
        let admitted = match priority {
            Priority::Interactive => self.admit_interactive().await,
            Priority::Background => self.admit_background().await,
        };
        let outcome = match (&admitted, priority) {
            (Err(_), _) => "refused",
            (Ok(_), Priority::Interactive) => "hurried",
            (Ok(_), Priority::Background) => "patient",
        };
        metrics::counter!(POOL_ADMISSIONS_TOTAL, "pool" => self.name, "outcome" => outcome).increment(1);
        admitted
    }

    async fn admit_interactive(&self) -> Result<Permit, Overloaded> {
        let queued = {
            let mut state = self.shared.state();
            let expected_wait = self.expected_wait(&state);
            if expected_wait > self.limits.max_wait {
                return Err(Overloaded { expected_wait });
            }
            state.interactive += 1;
            Admitted { shared: Arc::clone(&self.shared), priority: Priority::Interactive }
        };
        // It fails only where the semaphore is closed, which nothing does.
        let slot = Arc::clone(&self.slots).acquire_owned().await.ok();
        Ok(Permit::begin(queued, slot))
    }

    async fn admit_background(&self) -> Result<Permit, Overloaded> {
        let Ok(_place) = self.background_queue.try_acquire() else {
            let queued = u32::try_from(self.limits.background_queue).unwrap_or(u32::MAX);
            return Err(Overloaded { expected_wait: self.shared.state().work.saturating_mul(queued) });
        };
        let _turn = self.background_turn.lock().await;
        loop {
            // Made before the look at the state: a job that ends between the two is not missed.
            let job_ended = self.shared.job_ended.notified();
            if let Some(admitted) = self.try_begin_background() {
                return Ok(Permit::begin(admitted, None));
            }
            job_ended.await;
        }
    }

    fn try_begin_background(&self) -> Option<Admitted> {
        let mut state = self.shared.state();
        if state.background > 0 && state.interactive + state.background >= self.limits.cores {
            return None;
        }
        state.background += 1;
        Some(Admitted { shared: Arc::clone(&self.shared), priority: Priority::Background })
    }

    /// How long the next interactive job would wait for a slot.
    fn expected_wait(&self, state: &State) -> Duration {
        let Some(waiting) = state.interactive.checked_sub(self.slots_in_all()) else { return Duration::ZERO };
        state.work.mul_f64((waiting as f64 + 0.5) / self.limits.cores as f64)
    }

    fn slots_in_all(&self) -> usize {
        self.limits.cores * JOBS_PER_CORE
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it is held; were it so, the counts would still be right.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes note of a job that was in progress for `time`.
    fn learn(&self, time: Duration) {
        let mut state = self.state();
        // Jobs in progress share the cores: where there are more of them than cores, each takes that much longer.
        let in_progress = (state.interactive.min(self.cores * JOBS_PER_CORE) + state.background).max(1);
        let work = time.mul_f64(in_progress.min(self.cores) as f64 / in_progress as f64);
        state.work = state.work * (WEIGHT - 1) / WEIGHT + work / WEIGHT;
    }
}

/// A job that is counted, until this is dropped.
#[derive(Debug)]
struct Admitted {
    shared: Arc<Shared>,
    priority: Priority,
}

impl Drop for Admitted {
    fn drop(&mut self) {
        let mut state = self.shared.state();
        match self.priority {
            Priority::Interactive => state.interactive -= 1,
            Priority::Background => state.background -= 1,
        }
        drop(state);
        self.shared.job_ended.notify_one();
    }
}

/// The right to be in progress. It ends when the last clone is dropped: each step of the work holds one, so that a step
/// that outlives its caller is counted until it ends.
#[derive(Debug, Clone)]
pub struct Permit {
    _job: Arc<JobInProgress>,
}

impl Permit {
    fn begin(admitted: Admitted, slot: Option<OwnedSemaphorePermit>) -> Self {
        Self { _job: Arc::new(JobInProgress { began: Instant::now(), admitted, _slot: slot }) }
    }
}

#[derive(Debug)]
struct JobInProgress {
    began: Instant,
    admitted: Admitted,
    _slot: Option<OwnedSemaphorePermit>,
}

impl Drop for JobInProgress {
    fn drop(&mut self) {
        self.admitted.shared.learn(self.began.elapsed());
    }
}

#[cfg(test)]
mod tests;
