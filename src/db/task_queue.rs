//! The queue: one row for each stage of each item of a task, called a job.
//!
//! Taking a job is one statement. A job belongs to the server in `locked_by` until `locked_until`, which the server keeps
//! moving on while it works. A worker names the job as it took it ([`TakenJob`]) for every later change: if the job was taken
//! away meanwhile, nothing changes. Whoever ends or adds jobs of a task holds the task's row ([`super::tasks::lock`]), so that a
//! job never ends while its task is stopped. Taking, renewing and giving back do not.
//!
//! Jobs of the stage `run` come first: they are single, and a check or a back-up must not wait for a long import.

use serde_json::Value;
use sqlx::types::Json;
use uuid::Uuid;

use super::leases::Lease;
use super::{Backend, DatabaseError, Reader, Tx, change_listener, run_query};
use crate::domain::{JobId, JobStatus, Stage, TaskId, TaskType, Timestamp};

#[derive(Debug, Clone, sqlx::FromRow)]
pub struct JobRow {
    pub id: JobId,
    pub task_id: TaskId,
    #[sqlx(rename = "type")]
    pub kind: TaskType,
    /// What it is about within its task; empty for the task as a whole.
    pub item: String,
    /// Items with a lower one come first.
    pub position: i64,
    pub stage: Stage,
    pub status: JobStatus,
    /// Whether it is the newest row of its item.
    pub is_current: bool,
    /// What the stage before found out.
    #[sqlx(json)]
    pub data: Value,
    pub attempts: i64,
    pub failures: i64,
    pub due_at: Timestamp,
    pub error: Option<String>,
    pub created_at: Timestamp,
    pub started_at: Option<Timestamp>,
    pub finished_at: Option<Timestamp>,
}

macro_rules! columns {
    () => {
        "id, task_id, type, item, position, stage, status, is_current, data, attempts, failures, due_at, error, created_at, \
         started_at, finished_at"
    };
}
pub(super) use columns;

/// A job as a worker took it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TakenJob {
    pub id: JobId,
    pub holder: Uuid,
    /// With this one.
    pub attempts: i64,
}

/// Adds a waiting job. Returns false, and adds nothing, if the item has a current one.
pub async fn insert(tx: &mut Tx, row: &JobRow) -> Result<bool, DatabaseError> {
    const INSERT: &str = concat!(
        "INSERT INTO task_queue (",
        columns!(),
        ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16) ON CONFLICT DO NOTHING"
    );
    let inserted = run_query!(tx, c => sqlx::query(INSERT)
        .bind(row.id)
        .bind(row.task_id)
        .bind(row.kind)
        .bind(&row.item)
        .bind(row.position)
        .bind(row.stage)
        .bind(row.status)
        .bind(row.is_current)
        .bind(Json(&row.data))
        .bind(row.attempts)
        .bind(row.failures)
        .bind(row.due_at)
        .bind(&row.error)
        .bind(row.created_at)
        .bind(row.started_at)
        .bind(row.finished_at)
        .execute(c))?;
    Ok(inserted == 1)
}

/// Makes the newest row of an item history, so that the item can begin anew; false if it is still open, or was queued at
/// `run_began` or later.
pub async fn supersede(tx: &mut Tx, task: TaskId, item: &str, run_began: Timestamp) -> Result<bool, DatabaseError> {
    const UPDATE: &str = "UPDATE task_queue SET is_current = FALSE \
        WHERE task_id = $1 AND item = $2 AND is_current AND status IN ('completed', 'failed') AND created_at < $3";
    Ok(run_query!(tx, c => sqlx::query(UPDATE).bind(task).bind(item).bind(run_began).execute(c))? == 1)
}

/// Wakes the workers of all servers when the transaction commits.
pub async fn notify_workers(tx: &mut Tx) -> Result<(), DatabaseError> {
    change_listener::notify(tx, change_listener::Channel::Tasks).await
}

macro_rules! select_due {
    ($condition:literal, $lock:literal) => {
        concat!(
            "(SELECT q.id FROM task_queue q WHERE q.status = 'waiting' AND ",
            $condition,
            " AND q.due_at <= $3 AND NOT EXISTS (SELECT 1 FROM task_pauses p \
              WHERE (p.kind = 'stage' AND p.name = q.stage) OR (p.kind = 'type' AND p.name = q.type)) \
              ORDER BY q.due_at, q.position, q.id LIMIT 1",
            $lock,
            ")"
        )
    };
}

