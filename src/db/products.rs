//! Products and their prices.
//!
//! A removed product keeps its row for the bills and orders that name it; every query here leaves removed ones out.
//! Prices are only added: a product refers to the current one. Barcodes are kept as they were entered, and compared by
//! [`normalize_barcode`].

use serde::Serialize;

use super::like_pattern::containing;
use super::{DatabaseError, Reader, Tx, run_query};
use crate::domain::{Currency, ImageId, Money, PageRequest, PriceId, ProductId, Timestamp, normalize_barcode};

/// Ids in one statement.
const IDS_PER_QUERY: usize = 8;

/// A product with its current price.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct ProductRow {
    pub id: ProductId,
    pub name: String,
    pub sku: Option<String>,
    pub barcode: Option<String>,
    pub description: Option<String>,
    /// Minor units; absent while it has no price.
    pub amount: Option<i64>,
    /// Absent while it has no price.
    pub currency: Option<Currency>,
    /// Tax in basis points: 1900 is 19 %.
    pub tax_rate: i64,
    pub active: bool,
    pub images_count: i64,
    /// The oldest photo.
    pub image_id: Option<ImageId>,
    /// When recognition last matched it.
    pub last_seen_at: Option<Timestamp>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

impl ProductRow {
    pub fn price(&self) -> Option<Money> {
        Some(Money { amount: self.amount?, currency: self.currency? })
    }
}

/// The price is set by [`set_price`].
#[derive(Debug, Clone, Serialize)]
pub struct ProductFields {
    pub name: String,
    pub sku: Option<String>,
    pub barcode: Option<String>,
    pub description: Option<String>,
    pub tax_rate: i64,
    pub active: bool,
}

/// `None` does not filter.
#[derive(Debug, Clone, Default)]
pub struct ProductFilter {
    /// Part of the name, case-insensitive, or the whole SKU or barcode.
    pub name_part: Option<String>,
    pub sku: Option<String>,
    /// In any form of its article's number.
    pub barcode: Option<String>,
    /// Only products whose article another product has too.
    pub shares_article: bool,
}

/// A product that has a barcode.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct ArticleRow {
    pub id: ProductId,
    pub name: String,
    /// As it was entered.
    pub barcode: String,
}

/// Adds a product without a price. Fails with `products_sku` or `products_barcode` taken.
pub async fn insert(tx: &mut Tx, id: ProductId, fields: &ProductFields, now: Timestamp) -> Result<(), DatabaseError> {
    const INSERT: &str = "INSERT INTO products \
        (id, name, name_folded, sku, barcode, description, price_id, active, created_at, updated_at, removed_at, \
        tax_rate, barcode_normalized) VALUES ($1, $2, $3, $4, $5, $6, NULL, $7, $8, $8, NULL, $9, $10)";
    run_query!(tx, c => sqlx::query(INSERT)
        .bind(id)
        .bind(&fields.name)
        .bind(fold_case(&fields.name))
        .bind(&fields.sku)
        .bind(&fields.barcode)
        .bind(&fields.description)
        .bind(fields.active)
        .bind(now)
        .bind(fields.tax_rate)
        .bind(fields.barcode.as_deref().map(normalize_barcode))
        .execute(c))?;
    Ok(())
}

/// Fails with `products_sku` or `products_barcode` taken.
pub async fn update(tx: &mut Tx, id: ProductId, fields: &ProductFields, now: Timestamp) -> Result<(), DatabaseError> {
    const UPDATE: &str = "UPDATE products SET name = $2, name_folded = $3, sku = $4, barcode = $5, description = $6, \
                          active = $7, updated_at = $8, tax_rate = $9, \
                          barcode_normalized = $10 WHERE id = $1 AND removed_at IS NULL";
    run_query!(tx, c => sqlx::query(UPDATE)
        .bind(id)
        .bind(&fields.name)
        .bind(fold_case(&fields.name))
        .bind(&fields.sku)
        .bind(&fields.barcode)
        .bind(&fields.description)
        .bind(fields.active)
        .bind(now)
        .bind(fields.tax_rate)
        .bind(fields.barcode.as_deref().map(normalize_barcode))
        .execute(c))?;
    Ok(())
}

/// Sets another price, or none.
pub async fn set_price(
    tx: &mut Tx,
    product: ProductId,
    price: Option<Money>,
    now: Timestamp,
) -> Result<(), DatabaseError> {
    const INSERT: &str =
        "INSERT INTO product_prices (id, product_id, amount, currency, created_at) VALUES ($1, $2, $3, $4, $5)";
    const SET_CURRENT: &str = "UPDATE products SET price_id = $2, updated_at = $3 WHERE id = $1";
    let id = price.map(|_| PriceId::generate(now));
    if let (Some(id), Some(price)) = (id, price) {
        run_query!(tx, c => sqlx::query(INSERT)
            .bind(id)
            .bind(product)
            .bind(price.amount)
            .bind(price.currency)
            .bind(now)
            .execute(c))?;
    }
    run_query!(tx, c => sqlx::query(SET_CURRENT).bind(product).bind(id).bind(now).execute(c))?;
    Ok(())
}

/// Sets when the product was last changed, for a change of its photos.
pub async fn touch(tx: &mut Tx, id: ProductId, now: Timestamp) -> Result<(), DatabaseError> {
    const UPDATE: &str = "UPDATE products SET updated_at = $2 WHERE id = $1";
    run_query!(tx, c => sqlx::query(UPDATE).bind(id).bind(now).execute(c))?;
    Ok(())
}

