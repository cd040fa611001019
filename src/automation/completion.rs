//! How a job ends: completed, handed over to the next stage, to be tried again, or given up. Each is one transaction.

use serde_json::{Value, json};

use super::log::{self, LogEntry};
use super::stages::{stage_after, stages_of};
use super::{Automation, Job, JobFailure, JobOutcome, NewItem};
use crate::backoff::JOB_RETRIES;
use crate::db::task_queue::{self, JobEnd, JobRow, TakenJob};
use crate::db::{DatabaseError, Tx, task_items, tasks};
use crate::domain::{JobId, JobStatus, LogAction, LogLevel, Stage, TaskId, TaskStatus, Timestamp};

/// Items that are queued in one transaction. On SQLite a transaction is the only writer, and one of 50 000 items would keep tills
/// waiting for seconds.
const ITEMS_AT_ONCE: usize = 1_000;
/// The job was stopped, or another server has it.
const LOST: &str = "lost";

impl Automation {
    /// Records what came of a job, and queues what follows. Returns the word for the metrics.
    pub(super) async fn complete(
        &self,
        job: &Job,
        taken: TakenJob,
        outcome: &JobOutcome,
    ) -> Result<&'static str, DatabaseError> {
        let now = self.0.clock.now();
        let next = stage_after(stages_of(job.task.kind, &job.task.settings), job.row.stage);
        let mut not_before = None;
        let (message, metadata, items) = match (outcome, next) {
            (JobOutcome::Completed { message, metadata }, _) => (message, metadata.clone(), Vec::new()),
            (JobOutcome::NextStage { message, data, not_before: earliest }, Some(_)) => {
                not_before = *earliest;
                let item = NewItem { name: job.row.item.clone(), position: job.row.position, data: data.clone() };
                (message, Value::Null, vec![item])
            }
            (JobOutcome::Items { message, items }, Some(_)) => (message, json!({"items": items.len()}), items.clone()),
            // After the last stage nothing follows.
            (JobOutcome::NextStage { message, .. } | JobOutcome::Items { message, .. }, None) => {
                (message, Value::Null, Vec::new())
            }
        };
        let (early, items) = items.split_at(items.len().saturating_sub(ITEMS_AT_ONCE));
        for part in early.chunks(ITEMS_AT_ONCE) {
            if !self.queue_part(job, taken, (part, next), now).await? {
                return Ok(LOST);
            }
        }
        let is_handed_over = !matches!(outcome, JobOutcome::Completed { .. }) && next.is_some();
        let mut tx = self.0.db.begin().await?;
        if !lock_open_task(&mut tx, job.task.id).await? {
            return Ok(LOST);
        }
        let end = JobEnd {
            status: JobStatus::Completed,
            is_current: !is_handed_over,
            failures: job.row.failures,
            due_at: job.row.due_at,
            error: None,
            now,
        };
        if !task_queue::end(&mut tx, taken, &end).await? {
            return Ok(LOST);
        }
        log::write(
            &mut tx,
            job.task.id,
            LogEntry::of_job(&job.row, LogLevel::Info, LogAction::Complete, message).with(metadata),
            now,
        )
        .await?;
        let mut queued = 0;
        for item in items {
            let Some(stage) = next else { break };
            let mut row = waiting_job(job, item, stage, now);
            row.due_at = not_before.map_or(row.due_at, |earliest| earliest.max(row.due_at));
            queued += u64::from(queue_item(&mut tx, &row, job.row.created_at).await?);
        }
        // The worker that queued one goes on with it.
        if queued > 1 {
            task_queue::notify_workers(&mut tx).await?;
        }
        if queued == 0 && early.is_empty() {
            close_if_done(&mut tx, job.task.id, now).await?;
        }
        tx.commit().await?;
        if queued > 1 {
            self.wake_workers();
        }
        Ok("completed")
    }

    /// Queues some of many items before the job that has found them ends; false if the job is lost.
    async fn queue_part(
        &self,
        job: &Job,
        taken: TakenJob,
        (part, next): (&[NewItem], Option<Stage>),
        now: Timestamp,
    ) -> Result<bool, DatabaseError> {
        let Some(stage) = next else { return Ok(true) };
        let mut tx = self.0.db.begin().await?;
        if !lock_open_task(&mut tx, job.task.id).await? || !task_queue::renew(&mut tx, taken, self.lease()).await? {
            return Ok(false);
        }
        for item in part {
            queue_item(&mut tx, &waiting_job(job, item, stage, now), job.row.created_at).await?;
        }
        task_queue::notify_workers(&mut tx).await?;
        tx.commit().await?;
        self.wake_workers();
        Ok(true)
    }

    /// Records that a job failed: it is tried again later, or given up. Returns the word for the metrics.
    pub(super) async fn fail(
        &self,
        job: &Job,
        taken: TakenJob,
        failure: &JobFailure,
    ) -> Result<&'static str, DatabaseError> {
        let now = self.0.clock.now();
        let mut tx = self.0.db.begin().await?;
        if !lock_open_task(&mut tx, job.task.id).await? {
            return Ok(LOST);
        }
        let delay = usize::try_from(job.row.failures).ok().and_then(|failures| JOB_RETRIES.get(failures));
        let delay = delay.filter(|_| !failure.is_lasting).map(|delay| delay.as_secs().cast_signed());
        let outcome = record_failure(&mut tx, &job.row, taken, (&failure.reason, delay), now).await?;
        tx.commit().await?;
        Ok(outcome)
    }
}