macro_rules! take {
    ($lock:literal) => {
        concat!(
            "UPDATE task_queue SET status = 'processing', locked_by = $1, locked_until = $2, \
             started_at = CASE WHEN created_at > $3 THEN created_at ELSE $3 END, \
             attempts = attempts + 1 WHERE status = 'waiting' AND id = COALESCE(",
            select_due!("q.stage = 'run'", $lock),
            ", ",
            select_due!("q.stage <> 'run'", $lock),
            ") RETURNING ",
            columns!()
        )
    };
}

/// Takes the job that is due next, if there is one. It does not start before it was queued, whatever this server's clock says:
/// the end of the stage before has that time.
pub async fn take(tx: &mut Tx, lease: Lease) -> Result<Option<JobRow>, DatabaseError> {
    // On SQLite a transaction is the only writer anyway.
    const SQLITE: &str = take!("");
    const POSTGRES: &str = take!(" FOR UPDATE OF q SKIP LOCKED");
    let query = match tx.backend() {
        Backend::Sqlite => SQLITE,
        Backend::Postgres => POSTGRES,
    };
    run_query!(tx, c => sqlx::query_as(query)
        .bind(lease.holder)
        .bind(lease.until)
        .bind(lease.now)
        .fetch_optional(c))
}

/// Keeps a job until `lease.until`; false if it was taken away or stopped.
pub async fn renew(tx: &mut Tx, job: TakenJob, lease: Lease) -> Result<bool, DatabaseError> {
    const UPDATE: &str = "UPDATE task_queue SET locked_until = $4 \
        WHERE id = $1 AND locked_by = $2 AND attempts = $3 AND status = 'processing'";
    let renewed = run_query!(tx, c => sqlx::query(UPDATE)
        .bind(job.id)
        .bind(job.holder)
        .bind(job.attempts)
        .bind(lease.until)
        .execute(c))?;
    Ok(renewed == 1)
}

/// How a job ended.
#[derive(Debug, Clone)]
pub struct JobEnd<'a> {
    /// [`JobStatus::Waiting`]: it is tried again.
    pub status: JobStatus,
    /// Whether no later stage follows.
    pub is_current: bool,
    pub failures: i64,
    /// When it is tried again.
    pub due_at: Timestamp,
    pub error: Option<&'a str>,
    pub now: Timestamp,
}

/// Ends the work on a job; false if it was taken away or stopped.
pub async fn end(tx: &mut Tx, job: TakenJob, end: &JobEnd<'_>) -> Result<bool, DatabaseError> {
    const UPDATE: &str = "UPDATE task_queue SET status = $4, is_current = $5, failures = $6, due_at = $7, error = $8, \
        finished_at = $9, locked_by = NULL, locked_until = NULL \
        WHERE id = $1 AND locked_by = $2 AND attempts = $3 AND status = 'processing'";
    let finished_at = (end.status != JobStatus::Waiting).then_some(end.now);
    let ended = run_query!(tx, c => sqlx::query(UPDATE)
        .bind(job.id)
        .bind(job.holder)
        .bind(job.attempts)
        .bind(end.status)
        .bind(end.is_current)
        .bind(end.failures)
        .bind(end.due_at)
        .bind(end.error)
        .bind(finished_at)
        .execute(c))?;
    Ok(ended == 1)
}

/// A job whose lease has expired.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct ExpiredJob {
    #[sqlx(flatten)]
    pub job: JobRow,
    pub locked_by: Uuid,
}

/// The jobs whose leases have expired, oldest lease first.
pub async fn list_expired(reader: &mut Reader, lease: Lease, limit: i64) -> Result<Vec<ExpiredJob>, DatabaseError> {
    const SELECT: &str = concat!(
        "SELECT locked_by, ",
        columns!(),
        " FROM task_queue WHERE status = 'processing' AND (locked_until < $1 OR locked_until > $2) \
         ORDER BY locked_until LIMIT $3"
    );
    run_query!(reader, c => sqlx::query_as(SELECT)
        .bind(lease.now)
        .bind(lease.furthest)
        .bind(limit)
        .fetch_all(c))
}

/// Gives back all jobs of `holder`, which stops: they wait again, and that is no failure.
pub async fn release(tx: &mut Tx, holder: Uuid) -> Result<u64, DatabaseError> {
    const UPDATE: &str = "UPDATE task_queue SET status = 'waiting', locked_by = NULL, locked_until = NULL \
        WHERE locked_by = $1 AND status = 'processing'";
    run_query!(tx, c => sqlx::query(UPDATE).bind(holder).execute(c))
}
