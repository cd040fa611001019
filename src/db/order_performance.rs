//! Outcomes and latencies of order creation by minute, store and server.

use super::{DatabaseError, Reader, Tx, run_query};
use crate::domain::{StoreId, Timestamp};

/// Counts of one store in one minute on one server.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct MinuteRow {
    pub minute: Timestamp,
    /// [`StoreId::NIL`] if the attempt ended before its store was known.
    pub store_id: StoreId,
    pub succeeded: i64,
    /// Attempts refused because of the request.
    pub refused: i64,
    /// Attempts that failed because of the server.
    pub failed: i64,
    /// Transactions in conflict with another one over a number.
    pub conflicts: i64,
    /// Transactions run again after a conflict.
    pub retries_conflict: i64,
    /// Transactions run again after the database did not answer in time.
    pub retries_timeout: i64,
    /// Transactions run again after a lost connection.
    pub retries_error: i64,
    /// Microseconds of every attempt, in HdrHistogram's format V2.
    pub latencies: Vec<u8>,
}

/// Writes what `server` counted in one minute and store, replacing its earlier row.
pub async fn upsert(tx: &mut Tx, server: uuid::Uuid, row: &MinuteRow) -> Result<(), DatabaseError> {
    const UPSERT: &str = "INSERT INTO order_performance (minute, store_id, server_id, succeeded, refused, failed, conflicts, \
          retries_conflict, retries_timeout, retries_error, latencies) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) \
        ON CONFLICT (minute, store_id, server_id) DO UPDATE SET succeeded = excluded.succeeded, \
          refused = excluded.refused, failed = excluded.failed, conflicts = excluded.conflicts, \
          retries_conflict = excluded.retries_conflict, retries_timeout = excluded.retries_timeout, \
          retries_error = excluded.retries_error, latencies = excluded.latencies";
    run_query!(tx, c => sqlx::query(UPSERT)
        .bind(row.minute)
        .bind(row.store_id)
        .bind(server)
        .bind(row.succeeded)
        .bind(row.refused)
        .bind(row.failed)
        .bind(row.conflicts)
        .bind(row.retries_conflict)
        .bind(row.retries_timeout)
        .bind(row.retries_error)
        .bind(&row.latencies)
        .execute(c))?;
    Ok(())
}

/// Counts of all servers in the minutes after `since`, with `only` of one store, ordered by the table's key: at most
/// `at_most` rows after the row `after`.
pub async fn list_since(
    reader: &mut Reader,
    since: Timestamp,
    only: Option<StoreId>,
    after: Option<(Timestamp, StoreId, uuid::Uuid)>,
    at_most: i64,
) -> Result<Vec<(uuid::Uuid, MinuteRow)>, DatabaseError> {
    const SELECT: &str = "SELECT server_id, minute, store_id, succeeded, refused, failed, conflicts, retries_conflict, \
          retries_timeout, retries_error, latencies \
        FROM order_performance WHERE minute > $1 AND ($2 IS NULL OR store_id = $2) \
          AND (minute, store_id, server_id) > ($3, $4, $5) \
        ORDER BY minute, store_id, server_id LIMIT $6";
    #[derive(sqlx::FromRow)]
    struct Row {
        server_id: uuid::Uuid,
        #[sqlx(flatten)]
        minute: MinuteRow,
    }
    // Without such a row, the last possible row of the minute before.
    let (minute, store, server) = after.unwrap_or((since, StoreId::from(uuid::Uuid::max()), uuid::Uuid::max()));
    let rows: Vec<Row> = run_query!(reader, c => sqlx::query_as(SELECT)
        .bind(since)
        .bind(only)
        .bind(minute)
        .bind(store)
        .bind(server)
        .bind(at_most)
        .fetch_all(c))?;
    Ok(rows.into_iter().map(|row| (row.server_id, row.minute)).collect())
}

/// Returns the number of deleted rows.
pub async fn delete_before(tx: &mut Tx, moment: Timestamp) -> Result<u64, DatabaseError> {
    const DELETE: &str = "DELETE FROM order_performance WHERE minute < $1";
    run_query!(tx, c => sqlx::query(DELETE).bind(moment).execute(c))
}
