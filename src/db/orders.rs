//! Orders, their items and their owners. Orders and items are written once and never changed.

use super::column_types::decode_or_reason;
use super::{Backend, DatabaseError, Reader, Tx, order_items, run_query};
use crate::domain::{
    Currency, KioskId, OrderId, OrderState, PageRequest, ProductId, SessionId, StoreId, TimeZone, Timestamp, UserId,
};

#[derive(Debug, Clone, sqlx::FromRow)]
pub struct OrderRow {
    pub id: OrderId,
    pub store_id: StoreId,
    /// The receipt number: series `order` of the store.
    pub number: i64,
    pub session_id: SessionId,
    /// `None` if a person held the session.
    pub kiosk_id: Option<KioskId>,
    /// Minor units.
    pub total: i64,
    pub currency: Currency,
    /// Printed on the receipt; the shopper who enters it becomes the order's owner.
    pub claim_code: String,
    /// Otherwise the tax was added.
    pub prices_include_tax: bool,
    /// Reason of the discount on the whole bill.
    pub discount_reason: Option<String>,
    /// The store as the receipt names it; `None` if that was not kept (seal versions 1 and 2).
    pub store_name: Option<String>,
    pub store_address: Option<String>,
    pub store_tax_number: Option<String>,
    /// `None` if it was not kept (seal versions 1 and 2).
    pub time_zone: Option<TimeZone>,
    pub created_at: Timestamp,
    /// Which fields the seal covers: see [`super::seals::seal_order`].
    pub hash_version: i64,
    /// Seal of the order before it in the store.
    pub previous_hash: Vec<u8>,
    pub hash: Vec<u8>,
}

/// A line of an order, as it was at confirmation.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct OrderItemRow {
    /// 1, 2, 3 …
    pub line: i64,
    pub product_id: ProductId,
    pub name: String,
    pub sku: Option<String>,
    pub barcode: Option<String>,
    pub quantity: i64,
    /// Price of one, minor units.
    pub unit_price: i64,
    /// Price of all, before discounts.
    pub line_total: i64,
    pub discount: i64,
    pub discount_reason: Option<String>,
    /// The line's share of the discount on the whole bill.
    pub bill_discount: i64,
    pub tax_rate: i64,
    /// Minor units, contained in the price or added to it, as the order says.
    pub tax: i64,
    /// Mean recognition score; `None` if added by hand.
    pub avg_score: Option<f64>,
}

/// State of an order and its payments and refunds, in minor units.
#[derive(Debug, Clone, Copy, sqlx::FromRow)]
pub struct OrderBalanceRow {
    pub state: OrderState,
    /// Minor units.
    pub paid: i64,
    /// Minor units.
    pub refunded: i64,
}

#[derive(Debug, Clone, sqlx::FromRow)]
pub struct OrderSummaryRow {
    pub id: OrderId,
    pub store_id: StoreId,
    /// At the time of the order; `None` if it was not kept.
    pub store_name: Option<String>,
    pub number: i64,
    /// Minor units.
    pub total: i64,
    pub currency: Currency,
    pub items_count: i64,
    pub state: OrderState,
    /// Minor units.
    pub refunded: i64,
    pub created_at: Timestamp,
}

/// A listed order: a value that was edited by hand and cannot be read must not hide the other orders.
#[derive(Debug, Clone)]
pub struct ListedOrder<T> {
    pub id: OrderId,
    /// The order, or which of its values cannot be read.
    pub row: Result<T, String>,
}

impl<'r, R, T> sqlx::FromRow<'r, R> for ListedOrder<T>
where
    R: sqlx::Row,
    T: sqlx::FromRow<'r, R>,
    OrderId: sqlx::Decode<'r, R::Database> + sqlx::Type<R::Database>,
    &'static str: sqlx::ColumnIndex<R>,
{
    fn from_row(row: &'r R) -> Result<Self, sqlx::Error> {
        Ok(Self { id: row.try_get("id")?, row: decode_or_reason(row)? })
    }
}

