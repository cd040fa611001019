//! Orders, their items and their owners. Orders and items are written once and never changed.

use super::{StoreError, Tx, on};
use crate::domain::{Currency, KioskId, OrderId, PageRequest, ProductId, SessionId, StoreId, Timestamp, UserId};

/// A confirmed bill.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct OrderRow {
    /// Its identifier.
    pub id: OrderId,
    /// The store that numbers it.
    pub store_id: StoreId,
    /// The receipt number in that store's series `order`.
    pub number: i64,
    /// The session it came from.
    pub session_id: SessionId,
    /// The kiosk, unless a person held the session.
    pub kiosk_id: Option<KioskId>,
    /// Sum of the lines, minor units.
    pub total: i64,
    /// The store's currency.
    pub currency: Currency,
    /// Printed on the receipt; whoever shows it becomes the order's owner.
    pub claim_code: String,
    /// When it was confirmed.
    pub created_at: Timestamp,
    /// Seal of the order before it in the store.
    pub previous_hash: Vec<u8>,
    /// This order's seal.
    pub hash: Vec<u8>,
}

/// A line of an order: everything as it was at confirmation.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct OrderItemRow {
    /// 1, 2, 3 …
    pub line: i64,
    /// The product.
    pub product_id: ProductId,
    /// Its name then.
    pub name: String,
    /// Its SKU then.
    pub sku: Option<String>,
    /// Its barcode then.
    pub barcode: Option<String>,
    /// How many.
    pub quantity: i64,
    /// Price of one, minor units.
    pub unit_price: i64,
    /// Price of all.
    pub line_total: i64,
    /// Mean recognition score; nothing where put there by hand.
    pub avg_score: Option<f64>,
}

/// An order in a list.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct OrderSummaryRow {
    /// Its identifier.
    pub id: OrderId,
    /// The store.
    pub store_id: StoreId,
    /// The store's name now.
    pub store_name: String,
    /// The receipt number.
    pub number: i64,
    /// Minor units.
    pub total: i64,
    /// The store's currency.
    pub currency: Currency,
    /// Number of lines.
    pub items_count: i64,
    /// When it was confirmed.
    pub created_at: Timestamp,
}

/// Adds an order with its items.
pub async fn insert(tx: &mut Tx, order: &OrderRow, items: &[OrderItemRow]) -> Result<(), StoreError> {
    const ORDER: &str = "INSERT INTO orders (id, store_id, series, number, session_id, kiosk_id, total, currency, \
        claim_code, created_at, previous_hash, hash) VALUES ($1, $2, 'order', $3, $4, $5, $6, $7, $8, $9, $10, $11)";
    const ITEM: &str = "INSERT INTO order_items (order_id, line, product_id, name, sku, barcode, quantity, unit_price, \
        line_total, avg_score) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
    on!(tx, c => sqlx::query(ORDER)
        .bind(order.id)
        .bind(order.store_id)
        .bind(order.number)
        .bind(order.session_id)
        .bind(order.kiosk_id)
        .bind(order.total)
        .bind(order.currency)
        .bind(&order.claim_code)
        .bind(order.created_at)
        .bind(&order.previous_hash)
        .bind(&order.hash)
        .execute(c))?;
    for item in items {
        on!(tx, c => sqlx::query(ITEM)
            .bind(order.id)
            .bind(item.line)
            .bind(item.product_id)
            .bind(&item.name)
            .bind(&item.sku)
            .bind(&item.barcode)
            .bind(item.quantity)
            .bind(item.unit_price)
            .bind(item.line_total)
            .bind(item.avg_score)
            .execute(c))?;
    }
    Ok(())
}

/// The order with this id; with `owner`, only where it is theirs.
pub async fn find(tx: &mut Tx, id: OrderId, owner: Option<UserId>) -> Result<Option<OrderRow>, StoreError> {
    const SELECT: &str = "SELECT o.id, o.store_id, o.number, o.session_id, o.kiosk_id, o.total, o.currency, \
        o.claim_code, o.created_at, o.previous_hash, o.hash FROM orders o \
        LEFT JOIN order_owners w ON w.order_id = o.id WHERE o.id = $1 AND ($2 IS NULL OR w.user_id = $2)";
    on!(tx, c => sqlx::query_as(SELECT).bind(id).bind(owner).fetch_optional(c))
}

/// The lines of an order.
pub async fn items(tx: &mut Tx, id: OrderId) -> Result<Vec<OrderItemRow>, StoreError> {
    const SELECT: &str = "SELECT line, product_id, name, sku, barcode, quantity, unit_price, line_total, avg_score \
        FROM order_items WHERE order_id = $1 ORDER BY line";
    on!(tx, c => sqlx::query_as(SELECT).bind(id).fetch_all(c))
}

/// Orders, newest first; with `store`, only that store's.
pub async fn list(tx: &mut Tx, store: Option<StoreId>, page: PageRequest) -> Result<Vec<OrderSummaryRow>, StoreError> {
    const SELECT: &str = "SELECT o.id, o.store_id, t.name AS store_name, o.number, o.total, o.currency, o.created_at, \
        (SELECT COUNT(*) FROM order_items i WHERE i.order_id = o.id) AS items_count \
        FROM orders o JOIN stores t ON t.id = o.store_id \
        WHERE ($1 IS NULL OR o.store_id = $1) AND ($2 IS NULL OR o.id < $2) ORDER BY o.id DESC LIMIT $3";
    on!(tx, c => sqlx::query_as(SELECT).bind(store).bind(page.before).bind(page.probe()).fetch_all(c))
}

/// The orders of a shopper, newest first. Begins at the shopper's few orders, not at everybody's many.
pub async fn list_owned(tx: &mut Tx, owner: UserId, page: PageRequest) -> Result<Vec<OrderSummaryRow>, StoreError> {
    const SELECT: &str = "SELECT o.id, o.store_id, t.name AS store_name, o.number, o.total, o.currency, o.created_at, \
        (SELECT COUNT(*) FROM order_items i WHERE i.order_id = o.id) AS items_count \
        FROM order_owners w JOIN orders o ON o.id = w.order_id JOIN stores t ON t.id = o.store_id \
        WHERE w.user_id = $1 AND ($2 IS NULL OR w.order_id < $2) ORDER BY w.order_id DESC LIMIT $3";
    on!(tx, c => sqlx::query_as(SELECT).bind(owner).bind(page.before).bind(page.probe()).fetch_all(c))
}

/// The order whose receipt carries this code.
pub async fn find_by_claim_code(tx: &mut Tx, code: &str) -> Result<Option<OrderId>, StoreError> {
    const SELECT: &str = "SELECT id FROM orders WHERE claim_code = $1";
    let found: Option<(OrderId,)> = on!(tx, c => sqlx::query_as(SELECT).bind(code).fetch_optional(c))?;
    Ok(found.map(|(id,)| id))
}

/// Makes `user` the owner of an order that has none. Whether it is theirs now.
pub async fn own(tx: &mut Tx, order: OrderId, user: UserId, now: Timestamp) -> Result<bool, StoreError> {
    const INSERT: &str = "INSERT INTO order_owners (order_id, user_id, since) VALUES ($1, $2, $3) \
        ON CONFLICT (order_id) DO NOTHING";
    const SELECT: &str = "SELECT user_id FROM order_owners WHERE order_id = $1";
    on!(tx, c => sqlx::query(INSERT).bind(order).bind(user).bind(now).execute(c))?;
    let owner: Option<(UserId,)> = on!(tx, c => sqlx::query_as(SELECT).bind(order).fetch_optional(c))?;
    Ok(owner.is_some_and(|(owner,)| owner == user))
}
