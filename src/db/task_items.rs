//! The items of a task as people see and change them: listed, counted, retried, discarded, stopped, cleared away.

use super::task_queue::{JobRow, columns};
use super::{DatabaseError, Reader, Tx, run_query};
use crate::domain::{JobId, JobStatus, PageRequest, PauseKind, Stage, TaskId, Timestamp};

/// `None` does not filter.
#[derive(Debug, Clone, Copy, Default)]
pub struct JobFilter {
    pub task: Option<TaskId>,
    pub stage: Option<Stage>,
    pub status: Option<JobStatus>,
    /// Only the newest row of each item.
    pub only_current: bool,
}

/// Newest first.
pub async fn list(reader: &mut Reader, filter: JobFilter, page: PageRequest) -> Result<Vec<JobRow>, DatabaseError> {
    const SELECT: &str = concat!(
        "SELECT ",
        columns!(),
        " FROM task_queue WHERE ($1 IS NULL OR task_id = $1) AND ($2 IS NULL OR stage = $2) \
         AND ($3 IS NULL OR status = $3) AND ($4 IS NULL OR id < $4) AND (is_current OR NOT $5) ORDER BY id DESC LIMIT $6"
    );
    run_query!(reader, c => sqlx::query_as(SELECT)
        .bind(filter.task)
        .bind(filter.stage)
        .bind(filter.status)
        .bind(page.before)
        .bind(filter.only_current)
        .bind(page.fetch_limit())
        .fetch_all(c))
}

pub async fn find(reader: &mut Reader, id: JobId) -> Result<Option<JobRow>, DatabaseError> {
    const SELECT: &str = concat!("SELECT ", columns!(), " FROM task_queue WHERE id = $1");
    run_query!(reader, c => sqlx::query_as(SELECT).bind(id).fetch_optional(c))
}

/// The number of a task's items in each status.
pub async fn count(reader: &mut Reader, task: TaskId) -> Result<Vec<(JobStatus, i64)>, DatabaseError> {
    const SELECT: &str = "SELECT status, COUNT(*) FROM task_queue WHERE task_id = $1 AND is_current GROUP BY status";
    run_query!(reader, c => sqlx::query_as(SELECT).bind(task).fetch_all(c))
}

/// Whether an item of the task waits or is worked on.
pub async fn has_open(reader: &mut Reader, task: TaskId) -> Result<bool, DatabaseError> {
    const SELECT: &str = "SELECT id FROM task_queue WHERE task_id = $1 AND status IN ('waiting', 'processing') LIMIT 1";
    let found: Option<(JobId,)> = run_query!(reader, c => sqlx::query_as(SELECT).bind(task).fetch_optional(c))?;
    Ok(found.is_some())
}

/// Makes failed items wait again, with all their attempts: all of the task, or the one whose newest row is `job`.
pub async fn retry(tx: &mut Tx, task: TaskId, job: Option<JobId>, now: Timestamp) -> Result<u64, DatabaseError> {
    const UPDATE: &str = "UPDATE task_queue SET status = 'waiting', failures = 0, due_at = $3, finished_at = NULL \
        WHERE task_id = $1 AND status = 'failed' AND is_current AND ($2 IS NULL OR id = $2)";
    run_query!(tx, c => sqlx::query(UPDATE).bind(task).bind(job).bind(now).execute(c))
}

/// Removes failed items: all of the task, or the one whose newest row is `job`.
pub async fn discard(tx: &mut Tx, task: TaskId, job: Option<JobId>) -> Result<u64, DatabaseError> {
    const DELETE: &str = "DELETE FROM task_queue WHERE task_id = $1 AND status = 'failed' AND is_current \
        AND ($2 IS NULL OR id = $2)";
    run_query!(tx, c => sqlx::query(DELETE).bind(task).bind(job).execute(c))
}

/// Removes the waiting jobs of a task; returns their number.
pub async fn delete_waiting(tx: &mut Tx, task: TaskId) -> Result<u64, DatabaseError> {
    const DELETE: &str = "DELETE FROM task_queue WHERE task_id = $1 AND status = 'waiting'";
    run_query!(tx, c => sqlx::query(DELETE).bind(task).execute(c))
}

/// Ends the jobs of a task that are worked on as failed; returns them. Their workers learn of it when they renew their leases.
pub async fn fail_processing(
    tx: &mut Tx,
    task: TaskId,
    reason: &str,
    now: Timestamp,
) -> Result<Vec<JobRow>, DatabaseError> {
    const UPDATE: &str = concat!(
        "UPDATE task_queue SET status = 'failed', error = $2, finished_at = $3, locked_by = NULL, locked_until = NULL \
         WHERE task_id = $1 AND status = 'processing' RETURNING ",
        columns!()
    );
    run_query!(tx, c => sqlx::query_as(UPDATE).bind(task).bind(reason).bind(now).fetch_all(c))
}

/// The moment before which the oldest `count` completed rows ended, or more that ended at once with the last of them; `None` if
/// there are fewer.
pub async fn find_end_of_oldest(reader: &mut Reader, count: i64) -> Result<Option<Timestamp>, DatabaseError> {
    const SELECT: &str = "SELECT finished_at FROM task_queue WHERE status = 'completed' AND finished_at IS NOT NULL \
        ORDER BY finished_at LIMIT 1 OFFSET $1";
    let found: Option<(Timestamp,)> =
        run_query!(reader, c => sqlx::query_as(SELECT).bind(count - 1).fetch_optional(c))?;
    Ok(found.map(|(last,)| Timestamp::from_micros(last.micros() + 1)))
}

