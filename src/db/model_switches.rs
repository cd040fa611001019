//! Changes of the embedding model: which one is under way, which one was carried out last.
//!
//! At most one is open. Whoever carries one out holds the catalog's lock ([`super::catalog_changes::lock`]), so that no photo
//! is enrolled between the last count of what is missing and the change.

use serde_json::Value;
use sqlx::types::Json;
use uuid::Uuid;

use super::{DatabaseError, Reader, Tx, change_listener, on};
use crate::domain::{SwitchId, Timestamp};

/// How far a switch is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SwitchState {
    /// Photos are being embedded by the new model.
    Embedding,
    /// Every photo on sale had been seen by the new model when last counted.
    Ready,
    /// Carried out.
    Active,
    /// Given up.
    Cancelled,
}

impl SwitchState {
    /// The word that is stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Embedding => "embedding",
            Self::Ready => "ready",
            Self::Active => "active",
            Self::Cancelled => "cancelled",
        }
    }
}

impl TryFrom<String> for SwitchState {
    type Error = String;
    fn try_from(word: String) -> Result<Self, String> {
        let known = [Self::Embedding, Self::Ready, Self::Active, Self::Cancelled];
        let found = known.into_iter().find(|state| state.as_str() == word);
        found.ok_or_else(|| format!("\"{word}\" is not a state of a model switch"))
    }
}

/// One switch.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct SwitchRow {
    /// Its identifier.
    pub id: SwitchId,
    /// Key of the model that was active when it was begun.
    pub from_model: String,
    /// File name of that model's manifest.
    pub from_manifest: String,
    /// Key of the new model.
    pub to_model: String,
    /// File name of its manifest, in the folder of models.
    pub to_manifest: String,
    /// How far it is.
    pub state: SwitchState,
    /// Whether it is carried out as soon as it is ready.
    pub at_once: bool,
    /// Whether that is so even where the comparison speaks against the new model.
    pub even_if_worse: bool,
    /// Photos on sale when last counted.
    pub photos: i64,
    /// Those of them that the new model has not seen.
    pub missing: i64,
    /// The first of the photos that cannot be embedded, and why.
    #[sqlx(json)]
    pub problems: Value,
    /// How many there are in all.
    pub problem_count: i64,
    /// Why it does not go on or is not carried out, where that is no photo's fault.
    pub obstacle: Option<String>,
    /// What both models made of enrolled photos.
    #[sqlx(json(nullable))]
    pub comparison: Option<Value>,
    /// 1, 2, 3 … of those that were carried out.
    pub generation: Option<i64>,
    /// When it was begun.
    pub created_at: Timestamp,
    /// When it last changed.
    pub changed_at: Timestamp,
}

/// The columns of a [`SwitchRow`], written once.
macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, from_model, from_manifest, to_model, to_manifest, state, at_once, even_if_worse, photos, missing, \
             problems, problem_count, obstacle, comparison, generation, created_at, changed_at FROM model_switches ",
            $rest
        )
    };
}

