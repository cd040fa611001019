//! Receipt numbers: one counter per store and series, a row of a table and never a database sequence.
//!
//! The number is taken in the transaction that writes the record which carries it. The row stays locked until that
//! transaction ends, so the next taker waits; a rollback gives the number back. Hence 1, 2, 3 … without gaps or
//! duplicates, by construction.

use super::{DatabaseError, Reader, Tx, on};
use crate::domain::{Seal, Series, StoreId};

/// A number that was taken, and the seal of the record before it.
#[derive(Debug, Clone)]
pub struct TakenNumber {
    /// 1, 2, 3 …
    pub number: i64,
    /// Seal of the record that carries the number before; [`Seal::FIRST`] for number 1.
    pub previous_hash: Vec<u8>,
}

/// The statement of [`take`].
pub(super) const TAKE: &str = "INSERT INTO number_series (store_id, series, last_number, last_hash) \
    VALUES ($1, $2, 1, $3) ON CONFLICT (store_id, series) \
    DO UPDATE SET last_number = number_series.last_number + 1 RETURNING last_number, last_hash";
/// The statement of [`set_hash`].
pub(super) const SET_HASH: &str = "UPDATE number_series SET last_hash = $3 WHERE store_id = $1 AND series = $2";

/// Takes the next number of a series. The caller must write the record and then [`set_hash`] in the same transaction.
pub async fn take(tx: &mut Tx, store: StoreId, series: Series) -> Result<TakenNumber, DatabaseError> {
    let (number, previous_hash) = on!(tx, c => sqlx::query_as::<_, (i64, Vec<u8>)>(TAKE)
        .bind(store)
        .bind(series)
        .bind(&Seal::FIRST[..])
        .fetch_one(c))?;
    Ok(TakenNumber { number, previous_hash })
}

/// Keeps the seal of the record that carries the number just taken.
pub async fn set_hash(tx: &mut Tx, store: StoreId, series: Series, hash: &[u8]) -> Result<(), DatabaseError> {
    on!(tx, c => sqlx::query(SET_HASH).bind(store).bind(series).bind(hash).execute(c))?;
    Ok(())
}

/// Holds the counter of a series until the transaction ends, so that nobody takes a number meanwhile; a series without a
/// counter gets one that stands at 0. What is read in this transaction from here on is all that was ever numbered.
pub async fn hold(tx: &mut Tx, store: StoreId, series: Series) -> Result<(), DatabaseError> {
    const HOLD: &str = "INSERT INTO number_series (store_id, series, last_number, last_hash) VALUES ($1, $2, 0, $3) \
        ON CONFLICT (store_id, series) DO UPDATE SET last_number = number_series.last_number";
    on!(tx, c => sqlx::query(HOLD).bind(store).bind(series).bind(&Seal::FIRST[..]).execute(c))?;
    Ok(())
}

/// Moves a counter that the caller [`hold`]s to `number`, whose record has the seal `hash`.
pub async fn set(tx: &mut Tx, store: StoreId, series: Series, number: i64, hash: &[u8]) -> Result<(), DatabaseError> {
    const UPDATE: &str =
        "UPDATE number_series SET last_number = $3, last_hash = $4 WHERE store_id = $1 AND series = $2";
    on!(tx, c => sqlx::query(UPDATE).bind(store).bind(series).bind(number).bind(hash).execute(c))?;
    Ok(())
}

/// One series of a store as it stands.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct SeriesRow {
    pub series: Series,
    /// The last number that was taken.
    pub last_number: i64,
    /// Seal of the record that carries it.
    pub last_hash: Vec<u8>,
}

/// The series of a store. A series without numbers is not among them, nor one that only a newer server knows.
pub async fn of_store(reader: &mut Reader, store: StoreId) -> Result<Vec<SeriesRow>, DatabaseError> {
    const SELECT: &str = "SELECT series, last_number, last_hash FROM number_series \
        WHERE store_id = $1 AND series IN ('order', 'payment', 'refund', 'closing') ORDER BY series";
    on!(reader, c => sqlx::query_as(SELECT).bind(store).fetch_all(c))
}
