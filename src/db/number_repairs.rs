//! What a repair of numbers reads and writes besides placeholders and counters: the only statements that change the
//! number, the link and the seal of a record that was written.

use uuid::Uuid;

use super::number_checks::for_series;
use super::{DatabaseError, Reader, Tx, on};
use crate::domain::{Series, StoreId};

/// A record by its number.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct NumberedRecordRow {
    /// Its identifier.
    pub id: Uuid,
    /// Its number.
    pub number: i64,
    /// Its seal.
    pub hash: Vec<u8>,
}

/// The records of a series from number `first` on, at most `limit`. Records that carry one number come in the order in which
/// they were made, which is that of their identifiers.
pub async fn numbered(
    reader: &mut Reader,
    store: StoreId,
    series: Series,
    first: i64,
    limit: i64,
) -> Result<Vec<NumberedRecordRow>, DatabaseError> {
    let query = for_series!(
        series,
        "SELECT id, number, hash FROM ",
        " WHERE store_id = $1 AND series = $2 AND number >= $3 ORDER BY number, id LIMIT $4"
    );
    on!(reader, c => sqlx::query_as(query).bind(store).bind(series).bind(first).bind(limit).fetch_all(c))
}

/// The last record of a series whose number is at most `highest`.
pub async fn last(
    reader: &mut Reader,
    store: StoreId,
    series: Series,
    highest: i64,
) -> Result<Option<NumberedRecordRow>, DatabaseError> {
    let query = for_series!(
        series,
        "SELECT id, number, hash FROM ",
        " WHERE store_id = $1 AND series = $2 AND number <= $3 ORDER BY number DESC, id DESC LIMIT 1"
    );
    on!(reader, c => sqlx::query_as(query).bind(store).bind(series).bind(highest).fetch_optional(c))
}

/// The last number of a series that a closing of the store names; 0 where none does.
pub async fn last_closed(reader: &mut Reader, store: StoreId, series: Series) -> Result<i64, DatabaseError> {
    let query = match series {
        Series::Order => "SELECT COALESCE(MAX(last_order), 0) FROM z_reports WHERE store_id = $1",
        Series::Payment => "SELECT COALESCE(MAX(last_payment), 0) FROM z_reports WHERE store_id = $1",
        Series::Refund => "SELECT COALESCE(MAX(last_refund), 0) FROM z_reports WHERE store_id = $1",
        // Every closing names its own number.
        Series::Closing => "SELECT COALESCE(MAX(number), 0) FROM z_reports WHERE store_id = $1",
    };
    on!(reader, c => sqlx::query_as::<_, (i64,)>(query).bind(store).fetch_one(c))
}

/// Gives a record another number, link and seal.
pub async fn renumber(
    tx: &mut Tx,
    series: Series,
    id: Uuid,
    number: i64,
    previous_hash: &[u8],
    hash: &[u8],
) -> Result<(), DatabaseError> {
    let query = for_series!(series, "UPDATE ", " SET number = $2, previous_hash = $3, hash = $4 WHERE id = $1");
    on!(tx, c => sqlx::query(query).bind(id).bind(number).bind(previous_hash).bind(hash).execute(c))?;
    Ok(())
}
