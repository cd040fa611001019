//! The statements of a repair that renumbers: the only ones that change the number, link and seal of an existing record.

use uuid::Uuid;

use super::number_checks::for_series;
use super::{DatabaseError, Reader, Tx, run_query};
use crate::domain::{Series, StoreId};

#[derive(Debug, Clone, sqlx::FromRow)]
pub struct NumberedRecordRow {
    pub id: Uuid,
    pub number: i64,
    pub hash: Vec<u8>,
}

/// Records of a series from number `first` on, at most `limit`. Records with the same number come in the order of their
/// ids, which is that of their creation.
pub async fn list_records(
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
    run_query!(reader, c => sqlx::query_as(query).bind(store).bind(series).bind(first).bind(limit).fetch_all(c))
}

/// The last record of a series with a number up to `highest`.
pub async fn find_last_record(
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
    run_query!(reader, c => sqlx::query_as(query).bind(store).bind(series).bind(highest).fetch_optional(c))
}

/// The last number of a series in a closing of the store; 0 if there is none.
pub async fn read_last_closed_number(
    reader: &mut Reader,
    store: StoreId,
    series: Series,
) -> Result<i64, DatabaseError> {
    let query = match series {
        Series::Order => "SELECT COALESCE(MAX(last_order), 0) FROM z_reports WHERE store_id = $1",
        Series::Payment => "SELECT COALESCE(MAX(last_payment), 0) FROM z_reports WHERE store_id = $1",
        Series::Refund => "SELECT COALESCE(MAX(last_refund), 0) FROM z_reports WHERE store_id = $1",
        // Every closing names its own number.
        Series::Closing => "SELECT COALESCE(MAX(number), 0) FROM z_reports WHERE store_id = $1",
    };
    run_query!(reader, c => sqlx::query_as::<_, (i64,)>(query).bind(store).fetch_one(c))
}

/// Writes another number, link and seal.
pub async fn renumber_record(
    tx: &mut Tx,
    series: Series,
    id: Uuid,
    number: i64,
    previous_hash: &[u8],
    hash: &[u8],
) -> Result<(), DatabaseError> {
    let query = for_series!(series, "UPDATE ", " SET number = $2, previous_hash = $3, hash = $4 WHERE id = $1");
    run_query!(tx, c => sqlx::query(query).bind(id).bind(number).bind(previous_hash).bind(hash).execute(c))?;
    Ok(())
}
