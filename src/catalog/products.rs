//! Products: added with their photos, listed, read, removed.

use serde_json::json;

use super::product_fields::NewProduct;
use super::rows::{find, record, to_i64};
use super::view::{EnrolmentView, ProductView};
use super::{Catalog, CatalogError, NewPhoto, ProductSearch};
use crate::db::catalog_changes::{self, ChangeKind};
use crate::db::products::{self, ProductFields, ProductFilter};
use crate::db::{DatabaseError, product_images};
use crate::domain::{Caller, Page, PageRequest, ProductId, optional_line};

/// Characters of a filter; no name or code is longer.
const LONGEST_FILTER: usize = 200;

impl Catalog {
    /// Adds a product with its photos. When this returns, it is found by them. Without photos it can be sold by barcode
    /// or by hand.
    ///
    /// # Cancel safety
    /// Dropping the future before the transaction's commit leaves the catalog as it was; after it, the product exists and
    /// the next follower teaches it to the index.
    pub async fn create(
        &self,
        caller: &Caller,
        new: NewProduct,
        photos: Vec<NewPhoto>,
    ) -> Result<EnrolmentView, CatalogError> {
        let (fields, price) = new.check(self.currency)?;
        let (probed, duplicates_skipped) = self.probe(photos).await?;
        self.check_room(probed.len())?;
        let prepared = self.prepare(probed).await?;

        let now = self.clock.now();
        let id = ProductId::at(now);
        let mut tx = self.db.begin().await?;
        catalog_changes::lock(&mut tx).await?;
        products::insert(&mut tx, id, &fields, now).await.map_err(|error| taken(error, &fields))?;
        if price.is_some() {
            products::set_price(&mut tx, id, price, now).await?;
        }
        let images = self.insert_photos(&mut tx, id, &prepared, now).await?;
        let seq = match images.is_empty() {
            true => None,
            false => Some(catalog_changes::append(&mut tx, ChangeKind::Add, id, images.clone(), now).await?),
        };
        let details = json!({
            "name": fields.name,
            "sku": fields.sku,
            "barcode": fields.barcode,
            "price": price.map(|price| price.to_string()),
            "tax_rate_bp": fields.tax_rate,
            "images": images,
        });
        record(&mut tx, caller, "product.create", id, details, now).await?;
        let total_products = products::count(&mut tx).await?;
        let index_revision = self.commit(tx, id, seq).await?;
        Ok(EnrolmentView {
            status: "added",
            id,
            product_name: fields.name,
            images_count: to_i64(images.len()),
            images,
            duplicates_skipped,
            total_products,
            total_embeddings: self.searched().await,
            index_revision,
        })
    }

    /// Products, newest first.
    pub async fn list(&self, search: ProductSearch, page: PageRequest) -> Result<Page<ProductView>, CatalogError> {
        let filter = ProductFilter {
            name_part: optional_line("q", search.name_part.as_deref(), LONGEST_FILTER)?,
            sku: optional_line("sku", search.sku.as_deref(), LONGEST_FILTER)?,
            barcode: optional_line("barcode", search.barcode.as_deref(), LONGEST_FILTER)?,
        };
        let mut reader = self.db.read().await?;
        let rows = products::list(&mut reader, &filter, page).await?;
        Ok(Page::cut(rows, page, |row| row.id.uuid()).map(ProductView::from))
    }

    /// One product.
    pub async fn get(&self, id: ProductId) -> Result<ProductView, CatalogError> {
        let mut reader = self.db.read().await?;
        Ok(find(&mut reader, id).await?.into())
    }

    /// Takes a product out of the catalog. Bills and orders that name it keep it; its SKU, barcode and photos can be used
    /// for another product.
    pub async fn remove(&self, caller: &Caller, id: ProductId) -> Result<(), CatalogError> {
        let now = self.clock.now();
        let mut tx = self.db.begin().await?;
        catalog_changes::lock(&mut tx).await?;
        let row = find(&mut tx, id).await?;
        let images = product_images::of_product(&mut tx, id).await?;
        products::remove(&mut tx, id, now).await?;
        let seq = match row.active && !images.is_empty() {
            true => {
                let images = images.iter().map(|image| image.id).collect();
                Some(catalog_changes::append(&mut tx, ChangeKind::Remove, id, images, now).await?)
            }
            false => None,
        };
        record(&mut tx, caller, "product.remove", id, json!({ "name": row.name }), now).await?;
        self.commit(tx, id, seq).await?;
        Ok(())
    }
}

/// Says which value is taken, where that is what the database objects to.
pub(super) fn taken(error: DatabaseError, fields: &ProductFields) -> CatalogError {
    let (field, value) = match () {
        () if error.is_taken("products_sku") => ("sku", &fields.sku),
        () if error.is_taken("products_barcode") => ("barcode", &fields.barcode),
        () => return error.into(),
    };
    CatalogError::Taken { field, value: value.clone().unwrap_or_default() }
}
