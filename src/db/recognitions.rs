//! The evidence of recognitions: what was recognised, for whom, by which model and at which revision of the catalog.

use serde_json::Value;
use sqlx::types::Json;

use super::{DatabaseError, Reader, Tx, run_query};
use crate::domain::{RecognitionId, SessionId, Timestamp};

#[derive(Debug, Clone, sqlx::FromRow)]
pub struct RecognitionRow {
    /// Also in the response.
    pub id: RecognitionId,
    /// [`crate::domain::Actor::label`].
    pub actor: String,
    pub session_id: Option<SessionId>,
    /// Key of the model.
    pub model: String,
    /// The catalog change that the index was at.
    pub index_revision: i64,
    /// Regions, verdicts, candidates and scores, as in the response.
    #[sqlx(json)]
    pub items: Value,
    /// Microseconds from the picture's arrival to the verdicts.
    pub latency_us: i64,
    pub created_at: Timestamp,
}

pub async fn insert(tx: &mut Tx, row: &RecognitionRow) -> Result<(), DatabaseError> {
    const INSERT: &str = "INSERT INTO recognitions \
        (id, actor, session_id, model, index_revision, items, latency_us, created_at) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    run_query!(tx, c => sqlx::query(INSERT)
        .bind(row.id)
        .bind(&row.actor)
        .bind(row.session_id)
        .bind(&row.model)
        .bind(row.index_revision)
        .bind(Json(&row.items))
        .bind(row.latency_us)
        .bind(row.created_at)
        .execute(c))?;
    Ok(())
}

/// Removes those of the `limit` oldest that were made before `moment`; returns their number.
pub async fn delete_oldest_before(tx: &mut Tx, moment: Timestamp, limit: i64) -> Result<u64, DatabaseError> {
    const DELETE: &str = "DELETE FROM recognitions WHERE created_at < $1 \
        AND id IN (SELECT r.id FROM recognitions r ORDER BY r.id LIMIT $2)";
    run_query!(tx, c => sqlx::query(DELETE).bind(moment).bind(limit).execute(c))
}

/// How much evidence there is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EvidenceSize {
    pub rows: i64,
    /// Estimated from the newest thousand rows: adding up a table of gigabytes would read it whole.
    pub bytes: f64,
}

pub async fn measure(reader: &mut Reader) -> Result<EvidenceSize, DatabaseError> {
    // Columns of fixed size and the row's own overhead take some 150 bytes.
    const MEASURE: &str = "SELECT total.count AS rows, total.count * COALESCE(newest.bytes, 0.0) AS bytes \
        FROM (SELECT COUNT(*) AS count FROM recognitions) total, \
        (SELECT CAST(AVG(LENGTH(CAST(r.items AS TEXT)) + 150) AS DOUBLE PRECISION) AS bytes \
         FROM (SELECT items FROM recognitions ORDER BY id DESC LIMIT 1000) r) newest";
    let (rows, bytes) = run_query!(reader, c => sqlx::query_as::<_, (i64, f64)>(MEASURE).fetch_one(c))?;
    Ok(EvidenceSize { rows, bytes })
}

pub async fn find(reader: &mut Reader, id: RecognitionId) -> Result<Option<RecognitionRow>, DatabaseError> {
    const SELECT: &str = "SELECT id, actor, session_id, model, index_revision, items, latency_us, created_at \
                          FROM recognitions WHERE id = $1";
    run_query!(reader, c => sqlx::query_as(SELECT).bind(id).fetch_optional(c))
}
