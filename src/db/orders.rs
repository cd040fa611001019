//! Orders, their items and their owners. Orders and items are written once and never changed.

use super::column_types::if_readable;
use super::{Backend, DatabaseError, Reader, Tx, on, order_items};
use crate::domain::{
    Currency, KioskId, OrderId, OrderState, PageRequest, ProductId, SessionId, StoreId, TimeZone, Timestamp, UserId,
};

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
    /// What is due for the lines together, minor units.
    pub total: i64,
    /// The store's currency.
    pub currency: Currency,
    /// Printed on the receipt; whoever shows it becomes the order's owner.
    pub claim_code: String,
    /// Whether the prices contain the tax; otherwise it came on top.
    pub prices_include_tax: bool,
    /// Why there was a discount on the whole bill, where there was one.
    pub discount_reason: Option<String>,
    /// When it was confirmed.
    pub created_at: Timestamp,
    /// What the seal is made of: see [`super::seals::order`].
    pub hash_version: i64,
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
    /// Price of all, before discounts.
    pub line_total: i64,
    /// Discount on the line.
    pub discount: i64,
    /// Why it was given.
    pub discount_reason: Option<String>,
    /// The line's share of the discount on the whole bill.
    pub bill_discount: i64,
    /// Tax in basis points.
    pub tax_rate: i64,
    /// The tax, contained in what is due or on top of the price as the order says.
    pub tax: i64,
    /// Mean recognition score; nothing where put there by hand.
    pub avg_score: Option<f64>,
}

impl OrderItemRow {
    /// What is due for the line, minor units.
    pub fn due(&self, prices_include_tax: bool) -> i64 {
        let on_top = if prices_include_tax { 0 } else { self.tax };
        self.line_total - self.discount - self.bill_discount + on_top
    }
}

/// Where an order stands.
#[derive(Debug, Clone, Copy, sqlx::FromRow)]
pub struct StandingRow {
    /// The word for it.
    pub state: OrderState,
    /// Minor units that were taken.
    pub paid: i64,
    /// Minor units that were given back.
    pub refunded: i64,
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
    /// Where it stands.
    pub state: OrderState,
    /// Minor units that were given back.
    pub refunded: i64,
    /// When it was confirmed.
    pub created_at: Timestamp,
}

/// A row about an order, where its values can be read: a currency that somebody edited by hand must not hide the orders
/// beside it.
#[derive(Debug, Clone)]
pub struct Listed<T> {
    /// The order.
    pub id: OrderId,
    /// What is kept of it, or which value cannot be read.
    pub row: Result<T, String>,
}

impl<'r, R, T> sqlx::FromRow<'r, R> for Listed<T>
where
    R: sqlx::Row,
    T: sqlx::FromRow<'r, R>,
    OrderId: sqlx::Decode<'r, R::Database> + sqlx::Type<R::Database>,
    &'static str: sqlx::ColumnIndex<R>,
{
    fn from_row(row: &'r R) -> Result<Self, sqlx::Error> {
        Ok(Self { id: row.try_get("id")?, row: if_readable(row)? })
    }
}

/// The statement of [`insert`] for the order itself.
pub(super) const INSERT_ORDER: &str = "INSERT INTO orders (id, store_id, series, number, session_id, kiosk_id, total, \
    currency, claim_code, created_at, previous_hash, hash, hash_version, prices_include_tax, discount_reason) \
    VALUES ($1, $2, 'order', $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)";

/// Adds an order with its items.
pub async fn insert(tx: &mut Tx, order: &OrderRow, items: &[OrderItemRow]) -> Result<(), DatabaseError> {
    on!(tx, c => sqlx::query(INSERT_ORDER)
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
        .bind(order.hash_version)
        .bind(order.prices_include_tax)
        .bind(&order.discount_reason)
        .execute(c))?;
    order_items::insert(tx, order.id, items).await
}

