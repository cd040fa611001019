//! Schedules: when a task runs.

use serde_json::Value;
use sqlx::types::Json;

use super::{DatabaseError, Reader, Tx, run_query};
use crate::domain::{MissedRuns, PageRequest, ScheduleId, ScheduleKind, TaskId, TimeZone, Timestamp};

#[derive(Debug, Clone, sqlx::FromRow)]
pub struct ScheduleRow {
    pub id: ScheduleId,
    pub task_id: TaskId,
    pub kind: ScheduleKind,
    /// Time, days, or expression, as the kind wants them.
    #[sqlx(json)]
    pub rule: Value,
    pub time_zone: TimeZone,
    pub missed: MissedRuns,
    pub enabled: bool,
    /// The planned moment of the next run.
    pub next_at: Option<Timestamp>,
    /// The planned moment of the last run that was queued.
    pub last_planned_at: Option<Timestamp>,
    /// [`crate::domain::Actor::label`].
    pub created_by: String,
    pub created_at: Timestamp,
}

macro_rules! columns {
    () => {
        "id, task_id, kind, rule, time_zone, missed, enabled, next_at, last_planned_at, created_by, created_at"
    };
}

/// A schedule with this id that exists already stays as it is.
pub async fn insert(tx: &mut Tx, row: &ScheduleRow) -> Result<(), DatabaseError> {
    const INSERT: &str = concat!(
        "INSERT INTO task_schedules (",
        columns!(),
        ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT DO NOTHING"
    );
    run_query!(tx, c => sqlx::query(INSERT)
        .bind(row.id)
        .bind(row.task_id)
        .bind(row.kind)
        .bind(Json(&row.rule))
        .bind(row.time_zone.name())
        .bind(row.missed)
        .bind(row.enabled)
        .bind(row.next_at)
        .bind(row.last_planned_at)
        .bind(&row.created_by)
        .bind(row.created_at)
        .execute(c))
    .map(|_rows: u64| ())
}

pub async fn find(reader: &mut Reader, id: ScheduleId) -> Result<Option<ScheduleRow>, DatabaseError> {
    const SELECT: &str = concat!("SELECT ", columns!(), " FROM task_schedules WHERE id = $1");
    run_query!(reader, c => sqlx::query_as(SELECT).bind(id).fetch_optional(c))
}

/// Newest first; `None` lists those of all tasks.
pub async fn list(
    reader: &mut Reader,
    task: Option<TaskId>,
    page: PageRequest,
) -> Result<Vec<ScheduleRow>, DatabaseError> {
    const SELECT: &str = concat!(
        "SELECT ",
        columns!(),
        " FROM task_schedules WHERE ($1 IS NULL OR task_id = $1) AND ($2 IS NULL OR id < $2) ORDER BY id DESC LIMIT $3"
    );
    run_query!(reader, c => sqlx::query_as(SELECT)
        .bind(task)
        .bind(page.before)
        .bind(page.fetch_limit())
        .fetch_all(c))
}

/// The schedules that are due, the longest due first.
pub async fn list_due(reader: &mut Reader, now: Timestamp, limit: i64) -> Result<Vec<ScheduleRow>, DatabaseError> {
    const SELECT: &str = concat!(
        "SELECT ",
        columns!(),
        " FROM task_schedules WHERE enabled AND next_at <= $1 ORDER BY next_at, id LIMIT $2"
    );
    run_query!(reader, c => sqlx::query_as(SELECT).bind(now).bind(limit).fetch_all(c))
}

/// Moves the next run from `planned_at` on; false if another server has, or the schedule was changed or switched off.
pub async fn advance(
    tx: &mut Tx,
    id: ScheduleId,
    planned_at: Timestamp,
    next_at: Option<Timestamp>,
    queued: Option<Timestamp>,
) -> Result<bool, DatabaseError> {
    const UPDATE: &str = "UPDATE task_schedules SET next_at = $3, last_planned_at = COALESCE($4, last_planned_at) \
        WHERE id = $1 AND enabled AND next_at = $2";
    let advanced = run_query!(tx, c => sqlx::query(UPDATE)
        .bind(id)
        .bind(planned_at)
        .bind(next_at)
        .bind(queued)
        .execute(c))?;
    Ok(advanced == 1)
}

/// Switches a schedule on, to run next at `next_at`, or off.
pub async fn set_enabled(
    tx: &mut Tx,
    id: ScheduleId,
    enabled: bool,
    next_at: Option<Timestamp>,
) -> Result<bool, DatabaseError> {
    const UPDATE: &str = "UPDATE task_schedules SET enabled = $2, next_at = $3 WHERE id = $1";
    Ok(run_query!(tx, c => sqlx::query(UPDATE).bind(id).bind(enabled).bind(next_at).execute(c))? == 1)
}

/// Changes when a schedule runs next and from then on.
pub async fn change(tx: &mut Tx, row: &ScheduleRow) -> Result<bool, DatabaseError> {
    const UPDATE: &str = "UPDATE task_schedules SET kind = $2, rule = $3, time_zone = $4, missed = $5, enabled = $6, \
        next_at = $7 WHERE id = $1";
    let changed = run_query!(tx, c => sqlx::query(UPDATE)
        .bind(row.id)
        .bind(row.kind)
        .bind(Json(&row.rule))
        .bind(row.time_zone.name())
        .bind(row.missed)
        .bind(row.enabled)
        .bind(row.next_at)
        .execute(c))?;
    Ok(changed == 1)
}

/// Switches all schedules of a task off; returns the number of those that were on.
pub async fn disable_all(tx: &mut Tx, task: TaskId) -> Result<u64, DatabaseError> {
    const UPDATE: &str = "UPDATE task_schedules SET enabled = FALSE, next_at = NULL WHERE task_id = $1 AND enabled";
    run_query!(tx, c => sqlx::query(UPDATE).bind(task).execute(c))
}

pub async fn delete(tx: &mut Tx, id: ScheduleId) -> Result<bool, DatabaseError> {
    const DELETE: &str = "DELETE FROM task_schedules WHERE id = $1";
    Ok(run_query!(tx, c => sqlx::query(DELETE).bind(id).execute(c))? == 1)
}

/// The planned moment of the next run of a task.
pub async fn find_next_of_task(reader: &mut Reader, task: TaskId) -> Result<Option<Timestamp>, DatabaseError> {
    const SELECT: &str = "SELECT next_at FROM task_schedules WHERE task_id = $1 AND enabled AND next_at IS NOT NULL \
        ORDER BY next_at LIMIT 1";
    let found: Option<(Timestamp,)> = run_query!(reader, c => sqlx::query_as(SELECT).bind(task).fetch_optional(c))?;
    Ok(found.map(|(next_at,)| next_at))
}

/// The planned moment of the longest overdue run.
pub async fn find_earliest_due(reader: &mut Reader) -> Result<Option<Timestamp>, DatabaseError> {
    const SELECT: &str =
        "SELECT next_at FROM task_schedules WHERE enabled AND next_at IS NOT NULL ORDER BY next_at LIMIT 1";
    let found: Option<(Timestamp,)> = run_query!(reader, c => sqlx::query_as(SELECT).fetch_optional(c))?;
    Ok(found.map(|(next_at,)| next_at))
}