/// The statement of [`insert`] for the order itself.
pub(super) const INSERT_ORDER: &str = "INSERT INTO orders (id, store_id, series, number, session_id, kiosk_id, total, \
    currency, claim_code, created_at, previous_hash, hash, hash_version, prices_include_tax, discount_reason, \
    store_name, store_address, store_tax_number, time_zone) \
    VALUES ($1, $2, 'order', $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)";

pub async fn insert(tx: &mut Tx, order: &OrderRow, items: &[OrderItemRow]) -> Result<(), DatabaseError> {
    run_query!(tx, c => sqlx::query(INSERT_ORDER)
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
        .bind(&order.store_name)
        .bind(&order.store_address)
        .bind(&order.store_tax_number)
        .bind(&order.time_zone)
        .execute(c))?;
    order_items::insert(tx, order.id, items).await
}

/// With `owner`, only an order of that shopper.
pub async fn find(reader: &mut Reader, id: OrderId, owner: Option<UserId>) -> Result<Option<OrderRow>, DatabaseError> {
    const SELECT: &str = "SELECT o.id, o.store_id, o.number, o.session_id, o.kiosk_id, o.total, o.currency, \
        o.claim_code, o.prices_include_tax, o.discount_reason, o.store_name, o.store_address, o.store_tax_number, \
        o.time_zone, o.created_at, o.hash_version, o.previous_hash, o.hash \
        FROM orders o LEFT JOIN order_owners w ON w.order_id = o.id WHERE o.id = $1 AND ($2 IS NULL OR w.user_id = $2)";
    run_query!(reader, c => sqlx::query_as(SELECT).bind(id).bind(owner).fetch_optional(c))
}

pub async fn list_items(reader: &mut Reader, id: OrderId) -> Result<Vec<OrderItemRow>, DatabaseError> {
    const SELECT: &str = "SELECT line, product_id, name, sku, barcode, quantity, unit_price, line_total, discount, \
        discount_reason, bill_discount, tax_rate, tax, avg_score FROM order_items WHERE order_id = $1 ORDER BY line";
    run_query!(reader, c => sqlx::query_as(SELECT).bind(id).fetch_all(c))
}

/// `None` does not filter.
#[derive(Debug, Clone, Copy, Default)]
pub struct OrderFilter {
    pub store: Option<StoreId>,
    pub state: Option<OrderState>,
    /// The receipt number, of which each store has its own.
    pub number: Option<i64>,
    /// Confirmed at this moment or later.
    pub from: Option<Timestamp>,
    /// Confirmed before this moment.
    pub to: Option<Timestamp>,
}

/// The columns of [`OrderSummaryRow`], from orders `o` and their states `s`.
macro_rules! summary_columns {
    () => {
        "o.id, o.store_id, o.store_name, o.number, o.total, o.currency, o.created_at, \
         (SELECT COUNT(*) FROM order_items i WHERE i.order_id = o.id) AS items_count, s.state, s.refunded "
    };
}

/// The orders of [`list`] among those that `$from` names. States are looked up for the orders of the page alone: each is made of
/// several sums.
macro_rules! select_page {
    ($from:literal) => {
        concat!(
            "SELECT ",
            summary_columns!(),
            "FROM (SELECT o.* FROM ",
            $from,
            " AND ($1 IS NULL OR o.store_id = $1) AND ($2 IS NULL OR o.id < $2) AND ($3 IS NULL OR o.number = $3) \
             AND ($4 IS NULL OR o.created_at >= $4) AND ($5 IS NULL OR o.created_at < $5) ORDER BY o.id DESC LIMIT $6) o \
             JOIN order_states s ON s.order_id = o.id ORDER BY o.id DESC"
        )
    };
}

