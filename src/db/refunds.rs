//! Refunds and voids, in one series per store. Written once and never changed.

use super::{DatabaseError, Reader, Tx, run_query};
use crate::domain::{Currency, OrderId, PaymentMethod, RefundId, RefundKind, StoreId, Timestamp};

#[derive(Debug, Clone, sqlx::FromRow)]
pub struct RefundRow {
    pub id: RefundId,
    pub store_id: StoreId,
    /// Series `refund` of the store.
    pub number: i64,
    pub kind: RefundKind,
    pub order_id: OrderId,
    /// Minor units.
    pub amount: i64,
    /// Cash paid back is the amount and this, in minor units; 0 for other methods.
    pub rounding: i64,
    /// Tax contained in the amount.
    pub tax: i64,
    pub currency: Currency,
    /// `None` for a void.
    pub method: Option<PaymentMethod>,
    /// Number given by the terminal or payment provider.
    pub reference: Option<String>,
    /// As the clerk wrote it.
    pub reason: String,
    /// [`crate::domain::Actor::label`].
    pub made_by: String,
    pub created_at: Timestamp,
    /// Seal of the record before it in the series.
    pub previous_hash: Vec<u8>,
    pub hash: Vec<u8>,
}

/// What is refunded or voided of one order line.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct RefundItemRow {
    pub line: i64,
    /// Pieces; 0 where only money was given back.
    pub quantity: i64,
    /// Minor units.
    pub amount: i64,
    /// Basis points.
    pub tax_rate: i64,
    /// Tax contained in the amount.
    pub tax: i64,
}

/// What was refunded or voided of an order line so far.
#[derive(Debug, Clone, Copy, Default, sqlx::FromRow)]
pub struct RefundedQuantity {
    pub line: i64,
    pub quantity: i64,
    /// Minor units.
    pub amount: i64,
    /// Tax contained in the amount.
    pub tax: i64,
}

/// A second void of an order fails with `refunds_one_void` or `refunds_order_id` taken.
pub async fn insert(tx: &mut Tx, row: &RefundRow, items: &[RefundItemRow]) -> Result<(), DatabaseError> {
    const REFUND: &str = "INSERT INTO refunds (id, store_id, series, number, kind, order_id, amount, tax, currency, \
        method, reference, reason, made_by, created_at, previous_hash, hash, rounding) \
        VALUES ($1, $2, 'refund', $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)";
    const ITEM: &str = "INSERT INTO refund_items (refund_id, line, quantity, amount, tax_rate, tax) \
        VALUES ($1, $2, $3, $4, $5, $6)";
    run_query!(tx, c => sqlx::query(REFUND)
        .bind(row.id)
        .bind(row.store_id)
        .bind(row.number)
        .bind(row.kind)
        .bind(row.order_id)
        .bind(row.amount)
        .bind(row.tax)
        .bind(row.currency)
        .bind(row.method)
        .bind(&row.reference)
        .bind(&row.reason)
        .bind(&row.made_by)
        .bind(row.created_at)
        .bind(&row.previous_hash)
        .bind(&row.hash)
        .bind(row.rounding)
        .execute(c))?;
    for item in items {
        run_query!(tx, c => sqlx::query(ITEM)
            .bind(row.id)
            .bind(item.line)
            .bind(item.quantity)
            .bind(item.amount)
            .bind(item.tax_rate)
            .bind(item.tax)
            .execute(c))?;
    }
    Ok(())
}

pub async fn find(reader: &mut Reader, id: RefundId) -> Result<Option<RefundRow>, DatabaseError> {
    const SELECT: &str = "SELECT id, store_id, number, kind, order_id, amount, rounding, tax, currency, method, reference, reason, \
        made_by, created_at, previous_hash, hash FROM refunds WHERE id = $1";
    run_query!(reader, c => sqlx::query_as(SELECT).bind(id).fetch_optional(c))
}

/// Ordered by number.
pub async fn list_by_order(reader: &mut Reader, order: OrderId) -> Result<Vec<RefundRow>, DatabaseError> {
    const SELECT: &str = "SELECT id, store_id, number, kind, order_id, amount, rounding, tax, currency, method, reference, reason, \
        made_by, created_at, previous_hash, hash FROM refunds WHERE order_id = $1 ORDER BY number";
    run_query!(reader, c => sqlx::query_as(SELECT).bind(order).fetch_all(c))
}

/// Refunds and voids of a store from number `first` on, ordered by number.
pub async fn list_chain(
    reader: &mut Reader,
    store: StoreId,
    first: i64,
    limit: i64,
) -> Result<Vec<RefundRow>, DatabaseError> {
    const SELECT: &str = "SELECT id, store_id, number, kind, order_id, amount, rounding, tax, currency, method, reference, reason, \
        made_by, created_at, previous_hash, hash FROM refunds WHERE store_id = $1 AND series = 'refund' AND number >= $2 \
        ORDER BY number LIMIT $3";
    run_query!(reader, c => sqlx::query_as(SELECT).bind(store).bind(first).bind(limit).fetch_all(c))
}

pub async fn list_items(reader: &mut Reader, id: RefundId) -> Result<Vec<RefundItemRow>, DatabaseError> {
    const SELECT: &str = "SELECT line, quantity, amount, tax_rate, tax FROM refund_items WHERE refund_id = $1 \
        ORDER BY line";
    run_query!(reader, c => sqlx::query_as(SELECT).bind(id).fetch_all(c))
}

/// Quantities and amounts already refunded, per order line; lines without refunds are missing.
pub async fn list_refunded_quantities(
    reader: &mut Reader,
    order: OrderId,
) -> Result<Vec<RefundedQuantity>, DatabaseError> {
    const SELECT: &str = "SELECT i.line, CAST(SUM(i.quantity) AS BIGINT) AS quantity, \
        CAST(SUM(i.amount) AS BIGINT) AS amount, CAST(SUM(i.tax) AS BIGINT) AS tax \
        FROM refunds r JOIN refund_items i ON i.refund_id = r.id WHERE r.order_id = $1 GROUP BY i.line ORDER BY i.line";
    run_query!(reader, c => sqlx::query_as(SELECT).bind(order).fetch_all(c))
}
