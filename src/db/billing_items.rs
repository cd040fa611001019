//! The lines of a bill: one per session and product. A line keeps what it shows of its product: a change of the catalog changes
//! neither the bill nor what it charges, except what [`super::bill_revisions`] does.

use super::{DatabaseError, Reader, Tx, run_query};
use crate::domain::{Currency, Discount, ItemId, ProductId, SessionId, Timestamp, normalize_barcode};

/// A product as it can be sold.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct SellableProduct {
    pub product_id: ProductId,
    pub name: String,
    pub sku: Option<String>,
    pub barcode: Option<String>,
    /// In basis points.
    pub tax_rate: i64,
    /// Minor units of the current price.
    pub amount: Option<i64>,
    pub currency: Option<Currency>,
}

#[derive(Debug)]
pub struct NewBillItem<'a> {
    /// Ignored if the bill has the product already.
    pub id: ItemId,
    pub session_id: SessionId,
    pub product: &'a SellableProduct,
    pub quantity: i64,
    /// Minor units of the store's currency.
    pub unit_price: Option<i64>,
    /// Recognition score; `None` if added by hand.
    pub score: Option<f64>,
    pub at: Timestamp,
}

/// A line of the bill, with its product as it was when it was added.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct BillLine {
    pub id: ItemId,
    pub product_id: ProductId,
    pub name: String,
    pub sku: Option<String>,
    pub barcode: Option<String>,
    /// Whether the product is active and not removed now.
    pub on_sale: bool,
    pub quantity: i64,
    /// Price when the product was added, or its first one since, in minor units of the store's currency.
    pub unit_price: Option<i64>,
    /// Currency of the product's price now.
    pub current_currency: Option<Currency>,
    /// Mean recognition score; `None` if added by hand.
    pub avg_score: Option<f64>,
    /// Basis points.
    pub tax_rate: i64,
    /// Discount on the line in basis points. At most one of `discount_rate` and `discount_amount` is set.
    pub discount_rate: Option<i64>,
    /// Minor units.
    pub discount_amount: Option<i64>,
    pub discount_reason: Option<String>,
}

pub async fn find_sellable(reader: &mut Reader, product: ProductId) -> Result<Option<SellableProduct>, DatabaseError> {
    const SELECT: &str = "SELECT p.id AS product_id, p.name, p.sku, p.barcode, p.tax_rate, r.amount, r.currency FROM products p \
        LEFT JOIN product_prices r ON r.id = p.price_id WHERE p.id = $1 AND p.active AND p.removed_at IS NULL";
    run_query!(reader, c => sqlx::query_as(SELECT).bind(product).fetch_optional(c))
}

/// By any form of its article's number. Of several products of one article, that with the barcode as it is written here.
pub async fn find_sellable_by_barcode(
    reader: &mut Reader,
    barcode: &str,
) -> Result<Option<SellableProduct>, DatabaseError> {
    const SELECT: &str = "SELECT p.id AS product_id, p.name, p.sku, p.barcode, p.tax_rate, r.amount, r.currency FROM products p \
        LEFT JOIN product_prices r ON r.id = p.price_id WHERE p.barcode_normalized = $1 AND p.active AND p.removed_at IS NULL \
        ORDER BY CASE WHEN p.barcode = $2 THEN 0 ELSE 1 END, p.id LIMIT 1";
    run_query!(reader, c => sqlx::query_as(SELECT).bind(normalize_barcode(barcode)).bind(barcode).fetch_optional(c))
}

