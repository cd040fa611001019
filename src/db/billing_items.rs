//! The lines of a bill: one per session and product.

use super::{DatabaseError, Reader, Tx, on};
use crate::domain::{Currency, Discount, ItemId, ProductId, SessionId, Timestamp};

/// A product as a till may sell it.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct SellableProduct {
    /// The product.
    pub product_id: ProductId,
    /// The price in force, in minor units.
    pub amount: Option<i64>,
    /// Its currency.
    pub currency: Option<Currency>,
}

/// Something that came on the bill.
#[derive(Debug)]
pub struct NewBillItem {
    /// Its identifier, unless the bill has the product already.
    pub id: ItemId,
    /// The bill.
    pub session_id: SessionId,
    /// What it is.
    pub product_id: ProductId,
    /// How many more.
    pub quantity: i64,
    /// The price shown, in minor units of the store's currency.
    pub unit_price: Option<i64>,
    /// How sure recognition was; nothing for items put there by hand.
    pub score: Option<f64>,
    /// When.
    pub at: Timestamp,
}

/// A line of the bill together with what its product is now.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct BillLine {
    /// The line.
    pub id: ItemId,
    /// What it is.
    pub product_id: ProductId,
    /// The product's name now.
    pub name: String,
    /// The product's SKU now.
    pub sku: Option<String>,
    /// The product's barcode now.
    pub barcode: Option<String>,
    /// Whether the product is active and not removed.
    pub on_sale: bool,
    /// How many.
    pub quantity: i64,
    /// The price shown when it came on the bill, in the store's currency.
    pub unit_price: Option<i64>,
    /// The product's price now.
    pub current_price: Option<i64>,
    /// The currency of the product's price now.
    pub current_currency: Option<Currency>,
    /// Mean of the scores of its recognitions.
    pub avg_score: Option<f64>,
    /// The product's tax now, in basis points.
    pub tax_rate: i64,
    /// Discount on the line, in basis points of its price; this or the next, or neither.
    pub discount_rate: Option<i64>,
    /// Discount on the line, in minor units.
    pub discount_amount: Option<i64>,
    /// Why it was given.
    pub discount_reason: Option<String>,
}

/// The active product with this id.
pub async fn offer(reader: &mut Reader, product: ProductId) -> Result<Option<SellableProduct>, DatabaseError> {
    const SELECT: &str = "SELECT p.id AS product_id, r.amount, r.currency FROM products p \
        LEFT JOIN product_prices r ON r.id = p.price_id WHERE p.id = $1 AND p.active AND p.removed_at IS NULL";
    on!(reader, c => sqlx::query_as(SELECT).bind(product).fetch_optional(c))
}

/// The active product with this barcode.
pub async fn offer_by_barcode(reader: &mut Reader, barcode: &str) -> Result<Option<SellableProduct>, DatabaseError> {
    const SELECT: &str = "SELECT p.id AS product_id, r.amount, r.currency FROM products p \
        LEFT JOIN product_prices r ON r.id = p.price_id WHERE p.barcode = $1 AND p.active AND p.removed_at IS NULL";
    on!(reader, c => sqlx::query_as(SELECT).bind(barcode).fetch_optional(c))
}

/// Puts an item on the bill, or adds it to the line that is there; the line's price stays what was shown first. Gives
/// the line's new quantity.
pub async fn add(tx: &mut Tx, item: &NewBillItem) -> Result<i64, DatabaseError> {
    const UPSERT: &str = "INSERT INTO billing_items \
        (id, session_id, product_id, quantity, unit_price, avg_score, sightings, created_at) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8) \
        ON CONFLICT (session_id, product_id) DO UPDATE SET \
        quantity = billing_items.quantity + excluded.quantity, \
        avg_score = CASE WHEN excluded.avg_score IS NULL THEN billing_items.avg_score ELSE \
          (COALESCE(billing_items.avg_score, 0.0) * billing_items.sightings + excluded.avg_score) \
          / (billing_items.sightings + 1) END, \
        sightings = billing_items.sightings + excluded.sightings \
        RETURNING quantity";
    on!(tx, c => sqlx::query_as::<_, (i64,)>(UPSERT)
        .bind(item.id)
        .bind(item.session_id)
        .bind(item.product_id)
        .bind(item.quantity)
        .bind(item.unit_price)
        .bind(item.score)
        .bind(i64::from(item.score.is_some()))
        .bind(item.at)
        .fetch_one(c))
}

/// Sets the quantity of a line. Whether the session has that line.
pub async fn set_quantity(tx: &mut Tx, session: SessionId, item: ItemId, quantity: i64) -> Result<bool, DatabaseError> {
    const UPDATE: &str = "UPDATE billing_items SET quantity = $3 WHERE session_id = $1 AND id = $2";
    Ok(on!(tx, c => sqlx::query(UPDATE).bind(session).bind(item).bind(quantity).execute(c))? == 1)
}

/// Gives a discount on a line, or takes it back. Whether the session has that line.
pub async fn set_discount(
    tx: &mut Tx,
    session: SessionId,
    item: ItemId,
    discount: Option<(Discount, &str)>,
) -> Result<bool, DatabaseError> {
    const UPDATE: &str = "UPDATE billing_items SET discount_rate = $3, discount_amount = $4, discount_reason = $5 \
        WHERE session_id = $1 AND id = $2";
    Ok(on!(tx, c => sqlx::query(UPDATE)
        .bind(session)
        .bind(item)
        .bind(discount.and_then(|(discount, _)| discount.rate()))
        .bind(discount.and_then(|(discount, _)| discount.amount()))
        .bind(discount.map(|(_, reason)| reason))
        .execute(c))?
        == 1)
}

/// Takes a line off the bill. Whether the session had it.
pub async fn remove(tx: &mut Tx, session: SessionId, item: ItemId) -> Result<bool, DatabaseError> {
    const DELETE: &str = "DELETE FROM billing_items WHERE session_id = $1 AND id = $2";
    Ok(on!(tx, c => sqlx::query(DELETE).bind(session).bind(item).execute(c))? == 1)
}

/// A line and what its product is now, of the session `$1`; for `concat!`.
macro_rules! lines {
    () => {
        "SELECT b.id, b.product_id, p.name, p.sku, p.barcode, (p.active AND p.removed_at IS NULL) AS on_sale, \
         b.quantity, b.unit_price, r.amount AS current_price, r.currency AS current_currency, b.avg_score, p.tax_rate, \
         b.discount_rate, b.discount_amount, b.discount_reason \
         FROM billing_items b JOIN products p ON p.id = b.product_id \
         LEFT JOIN product_prices r ON r.id = p.price_id WHERE b.session_id = $1"
    };
}

/// The bill, in the order in which its lines came.
pub async fn list(reader: &mut Reader, session: SessionId) -> Result<Vec<BillLine>, DatabaseError> {
    const LIST: &str = concat!(lines!(), " ORDER BY b.id");
    on!(reader, c => sqlx::query_as(LIST).bind(session).fetch_all(c))
}

/// The statement of [`list_at`].
pub(super) const LIST_AT: &str = concat!(
    lines!(),
    " AND EXISTS (SELECT 1 FROM checkout_sessions s WHERE s.id = $1 AND s.version = $2) ORDER BY b.id"
);

/// Like [`list`], where the session is at this version; nothing otherwise. Who finds it at the same version later has the
/// bill as it is then: a version never comes again.
pub async fn list_at(reader: &mut Reader, session: SessionId, version: i64) -> Result<Vec<BillLine>, DatabaseError> {
    on!(reader, c => sqlx::query_as(LIST_AT).bind(session).bind(version).fetch_all(c))
}
