//! Workers: each takes the job that is due next, does it, records how it ended, and goes on until none is due.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::FutureExt;

use super::log::{self, LogEntry};
use super::{Automation, Job, JobFailure, JobHandler, JobOutcome};
use crate::background::RunReporter;
use crate::db::leases::Lease;
use crate::db::task_queue::{self, TakenJob};
use crate::db::{DatabaseError, tasks};
use crate::domain::{LogAction, LogLevel, TaskStatus};
use crate::pool::panic_message;
use crate::telemetry::{TASK_JOB_SECONDS, TASK_JOBS_TOTAL, TASK_LEASES_LOST_TOTAL};

/// How long an idle worker waits before it looks by itself: jobs become due as time passes, and notifications may be lost.
const POLL_PERIOD: Duration = Duration::from_secs(1);
/// How long a job stays with a server that does not renew its lease.
pub(super) const LEASE_S: i64 = 30;

impl Automation {
    /// Does jobs for ever.
    pub async fn work(self, handler: Arc<dyn JobHandler>, runs: RunReporter) {
        let mut queue_version = self.0.queue_version.subscribe();
        loop {
            queue_version.borrow_and_update();
            // The failure is recorded; the next round comes soon.
            let _outcome = runs.run(self.work_until_idle(&*handler)).await;
            // An error would mean that the service is gone, and this is a part of it.
            let _woken = tokio::time::timeout(POLL_PERIOD, queue_version.changed()).await;
        }
    }

    /// Does the job that is due next; false if none is.
    pub async fn work_once(&self, handler: &dyn JobHandler) -> Result<bool, DatabaseError> {
        let Some((job, taken)) = self.take_job().await? else { return Ok(false) };
        self.do_job(handler, &job, taken).await?;
        Ok(true)
    }

    /// Does jobs until none is due; returns their number.
    ///
    /// # Errors
    /// The database failed. That a job failed is recorded with the job and is no error here.
    pub async fn work_until_idle(&self, handler: &dyn JobHandler) -> Result<u64, DatabaseError> {
        let mut jobs = 0;
        while self.work_once(handler).await? {
            jobs += 1;
        }
        Ok(jobs)
    }

    pub(super) fn lease(&self) -> Lease {
        Lease::new(self.0.server_id, self.0.clock.now(), LEASE_S)
    }

    async fn take_job(&self) -> Result<Option<(Job, TakenJob)>, DatabaseError> {
        let mut tx = self.0.db.begin().await?;
        let lease = self.lease();
        let Some(row) = task_queue::take(&mut tx, lease).await? else { return Ok(None) };
        log::write(
            &mut tx,
            row.task_id,
            LogEntry::of_job(&row, LogLevel::Info, LogAction::Start, "started"),
            row.started_at.unwrap_or(lease.now),
        )
        .await?;
        // The row refers to its task, so the task is there.
        let task = tasks::find(&mut tx, row.task_id).await?;
        let Some(task) = task else { return Ok(None) };
        tx.commit().await?;
        if task.status == TaskStatus::Waiting {
            // Not in the same transaction: whoever stops the task holds its row and waits for the job's.
            let mut tx = self.0.db.begin().await?;
            tasks::set_processing(&mut tx, task.id).await?;
            tx.commit().await?;
        }
        let taken = TakenJob { id: row.id, holder: lease.holder, attempts: row.attempts };
        Ok(Some((Job { row, task }, taken)))
    }

    async fn do_job(&self, handler: &dyn JobHandler, job: &Job, taken: TakenJob) -> Result<(), DatabaseError> {
        let started = Instant::now();
        let work = AssertUnwindSafe(handler.run(job)).catch_unwind();
        let Some(result) = self.0.running.run_while_held(taken, work).await else {
            tracing::info!(task.id = %job.task.id, job.id = %taken.id, "a job was stopped, or taken by another server");
            metrics::counter!(TASK_LEASES_LOST_TOTAL).increment(1);
            return Ok(());
        };
        let result = result.unwrap_or_else(|panic| {
            let reason = panic_message(&*panic);
            tracing::error!(task.id = %job.task.id, job.id = %taken.id, reason, "a job panicked");
            Err(JobFailure::lasting("The program has a fault (panic); see the server's log."))
        });
        let (kind, stage) = (job.row.kind.as_str(), job.row.stage.as_str());
        metrics::histogram!(TASK_JOB_SECONDS, "type" => kind, "stage" => stage).record(started.elapsed());
        let outcome = self.record_result(job, taken, &result).await?;
        metrics::counter!(TASK_JOBS_TOTAL, "type" => kind, "stage" => stage, "outcome" => outcome).increment(1);
        Ok(())
    }

    /// Records how a job ended; tries again for a while if the database fails. After that the lease expires, and the job is
    /// done again. Returns the word for the metrics.
    async fn record_result(
        &self,
        job: &Job,
        taken: TakenJob,
        result: &Result<JobOutcome, JobFailure>,
    ) -> Result<&'static str, DatabaseError> {
        let mut delays = crate::backoff::TRANSACTION.delays();
        loop {
            let recorded = match result {
                Ok(outcome) => self.complete(job, taken, outcome).await,
                Err(failure) => self.fail(job, taken, failure).await,
            };
            match (recorded, delays.next()) {
                (Ok(outcome), _) => return Ok(outcome),
                (Err(error), None) => return Err(error),
                (Err(_), Some(delay)) => tokio::time::sleep(delay).await,
            }
        }
    }
}
