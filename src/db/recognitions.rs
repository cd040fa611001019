//! Evidence: what was recognised, for whom, by which model, at which state of the catalog.

use serde_json::Value;
use sqlx::types::Json;

use super::{DatabaseError, Reader, Tx, on};
use crate::domain::{RecognitionId, SessionId, Timestamp};

/// One recognition as it is kept.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct RecognitionRow {
    /// Its identifier, which the client was told.
    pub id: RecognitionId,
    /// [`crate::domain::Actor::label`] of who asked.
    pub actor: String,
    /// The session whose bill it was for, if any.
    pub session_id: Option<SessionId>,
    /// The model that embedded the picture.
    pub model: String,
    /// How many catalog changes the index had seen.
    pub index_revision: i64,
    /// Regions, verdicts, candidates and scores, as the client was told.
    #[sqlx(json)]
    pub items: Value,
    /// Microseconds from the picture's arrival to the verdicts.
    pub latency_us: i64,
    /// When.
    pub created_at: Timestamp,
}

/// Keeps one.
pub async fn insert(tx: &mut Tx, row: &RecognitionRow) -> Result<(), DatabaseError> {
    const INSERT: &str = "INSERT INTO recognitions \
        (id, actor, session_id, model, index_revision, items, latency_us, created_at) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    on!(tx, c => sqlx::query(INSERT)
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

/// The recognition with this id.
pub async fn find(reader: &mut Reader, id: RecognitionId) -> Result<Option<RecognitionRow>, DatabaseError> {
    const SELECT: &str = "SELECT id, actor, session_id, model, index_revision, items, latency_us, created_at \
                          FROM recognitions WHERE id = $1";
    on!(reader, c => sqlx::query_as(SELECT).bind(id).fetch_optional(c))
}
