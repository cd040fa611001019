//! Tasks: what is to be done. Their jobs are rows of the queue ([`super::task_queue`]).

use serde_json::Value;
use sqlx::types::Json;

use super::{Backend, DatabaseError, Reader, Tx, run_query};
use crate::domain::{PageRequest, ProductId, TaskId, TaskStatus, TaskType, Timestamp};

#[derive(Debug, Clone, sqlx::FromRow)]
pub struct TaskRow {
    pub id: TaskId,
    #[sqlx(rename = "type")]
    pub kind: TaskType,
    pub title: String,
    #[sqlx(json)]
    pub settings: Value,
    pub status: TaskStatus,
    /// Why an item failed last.
    pub last_error: Option<String>,
    /// Completed items whose rows have been removed from the queue.
    pub cleared_items: i64,
    /// [`crate::domain::Actor::label`].
    pub created_by: String,
    pub created_at: Timestamp,
    pub finished_at: Option<Timestamp>,
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, type, title, settings, status, last_error, cleared_items, created_by, created_at, finished_at \
             FROM tasks ",
            $rest
        )
    };
}

/// Returns whether it was inserted: false if a task with this id exists.
pub async fn insert(tx: &mut Tx, row: &TaskRow) -> Result<bool, DatabaseError> {
    const INSERT: &str = "INSERT INTO tasks (id, type, title, settings, status, last_error, cleared_items, created_by, \
        created_at, finished_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (id) DO NOTHING";
    let inserted = run_query!(tx, c => sqlx::query(INSERT)
        .bind(row.id)
        .bind(row.kind)
        .bind(&row.title)
        .bind(Json(&row.settings))
        .bind(row.status)
        .bind(&row.last_error)
        .bind(row.cleared_items)
        .bind(&row.created_by)
        .bind(row.created_at)
        .bind(row.finished_at)
        .execute(c))?;
    Ok(inserted == 1)
}

pub async fn find(reader: &mut Reader, id: TaskId) -> Result<Option<TaskRow>, DatabaseError> {
    const SELECT: &str = select!("WHERE id = $1");
    run_query!(reader, c => sqlx::query_as(SELECT).bind(id).fetch_optional(c))
}

/// `None` does not filter.
#[derive(Debug, Clone, Copy, Default)]
pub struct TaskFilter {
    pub kind: Option<TaskType>,
    pub status: Option<TaskStatus>,
}

/// Newest first.
pub async fn list(reader: &mut Reader, filter: TaskFilter, page: PageRequest) -> Result<Vec<TaskRow>, DatabaseError> {
    const SELECT: &str = select!(
        "WHERE ($1 IS NULL OR type = $1) AND ($2 IS NULL OR status = $2) AND ($3 IS NULL OR id < $3) \
         ORDER BY id DESC LIMIT $4"
    );
    run_query!(reader, c => sqlx::query_as(SELECT)
        .bind(filter.kind)
        .bind(filter.status)
        .bind(page.before)
        .bind(page.fetch_limit())
        .fetch_all(c))
}

/// The status of a task, which stays locked until the transaction ends: one transaction at a time ends jobs of the task, adds
/// some, or stops it. `None` if no such task exists.
pub async fn lock(tx: &mut Tx, id: TaskId) -> Result<Option<TaskStatus>, DatabaseError> {
    // On SQLite a transaction is the only writer anyway. Rows that refer to the task can be inserted meanwhile.
    const SQLITE: &str = "SELECT status FROM tasks WHERE id = $1";
    const POSTGRES: &str = "SELECT status FROM tasks WHERE id = $1 FOR NO KEY UPDATE";
    let query = match tx.backend() {
        Backend::Sqlite => SQLITE,
        Backend::Postgres => POSTGRES,
    };
    let found: Option<(TaskStatus,)> = run_query!(tx, c => sqlx::query_as(query).bind(id).fetch_optional(c))?;
    Ok(found.map(|(status,)| status))
}

/// Sets the status; `finished_at` of one that is over.
pub async fn set_status(
    tx: &mut Tx,
    id: TaskId,
    status: TaskStatus,
    finished_at: Option<Timestamp>,
) -> Result<(), DatabaseError> {
    const UPDATE: &str = "UPDATE tasks SET status = $2, finished_at = $3 WHERE id = $1";
    run_query!(tx, c => sqlx::query(UPDATE).bind(id).bind(status).bind(finished_at).execute(c)).map(|_rows: u64| ())
}

/// A waiting task becomes one that is processed.
pub async fn set_processing(tx: &mut Tx, id: TaskId) -> Result<(), DatabaseError> {
    const UPDATE: &str = "UPDATE tasks SET status = 'processing' WHERE id = $1 AND status = 'waiting'";
    run_query!(tx, c => sqlx::query(UPDATE).bind(id).execute(c)).map(|_rows: u64| ())
}

pub async fn set_last_error(tx: &mut Tx, id: TaskId, error: &str) -> Result<(), DatabaseError> {
    const UPDATE: &str = "UPDATE tasks SET last_error = $2 WHERE id = $1";
    run_query!(tx, c => sqlx::query(UPDATE).bind(id).bind(error).execute(c)).map(|_rows: u64| ())
}

/// Deletes the task with everything that refers to it. Its products stay.
pub async fn delete(tx: &mut Tx, id: TaskId) -> Result<bool, DatabaseError> {
    const DELETE_PARTS: [&str; 4] = [
        "DELETE FROM task_products WHERE task_id = $1",
        "DELETE FROM task_schedules WHERE task_id = $1",
        "DELETE FROM task_queue WHERE task_id = $1",
        "DELETE FROM task_logs WHERE task_id = $1",
    ];
    const DELETE: &str = "DELETE FROM tasks WHERE id = $1";
    for delete_part in DELETE_PARTS {
        let _rows: u64 = run_query!(tx, c => sqlx::query(delete_part).bind(id).execute(c))?;
    }
    Ok(run_query!(tx, c => sqlx::query(DELETE).bind(id).execute(c))? == 1)
}

/// Remembers that the task made a product, by its name in what was imported. One that is known already stays.
pub async fn insert_product(tx: &mut Tx, task: TaskId, name: &str, product: ProductId) -> Result<(), DatabaseError> {
    const INSERT: &str =
        "INSERT INTO task_products (task_id, name, product_id) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
    run_query!(tx, c => sqlx::query(INSERT).bind(task).bind(name).bind(product).execute(c)).map(|_rows: u64| ())
}

pub async fn find_product(reader: &mut Reader, task: TaskId, name: &str) -> Result<Option<ProductId>, DatabaseError> {
    const SELECT: &str = "SELECT product_id FROM task_products WHERE task_id = $1 AND name = $2";
    let found: Option<(ProductId,)> =
        run_query!(reader, c => sqlx::query_as(SELECT).bind(task).bind(name).fetch_optional(c))?;
    Ok(found.map(|(id,)| id))
}
