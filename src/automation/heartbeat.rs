//! Leases of jobs: renewed while a server works on them, lost when a task is stopped, taken away from servers that died.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures_util::future::{AbortHandle, Abortable};

use super::Automation;
use super::completion::{end_failed, is_open};
use super::worker::LEASE_S;
use crate::background::Signal;
use crate::backoff::JOB_RETRIES;
use crate::db::task_queue::{self, TakenJob};
use crate::db::{DatabaseError, leases};
use crate::domain::JobId;
use crate::telemetry::TASK_LEASES_LOST_TOTAL;

/// How often leases are renewed and those of dead servers looked for; also how long a worker on another server may take to
/// learn that its task was stopped, if the notification is lost.
pub const HEARTBEAT_PERIOD: Duration = Duration::from_secs(2);
/// Jobs of dead servers that are rescued at a time.
const RESCUED_MAX: i64 = 100;

/// The jobs that this server works on.
#[derive(Debug, Default)]
pub(super) struct RunningJobs(Mutex<HashMap<JobId, RunningJob>>);

#[derive(Debug, Clone)]
struct RunningJob {
    taken: TakenJob,
    abort: AbortHandle,
    renewed_at: Instant,
}

impl RunningJobs {
    /// Does `work` while this server holds `job`; `None` if it was lost meanwhile, and the work dropped.
    pub(super) async fn run_while_held<T>(&self, job: TakenJob, work: impl Future<Output = T>) -> Option<T> {
        let (abort, registration) = AbortHandle::new_pair();
        self.lock().insert(job.id, RunningJob { taken: job, abort, renewed_at: Instant::now() });
        let _removal = Removal { jobs: self, id: job.id };
        Abortable::new(work, registration).await.ok()
    }

    fn list(&self) -> Vec<RunningJob> {
        self.lock().values().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<JobId, RunningJob>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Removes a job from the list, also if the worker is aborted.
struct Removal<'a> {
    jobs: &'a RunningJobs,
    id: JobId,
}

impl Drop for Removal<'_> {
    fn drop(&mut self) {
        self.jobs.lock().remove(&self.id);
    }
}

impl Automation {
    /// Raised when leases are to be checked at once.
    pub fn heartbeat_signal(&self) -> Signal {
        self.0.heartbeat.clone()
    }

    /// Renews the leases of this server's jobs, and ends the work on those that it has lost. Then makes the jobs of dead
    /// servers wait again.
    pub async fn beat(&self) -> Result<(), DatabaseError> {
        let renewed = self.renew_leases().await;
        if renewed.is_err() {
            self.end_expired();
        }
        renewed.and(self.rescue_jobs().await.map(drop))
    }

    async fn renew_leases(&self) -> Result<(), DatabaseError> {
        let running = self.0.running.list();
        if running.is_empty() {
            return Ok(());
        }
        let mut tx = self.0.db.begin().await?;
        let (mut kept, mut lost) = (Vec::new(), Vec::new());
        for job in running {
            let is_kept = task_queue::renew(&mut tx, job.taken, self.lease()).await?;
            if is_kept { kept.push(job) } else { lost.push(job) }
        }
        tx.commit().await?;
        lost.iter().for_each(|job| job.abort.abort());
        let mut running = self.0.running.lock();
        for job in kept {
            if let Some(job) = running.get_mut(&job.taken.id) {
                job.renewed_at = Instant::now();
            }
        }
        Ok(())
    }

    /// Ends the work on jobs whose leases may have expired while the database did not answer.
    fn end_expired(&self) {
        let lease = Duration::from_secs(LEASE_S.unsigned_abs());
        for job in self.0.running.list().iter().filter(|job| job.renewed_at.elapsed() >= lease) {
            job.abort.abort();
        }
    }

    /// Makes jobs wait again whose servers no longer renew their leases. That counts as a failure: a job that kills its
    /// server is given up in the end. Returns their number.
    pub async fn rescue_jobs(&self) -> Result<u64, DatabaseError> {
        let expired = task_queue::list_expired(&mut self.0.db.read().await?, self.lease(), RESCUED_MAX).await?;
        let mut rescued = 0;
        for found in expired {
            let (job, now) = (found.job, self.0.clock.now());
            let taken = TakenJob { id: job.id, holder: found.locked_by, attempts: job.attempts };
            let mut tx = self.0.db.begin().await?;
            if !is_open(&mut tx, job.task_id).await? {
                continue;
            }
            let may_retry = usize::try_from(job.failures).is_ok_and(|failures| failures < JOB_RETRIES.len());
            let reason = "The server that worked on it has not been heard of for half a minute.";
            end_failed(&mut tx, &job, taken, (reason, may_retry.then_some(0)), now).await?;
            tx.commit().await?;
            metrics::counter!(TASK_LEASES_LOST_TOTAL).increment(1);
            rescued += 1;
        }
        if rescued > 0 {
            self.wake_workers();
        }
        Ok(rescued)
    }

    /// Gives back jobs and leases, so that other servers need not wait until they expire. Call it when the workers have ended.
    pub async fn release_leases(&self) -> Result<(), DatabaseError> {
        let mut tx = self.0.db.begin().await?;
        task_queue::release(&mut tx, self.0.server_id).await?;
        leases::release(&mut tx, self.0.server_id).await?;
        task_queue::notify_workers(&mut tx).await?;
        tx.commit().await
    }
}
