//! Changes of the catalog that change what open bills show: a product gets its first price, leaves the sale or comes back.
//!
//! Such a change raises the version of every open bill that has the product, in its own transaction, so a client cannot confirm
//! what it has not seen. The row says why the version changed. Everything else that a bill shows is kept in its lines. A bill that
//! was left idle until it ended is not changed any more.

use super::{DatabaseError, Reader, Tx, run_query};
use crate::domain::{Money, ProductId, RevisedField, SessionId, Timestamp};

/// What changed about a product on a bill.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct BillRevisionRow {
    pub product_name: String,
    pub field: RevisedField,
    pub old_value: String,
    pub new_value: String,
}

/// Puts a product off or back on sale on every bill that has it and was active since then.
pub async fn set_on_sale(
    tx: &mut Tx,
    product: ProductId,
    on_sale: bool,
    active_since: Timestamp,
) -> Result<(), DatabaseError> {
    const RAISE: &str = "UPDATE checkout_sessions SET version = version + 1 WHERE status = 'open' AND last_active_at >= $2 AND EXISTS \
        (SELECT 1 FROM billing_items b WHERE b.session_id = checkout_sessions.id AND b.product_id = $1) RETURNING id";
    const NOTE: &str = "INSERT INTO bill_revisions (session_id, version, product_name, field, old_value, new_value) \
        SELECT s.id, s.version, b.name, 'on_sale', $3, $4 FROM checkout_sessions s \
        JOIN billing_items b ON b.session_id = s.id AND b.product_id = $1 WHERE s.id = $2";
    let raised: Vec<SessionId> =
        run_query!(tx, c => sqlx::query_scalar(RAISE).bind(product).bind(active_since).fetch_all(c))?;
    let (old, new) = ((!on_sale).to_string(), on_sale.to_string());
    for session in raised {
        run_query!(tx, c => sqlx::query(NOTE).bind(product).bind(session).bind(&old).bind(&new).execute(c))?;
    }
    Ok(())
}

/// Gives a product's price, and the tax rate that it has now, to every bill in that currency that has the product without a
/// price and was active since then.
pub async fn set_first_price(
    tx: &mut Tx,
    product: ProductId,
    price: Money,
    active_since: Timestamp,
) -> Result<(), DatabaseError> {
    const RAISE: &str = "UPDATE checkout_sessions SET version = version + 1 WHERE status = 'open' AND last_active_at >= $3 AND EXISTS \
        (SELECT 1 FROM billing_items b JOIN stores t ON t.id = checkout_sessions.store_id \
        WHERE b.session_id = checkout_sessions.id AND b.product_id = $1 AND b.unit_price IS NULL AND t.currency = $2) \
        RETURNING id";
    const NOTE: &str = "INSERT INTO bill_revisions (session_id, version, product_name, field, old_value, new_value) \
        SELECT s.id, s.version, b.name, 'price', 'none', $3 FROM checkout_sessions s \
        JOIN billing_items b ON b.session_id = s.id AND b.product_id = $1 AND b.unit_price IS NULL WHERE s.id = $2";
    const FILL: &str = "UPDATE billing_items SET unit_price = $3, tax_rate = (SELECT tax_rate FROM products WHERE id = $1) \
        WHERE product_id = $1 AND session_id = $2 AND unit_price IS NULL";
    let raised: Vec<SessionId> = run_query!(tx, c => sqlx::query_scalar(RAISE).bind(product).bind(price.currency).bind(active_since).fetch_all(c))?;
    let new = price.to_string();
    // Only bills whose version was raised, and which are locked by that: PostgreSQL sees what others commit between two
    // statements, and a line added in between must not get a price that no version announced.
    for session in raised {
        run_query!(tx, c => sqlx::query(NOTE).bind(product).bind(session).bind(&new).execute(c))?;
        run_query!(tx, c => sqlx::query(FILL).bind(product).bind(session).bind(price.amount).execute(c))?;
    }
    Ok(())
}

/// What changed on a bill after `version`, oldest first.
pub async fn list_after(
    reader: &mut Reader,
    session: SessionId,
    version: i64,
) -> Result<Vec<BillRevisionRow>, DatabaseError> {
    const SELECT: &str = "SELECT product_name, field, old_value, new_value FROM bill_revisions \
        WHERE session_id = $1 AND version > $2 ORDER BY version";
    run_query!(reader, c => sqlx::query_as(SELECT).bind(session).bind(version).fetch_all(c))
}

/// Deletes the revisions of bills that are closed or were left idle before `active_since`; returns their number.
pub async fn delete_of_ended_bills(tx: &mut Tx, active_since: Timestamp) -> Result<u64, DatabaseError> {
    const DELETE: &str = "DELETE FROM bill_revisions WHERE session_id IN \
        (SELECT id FROM checkout_sessions WHERE status <> 'open' OR last_active_at < $1)";
    run_query!(tx, c => sqlx::query(DELETE).bind(active_since).execute(c))
}