/// Adds the number of completed items whose rows are older than `moment` to their tasks; call it before [`delete_history`].
pub async fn count_cleared(tx: &mut Tx, moment: Timestamp) -> Result<(), DatabaseError> {
    const UPDATE: &str = "UPDATE tasks SET cleared_items = cleared_items + (SELECT COUNT(*) FROM task_queue q \
          WHERE q.task_id = tasks.id AND q.is_current AND q.status = 'completed' AND q.finished_at < $1) \
        WHERE id IN (SELECT q.task_id FROM task_queue q WHERE q.status = 'completed' AND q.finished_at < $1)";
    run_query!(tx, c => sqlx::query(UPDATE).bind(moment).execute(c)).map(|_rows: u64| ())
}

/// Removes the rows that were completed before `moment`, and those of failures that a later run replaced; returns their number.
pub async fn delete_history(tx: &mut Tx, moment: Timestamp) -> Result<u64, DatabaseError> {
    // Two statements, so that each reads an index of its status.
    const DELETE_COMPLETED: &str = "DELETE FROM task_queue WHERE status = 'completed' AND finished_at < $1";
    const DELETE_FAILED: &str =
        "DELETE FROM task_queue WHERE status = 'failed' AND NOT is_current AND finished_at < $1";
    let completed = run_query!(tx, c => sqlx::query(DELETE_COMPLETED).bind(moment).execute(c))?;
    let failed = run_query!(tx, c => sqlx::query(DELETE_FAILED).bind(moment).execute(c))?;
    Ok(completed + failed)
}

/// A stage or a type whose jobs are not taken.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct PauseRow {
    pub kind: PauseKind,
    pub name: String,
    /// [`crate::domain::Actor::label`].
    pub paused_by: String,
    pub paused_at: Timestamp,
}

pub async fn list_pauses(reader: &mut Reader) -> Result<Vec<PauseRow>, DatabaseError> {
    const SELECT: &str = "SELECT kind, name, paused_by, paused_at FROM task_pauses ORDER BY kind, name";
    run_query!(reader, c => sqlx::query_as(SELECT).fetch_all(c))
}

/// A pause that exists already stays as it is.
pub async fn insert_pause(tx: &mut Tx, row: &PauseRow) -> Result<(), DatabaseError> {
    const INSERT: &str = "INSERT INTO task_pauses (kind, name, paused_by, paused_at) VALUES ($1, $2, $3, $4) \
        ON CONFLICT DO NOTHING";
    run_query!(tx, c => sqlx::query(INSERT)
        .bind(row.kind)
        .bind(&row.name)
        .bind(&row.paused_by)
        .bind(row.paused_at)
        .execute(c))
    .map(|_rows: u64| ())
}

/// False if nothing of this name was paused.
pub async fn delete_pause(tx: &mut Tx, kind: PauseKind, name: &str) -> Result<bool, DatabaseError> {
    const DELETE: &str = "DELETE FROM task_pauses WHERE kind = $1 AND name = $2";
    Ok(run_query!(tx, c => sqlx::query(DELETE).bind(kind).bind(name).execute(c))? == 1)
}

/// When the job was due that has been due longest, of those that are not paused.
pub async fn find_longest_due(reader: &mut Reader, now: Timestamp) -> Result<Option<Timestamp>, DatabaseError> {
    const SELECT: &str = "SELECT q.due_at FROM task_queue q WHERE q.status = 'waiting' AND q.due_at <= $1 \
        AND NOT EXISTS (SELECT 1 FROM task_pauses p \
          WHERE (p.kind = 'stage' AND p.name = q.stage) OR (p.kind = 'type' AND p.name = q.type)) \
        ORDER BY q.due_at LIMIT 1";
    let found: Option<(Timestamp,)> = run_query!(reader, c => sqlx::query_as(SELECT).bind(now).fetch_optional(c))?;
    Ok(found.map(|(due_at,)| due_at))
}

/// Whether a job is being worked on, or was completed since `moment`.
pub async fn has_worked_since(reader: &mut Reader, moment: Timestamp) -> Result<bool, DatabaseError> {
    const SELECT: &str = "SELECT COUNT(*) FROM (\
        SELECT 1 AS found FROM (SELECT id FROM task_queue WHERE status = 'processing' LIMIT 1) a UNION ALL \
        SELECT 1 FROM (SELECT id FROM task_queue WHERE status = 'completed' AND finished_at >= $1 LIMIT 1) b) w";
    let count: i64 = run_query!(reader, c => sqlx::query_as::<_, (i64,)>(SELECT).bind(moment).fetch_one(c))?;
    Ok(count > 0)
}

/// Open jobs of a stage.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct QueueDepth {
    pub stage: Stage,
    pub status: JobStatus,
    pub jobs: i64,
    pub earliest_due_at: Timestamp,
}

/// The depth of the queue by stage and status.
pub async fn measure_depth(reader: &mut Reader) -> Result<Vec<QueueDepth>, DatabaseError> {
    // Two parts, so that each reads an index of its status alone.
    const SELECT: &str = "SELECT stage, status, COUNT(*) AS jobs, MIN(due_at) AS earliest_due_at FROM task_queue \
        WHERE status = 'waiting' GROUP BY stage, status UNION ALL \
        SELECT stage, status, COUNT(*), MIN(due_at) FROM task_queue WHERE status = 'processing' GROUP BY stage, status";
    run_query!(reader, c => sqlx::query_as(SELECT).fetch_all(c))
}
