//! Shops.

use super::{DatabaseError, Reader, Tx, on};
use crate::domain::{Currency, PageRequest, StoreId, TimeZone, Timestamp};

/// A shop: receipts are numbered per shop, in its currency.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct StoreRow {
    /// Its identifier.
    pub id: StoreId,
    /// What people call it.
    pub name: String,
    /// The currency of its bills.
    pub currency: Currency,
    /// Where it stands: its days and months begin by the clocks there.
    pub time_zone: TimeZone,
    /// Whether prices contain the tax; otherwise it comes on top.
    pub prices_include_tax: bool,
    /// Whether its numbers are kept for an authority: its records are never renumbered.
    pub fiscal: bool,
    /// When it was made.
    pub created_at: Timestamp,
}

/// Adds a shop.
pub async fn insert(tx: &mut Tx, row: &StoreRow) -> Result<(), DatabaseError> {
    const INSERT: &str = "INSERT INTO stores (id, name, currency, created_at, time_zone, prices_include_tax, fiscal) \
                          VALUES ($1, $2, $3, $4, $5, $6, $7)";
    on!(tx, c => sqlx::query(INSERT)
        .bind(row.id)
        .bind(&row.name)
        .bind(row.currency)
        .bind(row.created_at)
        .bind(&row.time_zone)
        .bind(row.prices_include_tax)
        .bind(row.fiscal)
        .execute(c))?;
    Ok(())
}

/// The shop with this id.
pub async fn find(reader: &mut Reader, id: StoreId) -> Result<Option<StoreRow>, DatabaseError> {
    const SELECT: &str = "SELECT id, name, currency, time_zone, prices_include_tax, fiscal, created_at FROM stores \
                          WHERE id = $1";
    on!(reader, c => sqlx::query_as(SELECT).bind(id).fetch_optional(c))
}

/// Shops, newest first.
pub async fn list(reader: &mut Reader, page: PageRequest) -> Result<Vec<StoreRow>, DatabaseError> {
    const SELECT: &str = "SELECT id, name, currency, time_zone, prices_include_tax, fiscal, created_at FROM stores \
                          WHERE ($1 IS NULL OR id < $1) ORDER BY id DESC LIMIT $2";
    on!(reader, c => sqlx::query_as(SELECT).bind(page.before).bind(page.probe()).fetch_all(c))
}

/// Overwrites what can be changed of a shop: name, time zone, whether prices contain the tax, whether it is fiscal. The currency
/// stays.
pub async fn update(tx: &mut Tx, row: &StoreRow) -> Result<bool, DatabaseError> {
    const UPDATE: &str = "UPDATE stores SET name = $2, time_zone = $3, prices_include_tax = $4, fiscal = $5 \
                          WHERE id = $1";
    Ok(on!(tx, c => sqlx::query(UPDATE)
        .bind(row.id)
        .bind(&row.name)
        .bind(&row.time_zone)
        .bind(row.prices_include_tax)
        .bind(row.fiscal)
        .execute(c))?
        == 1)
}
