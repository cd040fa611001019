//! Products: added with their photos, listed, read, removed.

use serde_json::json;

use super::enrolment_check::EnrolmentCheck;
use super::product_fields::NewProduct;
use super::product_images::{add_image_ids, enrolled_regions, warning_codes};
use super::view::{EnrolmentStatus, EnrolmentView, ProductView};
use super::{Catalog, CatalogError, NewPhotos, ProductSearch, append_audit, to_i64};
use crate::db::catalog_changes;
use crate::db::products::{self, ProductFields, ProductFilter, ProductRow};
use crate::db::{DatabaseError, Reader, product_images};
use crate::domain::{Caller, ChangeKind, Page, PageRequest, ProductId, parse_optional_line};

/// Characters; no name or code is longer.
const MAX_FILTER: usize = 200;

impl Catalog {
    /// Adds a product with its photos. When this returns, it is found by them. Without photos it can be sold by barcode
    /// or by hand.
    ///
    /// # Cancel safety
    /// If the future is dropped before the transaction's commit, the catalog stays as it was. After it, the product exists,
    /// and the index applies the change when any server follows the log next.
    pub async fn create(
        &self,
        caller: &Caller,
        new: NewProduct,
        NewPhotos { photos, region, insist }: NewPhotos,
    ) -> Result<EnrolmentView, CatalogError> {
        let (fields, price) = new.check(self.default_currency)?;
        let (checked, duplicates_skipped) = self.check_photos(photos).await?;
        self.check_image_limit(checked.len())?;
        let (stored, mut warnings) = self.embed_and_store(checked, None, region, insist).await?;

        let now = self.clock.now();
        let id = ProductId::generate(now);
        let mut tx = self.db.begin().await?;
        catalog_changes::lock(&mut tx).await?;
        products::insert(&mut tx, id, &fields, now).await.map_err(|error| into_code_taken(error, &fields))?;
        if price.is_some() {
            products::set_price(&mut tx, id, price, now).await?;
        }
        let images = self.insert_photos(&mut tx, id, &stored, insist, now).await?;
        add_image_ids(&mut warnings, &images, &stored);
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
            "warnings": warning_codes(&warnings),
        });
        append_audit(&mut tx, caller, "product.create", id, details, now).await?;
        let total_products = products::count(&mut tx).await?;
        let index_revision = self.commit(tx, id, seq).await?;
        let EnrolmentCheck { look_alikes, photo_check } =
            self.check_enrolled((id, &fields.name), &images, &images).await;
        Ok(EnrolmentView {
            status: EnrolmentStatus::Added,
            id,
            product_name: fields.name,
            images_count: to_i64(images.len()),
            regions: enrolled_regions(&images, &stored),
            warnings,
            look_alikes,
            photo_check,
            images,
            duplicates_skipped,
            total_products,
            total_embeddings: self.index_feed.embeddings_count().await,
            index_revision,
        })
    }

    /// Products, newest first.
    pub async fn list(&self, search: ProductSearch, page: PageRequest) -> Result<Page<ProductView>, CatalogError> {
        let filter = ProductFilter {
            name_part: parse_optional_line("q", search.name_part.as_deref(), MAX_FILTER)?,
            sku: parse_optional_line("sku", search.sku.as_deref(), MAX_FILTER)?,
            barcode: parse_optional_line("barcode", search.barcode.as_deref(), MAX_FILTER)?,
        };
        let mut reader = self.db.read().await?;
        let rows = products::list(&mut reader, &filter, page).await?;
        Ok(Page::from_rows(rows, page, |row| row.id.uuid()).map(ProductView::from))
    }

    /// One product.
    pub async fn get(&self, id: ProductId) -> Result<ProductView, CatalogError> {
        let mut reader = self.db.read().await?;
        Ok(find_product(&mut reader, id).await?.into())
    }

    /// Removes a product from the catalog. Bills and orders that name it keep it; its SKU, barcode and photos can be used
    /// for another product.
    pub async fn remove(&self, caller: &Caller, id: ProductId) -> Result<(), CatalogError> {
        let now = self.clock.now();
        let mut tx = self.db.begin().await?;
        catalog_changes::lock(&mut tx).await?;
        let row = find_product(&mut tx, id).await?;
        let images = product_images::list_by_product(&mut tx, id).await?;
        products::remove(&mut tx, id, now).await?;
        let seq = match row.active && !images.is_empty() {
            true => {
                let images = images.iter().map(|image| image.id).collect();
                Some(catalog_changes::append(&mut tx, ChangeKind::Remove, id, images, now).await?)
            }
            false => None,
        };
        append_audit(&mut tx, caller, "product.remove", id, json!({ "name": row.name }), now).await?;
        self.commit(tx, id, seq).await?;
        Ok(())
    }
}

pub(super) async fn find_product(reader: &mut Reader, id: ProductId) -> Result<ProductRow, CatalogError> {
    let row = products::find(reader, id).await?;
    row.ok_or_else(|| CatalogError::NotFound { what: "product", id: id.to_string() })
}

/// Names the SKU or barcode that another product has, if that is what the database objects to.
pub(super) fn into_code_taken(error: DatabaseError, fields: &ProductFields) -> CatalogError {
    let (field, value) = match () {
        () if error.is_taken("products_sku") => ("sku", &fields.sku),
        () if error.is_taken("products_barcode") => ("barcode", &fields.barcode),
        () => return error.into(),
    };
    CatalogError::CodeTaken { field, value: value.clone().unwrap_or_default() }
}
