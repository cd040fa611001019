//! Admission control for a chain of pools: bounds the jobs in progress and the wait of the next one.
//!
//! The length of a queue bounds memory but not time: a shopper behind 256 photos waits for seconds. So an interactive job is
//! admitted only if its expected wait is at most `max_wait`, and is refused at once otherwise. Admitted jobs wait here in the
//! order of arrival for one of [`JOBS_PER_CORE`] slots per core. So few jobs are in progress, and the waiting ones are small
//! (an encoded photo, not its pixels).
//!
//! With `n` jobs ahead, of which `slots` are in progress, the expected wait is `(n − slots + ½) × work ÷ cores`, because one
//! job finishes every `work ÷ cores` on average. The work per job is estimated from how long permits are held.
//!
//! Background jobs (an upload of many photos, a catalogue that is embedded again) wait instead of being refused. On an idle
//! machine one of them per core is in progress, next to interactive jobs exactly one, so that neither kind starves the
//! other.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Mutex as AsyncMutex, Notify, OwnedSemaphorePermit, Semaphore};

use crate::telemetry::POOL_ADMISSIONS_TOTAL;

/// Interactive jobs in progress per core: one computes while another moves from one pool to the next.
const JOBS_PER_CORE: usize = 2;
/// A new measurement counts for an eighth of the estimate, so that one giant photo does not distort it.
const ESTIMATE_WEIGHT: u32 = 8;

/// How urgent a job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Priority {
    /// A person waits for it.
    Interactive,
    /// It may wait.
    Background,
}

/// A job was refused because it would have waited too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many jobs are waiting; the next one would wait for {} ms", expected_wait.as_millis())]
pub struct Overloaded {
    pub expected_wait: Duration,
}

/// The limits of an [`Admission`].
#[derive(Debug, Clone, Copy)]
pub struct AdmissionLimits {
    /// Cores that work on jobs; at least one.
    pub cores: usize,
    /// Longest expected wait of an interactive job. Zero: a job that cannot begin at once is refused.
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
    /// One for each interactive job in progress.
    slots: Arc<Semaphore>,
    background_queue: Semaphore,
    /// Held by the background job at the head of the queue.
    background_head: AsyncMutex<()>,
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
    /// Estimated work per job: how long it takes alone on a core.
    work: Duration,
}

impl Admission {
    /// Admits to the pools called `name`. `work` is the first estimate of a job's time on one core.
    pub fn new(name: &'static str, limits: AdmissionLimits, work: Duration) -> Self {
        // Metric labels; renaming them breaks dashboards.
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
            background_head: AsyncMutex::default(),
        }
    }

    /// The most jobs in progress at a time. The queues behind it never need to be longer.
    pub fn in_progress_max(&self) -> usize {
        self.slot_count() + self.limits.cores
    }

    /// Waits until the job may begin.
    ///
    /// # Cancel safety
    /// If the future is dropped, the job leaves the queue.
    ///
    /// # Errors
    /// Fails at once if an interactive job would wait longer than `max_wait`, or if the queue of background jobs is full.
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
            AdmittedJob { shared: Arc::clone(&self.shared), priority: Priority::Interactive }
        };
        // Never fails, because nothing closes the semaphore.
        let slot = Arc::clone(&self.slots).acquire_owned().await.ok();
        Ok(Permit::begin(queued, slot))
    }

    async fn admit_background(&self) -> Result<Permit, Overloaded> {
        let Ok(_queued) = self.background_queue.try_acquire() else {
            let queue_length = u32::try_from(self.limits.background_queue).unwrap_or(u32::MAX);
            return Err(Overloaded { expected_wait: self.shared.state().work.saturating_mul(queue_length) });
        };
        let _head = self.background_head.lock().await;
        loop {
            // Created before the check, so that a job that ends in between is not missed.
            let job_ended = self.shared.job_ended.notified();
            if let Some(admitted) = self.try_begin_background() {
                return Ok(Permit::begin(admitted, None));
            }
            job_ended.await;
        }
    }

    fn try_begin_background(&self) -> Option<AdmittedJob> {
        let mut state = self.shared.state();
        if state.background > 0 && state.interactive + state.background >= self.limits.cores {
            return None;
        }
        state.background += 1;
        Some(AdmittedJob { shared: Arc::clone(&self.shared), priority: Priority::Background })
    }

    /// How long the next interactive job would wait for a slot.
    fn expected_wait(&self, state: &State) -> Duration {
        let Some(waiting) = state.interactive.checked_sub(self.slot_count()) else { return Duration::ZERO };
        state.work.mul_f64((waiting as f64 + 0.5) / self.limits.cores as f64)
    }

    fn slot_count(&self) -> usize {
        self.limits.cores * JOBS_PER_CORE
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        // The counts stay correct even if a holder panics.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Updates the estimate with a job that was in progress for `time`.
    fn update_estimate(&self, time: Duration) {
        let mut state = self.state();
        // If more jobs than cores are in progress, they share the cores and each takes longer.
        let in_progress = (state.interactive.min(self.cores * JOBS_PER_CORE) + state.background).max(1);
        let work = time.mul_f64(in_progress.min(self.cores) as f64 / in_progress as f64);
        state.work = state.work * (ESTIMATE_WEIGHT - 1) / ESTIMATE_WEIGHT + work / ESTIMATE_WEIGHT;
    }
}

/// Counts an admitted job until it is dropped.
#[derive(Debug)]
struct AdmittedJob {
    shared: Arc<Shared>,
    priority: Priority,
}

impl Drop for AdmittedJob {
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

/// Keeps a job in progress until the last clone is dropped. Each step of the work holds a clone, so that a step that outlives
/// its caller is still counted.
#[derive(Debug, Clone)]
pub struct Permit {
    _job: Arc<JobInProgress>,
}

impl Permit {
    fn begin(admitted: AdmittedJob, slot: Option<OwnedSemaphorePermit>) -> Self {
        Self { _job: Arc::new(JobInProgress { began: Instant::now(), admitted, _slot: slot }) }
    }
}

#[derive(Debug)]
struct JobInProgress {
    began: Instant,
    admitted: AdmittedJob,
    _slot: Option<OwnedSemaphorePermit>,
}

impl Drop for JobInProgress {
    fn drop(&mut self) {
        self.admitted.shared.update_estimate(self.began.elapsed());
    }
}

#[cfg(test)]
mod tests;
