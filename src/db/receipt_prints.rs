//! Prints of receipts: the first is the original, every later one a copy.

use super::{DatabaseError, Reader, Tx, run_query};
use crate::domain::{OrderId, Timestamp};

/// Records a print of an order's receipt and returns its number: 1 for the original. The caller must have locked the
/// order ([`super::orders::lock`]).
pub async fn add(tx: &mut Tx, order: OrderId, printed_by: &str, now: Timestamp) -> Result<i64, DatabaseError> {
    const INSERT: &str = "INSERT INTO receipt_prints (order_id, print, printed_by, printed_at) \
        SELECT $1, COALESCE(MAX(print), 0) + 1, $2, $3 FROM receipt_prints WHERE order_id = $1 RETURNING print";
    run_query!(tx, c => sqlx::query_as::<_, (i64,)>(INSERT).bind(order).bind(printed_by).bind(now).fetch_one(c))
}

/// A print of a receipt.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct PrintRow {
    /// 1 is the original.
    pub print: i64,
    /// [`crate::domain::Actor::label`].
    pub printed_by: String,
    pub printed_at: Timestamp,
}

pub async fn list(reader: &mut Reader, order: OrderId) -> Result<Vec<PrintRow>, DatabaseError> {
    const SELECT: &str = "SELECT print, printed_by, printed_at FROM receipt_prints WHERE order_id = $1 ORDER BY print";
    run_query!(reader, c => sqlx::query_as(SELECT).bind(order).fetch_all(c))
}

pub async fn count(reader: &mut Reader, order: OrderId) -> Result<i64, DatabaseError> {
    const COUNT: &str = "SELECT COUNT(*) FROM receipt_prints WHERE order_id = $1";
    run_query!(reader, c => sqlx::query_as::<_, (i64,)>(COUNT).bind(order).fetch_one(c))
}
