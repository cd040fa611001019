//! Tasks, jobs and log lines as the API shows them.

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::db::task_items::PauseRow;
use crate::db::task_logs::TaskLogRow;
use crate::db::task_queue::JobRow;
use crate::db::tasks::TaskRow;
use crate::domain::{
    JobId, JobStatus, LogAction, LogLevel, PauseKind, Stage, TaskId, TaskLogId, TaskStatus, TaskType, Timestamp,
};

/// A task with the number of its items.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = Task)]
pub struct TaskView {
    pub id: TaskId,
    #[serde(rename = "type")]
    pub kind: TaskType,
    /// For people.
    pub title: String,
    #[schema(value_type = Object)]
    pub settings: Value,
    /// `completed` once no item is open, even if some failed.
    pub status: TaskStatus,
    pub items: ItemCounts,
    /// Why an item failed last.
    pub last_error: Option<String>,
    /// Who created it: `user:<id>`, `command line` or `system`.
    pub created_by: String,
    pub created_at: Timestamp,
    /// When the last item ended, or the task was stopped.
    pub finished_at: Option<Timestamp>,
}

/// The number of a task's items in each status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, ToSchema)]
pub struct ItemCounts {
    pub waiting: i64,
    pub processing: i64,
    pub completed: i64,
    pub failed: i64,
}

impl TaskView {
    pub(super) fn new(row: TaskRow, counts: &[(JobStatus, i64)]) -> Self {
        let count = |wanted| counts.iter().find(|(status, _)| *status == wanted).map_or(0, |(_, count)| *count);
        let items = ItemCounts {
            waiting: count(JobStatus::Waiting),
            processing: count(JobStatus::Processing),
            completed: count(JobStatus::Completed) + row.cleared_items,
            failed: count(JobStatus::Failed),
        };
        let TaskRow { id, kind, title, settings, status, last_error, created_by, created_at, finished_at, .. } = row;
        Self { id, kind, title, settings, status, items, last_error, created_by, created_at, finished_at }
    }
}

/// One stage of one item of a task.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = TaskJob)]
pub struct JobView {
    pub id: JobId,
    pub task_id: TaskId,
    #[serde(rename = "type")]
    pub kind: TaskType,
    /// What it is about within its task: a photo, or the planned moment of a run. Empty for the task as a whole.
    pub item: String,
    pub stage: Stage,
    pub status: JobStatus,
    /// How often it was begun.
    pub attempts: i64,
    /// How often it failed since it was queued.
    pub failures: i64,
    /// When it is begun at the earliest.
    pub due_at: Timestamp,
    /// Why it failed last.
    pub error: Option<String>,
    pub created_at: Timestamp,
    pub started_at: Option<Timestamp>,
    pub finished_at: Option<Timestamp>,
    /// Whether it is about a photo of an upload.
    #[serde(skip)]
    pub is_photo: bool,
}

impl From<JobRow> for JobView {
    fn from(row: JobRow) -> Self {
        Self {
            is_photo: row.data.pointer("/product/photo").is_some_and(Value::is_string),
            id: row.id,
            task_id: row.task_id,
            kind: row.kind,
            item: row.item,
            stage: row.stage,
            status: row.status,
            attempts: row.attempts,
            failures: row.failures,
            due_at: row.due_at,
            error: row.error,
            created_at: row.created_at,
            started_at: row.started_at,
            finished_at: row.finished_at,
        }
    }
}

/// A line of the log of tasks.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = TaskLogLine)]
pub struct TaskLogView {
    pub id: TaskLogId,
    pub task_id: TaskId,
    /// `null` if it is about the task as a whole.
    pub item: Option<String>,
    /// The row of the queue that it is about; old rows are removed from there.
    pub job_id: Option<JobId>,
    pub stage: Option<Stage>,
    pub level: LogLevel,
    pub action: LogAction,
    pub message: String,
    /// Process id of a program that the task started.
    pub pid: Option<i64>,
    pub process_name: Option<String>,
    /// Figures.
    #[schema(value_type = Option<Object>)]
    pub metadata: Value,
    pub at: Timestamp,
}

impl From<TaskLogRow> for TaskLogView {
    fn from(row: TaskLogRow) -> Self {
        Self {
            id: row.id,
            task_id: row.task_id,
            item: row.item,
            job_id: row.queue_id,
            stage: row.stage,
            level: row.level,
            action: row.action,
            message: row.message,
            pid: row.pid,
            process_name: row.process_name,
            metadata: row.metadata,
            at: row.at,
        }
    }
}

/// A stage or a type of tasks that is paused: its jobs are not begun; those that run go on.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = TaskPause)]
pub struct PauseView {
    pub kind: PauseKind,
    #[schema(examples("embed"))]
    pub name: String,
    pub paused_by: String,
    pub paused_at: Timestamp,
}

impl From<PauseRow> for PauseView {
    fn from(row: PauseRow) -> Self {
        let PauseRow { kind, name, paused_by, paused_at } = row;
        Self { kind, name, paused_by, paused_at }
    }
}