/// Queues the next job of an item, or begins an item anew that a run from before `run_began` has ended. False if neither was
/// to be done.
async fn queue_item(tx: &mut Tx, row: &JobRow, run_began: Timestamp) -> Result<bool, DatabaseError> {
    if task_queue::insert(tx, row).await? {
        return Ok(true);
    }
    let is_over = task_queue::supersede(tx, row.task_id, &row.item, run_began).await?;
    Ok(is_over && task_queue::insert(tx, row).await?)
}

/// Ends a job that failed. With `delay`, in seconds, it is tried again; without, it is given up.
pub(super) async fn record_failure(
    tx: &mut Tx,
    job: &JobRow,
    taken: TakenJob,
    (reason, delay): (&str, Option<i64>),
    now: Timestamp,
) -> Result<&'static str, DatabaseError> {
    let end = JobEnd {
        status: if delay.is_some() { JobStatus::Waiting } else { JobStatus::Failed },
        is_current: true,
        failures: job.failures + 1,
        due_at: delay.map_or(job.due_at, |delay| now.plus_seconds(delay)),
        error: Some(reason),
        now,
    };
    if !task_queue::end(tx, taken, &end).await? {
        return Ok(LOST);
    }
    let (level, action) = match delay {
        Some(_) => (LogLevel::Warning, LogAction::Retry),
        None => (LogLevel::Error, LogAction::Fail),
    };
    let metadata = json!({"failures": end.failures, "retry_in_s": delay});
    log::write(tx, job.task_id, LogEntry::of_job(job, level, action, reason).with(metadata), now).await?;
    if delay.is_none() {
        tasks::set_last_error(tx, job.task_id, reason).await?;
        close_if_done(tx, job.task_id, now).await?;
    }
    Ok(if delay.is_some() { "retried" } else { "failed" })
}

/// Locks the task; false if it was stopped or deleted.
pub(super) async fn lock_open_task(tx: &mut Tx, task: TaskId) -> Result<bool, DatabaseError> {
    Ok(tasks::lock(tx, task).await?.is_some_and(|status| status != TaskStatus::Stopped))
}

/// Sets the final status of a task none of whose items is open. The caller holds the task's row.
pub(super) async fn close_if_done(tx: &mut Tx, task: TaskId, now: Timestamp) -> Result<(), DatabaseError> {
    if task_items::has_open(tx, task).await? {
        return Ok(());
    }
    let counts = task_items::count(tx, task).await?;
    let has = |wanted| counts.iter().any(|(status, count)| *status == wanted && *count > 0);
    let is_failed = has(JobStatus::Failed) && !has(JobStatus::Completed);
    let status = if is_failed { TaskStatus::Failed } else { TaskStatus::Completed };
    tasks::set_status(tx, task, status, Some(now)).await
}

/// The next job of an item. It keeps the due time of the one before, so that an item that was begun is finished before
/// others are begun.
fn waiting_job(before: &Job, item: &NewItem, stage: Stage, now: Timestamp) -> JobRow {
    JobRow {
        id: JobId::generate(now),
        task_id: before.task.id,
        kind: before.task.kind,
        item: item.name.clone(),
        position: item.position,
        stage,
        status: JobStatus::Waiting,
        is_current: true,
        data: item.data.clone(),
        attempts: 0,
        failures: 0,
        due_at: before.row.due_at,
        error: None,
        created_at: now,
        started_at: None,
        finished_at: None,
    }
}
