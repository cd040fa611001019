//! Receipt numbers: one counter per store and series, a row of a table and never a database sequence.
//!
//! A number is taken in the transaction that writes its record. The row stays locked until that transaction ends, so the
//! next one waits; a rollback gives the number back. So the numbers are 1, 2, 3 … without gaps or duplicates, or begin at a
//! `first_number` that was set before the first record. The row also holds the time of the last record, so that records are
//! dated in the order of their numbers even if the clock is set back.

use super::{DatabaseError, Reader, Tx, run_query};
use crate::domain::{GivenNumber, GivenNumbers, Seal, Series, StoreId, Timestamp};

/// A number that was taken, and the seal of the record before it.
#[derive(Debug, Clone)]
pub struct TakenNumber {
    /// The first number of the series (usually 1), or the one after the last record's.
    pub number: i64,
    /// Seal of the record before; [`Seal::FIRST`] for the first record.
    pub previous_hash: Vec<u8>,
    /// When the store's last record was made, of whichever series: the next one is dated after it.
    pub previous_at: Timestamp,
}

/// The statement of [`take_next_number`].
pub(super) const TAKE_NEXT_NUMBER: &str = "INSERT INTO number_series (store_id, series, last_number, last_hash) \
    VALUES ($1, $2, 1, $3) ON CONFLICT (store_id, series) \
    DO UPDATE SET last_number = number_series.last_number + 1 RETURNING last_number, last_hash, last_at, \
    (SELECT COALESCE(MAX(s.last_at), 0) FROM number_series s WHERE s.store_id = $1) AS store_last_at";
/// The statement of [`set_last_hash`].
pub(super) const SET_LAST_HASH: &str =
    "UPDATE number_series SET last_hash = $3, last_at = $4 WHERE store_id = $1 AND series = $2";

/// Takes the next number of a series. The caller must write the record and then [`set_last_record`] in the same transaction.
pub async fn take_next_number(tx: &mut Tx, store: StoreId, series: Series) -> Result<TakenNumber, DatabaseError> {
    type Row = (i64, Vec<u8>, Timestamp, Timestamp);
    let (number, previous_hash, series_last_at, store_last_at) = run_query!(tx, c =>
        sqlx::query_as::<_, Row>(TAKE_NEXT_NUMBER).bind(store).bind(series).bind(&Seal::FIRST[..]).fetch_one(c))?;
    // A statement that waited for the counter's row sees the others as they were before it waited.
    Ok(TakenNumber { number, previous_hash, previous_at: series_last_at.max(store_last_at) })
}

/// Stores seal and time of the record that carries the number just taken.
pub async fn set_last_record(
    tx: &mut Tx,
    store: StoreId,
    series: Series,
    hash: &[u8],
    at: Timestamp,
) -> Result<(), DatabaseError> {
    run_query!(tx, c => sqlx::query(SET_LAST_HASH).bind(store).bind(series).bind(hash).bind(at).execute(c))?;
    Ok(())
}

/// Locks the counter of a series until the transaction ends, so that no other transaction takes a number; creates a missing
/// counter at 0. Reads after it in this transaction see every numbered record.
pub async fn lock(tx: &mut Tx, store: StoreId, series: Series) -> Result<(), DatabaseError> {
    const UPSERT: &str = "INSERT INTO number_series (store_id, series, last_number, last_hash) VALUES ($1, $2, 0, $3) \
        ON CONFLICT (store_id, series) DO UPDATE SET last_number = number_series.last_number";
    run_query!(tx, c => sqlx::query(UPSERT).bind(store).bind(series).bind(&Seal::FIRST[..]).execute(c))?;
    Ok(())
}

/// Sets a counter that the caller has locked to `number`, whose record has the seal `hash`.
pub async fn set_counter(
    tx: &mut Tx,
    store: StoreId,
    series: Series,
    number: i64,
    hash: &[u8],
) -> Result<(), DatabaseError> {
    const UPDATE: &str =
        "UPDATE number_series SET last_number = $3, last_hash = $4 WHERE store_id = $1 AND series = $2";
    run_query!(tx, c => sqlx::query(UPDATE).bind(store).bind(series).bind(number).bind(hash).execute(c))?;
    Ok(())
}

/// Lets a series begin at `first`. False if a number was given, or if it was set before.
pub async fn set_first_number(tx: &mut Tx, store: StoreId, series: Series, first: i64) -> Result<bool, DatabaseError> {
    const UPSERT: &str = "INSERT INTO number_series (store_id, series, last_number, last_hash, first_number) \
        VALUES ($1, $2, $3, $4, $5) ON CONFLICT (store_id, series) \
        DO UPDATE SET last_number = excluded.last_number, first_number = excluded.first_number \
        WHERE number_series.last_number = 0 AND number_series.first_number = 1";
    let written = run_query!(tx, c => sqlx::query(UPSERT)
        .bind(store)
        .bind(series)
        .bind(first - 1)
        .bind(&Seal::FIRST[..])
        .bind(first)
        .execute(c))?;
    Ok(written == 1)
}

#[derive(Debug, Clone, sqlx::FromRow)]
pub struct SeriesRow {
    pub series: Series,
    /// The number of its first record.
    pub first_number: i64,
    pub last_number: i64,
    /// Seal of the record with that number.
    pub last_hash: Vec<u8>,
    /// When that record was made.
    pub last_at: Timestamp,
}

pub async fn list(reader: &mut Reader, store: StoreId) -> Result<Vec<SeriesRow>, DatabaseError> {
    const SELECT: &str = "SELECT series, first_number, last_number, last_hash, last_at FROM number_series \
        WHERE store_id = $1 AND series IN ('order', 'payment', 'refund', 'closing') ORDER BY series";
    run_query!(reader, c => sqlx::query_as(SELECT).bind(store).fetch_all(c))
}

/// The last number of every series of every store.
pub async fn list_last_numbers(reader: &mut Reader) -> Result<GivenNumbers, DatabaseError> {
    const SELECT: &str = "SELECT n.store_id, COALESCE(s.name, '') AS store, n.series, n.last_number AS number \
        FROM number_series n LEFT JOIN stores s ON s.id = n.store_id \
        WHERE n.series IN ('order', 'payment', 'refund', 'closing') ORDER BY n.store_id, n.series";
    let rows: Vec<LastNumberRow> = run_query!(reader, c => sqlx::query_as(SELECT).fetch_all(c))?;
    Ok(rows.into_iter().map(LastNumberRow::into_given).collect())
}

#[derive(sqlx::FromRow)]
struct LastNumberRow {
    store_id: StoreId,
    store: String,
    series: Series,
    number: i64,
}

impl LastNumberRow {
    fn into_given(self) -> GivenNumber {
        GivenNumber { store_id: self.store_id, store: self.store, series: self.series, number: self.number }
    }
}