/// Newest first.
pub async fn list(
    reader: &mut Reader,
    filter: OrderFilter,
    page: PageRequest,
) -> Result<Vec<ListedOrder<OrderSummaryRow>>, DatabaseError> {
    const ALL: &str = select_page!("orders o WHERE TRUE");
    // Through the index of each store's numbers.
    const OF_NUMBER: &str =
        select_page!("stores t CROSS JOIN orders o WHERE o.store_id = t.id AND o.series = 'order' AND o.number = $3");
    // What `order_states` says, in terms that indexes answer.
    const CONFIRMED: &str = select_page!(
        "orders o WHERE NOT EXISTS (SELECT 1 FROM payments p WHERE p.order_id = o.id) \
         AND NOT EXISTS (SELECT 1 FROM refunds r WHERE r.order_id = o.id AND r.kind = 'void')"
    );
    const PAID: &str = select_page!(
        "orders o WHERE EXISTS (SELECT 1 FROM payments p WHERE p.order_id = o.id) \
         AND NOT EXISTS (SELECT 1 FROM refunds r WHERE r.order_id = o.id)"
    );
    const PARTLY_REFUNDED: &str = select_page!(
        "orders o WHERE o.id IN (SELECT r.order_id FROM refunds r WHERE r.kind = 'refund') \
         AND o.total > (SELECT SUM(r.amount) FROM refunds r WHERE r.order_id = o.id AND r.kind = 'refund')"
    );
    const REFUNDED: &str = select_page!(
        "orders o WHERE o.id IN (SELECT r.order_id FROM refunds r WHERE r.kind = 'refund') \
         AND o.total <= (SELECT SUM(r.amount) FROM refunds r WHERE r.order_id = o.id AND r.kind = 'refund')"
    );
    const VOIDED: &str =
        select_page!("orders o WHERE o.id IN (SELECT r.order_id FROM refunds r WHERE r.kind = 'void')");
    let query = match filter.state {
        None if filter.number.is_some() => OF_NUMBER,
        None => ALL,
        Some(OrderState::Confirmed) => CONFIRMED,
        Some(OrderState::Paid) => PAID,
        Some(OrderState::PartlyRefunded) => PARTLY_REFUNDED,
        Some(OrderState::Refunded) => REFUNDED,
        Some(OrderState::Voided) => VOIDED,
    };
    run_query!(reader, c => sqlx::query_as(query)
        .bind(filter.store)
        .bind(page.before)
        .bind(filter.number)
        .bind(filter.from)
        .bind(filter.to)
        .bind(page.fetch_limit())
        .fetch_all(c))
}

/// Orders of a shopper, newest first. The query begins at the shopper's few orders, not at everybody's.
pub async fn list_owned(
    reader: &mut Reader,
    owner: UserId,
    filter: OrderFilter,
    page: PageRequest,
) -> Result<Vec<ListedOrder<OrderSummaryRow>>, DatabaseError> {
    const SELECT: &str = concat!(
        "SELECT ",
        summary_columns!(),
        "FROM order_owners w JOIN orders o ON o.id = w.order_id JOIN order_states s ON s.order_id = o.id \
         WHERE w.user_id = $1 AND ($2 IS NULL OR w.order_id < $2) AND ($3 IS NULL OR o.store_id = $3) \
         AND ($4 IS NULL OR s.state = $4) AND ($5 IS NULL OR o.created_at >= $5) \
         AND ($6 IS NULL OR o.created_at < $6) AND ($7 IS NULL OR o.number = $7) ORDER BY w.order_id DESC LIMIT $8"
    );
    run_query!(reader, c => sqlx::query_as(SELECT)
        .bind(owner)
        .bind(page.before)
        .bind(filter.store)
        .bind(filter.state)
        .bind(filter.from)
        .bind(filter.to)
        .bind(filter.number)
        .bind(page.fetch_limit())
        .fetch_all(c))
}

/// An order as it counts towards a shopper's spending.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct SpendingRow {
    /// Time zone of the store at the time of the order, in which months begin and end; the present one if it was not kept.
    pub time_zone: TimeZone,
    pub created_at: Timestamp,
    /// Minor units.
    pub total: i64,
    /// Minor units.
    pub refunded: i64,
    pub currency: Currency,
}

/// Orders of a shopper since `from` that are not voided, oldest first.
pub async fn list_spending(
    reader: &mut Reader,
    owner: UserId,
    from: Timestamp,
) -> Result<Vec<ListedOrder<SpendingRow>>, DatabaseError> {
    const SELECT: &str = "SELECT o.id, COALESCE(o.time_zone, t.time_zone) AS time_zone, o.created_at, o.total, s.refunded, o.currency \
        FROM order_owners w JOIN orders o ON o.id = w.order_id JOIN stores t ON t.id = o.store_id \
        JOIN order_states s ON s.order_id = o.id \
        WHERE w.user_id = $1 AND o.created_at >= $2 AND s.state <> 'voided' ORDER BY o.id";
    run_query!(reader, c => sqlx::query_as(SELECT).bind(owner).bind(from).fetch_all(c))
}