/// Removes a product from the catalog; its SKU and barcode become free. False if it was removed already.
pub async fn remove(tx: &mut Tx, id: ProductId, now: Timestamp) -> Result<bool, DatabaseError> {
    const UPDATE: &str = "UPDATE products SET removed_at = $2, updated_at = $2 WHERE id = $1 AND removed_at IS NULL";
    Ok(run_query!(tx, c => sqlx::query(UPDATE).bind(id).bind(now).execute(c))? == 1)
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT p.id, p.name, p.sku, p.barcode, p.description, r.amount, r.currency, p.tax_rate, p.active, ",
            "(SELECT COUNT(*) FROM product_images i WHERE i.product_id = p.id) AS images_count, ",
            "(SELECT i.id FROM product_images i WHERE i.product_id = p.id ORDER BY i.id LIMIT 1) AS image_id, ",
            "(SELECT s.at FROM last_seen s WHERE s.id = p.id) AS last_seen_at, ",
            "p.created_at, p.updated_at ",
            "FROM products p LEFT JOIN product_prices r ON r.id = p.price_id WHERE p.removed_at IS NULL AND ",
            $rest
        )
    };
}

pub async fn find(reader: &mut Reader, id: ProductId) -> Result<Option<ProductRow>, DatabaseError> {
    const SELECT: &str = select!("p.id = $1");
    run_query!(reader, c => sqlx::query_as(SELECT).bind(id).fetch_optional(c))
}

/// Newest first.
pub async fn list(
    reader: &mut Reader,
    filter: &ProductFilter,
    page: PageRequest,
) -> Result<Vec<ProductRow>, DatabaseError> {
    const SELECT: &str = select!(
        "($1 IS NULL OR p.id < $1) AND ($2 IS NULL OR p.name_folded LIKE $2 ESCAPE '\\' OR p.sku = $6 OR p.barcode_normalized = $7) \
         AND ($3 IS NULL OR p.sku = $3) AND ($4 IS NULL OR p.barcode_normalized = $4) \
         AND (NOT $8 OR EXISTS (SELECT 1 FROM products o WHERE o.barcode_normalized = p.barcode_normalized \
         AND o.removed_at IS NULL AND o.id <> p.id)) ORDER BY p.id DESC LIMIT $5"
    );
    let pattern = filter.name_part.as_deref().map(|part| containing(&fold_case(part)));
    run_query!(reader, c => sqlx::query_as(SELECT)
        .bind(page.before)
        .bind(&pattern)
        .bind(&filter.sku)
        .bind(filter.barcode.as_deref().map(normalize_barcode))
        .bind(page.fetch_limit())
        .bind(&filter.name_part)
        .bind(filter.name_part.as_deref().map(normalize_barcode))
        .bind(filter.shares_article)
        .fetch_all(c))
}

/// The other products, oldest first, whose barcode means the same article.
pub async fn list_others_of_article(
    reader: &mut Reader,
    but: ProductId,
    barcode: &str,
) -> Result<Vec<ArticleRow>, DatabaseError> {
    const SELECT: &str = "SELECT id, name, barcode FROM products \
                          WHERE barcode_normalized = $1 AND removed_at IS NULL AND id <> $2 ORDER BY id";
    run_query!(reader, c => sqlx::query_as(SELECT).bind(normalize_barcode(barcode)).bind(but).fetch_all(c))
}

/// The products on sale whose barcode, in the form of [`normalize_barcode`], is `article`; at most two.
pub async fn list_of_article_on_sale(
    reader: &mut Reader,
    article: &str,
) -> Result<Vec<(ProductId, String)>, DatabaseError> {
    const SELECT: &str = "SELECT id, name FROM products \
                          WHERE barcode_normalized = $1 AND active AND removed_at IS NULL ORDER BY id LIMIT 2";
    run_query!(reader, c => sqlx::query_as(SELECT).bind(article).fetch_all(c))
}

/// Articles that several products have.
pub async fn count_shared_articles(reader: &mut Reader) -> Result<i64, DatabaseError> {
    const COUNT: &str = "SELECT COUNT(*) FROM (SELECT barcode_normalized FROM products \
                         WHERE removed_at IS NULL AND barcode_normalized IS NOT NULL \
                         GROUP BY barcode_normalized HAVING COUNT(*) > 1) articles";
    run_query!(reader, c => sqlx::query_as::<_, (i64,)>(COUNT).fetch_one(c))
}

/// On sale or not.
pub async fn count(reader: &mut Reader) -> Result<i64, DatabaseError> {
    const COUNT: &str = "SELECT COUNT(*) FROM products WHERE removed_at IS NULL";
    let rows: Vec<(i64,)> = run_query!(reader, c => sqlx::query_as(COUNT).fetch_all(c))?;
    Ok(rows.first().map_or(0, |row| row.0))
}

/// Names of the products among `ids` that are on sale.
pub async fn list_names_on_sale(
    reader: &mut Reader,
    ids: &[ProductId],
) -> Result<Vec<(ProductId, String)>, DatabaseError> {
    const SELECT: &str = "SELECT id, name FROM products WHERE active AND removed_at IS NULL \
                          AND id IN ($1, $2, $3, $4, $5, $6, $7, $8)";
    let mut names = Vec::with_capacity(ids.len());
    for chunk in ids.chunks(IDS_PER_QUERY) {
        // One text for both databases has a fixed number of parameters; spare ones repeat the first id.
        let id = |index: usize| chunk.get(index).unwrap_or(&chunk[0]);
        let rows: Vec<(ProductId, String)> = run_query!(reader, c => sqlx::query_as(SELECT)
            .bind(id(0)).bind(id(1)).bind(id(2)).bind(id(3)).bind(id(4)).bind(id(5)).bind(id(6)).bind(id(7))
            .fetch_all(c))?;
        names.extend(rows);
    }
    Ok(names)
}

/// Lower case by Unicode's rules; those of the databases differ.
fn fold_case(name: &str) -> String {
    name.to_lowercase()
}