/// The order with this id; with `owner`, only where it is theirs.
pub async fn find(reader: &mut Reader, id: OrderId, owner: Option<UserId>) -> Result<Option<OrderRow>, DatabaseError> {
    const SELECT: &str = "SELECT o.id, o.store_id, o.number, o.session_id, o.kiosk_id, o.total, o.currency, \
        o.claim_code, o.prices_include_tax, o.discount_reason, o.created_at, o.hash_version, o.previous_hash, o.hash \
        FROM orders o LEFT JOIN order_owners w ON w.order_id = o.id WHERE o.id = $1 AND ($2 IS NULL OR w.user_id = $2)";
    on!(reader, c => sqlx::query_as(SELECT).bind(id).bind(owner).fetch_optional(c))
}

/// The lines of an order.
pub async fn items(reader: &mut Reader, id: OrderId) -> Result<Vec<OrderItemRow>, DatabaseError> {
    const SELECT: &str = "SELECT line, product_id, name, sku, barcode, quantity, unit_price, line_total, discount, \
        discount_reason, bill_discount, tax_rate, tax, avg_score FROM order_items WHERE order_id = $1 ORDER BY line";
    on!(reader, c => sqlx::query_as(SELECT).bind(id).fetch_all(c))
}

/// Which orders of a list are wanted; what is `None` narrows nothing down.
#[derive(Debug, Clone, Copy, Default)]
pub struct OrderFilter {
    /// Only this store's.
    pub store: Option<StoreId>,
    /// Only those that stand there.
    pub state: Option<OrderState>,
    /// Only those confirmed at this moment or later.
    pub from: Option<Timestamp>,
    /// Only those confirmed before this moment.
    pub to: Option<Timestamp>,
}

/// Orders, newest first.
pub async fn list(
    reader: &mut Reader,
    filter: OrderFilter,
    page: PageRequest,
) -> Result<Vec<Listed<OrderSummaryRow>>, DatabaseError> {
    const SELECT: &str = "SELECT o.id, o.store_id, t.name AS store_name, o.number, o.total, o.currency, o.created_at, \
        (SELECT COUNT(*) FROM order_items i WHERE i.order_id = o.id) AS items_count, s.state, s.refunded \
        FROM orders o JOIN stores t ON t.id = o.store_id JOIN order_states s ON s.order_id = o.id \
        WHERE ($1 IS NULL OR o.store_id = $1) AND ($2 IS NULL OR o.id < $2) AND ($3 IS NULL OR s.state = $3) \
        AND ($4 IS NULL OR o.created_at >= $4) AND ($5 IS NULL OR o.created_at < $5) ORDER BY o.id DESC LIMIT $6";
    on!(reader, c => sqlx::query_as(SELECT)
        .bind(filter.store)
        .bind(page.before)
        .bind(filter.state)
        .bind(filter.from)
        .bind(filter.to)
        .bind(page.probe())
        .fetch_all(c))
}

/// The orders of a shopper, newest first. Begins at the shopper's few orders, not at everybody's many.
pub async fn list_owned(
    reader: &mut Reader,
    owner: UserId,
    filter: OrderFilter,
    page: PageRequest,
) -> Result<Vec<Listed<OrderSummaryRow>>, DatabaseError> {
    const SELECT: &str = "SELECT o.id, o.store_id, t.name AS store_name, o.number, o.total, o.currency, o.created_at, \
        (SELECT COUNT(*) FROM order_items i WHERE i.order_id = o.id) AS items_count, s.state, s.refunded \
        FROM order_owners w JOIN orders o ON o.id = w.order_id JOIN stores t ON t.id = o.store_id \
        JOIN order_states s ON s.order_id = o.id \
        WHERE w.user_id = $1 AND ($2 IS NULL OR w.order_id < $2) AND ($3 IS NULL OR o.store_id = $3) \
        AND ($4 IS NULL OR s.state = $4) AND ($5 IS NULL OR o.created_at >= $5) \
        AND ($6 IS NULL OR o.created_at < $6) ORDER BY w.order_id DESC LIMIT $7";
    on!(reader, c => sqlx::query_as(SELECT)
        .bind(owner)
        .bind(page.before)
        .bind(filter.store)
        .bind(filter.state)
        .bind(filter.from)
        .bind(filter.to)
        .bind(page.probe())
        .fetch_all(c))
}

