//! What a worker is given and what it gives back: a job, its outcome, or why it failed.

use futures_util::future::BoxFuture;
use serde_json::Value;

use crate::db::DatabaseError;
use crate::db::task_queue::JobRow;
use crate::db::tasks::TaskRow;
use crate::domain::Timestamp;

/// The most characters of a reason that is stored.
const REASON_CHARS_MAX: usize = 1_000;

/// One stage of one item, with its task.
#[derive(Debug, Clone)]
pub struct Job {
    pub row: JobRow,
    pub task: TaskRow,
}

impl Job {
    /// The moment for which the run was planned, or else when it was queued.
    pub fn planned_at(&self) -> Timestamp {
        let planned = serde_json::from_value(Value::String(self.row.item.clone()));
        planned.unwrap_or(self.row.created_at)
    }
}

/// An item of a task, before it is queued.
#[derive(Debug, Clone)]
pub struct NewItem {
    /// Unique within the task.
    pub name: String,
    /// Items with a lower one come first.
    pub position: i64,
    pub data: Value,
}

/// The outcome of a job that did not fail.
#[derive(Debug, Clone)]
pub enum JobOutcome {
    /// The item is done: a sentence for the log, and figures.
    Completed { message: String, metadata: Value },
    /// The next stage takes over, with what this one found out.
    NextStage {
        message: String,
        data: Value,
        /// When the next stage is begun at the earliest.
        not_before: Option<Timestamp>,
    },
    /// The items of the task have been found; each begins with the next stage.
    Items { message: String, items: Vec<NewItem> },
}

/// Why a job could not be done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct JobFailure {
    /// What was wrong, with the value, and what to do, for the person who reads the list of failed items.
    pub reason: String,
    /// Whether another attempt cannot help.
    pub is_lasting: bool,
}

impl JobFailure {
    /// A failure that another attempt may not meet.
    pub fn passing(reason: impl std::fmt::Display) -> Self {
        Self::new(&reason, false)
    }

    /// A failure that each attempt would meet.
    pub fn lasting(reason: impl std::fmt::Display) -> Self {
        Self::new(&reason, true)
    }

    fn new(reason: &dyn std::fmt::Display, is_lasting: bool) -> Self {
        Self { reason: reason.to_string().chars().take(REASON_CHARS_MAX).collect(), is_lasting }
    }
}

impl From<DatabaseError> for JobFailure {
    fn from(error: DatabaseError) -> Self {
        Self::passing(error)
    }
}

/// Does jobs. A job may be done more than once: a server can die between the work and the record of it. So the work must be
/// safe to repeat.
pub trait JobHandler: Send + Sync {
    /// # Cancel safety
    /// The future is dropped when the task is stopped, or the server has lost the job.
    fn run<'a>(&'a self, job: &'a Job) -> BoxFuture<'a, Result<JobOutcome, JobFailure>>;
}
