//! Shops.

use super::{StoreError, Tx, on};
use crate::domain::{Currency, PageRequest, StoreId, Timestamp};

/// A shop: receipts are numbered per shop, in its currency.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct StoreRow {
    /// Its identifier.
    pub id: StoreId,
    /// What people call it.
    pub name: String,
    /// The currency of its bills.
    pub currency: Currency,
    /// When it was made.
    pub created_at: Timestamp,
}

/// Adds a shop.
pub async fn insert(tx: &mut Tx, row: &StoreRow) -> Result<(), StoreError> {
    const INSERT: &str = "INSERT INTO stores (id, name, currency, created_at) VALUES ($1, $2, $3, $4)";
    on!(tx, c => sqlx::query(INSERT).bind(row.id).bind(&row.name).bind(row.currency).bind(row.created_at).execute(c))?;
    Ok(())
}

/// The shop with this id.
pub async fn find(tx: &mut Tx, id: StoreId) -> Result<Option<StoreRow>, StoreError> {
    const SELECT: &str = "SELECT id, name, currency, created_at FROM stores WHERE id = $1";
    on!(tx, c => sqlx::query_as(SELECT).bind(id).fetch_optional(c))
}

/// Shops, newest first.
pub async fn list(tx: &mut Tx, page: PageRequest) -> Result<Vec<StoreRow>, StoreError> {
    const SELECT: &str = "SELECT id, name, currency, created_at FROM stores \
                          WHERE ($1 IS NULL OR id < $1) ORDER BY id DESC LIMIT $2";
    on!(tx, c => sqlx::query_as(SELECT).bind(page.before).bind(page.probe()).fetch_all(c))
}

/// Gives a shop another name.
pub async fn rename(tx: &mut Tx, id: StoreId, name: &str) -> Result<bool, StoreError> {
    const UPDATE: &str = "UPDATE stores SET name = $2 WHERE id = $1";
    Ok(on!(tx, c => sqlx::query(UPDATE).bind(id).bind(name).execute(c))? == 1)
}
