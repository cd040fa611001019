//! What a store sold in a period: sums for reports. Orders that were voided do not count.

use serde::Serialize;

use super::{DatabaseError, Reader, run_query};
use crate::domain::{Currency, StoreId, Timestamp};

/// The orders of one currency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, sqlx::FromRow)]
pub struct SalesTotal {
    pub currency: Currency,
    pub orders: i64,
    /// Minor units.
    pub amount: i64,
    /// Of these orders, whenever it was refunded; in minor units.
    pub refunded: i64,
}

/// Sums of the orders confirmed from `from` to before `to`.
pub async fn total_by_currency(
    reader: &mut Reader,
    store: StoreId,
    from: Timestamp,
    to: Timestamp,
) -> Result<Vec<SalesTotal>, DatabaseError> {
    const SELECT: &str = "SELECT o.currency, COUNT(*) AS orders, CAST(SUM(o.total) AS BIGINT) AS amount, \
        CAST(SUM(s.refunded) AS BIGINT) AS refunded FROM orders o JOIN order_states s ON s.order_id = o.id \
        WHERE o.store_id = $1 AND o.created_at >= $2 AND o.created_at < $3 AND s.state <> 'voided' \
        GROUP BY o.currency ORDER BY o.currency";
    run_query!(reader, c => sqlx::query_as(SELECT).bind(store).bind(from).bind(to).fetch_all(c))
}

/// What was sold of one product at one name and in one currency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, sqlx::FromRow)]
pub struct SoldProduct {
    pub sku: Option<String>,
    pub name: String,
    pub currency: Currency,
    pub quantity: i64,
    /// Minor units, after discounts of the line.
    pub amount: i64,
    /// Minor units.
    pub tax: i64,
}

/// The products in the orders confirmed from `from` to before `to`, by name.
pub async fn list_products(
    reader: &mut Reader,
    store: StoreId,
    from: Timestamp,
    to: Timestamp,
) -> Result<Vec<SoldProduct>, DatabaseError> {
    const SELECT: &str = "SELECT i.sku, i.name, o.currency, CAST(SUM(i.quantity) AS BIGINT) AS quantity, \
        CAST(SUM(i.line_total) AS BIGINT) AS amount, CAST(COALESCE(SUM(i.tax), 0) AS BIGINT) AS tax \
        FROM orders o JOIN order_states s ON s.order_id = o.id JOIN order_items i ON i.order_id = o.id \
        WHERE o.store_id = $1 AND o.created_at >= $2 AND o.created_at < $3 AND s.state <> 'voided' \
        GROUP BY i.product_id, i.sku, i.name, o.currency ORDER BY i.name, i.sku, o.currency";
    run_query!(reader, c => sqlx::query_as(SELECT).bind(store).bind(from).bind(to).fetch_all(c))
}
