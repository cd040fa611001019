//! Payments of orders. Written once and never changed.

use super::{DatabaseError, Reader, Tx, run_query};
use crate::domain::{Currency, OrderId, PaymentId, PaymentMethod, StoreId, Timestamp};

#[derive(Debug, Clone, sqlx::FromRow)]
pub struct PaymentRow {
    pub id: PaymentId,
    pub store_id: StoreId,
    /// Series `payment` of the store.
    pub number: i64,
    pub order_id: OrderId,
    pub method: PaymentMethod,
    /// Minor units of the order's currency.
    pub amount: i64,
    /// Cash taken is the amount and this, in minor units; 0 for other methods.
    pub rounding: i64,
    /// Cash handed over, if known.
    pub tendered: Option<i64>,
    pub currency: Currency,
    /// Number given by the terminal or payment provider.
    pub reference: Option<String>,
    /// [`crate::domain::Actor::label`].
    pub made_by: String,
    pub created_at: Timestamp,
    /// Seal of the payment before it in the store.
    pub previous_hash: Vec<u8>,
    pub hash: Vec<u8>,
}

pub async fn insert(tx: &mut Tx, row: &PaymentRow) -> Result<(), DatabaseError> {
    const INSERT: &str = "INSERT INTO payments (id, store_id, series, number, order_id, method, amount, tendered, \
        currency, reference, made_by, created_at, previous_hash, hash, rounding) \
        VALUES ($1, $2, 'payment', $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)";
    run_query!(tx, c => sqlx::query(INSERT)
        .bind(row.id)
        .bind(row.store_id)
        .bind(row.number)
        .bind(row.order_id)
        .bind(row.method)
        .bind(row.amount)
        .bind(row.tendered)
        .bind(row.currency)
        .bind(&row.reference)
        .bind(&row.made_by)
        .bind(row.created_at)
        .bind(&row.previous_hash)
        .bind(&row.hash)
        .bind(row.rounding)
        .execute(c))?;
    Ok(())
}

pub async fn find(reader: &mut Reader, id: PaymentId) -> Result<Option<PaymentRow>, DatabaseError> {
    const SELECT: &str = "SELECT id, store_id, number, order_id, method, amount, rounding, tendered, currency, reference, made_by, \
        created_at, previous_hash, hash FROM payments WHERE id = $1";
    run_query!(reader, c => sqlx::query_as(SELECT).bind(id).fetch_optional(c))
}

/// Ordered by number.
pub async fn list_by_order(reader: &mut Reader, order: OrderId) -> Result<Vec<PaymentRow>, DatabaseError> {
    const SELECT: &str = "SELECT id, store_id, number, order_id, method, amount, rounding, tendered, currency, reference, made_by, \
        created_at, previous_hash, hash FROM payments WHERE order_id = $1 ORDER BY number";
    run_query!(reader, c => sqlx::query_as(SELECT).bind(order).fetch_all(c))
}

/// Payments of a store from number `first` on, ordered by number.
pub async fn list_chain(
    reader: &mut Reader,
    store: StoreId,
    first: i64,
    limit: i64,
) -> Result<Vec<PaymentRow>, DatabaseError> {
    const SELECT: &str = "SELECT id, store_id, number, order_id, method, amount, rounding, tendered, currency, reference, made_by, \
        created_at, previous_hash, hash FROM payments WHERE store_id = $1 AND series = 'payment' AND number >= $2 \
        ORDER BY number LIMIT $3";
    run_query!(reader, c => sqlx::query_as(SELECT).bind(store).bind(first).bind(limit).fetch_all(c))
}