/// Adds a switch. Fails with `model_switches_open` taken where one is open.
pub async fn insert(tx: &mut Tx, row: &SwitchRow) -> Result<(), DatabaseError> {
    const INSERT: &str = "INSERT INTO model_switches (id, from_model, from_manifest, to_model, to_manifest, state, open, \
        at_once, photos, missing, problems, comparison, generation, worker, worker_until, created_at, changed_at, \
        even_if_worse) VALUES ($1, $2, $3, $4, $5, $6, TRUE, $7, $8, $9, $10, NULL, NULL, NULL, 0, $11, $11, $12)";
    on!(tx, c => sqlx::query(INSERT)
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
    change_listener::announce(tx).await
}

/// The one that is open.
pub async fn open(reader: &mut Reader) -> Result<Option<SwitchRow>, DatabaseError> {
    const SELECT: &str = select!("WHERE open");
    on!(reader, c => sqlx::query_as(SELECT).fetch_optional(c))
}

/// The one that was carried out last: it names the active model.
pub async fn active(reader: &mut Reader) -> Result<Option<SwitchRow>, DatabaseError> {
    const SELECT: &str = select!("WHERE generation IS NOT NULL ORDER BY generation DESC LIMIT 1");
    on!(reader, c => sqlx::query_as(SELECT).fetch_optional(c))
}

/// The newest ones, newest first.
pub async fn newest(reader: &mut Reader, limit: i64) -> Result<Vec<SwitchRow>, DatabaseError> {
    const SELECT: &str = select!("ORDER BY id DESC LIMIT $1");
    on!(reader, c => sqlx::query_as(SELECT).bind(limit).fetch_all(c))
}

/// Gives the open switch `id` to `worker` until `until`; false where another server has it now, or it is no longer open.
pub async fn claim(
    tx: &mut Tx,
    id: SwitchId,
    worker: Uuid,
    now: Timestamp,
    until: Timestamp,
) -> Result<bool, DatabaseError> {
    const UPDATE: &str = "UPDATE model_switches SET worker = $2, worker_until = $4 \
        WHERE id = $1 AND open AND (worker IS NULL OR worker = $2 OR worker_until < $3)";
    Ok(on!(tx, c => sqlx::query(UPDATE).bind(id).bind(worker).bind(now).bind(until).execute(c))? == 1)
}

/// Moves the end of `worker`'s hold on the open switch `id` to `until`; false where it has lost it.
pub async fn renew(tx: &mut Tx, id: SwitchId, worker: Uuid, until: Timestamp) -> Result<bool, DatabaseError> {
    const UPDATE: &str = "UPDATE model_switches SET worker_until = $3 WHERE id = $1 AND open AND worker = $2";
    Ok(on!(tx, c => sqlx::query(UPDATE).bind(id).bind(worker).bind(until).execute(c))? == 1)
}

/// Lets go of what `worker` has claimed, so that another server need not wait.
pub async fn release(tx: &mut Tx, worker: Uuid) -> Result<(), DatabaseError> {
    const UPDATE: &str = "UPDATE model_switches SET worker = NULL WHERE open AND worker = $1";
    on!(tx, c => sqlx::query(UPDATE).bind(worker).execute(c)).map(|_rows: u64| ())
}

/// Keeps what `worker` counted; false where it no longer has the switch, or the switch is no longer open.
pub async fn keep_progress(tx: &mut Tx, row: &SwitchRow, worker: Uuid) -> Result<bool, DatabaseError> {
    const UPDATE: &str = "UPDATE model_switches SET state = $2, photos = $3, missing = $4, problems = $5, \
        comparison = $6, changed_at = $7, problem_count = $8, obstacle = $9 WHERE id = $1 AND open AND worker = $10";
    let kept = on!(tx, c => sqlx::query(UPDATE)
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

/// Keeps why `worker` cannot go on with the switch that it has.
pub async fn keep_obstacle(tx: &mut Tx, worker: Uuid, obstacle: &str, now: Timestamp) -> Result<(), DatabaseError> {
    const UPDATE: &str = "UPDATE model_switches SET obstacle = $2, changed_at = $3 WHERE open AND worker = $1";
    on!(tx, c => sqlx::query(UPDATE).bind(worker).bind(obstacle).bind(now).execute(c)).map(|_rows: u64| ())
}

/// Models that switches name, but none that is open or has changed since `since`.
pub async fn not_named_since(reader: &mut Reader, since: Timestamp) -> Result<Vec<String>, DatabaseError> {
    const SELECT: &str = "SELECT m.model FROM (\
        SELECT from_model AS model, open, changed_at FROM model_switches UNION ALL \
        SELECT to_model AS model, open, changed_at FROM model_switches) m \
        GROUP BY m.model HAVING MAX(m.changed_at) < $1 AND SUM(CASE WHEN m.open THEN 1 ELSE 0 END) = 0";
    let found: Vec<(String,)> = on!(reader, c => sqlx::query_as(SELECT).bind(since).fetch_all(c))?;
    Ok(found.into_iter().map(|(model,)| model).collect())
}

/// Carries out the open switch `id` and tells all servers. The caller holds the catalog's lock and has counted.
pub async fn activate(tx: &mut Tx, id: SwitchId, now: Timestamp) -> Result<bool, DatabaseError> {
    const UPDATE: &str = "UPDATE model_switches SET state = 'active', open = FALSE, missing = 0, worker = NULL, obstacle = NULL, \
        changed_at = $2, generation = (SELECT COALESCE(MAX(m.generation), 0) + 1 FROM model_switches m) \
        WHERE id = $1 AND open";
    let done = on!(tx, c => sqlx::query(UPDATE).bind(id).bind(now).execute(c))?;
    change_listener::announce(tx).await?;
    Ok(done == 1)
}

/// Gives up the open switch `id`.
pub async fn cancel(tx: &mut Tx, id: SwitchId, now: Timestamp) -> Result<bool, DatabaseError> {
    const UPDATE: &str = "UPDATE model_switches SET state = 'cancelled', open = FALSE, worker = NULL, changed_at = $2 \
        WHERE id = $1 AND open";
    Ok(on!(tx, c => sqlx::query(UPDATE).bind(id).bind(now).execute(c))? == 1)
}
