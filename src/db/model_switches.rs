//! Switches of the embedding model: the open one and those that were activated or cancelled.
//!
//! At most one is open. Activating it takes the catalog's lock ([`super::catalog_changes::lock`]), so that no photo is
//! enrolled between the last count of missing embeddings and the activation.

use serde_json::Value;
use sqlx::types::Json;
use uuid::Uuid;

use super::{DatabaseError, Reader, Tx, change_listener, run_query};
use crate::domain::{SwitchId, SwitchState, Timestamp};

#[derive(Debug, Clone, sqlx::FromRow)]
pub struct SwitchRow {
    pub id: SwitchId,
    /// Key of the model that was active at the beginning.
    pub from_model: String,
    pub from_manifest: String,
    pub to_model: String,
    /// File name in the folder of models.
    pub to_manifest: String,
    pub state: SwitchState,
    /// Whether it is activated as soon as it is ready.
    pub at_once: bool,
    /// Whether it is activated even if the new model is worse in the comparison.
    pub even_if_worse: bool,
    /// Photos on sale at the last count.
    pub photos: i64,
    /// Those of them without an embedding of the new model.
    pub missing: i64,
    /// The first photos that cannot be embedded, and why.
    #[sqlx(json)]
    pub problems: Value,
    pub problem_count: i64,
    /// Why the switch cannot proceed, unless photos are the reason.
    pub obstacle: Option<String>,
    /// How both models rank enrolled photos.
    #[sqlx(json(nullable))]
    pub comparison: Option<Value>,
    /// 1, 2, 3 … over the switches that were activated.
    pub generation: Option<i64>,
    pub created_at: Timestamp,
    pub changed_at: Timestamp,
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, from_model, from_manifest, to_model, to_manifest, state, at_once, even_if_worse, photos, missing, \
             problems, problem_count, obstacle, comparison, generation, created_at, changed_at FROM model_switches ",
            $rest
        )
    };
}

/// Fails with `model_switches_open` taken if another switch is open.
pub async fn insert(tx: &mut Tx, row: &SwitchRow) -> Result<(), DatabaseError> {
    const INSERT: &str = "INSERT INTO model_switches (id, from_model, from_manifest, to_model, to_manifest, state, open, \
        at_once, photos, missing, problems, comparison, generation, worker, worker_until, created_at, changed_at, \
        even_if_worse) VALUES ($1, $2, $3, $4, $5, $6, TRUE, $7, $8, $9, $10, NULL, NULL, NULL, 0, $11, $11, $12)";
    run_query!(tx, c => sqlx::query(INSERT)
        .bind(row.id)
        .bind(&row.from_model)
        .bind(&row.from_manifest)
        .bind(&row.to_model)
        .bind(&row.to_manifest)
        .bind(row.state)
        .bind(row.at_once)
        .bind(row.photos)
        .bind(row.missing)
        .bind(Json(&row.problems))
        .bind(row.created_at)
        .bind(row.even_if_worse)
        .execute(c))?;
    change_listener::notify_listeners(tx).await
}

pub async fn find_open(reader: &mut Reader) -> Result<Option<SwitchRow>, DatabaseError> {
    const SELECT: &str = select!("WHERE open");
    run_query!(reader, c => sqlx::query_as(SELECT).fetch_optional(c))
}

/// The last switch that was activated: it names the active model.
pub async fn find_active(reader: &mut Reader) -> Result<Option<SwitchRow>, DatabaseError> {
    const SELECT: &str = select!("WHERE generation IS NOT NULL ORDER BY generation DESC LIMIT 1");
    run_query!(reader, c => sqlx::query_as(SELECT).fetch_optional(c))
}

/// Newest first.
pub async fn list_newest(reader: &mut Reader, limit: i64) -> Result<Vec<SwitchRow>, DatabaseError> {
    const SELECT: &str = select!("ORDER BY id DESC LIMIT $1");
    run_query!(reader, c => sqlx::query_as(SELECT).bind(limit).fetch_all(c))
}

/// Leases the open switch `id` to `worker` until `until`; false if another server holds it, or it is closed. A lease that ends
/// after `furthest` was taken by a clock that has been set back since, and holds nothing.
pub async fn claim(
    tx: &mut Tx,
    id: SwitchId,
    worker: Uuid,
    now: Timestamp,
    until: Timestamp,
    furthest: Timestamp,
) -> Result<bool, DatabaseError> {
    const UPDATE: &str = "UPDATE model_switches SET worker = $2, worker_until = $4 WHERE id = $1 AND open \
        AND (worker IS NULL OR worker = $2 OR worker_until < $3 OR worker_until > $5)";
    Ok(run_query!(tx, c => sqlx::query(UPDATE)
        .bind(id)
        .bind(worker)
        .bind(now)
        .bind(until)
        .bind(furthest)
        .execute(c))?
        == 1)
}

