//! Lines of a task's log.

use serde_json::Value;

use super::completion::lock_open_task;
use super::{Job, JobFailure};
use crate::db::task_logs::{self, LoggedProcess, TaskLogRow};
use crate::db::task_queue::JobRow;
use crate::db::{Database, DatabaseError, Tx};
use crate::domain::{LogAction, LogLevel, TaskId, TaskLogId, Timestamp};

/// A line before it is written.
#[derive(Debug, Clone)]
pub(super) struct LogEntry<'a> {
    pub(super) level: LogLevel,
    pub(super) action: LogAction,
    pub(super) message: String,
    pub(super) metadata: Value,
    /// The job that it is about; without one, it is about the whole task.
    pub(super) job: Option<&'a JobRow>,
    /// The program that it is about.
    pub(super) process: Option<LoggedProcess>,
}

impl<'a> LogEntry<'a> {
    pub(super) fn of_job(job: &'a JobRow, level: LogLevel, action: LogAction, message: impl Into<String>) -> Self {
        Self { level, action, message: message.into(), metadata: Value::Null, job: Some(job), process: None }
    }

    pub(super) fn of_task(level: LogLevel, action: LogAction, message: impl Into<String>) -> Self {
        Self { level, action, message: message.into(), metadata: Value::Null, job: None, process: None }
    }

    pub(super) fn with(mut self, metadata: Value) -> Self {
        self.metadata = metadata;
        self
    }

    pub(super) fn about(mut self, process: LoggedProcess) -> Self {
        self.process = Some(process);
        self
    }
}

/// Writes a line in the transaction of what it reports.
pub(super) async fn write(tx: &mut Tx, task: TaskId, entry: LogEntry<'_>, now: Timestamp) -> Result<(), DatabaseError> {
    let LogEntry { level, action, message, metadata, job, process } = entry;
    let (pid, process_name) = process.map(|process| (process.pid, process.process_name)).unzip();
    let row = TaskLogRow {
        id: TaskLogId::generate(now),
        task_id: task,
        item: job.map(|job| job.item.clone()).filter(|item| !item.is_empty()),
        queue_id: job.map(|job| job.id),
        stage: job.map(|job| job.stage),
        level,
        action,
        message,
        pid,
        process_name,
        metadata,
        at: now,
    };
    task_logs::insert(tx, &row).await
}

/// Logs that a job has started a program. Stopping the task names those that are logged; so a task that was stopped meanwhile
/// is told here.
pub(super) async fn program_started(
    db: &Database,
    job: &Job,
    process: &LoggedProcess,
    now: Timestamp,
) -> Result<(), JobFailure> {
    let mut tx = db.begin().await?;
    if !lock_open_task(&mut tx, job.task.id).await? {
        return Err(JobFailure::lasting("The task was stopped."));
    }
    let message = format!("{} started", process.process_name);
    let entry = LogEntry::of_job(&job.row, LogLevel::Info, LogAction::Start, message).about(process.clone());
    write(&mut tx, job.task.id, entry, now).await?;
    Ok(tx.commit().await?)
}

/// Logs that a program ended by itself.
pub(super) async fn program_ended(
    db: &Database,
    job: &Job,
    (process, is_good): (LoggedProcess, bool),
    now: Timestamp,
) -> Result<(), JobFailure> {
    let (level, action) = match is_good {
        true => (LogLevel::Info, LogAction::Complete),
        false => (LogLevel::Warning, LogAction::Fail),
    };
    let message = format!("{} ended", process.process_name);
    let mut tx = db.begin().await?;
    write(&mut tx, job.task.id, LogEntry::of_job(&job.row, level, action, message).about(process), now).await?;
    Ok(tx.commit().await?)
}
