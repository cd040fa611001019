//! Void placeholders: rows for numbers whose records are lost. Written once and never changed.
//!
//! A placeholder is not a record: the lost record cannot be put back into its hash chain, because the record after it names
//! the lost one's seal. A number belongs to a record or a placeholder, never both: the counter continues after the highest
//! of them.

use super::{DatabaseError, Reader, Tx, run_query};
use crate::domain::{PlaceholderId, Series, StoreId, Timestamp};

#[derive(Debug, Clone, sqlx::FromRow)]
pub struct PlaceholderRow {
    pub id: PlaceholderId,
    pub store_id: StoreId,
    pub number: i64,
    /// Why the record is missing, as an admin wrote it.
    pub reason: String,
    /// [`crate::domain::Actor::label`].
    pub made_by: String,
    pub created_at: Timestamp,
    /// Its seal: see [`super::seals::seal_placeholder`].
    pub hash: Vec<u8>,
}

pub async fn insert(tx: &mut Tx, series: Series, row: &PlaceholderRow) -> Result<(), DatabaseError> {
    const INSERT: &str = "INSERT INTO void_placeholders (id, store_id, series, number, reason, made_by, created_at, hash) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    run_query!(tx, c => sqlx::query(INSERT)
        .bind(row.id)
        .bind(row.store_id)
        .bind(series)
        .bind(row.number)
        .bind(&row.reason)
        .bind(&row.made_by)
        .bind(row.created_at)
        .bind(&row.hash)
        .execute(c))?;
    Ok(())
}

/// Ordered by number, from `first` on.
pub async fn list(
    reader: &mut Reader,
    store: StoreId,
    series: Series,
    first: i64,
    limit: i64,
) -> Result<Vec<PlaceholderRow>, DatabaseError> {
    const SELECT: &str = "SELECT id, store_id, number, reason, made_by, created_at, hash FROM void_placeholders \
        WHERE store_id = $1 AND series = $2 AND number >= $3 ORDER BY number LIMIT $4";
    run_query!(reader, c => sqlx::query_as(SELECT).bind(store).bind(series).bind(first).bind(limit).fetch_all(c))
}

/// How many numbers from `first` to `last` have a placeholder.
pub async fn count(
    reader: &mut Reader,
    store: StoreId,
    series: Series,
    first: i64,
    last: i64,
) -> Result<i64, DatabaseError> {
    const SELECT: &str = "SELECT COUNT(DISTINCT number) FROM void_placeholders \
        WHERE store_id = $1 AND series = $2 AND number BETWEEN $3 AND $4";
    run_query!(reader, c => sqlx::query_as::<_, (i64,)>(SELECT).bind(store).bind(series).bind(first).bind(last).fetch_one(c))
}