/// Extends `worker`'s lease of the open switch `id` to `until`; false if it has lost it.
pub async fn renew(tx: &mut Tx, id: SwitchId, worker: Uuid, until: Timestamp) -> Result<bool, DatabaseError> {
    const UPDATE: &str = "UPDATE model_switches SET worker_until = $3 WHERE id = $1 AND open AND worker = $2";
    Ok(run_query!(tx, c => sqlx::query(UPDATE).bind(id).bind(worker).bind(until).execute(c))? == 1)
}

/// Ends `worker`'s lease, so that another server need not wait.
pub async fn release(tx: &mut Tx, worker: Uuid) -> Result<(), DatabaseError> {
    const UPDATE: &str = "UPDATE model_switches SET worker = NULL WHERE open AND worker = $1";
    run_query!(tx, c => sqlx::query(UPDATE).bind(worker).execute(c)).map(|_rows: u64| ())
}

/// Stores what `worker` counted; false if it has lost the switch, or the switch is closed.
pub async fn save_progress(tx: &mut Tx, row: &SwitchRow, worker: Uuid) -> Result<bool, DatabaseError> {
    const UPDATE: &str = "UPDATE model_switches SET state = $2, photos = $3, missing = $4, problems = $5, \
        comparison = $6, changed_at = $7, problem_count = $8, obstacle = $9 WHERE id = $1 AND open AND worker = $10";
    let kept = run_query!(tx, c => sqlx::query(UPDATE)
        .bind(row.id)
        .bind(row.state)
        .bind(row.photos)
        .bind(row.missing)
        .bind(Json(&row.problems))
        .bind(row.comparison.as_ref().map(Json))
        .bind(row.changed_at)
        .bind(row.problem_count)
        .bind(&row.obstacle)
        .bind(worker)
        .execute(c))?;
    Ok(kept == 1)
}

/// Stores why `worker` cannot proceed with its switch.
pub async fn save_obstacle(tx: &mut Tx, worker: Uuid, obstacle: &str, now: Timestamp) -> Result<(), DatabaseError> {
    const UPDATE: &str = "UPDATE model_switches SET obstacle = $2, changed_at = $3 WHERE open AND worker = $1";
    run_query!(tx, c => sqlx::query(UPDATE).bind(worker).bind(obstacle).bind(now).execute(c)).map(|_rows: u64| ())
}

/// Models that are named by a switch, but not by one that is open or changed since `since`.
pub async fn list_models_unused_since(reader: &mut Reader, since: Timestamp) -> Result<Vec<String>, DatabaseError> {
    const SELECT: &str = "SELECT m.model FROM (\
        SELECT from_model AS model, open, changed_at FROM model_switches UNION ALL \
        SELECT to_model AS model, open, changed_at FROM model_switches) m \
        GROUP BY m.model HAVING MAX(m.changed_at) < $1 AND SUM(CASE WHEN m.open THEN 1 ELSE 0 END) = 0";
    let found: Vec<(String,)> = run_query!(reader, c => sqlx::query_as(SELECT).bind(since).fetch_all(c))?;
    Ok(found.into_iter().map(|(model,)| model).collect())
}

/// Activates the open switch `id` and notifies all servers. The caller holds the catalog's lock and has counted.
pub async fn activate(tx: &mut Tx, id: SwitchId, now: Timestamp) -> Result<bool, DatabaseError> {
    const UPDATE: &str = "UPDATE model_switches SET state = 'active', open = FALSE, missing = 0, worker = NULL, obstacle = NULL, \
        changed_at = $2, generation = (SELECT COALESCE(MAX(m.generation), 0) + 1 FROM model_switches m) \
        WHERE id = $1 AND open";
    let done = run_query!(tx, c => sqlx::query(UPDATE).bind(id).bind(now).execute(c))?;
    change_listener::notify_listeners(tx).await?;
    Ok(done == 1)
}

pub async fn cancel(tx: &mut Tx, id: SwitchId, now: Timestamp) -> Result<bool, DatabaseError> {
    const UPDATE: &str = "UPDATE model_switches SET state = 'cancelled', open = FALSE, worker = NULL, changed_at = $2 \
        WHERE id = $1 AND open";
    Ok(run_query!(tx, c => sqlx::query(UPDATE).bind(id).bind(now).execute(c))? == 1)
}
