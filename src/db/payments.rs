//! Payments: money that was taken for orders. Written once and never changed.

use super::{DatabaseError, Reader, Tx, on};
use crate::domain::{Currency, OrderId, PaymentId, PaymentMethod, StoreId, Timestamp};

/// Money that was taken for an order.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct PaymentRow {
    /// Its identifier.
    pub id: PaymentId,
    /// The store of the order.
    pub store_id: StoreId,
    /// The number in that store's series `payment`.
    pub number: i64,
    /// The order.
    pub order_id: OrderId,
    /// How it was paid.
    pub method: PaymentMethod,
    /// Minor units of the order's currency.
    pub amount: i64,
    /// Cash handed over, where that was said.
    pub tendered: Option<i64>,
    /// The order's currency.
    pub currency: Currency,
    /// What a terminal or provider calls it.
    pub reference: Option<String>,
    /// [`crate::domain::Actor::label`] of who recorded it.
    pub made_by: String,
    /// When.
    pub created_at: Timestamp,
    /// Seal of the payment before it in the store.
    pub previous_hash: Vec<u8>,
    /// This payment's seal.
    pub hash: Vec<u8>,
}

/// Adds a payment.
pub async fn insert(tx: &mut Tx, row: &PaymentRow) -> Result<(), DatabaseError> {
    const INSERT: &str = "INSERT INTO payments (id, store_id, series, number, order_id, method, amount, tendered, \
        currency, reference, made_by, created_at, previous_hash, hash) \
        VALUES ($1, $2, 'payment', $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)";
    on!(tx, c => sqlx::query(INSERT)
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
        .execute(c))?;
    Ok(())
}

/// The payment with this id.
pub async fn find(reader: &mut Reader, id: PaymentId) -> Result<Option<PaymentRow>, DatabaseError> {
    const SELECT: &str = "SELECT id, store_id, number, order_id, method, amount, tendered, currency, reference, made_by, \
        created_at, previous_hash, hash FROM payments WHERE id = $1";
    on!(reader, c => sqlx::query_as(SELECT).bind(id).fetch_optional(c))
}

/// The payments of an order, in the order of their numbers.
pub async fn of_order(reader: &mut Reader, order: OrderId) -> Result<Vec<PaymentRow>, DatabaseError> {
    const SELECT: &str = "SELECT id, store_id, number, order_id, method, amount, tendered, currency, reference, made_by, \
        created_at, previous_hash, hash FROM payments WHERE order_id = $1 ORDER BY number";
    on!(reader, c => sqlx::query_as(SELECT).bind(order).fetch_all(c))
}

/// A store's payments from number `first` on, at most `limit`: for whoever walks the chain.
pub async fn chain(
    reader: &mut Reader,
    store: StoreId,
    first: i64,
    limit: i64,
) -> Result<Vec<PaymentRow>, DatabaseError> {
    const SELECT: &str = "SELECT id, store_id, number, order_id, method, amount, tendered, currency, reference, made_by, \
        created_at, previous_hash, hash FROM payments WHERE store_id = $1 AND series = 'payment' AND number >= $2 \
        ORDER BY number LIMIT $3";
    on!(reader, c => sqlx::query_as(SELECT).bind(store).bind(first).bind(limit).fetch_all(c))
}
