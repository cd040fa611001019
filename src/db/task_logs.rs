//! The log of tasks: what happened to each, item by item and stage by stage.

use serde_json::Value;
use sqlx::types::Json;

use super::task_queue::JobRow;
use super::{DatabaseError, Reader, Tx, run_query};
use crate::domain::{JobId, LogAction, LogLevel, PageRequest, Stage, TaskId, TaskLogId, Timestamp};

#[derive(Debug, Clone, sqlx::FromRow)]
pub struct TaskLogRow {
    pub id: TaskLogId,
    pub task_id: TaskId,
    pub item: Option<String>,
    /// The row of the queue, which may have been removed since.
    pub queue_id: Option<JobId>,
    pub stage: Option<Stage>,
    pub level: LogLevel,
    pub action: LogAction,
    pub message: String,
    /// Of a program that the task started.
    pub pid: Option<i64>,
    pub process_name: Option<String>,
    #[sqlx(json)]
    pub metadata: Value,
    pub at: Timestamp,
}

/// A program that a task started.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct LoggedProcess {
    pub pid: i64,
    pub process_name: String,
}

macro_rules! columns {
    () => {
        "id, task_id, item, queue_id, stage, level, action, message, pid, process_name, metadata, at"
    };
}

pub async fn insert(tx: &mut Tx, row: &TaskLogRow) -> Result<(), DatabaseError> {
    const INSERT: &str =
        concat!("INSERT INTO task_logs (", columns!(), ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)");
    run_query!(tx, c => sqlx::query(INSERT)
        .bind(row.id)
        .bind(row.task_id)
        .bind(&row.item)
        .bind(row.queue_id)
        .bind(row.stage)
        .bind(row.level)
        .bind(row.action)
        .bind(&row.message)
        .bind(row.pid)
        .bind(&row.process_name)
        .bind(Json(&row.metadata))
        .bind(row.at)
        .execute(c))
    .map(|_rows: u64| ())
}

macro_rules! select {
    ($which:literal) => {
        concat!(
            "SELECT ",
            columns!(),
            " FROM task_logs WHERE ",
            $which,
            " AND ($3 IS NULL OR level = $3) AND ($4 IS NULL OR action = $4) AND ($5 IS NULL OR at >= $5) \
             AND ($6 IS NULL OR id < $6) ORDER BY id DESC LIMIT $7"
        )
    };
}

/// `None` does not filter.
#[derive(Debug, Clone, Copy, Default)]
pub struct TaskLogFilter {
    pub task: Option<TaskId>,
    pub level: Option<LogLevel>,
    pub stage: Option<Stage>,
    pub action: Option<LogAction>,
    /// At this moment or later.
    pub since: Option<Timestamp>,
}

/// Newest first.
pub async fn list(
    reader: &mut Reader,
    filter: TaskLogFilter,
    page: PageRequest,
) -> Result<Vec<TaskLogRow>, DatabaseError> {
    // Three texts, so that each finds its lines by an index.
    const OF_ALL: &str = select!("$1 IS NULL AND ($2 IS NULL OR stage = $2)");
    const OF_TASK: &str = select!("task_id = $1 AND $2 IS NULL");
    const OF_STAGE: &str = select!("task_id = $1 AND stage = $2");
    let query = match (filter.task, filter.stage) {
        (None, _) => OF_ALL,
        (Some(_), None) => OF_TASK,
        (Some(_), Some(_)) => OF_STAGE,
    };
    run_query!(reader, c => sqlx::query_as(query)
        .bind(filter.task)
        .bind(filter.stage)
        .bind(filter.level)
        .bind(filter.action)
        .bind(filter.since)
        .bind(page.before)
        .bind(page.fetch_limit())
        .fetch_all(c))
}

/// Lines of a task after the line `after`, oldest first.
pub async fn list_after(
    reader: &mut Reader,
    task: TaskId,
    after: TaskLogId,
    limit: i64,
) -> Result<Vec<TaskLogRow>, DatabaseError> {
    const SELECT: &str =
        concat!("SELECT ", columns!(), " FROM task_logs WHERE task_id = $1 AND id > $2 ORDER BY id LIMIT $3");
    run_query!(reader, c => sqlx::query_as(SELECT).bind(task).bind(after).bind(limit).fetch_all(c))
}

/// The lines of a task after the line `after` up to the line `until`.
pub async fn list_between(
    reader: &mut Reader,
    task: TaskId,
    after: TaskLogId,
    until: TaskLogId,
) -> Result<Vec<TaskLogId>, DatabaseError> {
    const SELECT: &str = "SELECT id FROM task_logs WHERE task_id = $1 AND id > $2 AND id <= $3";
    let found: Vec<(TaskLogId,)> =
        run_query!(reader, c => sqlx::query_as(SELECT).bind(task).bind(after).bind(until).fetch_all(c))?;
    Ok(found.into_iter().map(|(id,)| id).collect())
}

/// The programs that a job has started since it was taken, and whose end is not logged.
pub async fn list_running_processes(reader: &mut Reader, job: &JobRow) -> Result<Vec<LoggedProcess>, DatabaseError> {
    // The task and the stage are named for the index.
    const SELECT: &str = "SELECT s.pid, s.process_name FROM task_logs s \
        WHERE s.task_id = $1 AND s.stage = $2 AND s.queue_id = $3 AND s.at >= $4 AND s.action = 'start' AND s.pid IS NOT NULL \
        AND NOT EXISTS (SELECT 1 FROM task_logs e WHERE e.task_id = $1 AND e.stage = $2 AND e.queue_id = $3 \
          AND e.pid = s.pid AND e.id > s.id) ORDER BY s.id";
    run_query!(reader, c => sqlx::query_as(SELECT)
        .bind(job.task_id)
        .bind(job.stage)
        .bind(job.id)
        .bind(job.started_at)
        .fetch_all(c))
}

/// Removes at most `limit` lines that are older than `moment`; returns their number.
pub async fn delete_before(tx: &mut Tx, moment: Timestamp, limit: i64) -> Result<u64, DatabaseError> {
    const DELETE: &str =
        "DELETE FROM task_logs WHERE id IN (SELECT id FROM task_logs WHERE at < $1 ORDER BY id LIMIT $2)";
    run_query!(tx, c => sqlx::query(DELETE).bind(moment).bind(limit).execute(c))
}
