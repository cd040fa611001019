//! Stores, the shops of a chain.

use super::{DatabaseError, Reader, Tx, run_query};
use crate::domain::{BusinessDays, Currency, PageRequest, StoreId, TimeZone, Timestamp};

#[derive(Debug, Clone, sqlx::FromRow)]
pub struct StoreRow {
    pub id: StoreId,
    pub name: String,
    pub currency: Currency,
    pub time_zone: TimeZone,
    /// Otherwise the tax is added.
    pub prices_include_tax: bool,
    /// Whether an authority relies on the numbers: records are never renumbered.
    pub fiscal: bool,
    /// Printed on receipts.
    pub address: Option<String>,
    /// Printed on receipts.
    pub tax_number: Option<String>,
    /// What cash is rounded to, in minor units; `None` as the currency is rounded.
    pub cash_rounding: Option<i64>,
    /// Minutes after midnight at which its business days begin.
    pub day_starts_min: i64,
    pub created_at: Timestamp,
}

/// A store as a receipt names it, and how it takes cash.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct SellerRow {
    pub store_name: String,
    pub store_address: Option<String>,
    pub store_tax_number: Option<String>,
    pub time_zone: TimeZone,
    /// What cash is rounded to, in minor units; `None` as the currency is rounded.
    pub cash_rounding: Option<i64>,
}

impl SellerRow {
    /// What cash is rounded to in this currency of the store.
    pub fn cash_step(&self, currency: Currency) -> i64 {
        self.cash_rounding.unwrap_or_else(|| currency.cash_step())
    }
}

impl StoreRow {
    pub fn business_days(&self) -> BusinessDays {
        BusinessDays::new(self.time_zone.clone(), self.day_starts_min)
    }

    /// What cash is rounded to, in minor units.
    pub fn cash_step(&self) -> i64 {
        self.cash_rounding.unwrap_or_else(|| self.currency.cash_step())
    }

    pub fn into_seller(self) -> SellerRow {
        let Self { name, address, tax_number, time_zone, cash_rounding, .. } = self;
        SellerRow { store_name: name, store_address: address, store_tax_number: tax_number, time_zone, cash_rounding }
    }
}

pub async fn insert(tx: &mut Tx, row: &StoreRow) -> Result<(), DatabaseError> {
    const INSERT: &str = "INSERT INTO stores (id, name, currency, created_at, time_zone, prices_include_tax, fiscal, \
                          address, tax_number, cash_rounding, day_starts_min) \
                          VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
    run_query!(tx, c => sqlx::query(INSERT)
        .bind(row.id)
        .bind(&row.name)
        .bind(row.currency)
        .bind(row.created_at)
        .bind(&row.time_zone)
        .bind(row.prices_include_tax)
        .bind(row.fiscal)
        .bind(&row.address)
        .bind(&row.tax_number)
        .bind(row.cash_rounding)
        .bind(row.day_starts_min)
        .execute(c))?;
    Ok(())
}

pub async fn find(reader: &mut Reader, id: StoreId) -> Result<Option<StoreRow>, DatabaseError> {
    const SELECT: &str = "SELECT id, name, currency, time_zone, prices_include_tax, fiscal, address, tax_number, \
                          cash_rounding, day_starts_min, created_at FROM stores WHERE id = $1";
    run_query!(reader, c => sqlx::query_as(SELECT).bind(id).fetch_optional(c))
}

/// Newest first.
pub async fn list(reader: &mut Reader, page: PageRequest) -> Result<Vec<StoreRow>, DatabaseError> {
    const SELECT: &str = "SELECT id, name, currency, time_zone, prices_include_tax, fiscal, address, tax_number, \
                          cash_rounding, day_starts_min, created_at FROM stores WHERE ($1 IS NULL OR id < $1) ORDER BY id DESC LIMIT $2";
    run_query!(reader, c => sqlx::query_as(SELECT).bind(page.before).bind(page.fetch_limit()).fetch_all(c))
}

/// Writes the changeable fields: everything but the currency. False if there is no such store.
pub async fn update(tx: &mut Tx, row: &StoreRow) -> Result<bool, DatabaseError> {
    const UPDATE: &str = "UPDATE stores SET name = $2, time_zone = $3, prices_include_tax = $4, fiscal = $5, \
                          address = $6, tax_number = $7, cash_rounding = $8, day_starts_min = $9 WHERE id = $1";
    Ok(run_query!(tx, c => sqlx::query(UPDATE)
        .bind(row.id)
        .bind(&row.name)
        .bind(&row.time_zone)
        .bind(row.prices_include_tax)
        .bind(row.fiscal)
        .bind(&row.address)
        .bind(&row.tax_number)
        .bind(row.cash_rounding)
        .bind(row.day_starts_min)
        .execute(c))?
        == 1)
}

/// A store in few words.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct StoreNameRow {
    pub id: StoreId,
    pub name: String,
    pub fiscal: bool,
}

pub async fn list_names(reader: &mut Reader) -> Result<Vec<StoreNameRow>, DatabaseError> {
    const SELECT: &str = "SELECT id, name, fiscal FROM stores ORDER BY id";
    run_query!(reader, c => sqlx::query_as(SELECT).fetch_all(c))
}

/// The days of the stores, or of one of them.
pub async fn list_business_days(
    reader: &mut Reader,
    only: Option<StoreId>,
) -> Result<Vec<BusinessDays>, DatabaseError> {
    const SELECT: &str = "SELECT DISTINCT time_zone, day_starts_min FROM stores WHERE $1 IS NULL OR id = $1";
    let rows: Vec<(TimeZone, i64)> = run_query!(reader, c => sqlx::query_as(SELECT).bind(only).fetch_all(c))?;
    Ok(rows.into_iter().map(|(zone, starts_min)| BusinessDays::new(zone, starts_min)).collect())
}
