//! Refunds and voids: the records that take turnover back, in one series per store. Written once and never changed.

use super::{DatabaseError, Reader, Tx, on};
use crate::domain::{Currency, OrderId, PaymentMethod, RefundId, RefundKind, StoreId, Timestamp};

/// A refund of a paid order, or the void of an unpaid one.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct RefundRow {
    /// Its identifier.
    pub id: RefundId,
    /// The store of the order.
    pub store_id: StoreId,
    /// The number in that store's series `refund`.
    pub number: i64,
    pub kind: RefundKind,
    /// The order.
    pub order_id: OrderId,
    /// Minor units that are taken back from the turnover.
    pub amount: i64,
    /// The tax among them.
    pub tax: i64,
    /// The order's currency.
    pub currency: Currency,
    /// How the money was given back; nothing for a void.
    pub method: Option<PaymentMethod>,
    /// What a terminal or provider calls it.
    pub reference: Option<String>,
    /// Why, as the clerk wrote it.
    pub reason: String,
    /// [`crate::domain::Actor::label`] of who made it.
    pub made_by: String,
    /// When.
    pub created_at: Timestamp,
    /// Seal of the record before it in the series.
    pub previous_hash: Vec<u8>,
    /// This record's seal.
    pub hash: Vec<u8>,
}

/// What is taken back of one line of the order.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct RefundItemRow {
    /// The order's line.
    pub line: i64,
    /// Pieces; 0 where only money was given back.
    pub quantity: i64,
    /// Minor units.
    pub amount: i64,
    /// The line's tax rate in basis points.
    pub tax_rate: i64,
    /// The tax among the amount.
    pub tax: i64,
}

/// What was taken back of a line so far.
#[derive(Debug, Clone, Copy, Default, sqlx::FromRow)]
pub struct RefundedQuantity {
    /// The order's line.
    pub line: i64,
    /// Pieces.
    pub quantity: i64,
    /// Minor units.
    pub amount: i64,
    /// The tax among them.
    pub tax: i64,
}

/// Adds a refund or void with its lines. A second void of an order fails with `refunds_one_void` or `refunds_order_id`
/// taken.
pub async fn insert(tx: &mut Tx, row: &RefundRow, items: &[RefundItemRow]) -> Result<(), DatabaseError> {
    const REFUND: &str = "INSERT INTO refunds (id, store_id, series, number, kind, order_id, amount, tax, currency, \
        method, reference, reason, made_by, created_at, previous_hash, hash) \
        VALUES ($1, $2, 'refund', $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)";
    const ITEM: &str = "INSERT INTO refund_items (refund_id, line, quantity, amount, tax_rate, tax) \
        VALUES ($1, $2, $3, $4, $5, $6)";
    on!(tx, c => sqlx::query(REFUND)
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
        .execute(c))?;
    for item in items {
        on!(tx, c => sqlx::query(ITEM)
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

/// The refund or void with this id.
pub async fn find(reader: &mut Reader, id: RefundId) -> Result<Option<RefundRow>, DatabaseError> {
    const SELECT: &str = "SELECT id, store_id, number, kind, order_id, amount, tax, currency, method, reference, reason, \
        made_by, created_at, previous_hash, hash FROM refunds WHERE id = $1";
    on!(reader, c => sqlx::query_as(SELECT).bind(id).fetch_optional(c))
}

/// The refunds and voids of an order, in the order of their numbers.
pub async fn of_order(reader: &mut Reader, order: OrderId) -> Result<Vec<RefundRow>, DatabaseError> {
    const SELECT: &str = "SELECT id, store_id, number, kind, order_id, amount, tax, currency, method, reference, reason, \
        made_by, created_at, previous_hash, hash FROM refunds WHERE order_id = $1 ORDER BY number";
    on!(reader, c => sqlx::query_as(SELECT).bind(order).fetch_all(c))
}

/// A store's refunds and voids from number `first` on, at most `limit`: for whoever walks the chain.
pub async fn chain(
    reader: &mut Reader,
    store: StoreId,
    first: i64,
    limit: i64,
) -> Result<Vec<RefundRow>, DatabaseError> {
    const SELECT: &str = "SELECT id, store_id, number, kind, order_id, amount, tax, currency, method, reference, reason, \
        made_by, created_at, previous_hash, hash FROM refunds WHERE store_id = $1 AND series = 'refund' AND number >= $2 \
        ORDER BY number LIMIT $3";
    on!(reader, c => sqlx::query_as(SELECT).bind(store).bind(first).bind(limit).fetch_all(c))
}

/// The lines of a refund or void.
pub async fn items(reader: &mut Reader, id: RefundId) -> Result<Vec<RefundItemRow>, DatabaseError> {
    const SELECT: &str = "SELECT line, quantity, amount, tax_rate, tax FROM refund_items WHERE refund_id = $1 \
        ORDER BY line";
    on!(reader, c => sqlx::query_as(SELECT).bind(id).fetch_all(c))
}

/// What was taken back of each line of an order so far; lines of which nothing was are left out.
pub async fn taken_back(reader: &mut Reader, order: OrderId) -> Result<Vec<RefundedQuantity>, DatabaseError> {
    const SELECT: &str = "SELECT i.line, CAST(SUM(i.quantity) AS BIGINT) AS quantity, \
        CAST(SUM(i.amount) AS BIGINT) AS amount, CAST(SUM(i.tax) AS BIGINT) AS tax \
        FROM refunds r JOIN refund_items i ON i.refund_id = r.id WHERE r.order_id = $1 GROUP BY i.line ORDER BY i.line";
    on!(reader, c => sqlx::query_as(SELECT).bind(order).fetch_all(c))
}