/// An order of a shopper as their spending is reckoned.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct SpendingRow {
    /// The time zone of the store, by whose clocks the month is told.
    pub time_zone: TimeZone,
    /// When it was confirmed.
    pub created_at: Timestamp,
    /// What was due, minor units.
    pub total: i64,
    /// What was given back of it.
    pub refunded: i64,
    /// Of both.
    pub currency: Currency,
}

/// The orders of a shopper since `from` that were not voided, oldest first.
pub async fn spending(
    reader: &mut Reader,
    owner: UserId,
    from: Timestamp,
) -> Result<Vec<Listed<SpendingRow>>, DatabaseError> {
    const SELECT: &str = "SELECT o.id, t.time_zone, o.created_at, o.total, s.refunded, o.currency \
        FROM order_owners w JOIN orders o ON o.id = w.order_id JOIN stores t ON t.id = o.store_id \
        JOIN order_states s ON s.order_id = o.id \
        WHERE w.user_id = $1 AND o.created_at >= $2 AND s.state <> 'voided' ORDER BY o.id";
    on!(reader, c => sqlx::query_as(SELECT).bind(owner).bind(from).fetch_all(c))
}

/// Holds the order until the transaction ends, so that what is linked to it is decided by one transaction at a time.
/// Whether there is such an order.
pub async fn lock(tx: &mut Tx, id: OrderId) -> Result<bool, DatabaseError> {
    // SQLite's one writer holds everything already.
    const SQLITE: &str = "SELECT number FROM orders WHERE id = $1";
    const POSTGRES: &str = "SELECT number FROM orders WHERE id = $1 FOR NO KEY UPDATE";
    let query = match tx.backend() {
        Backend::Sqlite => SQLITE,
        Backend::Postgres => POSTGRES,
    };
    let found: Option<(i64,)> = on!(tx, c => sqlx::query_as(query).bind(id).fetch_optional(c))?;
    Ok(found.is_some())
}

/// Where an order stands and what was paid and given back, in minor units.
pub async fn standing(reader: &mut Reader, id: OrderId) -> Result<Option<StandingRow>, DatabaseError> {
    const SELECT: &str = "SELECT state, paid, refunded FROM order_states WHERE order_id = $1";
    on!(reader, c => sqlx::query_as(SELECT).bind(id).fetch_optional(c))
}

/// A store's orders from number `first` on, at most `limit`: for whoever walks the chain.
pub async fn chain(
    reader: &mut Reader,
    store: StoreId,
    first: i64,
    limit: i64,
) -> Result<Vec<OrderRow>, DatabaseError> {
    const SELECT: &str = "SELECT id, store_id, number, session_id, kiosk_id, total, currency, claim_code, \
        prices_include_tax, discount_reason, created_at, hash_version, previous_hash, hash FROM orders \
        WHERE store_id = $1 AND series = 'order' AND number >= $2 ORDER BY number LIMIT $3";
    on!(reader, c => sqlx::query_as(SELECT).bind(store).bind(first).bind(limit).fetch_all(c))
}

/// The order whose receipt carries this code.
pub async fn find_by_claim_code(reader: &mut Reader, code: &str) -> Result<Option<OrderId>, DatabaseError> {
    const SELECT: &str = "SELECT id FROM orders WHERE claim_code = $1";
    let found: Option<(OrderId,)> = on!(reader, c => sqlx::query_as(SELECT).bind(code).fetch_optional(c))?;
    Ok(found.map(|(id,)| id))
}

/// Makes `user` the owner of an order that has none. Whether it is theirs now.
pub async fn own(tx: &mut Tx, order: OrderId, user: UserId, now: Timestamp) -> Result<bool, DatabaseError> {
    const INSERT: &str = "INSERT INTO order_owners (order_id, user_id, since) VALUES ($1, $2, $3) \
        ON CONFLICT (order_id) DO NOTHING";
    const SELECT: &str = "SELECT user_id FROM order_owners WHERE order_id = $1";
    on!(tx, c => sqlx::query(INSERT).bind(order).bind(user).bind(now).execute(c))?;
    let owner: Option<(UserId,)> = on!(tx, c => sqlx::query_as(SELECT).bind(order).fetch_optional(c))?;
    Ok(owner.is_some_and(|(owner,)| owner == user))
}
