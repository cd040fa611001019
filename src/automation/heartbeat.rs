//! Leases of jobs: renewed while a server works on them, lost when a task is stopped, taken away from servers that died.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures_util::future::{AbortHandle, Abortable};

use super::Automation;
use super::completion::{lock_open_task, record_failure};
use super::worker::LEASE_S;
use crate::background::Signal;
use crate::backoff::JOB_RETRIES;
use crate::db::task_queue::{self, TakenJob};
use crate::db::{DatabaseError, leases};
use crate::telemetry::TASK_LEASES_LOST_TOTAL;

/// How often leases are renewed and those of dead servers looked for; also how long a worker on another server may take to
/// learn that its task was stopped, if the notification is lost.
pub const HEARTBEAT_PERIOD: Duration = Duration::from_secs(2);
/// Jobs of dead servers that are rescued at a time.
const RESCUED_MAX: i64 = 100;

/// The jobs that this server works on, each as it was taken: one that was lost and taken again is two until the first is dropped.
#[derive(Debug, Default)]
pub(super) struct RunningJobs(Mutex<HashMap<TakenJob, RunningJob>>);

#[derive(Debug, Clone)]
struct RunningJob {
    abort: AbortHandle,
    renewed_at: Instant,
}

impl RunningJobs {
    /// Does `work` while this server holds `job`; `None` if it was lost meanwhile, and the work dropped.
    pub(super) async fn run_while_held<T>(&self, job: TakenJob, work: impl Future<Output = T>) -> Option<T> {
        let (abort, registration) = AbortHandle::new_pair();
        self.lock().insert(job, RunningJob { abort, renewed_at: Instant::now() });
        let _removal = Removal { jobs: self, job };
        Abortable::new(work, registration).await.ok()
    }

    fn list(&self) -> Vec<(TakenJob, RunningJob)> {
        self.lock().iter().map(|(taken, job)| (*taken, job.clone())).collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<TakenJob, RunningJob>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Removes a job from the list, also if the worker is aborted.
struct Removal<'a> {
    jobs: &'a RunningJobs,
    job: TakenJob,
}

impl Drop for Removal<'_> {
    fn drop(&mut self) {
        self.jobs.lock().remove(&self.job);
    }
}

impl Automation {
    /// Raised when leases are to be checked at once.
    pub fn heartbeat_signal(&self) -> Signal {
        self.0.heartbeat.clone()
    }

    /// Renews the leases of this server's jobs, and ends the work on those that it has lost. Then makes the jobs of dead
    /// servers wait again.
    pub async fn renew_and_rescue(&self) -> Result<(), DatabaseError> {
        let renewed = self.renew_leases().await;
        if renewed.is_err() {
            self.end_expired();
        }
        renewed.and(self.rescue_jobs().await.map(drop))
    }

    /// Each in a transaction of its own: stopping a task locks its jobs in another order, and would wait for one while this
    /// one waits for another.
    async fn renew_leases(&self) -> Result<(), DatabaseError> {
        for (taken, job) in self.0.running.list() {
            let mut tx = self.0.db.begin().await?;
            let is_kept = task_queue::renew(&mut tx, taken, self.lease()).await?;
            tx.commit().await?;
            if !is_kept {
                job.abort.abort();
            } else if let Some(job) = self.0.running.lock().get_mut(&taken) {
                job.renewed_at = Instant::now();
            }
        }
        Ok(())
    }

    /// Ends the work on jobs whose leases may have expired while the database did not answer.
    fn end_expired(&self) {
        let lease = Duration::from_secs(LEASE_S.unsigned_abs());
        for (_, job) in self.0.running.list().iter().filter(|(_, job)| job.renewed_at.elapsed() >= lease) {
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
            if !lock_open_task(&mut tx, job.task_id).await? {
                continue;
            }
            let may_retry = usize::try_from(job.failures).is_ok_and(|failures| failures < JOB_RETRIES.len());
            let reason = "The server that worked on it has not been heard of for half a minute.";
            record_failure(&mut tx, &job, taken, (reason, may_retry.then_some(0)), now).await?;
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

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use uuid::Uuid;

    use super::*;
    use crate::domain::{JobId, Timestamp};

    #[tokio::test]
    async fn a_job_that_was_lost_and_taken_again_stays_listed_when_the_first_work_is_dropped() {
        let jobs = RunningJobs::default();
        let (id, holder) = (JobId::generate(Timestamp::from_micros(1)), Uuid::nil());
        let taken = |attempts| TakenJob { id, holder, attempts };
        let mut first = Box::pin(jobs.run_while_held(taken(1), std::future::pending::<()>()));
        let mut second = Box::pin(jobs.run_while_held(taken(2), std::future::pending::<()>()));
        assert!((&mut first).now_or_never().is_none() && (&mut second).now_or_never().is_none());
        drop(first);
        let listed: Vec<_> = jobs.list().into_iter().map(|(taken, _)| taken).collect();
        assert_eq!(listed, [taken(2)]);
        jobs.list()[0].1.abort.abort();
        assert!(second.await.is_none() && jobs.list().is_empty());
    }
}
