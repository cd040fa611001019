//! How order creation went, minute by minute: what each server counted for each store.

use super::{DatabaseError, Reader, Tx, on};
use crate::domain::{StoreId, Timestamp};

/// What one server counted for one store in one minute.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct MinuteRow {
    /// The minute's beginning.
    pub minute: Timestamp,
    /// The store; [`StoreId::NIL`] where an attempt ended before its store was known.
    pub store_id: StoreId,
    /// Orders made.
    pub succeeded: i64,
    /// Attempts refused for the till's reasons.
    pub refused: i64,
    /// Attempts that failed for the server's reasons.
    pub failed: i64,
    /// Transactions that met another one over a number.
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

/// Writes what `server` counted, over what it wrote of that minute and store before.
pub async fn put(tx: &mut Tx, server: uuid::Uuid, row: &MinuteRow) -> Result<(), DatabaseError> {
    const UPSERT: &str = "INSERT INTO order_performance (minute, store_id, server_id, succeeded, refused, failed, conflicts, \
          retries_conflict, retries_timeout, retries_error, latencies) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) \
        ON CONFLICT (minute, store_id, server_id) DO UPDATE SET succeeded = excluded.succeeded, \
          refused = excluded.refused, failed = excluded.failed, conflicts = excluded.conflicts, \
          retries_conflict = excluded.retries_conflict, retries_timeout = excluded.retries_timeout, \
          retries_error = excluded.retries_error, latencies = excluded.latencies";
    on!(tx, c => sqlx::query(UPSERT)
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

/// What all servers counted in the minutes after `since`, with `only` in that store, oldest first, in the order of the table's
/// key; `at_most` rows past the row that `after` names.
pub async fn since(
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
    // Without a row to go on from, the end of the minute that is not wanted any more.
    let (minute, store, server) = after.unwrap_or((since, StoreId::from(uuid::Uuid::max()), uuid::Uuid::max()));
    let rows: Vec<Row> = on!(reader, c => sqlx::query_as(SELECT)
        .bind(since)
        .bind(only)
        .bind(minute)
        .bind(store)
        .bind(server)
        .bind(at_most)
        .fetch_all(c))?;
    Ok(rows.into_iter().map(|row| (row.server_id, row.minute)).collect())
}

/// Removes what is older than `moment`; gives how many rows.
pub async fn forget_before(tx: &mut Tx, moment: Timestamp) -> Result<u64, DatabaseError> {
    const DELETE: &str = "DELETE FROM order_performance WHERE minute < $1";
    on!(tx, c => sqlx::query(DELETE).bind(moment).execute(c))
}