/// Adds an item to the bill, or to the line of its product, which keeps its name, tax and first price. Returns the line's new
/// quantity.
pub async fn add(tx: &mut Tx, item: &NewBillItem<'_>) -> Result<i64, DatabaseError> {
    const UPSERT: &str = "INSERT INTO billing_items (id, session_id, product_id, quantity, unit_price, avg_score, \
        sightings, created_at, name, sku, barcode, tax_rate) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) \
        ON CONFLICT (session_id, product_id) DO UPDATE SET \
        quantity = billing_items.quantity + excluded.quantity, \
        unit_price = COALESCE(billing_items.unit_price, excluded.unit_price), \
        avg_score = CASE WHEN excluded.avg_score IS NULL THEN billing_items.avg_score ELSE \
          (COALESCE(billing_items.avg_score, 0.0) * billing_items.sightings + excluded.avg_score) \
          / (billing_items.sightings + 1) END, \
        sightings = billing_items.sightings + excluded.sightings \
        RETURNING quantity";
    run_query!(tx, c => sqlx::query_as::<_, (i64,)>(UPSERT)
        .bind(item.id)
        .bind(item.session_id)
        .bind(item.product.product_id)
        .bind(item.quantity)
        .bind(item.unit_price)
        .bind(item.score)
        .bind(i64::from(item.score.is_some()))
        .bind(item.at)
        .bind(&item.product.name)
        .bind(&item.product.sku)
        .bind(&item.product.barcode)
        .bind(item.product.tax_rate)
        .fetch_one(c))
}

/// False if the session has no such line.
pub async fn set_quantity(tx: &mut Tx, session: SessionId, item: ItemId, quantity: i64) -> Result<bool, DatabaseError> {
    const UPDATE: &str = "UPDATE billing_items SET quantity = $3 WHERE session_id = $1 AND id = $2";
    Ok(run_query!(tx, c => sqlx::query(UPDATE).bind(session).bind(item).bind(quantity).execute(c))? == 1)
}

/// Sets or removes the discount on a line. False if the session has no such line.
pub async fn set_discount(
    tx: &mut Tx,
    session: SessionId,
    item: ItemId,
    discount: Option<(Discount, &str)>,
) -> Result<bool, DatabaseError> {
    const UPDATE: &str = "UPDATE billing_items SET discount_rate = $3, discount_amount = $4, discount_reason = $5 \
        WHERE session_id = $1 AND id = $2";
    Ok(run_query!(tx, c => sqlx::query(UPDATE)
        .bind(session)
        .bind(item)
        .bind(discount.and_then(|(discount, _)| discount.rate()))
        .bind(discount.and_then(|(discount, _)| discount.amount()))
        .bind(discount.map(|(_, reason)| reason))
        .execute(c))?
        == 1)
}

/// False if the session has no such line.
pub async fn remove(tx: &mut Tx, session: SessionId, item: ItemId) -> Result<bool, DatabaseError> {
    const DELETE: &str = "DELETE FROM billing_items WHERE session_id = $1 AND id = $2";
    Ok(run_query!(tx, c => sqlx::query(DELETE).bind(session).bind(item).execute(c))? == 1)
}

/// Lines of the bill of session `$1`; for `concat!`.
macro_rules! lines {
    () => {
        "SELECT b.id, b.product_id, b.name, b.sku, b.barcode, (p.active AND p.removed_at IS NULL) AS on_sale, \
         b.quantity, b.unit_price, r.currency AS current_currency, b.avg_score, b.tax_rate, \
         b.discount_rate, b.discount_amount, b.discount_reason \
         FROM billing_items b JOIN products p ON p.id = b.product_id \
         LEFT JOIN product_prices r ON r.id = p.price_id WHERE b.session_id = $1"
    };
}

/// The lines in the order in which they were added.
pub async fn list(reader: &mut Reader, session: SessionId) -> Result<Vec<BillLine>, DatabaseError> {
    const LIST: &str = concat!(lines!(), " ORDER BY b.id");
    run_query!(reader, c => sqlx::query_as(LIST).bind(session).fetch_all(c))
}

/// The statement of [`list_at_version`].
pub(super) const LIST_AT_VERSION: &str = concat!(
    lines!(),
    " AND EXISTS (SELECT 1 FROM checkout_sessions s WHERE s.id = $1 AND s.version = $2) ORDER BY b.id"
);

/// Like [`list`], but empty if the session is not at this version. A version never comes again: if the session still
/// has it later, the bill is the same.
pub async fn list_at_version(
    reader: &mut Reader,
    session: SessionId,
    version: i64,
) -> Result<Vec<BillLine>, DatabaseError> {
    run_query!(reader, c => sqlx::query_as(LIST_AT_VERSION).bind(session).bind(version).fetch_all(c))
}