/// Locks the order until the transaction ends, so that one transaction at a time adds payments, refunds or a void. False
/// if no such order exists.
pub async fn lock(tx: &mut Tx, id: OrderId) -> Result<bool, DatabaseError> {
    // On SQLite a transaction is the only writer anyway.
    const SQLITE: &str = "SELECT number FROM orders WHERE id = $1";
    const POSTGRES: &str = "SELECT number FROM orders WHERE id = $1 FOR NO KEY UPDATE";
    let query = match tx.backend() {
        Backend::Sqlite => SQLITE,
        Backend::Postgres => POSTGRES,
    };
    let found: Option<(i64,)> = run_query!(tx, c => sqlx::query_as(query).bind(id).fetch_optional(c))?;
    Ok(found.is_some())
}

pub async fn find_balance(reader: &mut Reader, id: OrderId) -> Result<Option<OrderBalanceRow>, DatabaseError> {
    const SELECT: &str = "SELECT state, paid, refunded FROM order_states WHERE order_id = $1";
    run_query!(reader, c => sqlx::query_as(SELECT).bind(id).fetch_optional(c))
}

/// Orders of a store from number `first` on, ordered by number.
pub async fn list_chain(
    reader: &mut Reader,
    store: StoreId,
    first: i64,
    limit: i64,
) -> Result<Vec<OrderRow>, DatabaseError> {
    const SELECT: &str = "SELECT id, store_id, number, session_id, kiosk_id, total, currency, claim_code, \
        prices_include_tax, discount_reason, store_name, store_address, store_tax_number, time_zone, created_at, \
        hash_version, previous_hash, hash FROM orders \
        WHERE store_id = $1 AND series = 'order' AND number >= $2 ORDER BY number LIMIT $3";
    run_query!(reader, c => sqlx::query_as(SELECT).bind(store).bind(first).bind(limit).fetch_all(c))
}

/// The order that a session became, and its receipt number.
pub async fn find_by_session(reader: &mut Reader, session: SessionId) -> Result<Option<(OrderId, i64)>, DatabaseError> {
    const SELECT: &str = "SELECT id, number FROM orders WHERE session_id = $1";
    run_query!(reader, c => sqlx::query_as(SELECT).bind(session).fetch_optional(c))
}

/// Whose order it is, and since when.
pub async fn find_owner(reader: &mut Reader, id: OrderId) -> Result<Option<(UserId, Timestamp)>, DatabaseError> {
    const SELECT: &str = "SELECT user_id, since FROM order_owners WHERE order_id = $1";
    run_query!(reader, c => sqlx::query_as(SELECT).bind(id).fetch_optional(c))
}

pub async fn find_by_claim_code(reader: &mut Reader, code: &str) -> Result<Option<OrderId>, DatabaseError> {
    const SELECT: &str = "SELECT id FROM orders WHERE claim_code = $1";
    let found: Option<(OrderId,)> = run_query!(reader, c => sqlx::query_as(SELECT).bind(code).fetch_optional(c))?;
    Ok(found.map(|(id,)| id))
}

/// Makes `user` the owner of an order that has none. False if it has another owner.
pub async fn set_owner(tx: &mut Tx, order: OrderId, user: UserId, now: Timestamp) -> Result<bool, DatabaseError> {
    const INSERT: &str = "INSERT INTO order_owners (order_id, user_id, since) VALUES ($1, $2, $3) \
        ON CONFLICT (order_id) DO NOTHING";
    const SELECT: &str = "SELECT user_id FROM order_owners WHERE order_id = $1";
    run_query!(tx, c => sqlx::query(INSERT).bind(order).bind(user).bind(now).execute(c))?;
    let owner: Option<(UserId,)> = run_query!(tx, c => sqlx::query_as(SELECT).bind(order).fetch_optional(c))?;
    Ok(owner.is_some_and(|(owner,)| owner == user))
}
