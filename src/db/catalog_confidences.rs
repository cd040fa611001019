//! What each model learned from the catalogue's photos. A cache: it can be learned anew at any time.

use serde_json::Value;
use sqlx::types::Json;

use super::{DatabaseError, Reader, Tx, run_query};
use crate::domain::Timestamp;

#[derive(Debug, Clone, sqlx::FromRow)]
pub struct ConfidenceRow {
    /// Key of the model.
    pub model: String,
    /// The catalog change that the index was at.
    pub index_revision: i64,
    /// In the form of the program that learned it.
    #[sqlx(json)]
    pub content: Value,
    pub learned_at: Timestamp,
}

/// Stores what a model learned, in place of what it had learned before.
pub async fn upsert(tx: &mut Tx, row: &ConfidenceRow) -> Result<(), DatabaseError> {
    const UPSERT: &str = "INSERT INTO catalog_confidences (model, index_revision, content, learned_at) \
        VALUES ($1, $2, $3, $4) ON CONFLICT (model) DO UPDATE SET index_revision = excluded.index_revision, \
        content = excluded.content, learned_at = excluded.learned_at";
    run_query!(tx, c => sqlx::query(UPSERT)
        .bind(&row.model)
        .bind(row.index_revision)
        .bind(Json(&row.content))
        .bind(row.learned_at)
        .execute(c))?;
    Ok(())
}

pub async fn find(reader: &mut Reader, model: &str) -> Result<Option<ConfidenceRow>, DatabaseError> {
    const SELECT: &str = "SELECT model, index_revision, content, learned_at FROM catalog_confidences WHERE model = $1";
    run_query!(reader, c => sqlx::query_as(SELECT).bind(model).fetch_optional(c))
}

pub async fn delete(tx: &mut Tx, model: &str) -> Result<(), DatabaseError> {
    const DELETE: &str = "DELETE FROM catalog_confidences WHERE model = $1";
    run_query!(tx, c => sqlx::query(DELETE).bind(model).execute(c)).map(|_rows: u64| ())
}
