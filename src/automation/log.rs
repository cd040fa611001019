//! Lines of a task's log.

use serde_json::Value;

use super::{Automation, Job, JobFailure};
use crate::db::task_logs::{self, TaskLogRow};
use crate::db::task_queue::JobRow;
use crate::db::{DatabaseError, Tx};
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
}

impl<'a> LogEntry<'a> {
    pub(super) fn of_job(job: &'a JobRow, level: LogLevel, action: LogAction, message: impl Into<String>) -> Self {
        Self { level, action, message: message.into(), metadata: Value::Null, job: Some(job) }
    }

    pub(super) fn of_task(level: LogLevel, action: LogAction, message: impl Into<String>) -> Self {
        Self { level, action, message: message.into(), metadata: Value::Null, job: None }
    }

    pub(super) fn with(mut self, metadata: Value) -> Self {
        self.metadata = metadata;
        self
    }
}

/// Writes a line in the transaction of what it reports.
pub(super) async fn write(tx: &mut Tx, task: TaskId, entry: LogEntry<'_>, now: Timestamp) -> Result<(), DatabaseError> {
    let LogEntry { level, action, message, metadata, job } = entry;
    let row = TaskLogRow {
        id: TaskLogId::generate(now),
        task_id: task,
        item: job.map(|job| job.item.clone()).filter(|item| !item.is_empty()),
        queue_id: job.map(|job| job.id),
        stage: job.map(|job| job.stage),
        level,
        action,
        message,
        pid: None,
        process_name: None,
        metadata,
        at: now,
    };
    task_logs::insert(tx, &row).await
}

impl Automation {
    /// Logs how far a job has come.
    pub async fn log_progress(&self, job: &Job, message: &str, metadata: Value) -> Result<(), JobFailure> {
        let mut tx = self.0.db.begin().await?;
        let entry = LogEntry::of_job(&job.row, LogLevel::Info, LogAction::Progress, message).with(metadata);
        write(&mut tx, job.task.id, entry, self.0.clock.now()).await?;
        Ok(tx.commit().await?)
    }
}
