//! Products: added with their photos, listed, read, removed.

use serde_json::{Value, json};

use super::product_fields::NewProduct;
use super::product_images::{add_image_ids, enrolled_regions, warning_codes};
use super::uploaded_photos::photo_hashes;
use super::view::{ArticleView, EnrolmentStatus, EnrolmentView, ProductView};
use super::{Catalog, CatalogError, NewPhotos, ProductSearch, append_audit, stored_field, to_i64};
use crate::db::bill_revisions;
use crate::db::catalog_changes;
use crate::db::products::{self, ProductFields, ProductFilter, ProductRow};
use crate::db::{DatabaseError, Reader, Tx, product_images};
use crate::domain::{Caller, ChangeKind, InvalidField, Page, PageRequest, ProductId, parse_line, parse_optional_line};
use crate::idempotency::{self, IdempotentRequest, Reply};

/// The operation of [`Catalog::create`] in the scope of idempotency keys.
const CREATE: &str = "product.create";
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
        key: Option<&str>,
    ) -> Result<Reply, CatalogError> {
        let (fields, price) = new.check(self.default_currency)?;
        let (checked, duplicates_skipped) = self.check_photos(photos).await?;
        self.check_image_limit(checked.len())?;
        let content = json!([fields, price, region, insist, photo_hashes(&checked)]).to_string();
        let request = IdempotentRequest::new(CREATE, caller, key, &content);
        // A repetition needs no embedding.
        if let Some(reply) = request.find_reply(&mut self.db.read().await?).await? {
            return self.repeat_enrolment(reply).await;
        }
        let (stored, mut warnings) = self.embed_and_store(checked, None, region, insist).await?;

        let now = self.clock.now();
        let id = ProductId::generate(now);
        let mut tx = self.db.begin().await?;
        catalog_changes::lock(&mut tx).await?;
        if let Some(reply) = request.find_reply(&mut tx).await? {
            drop(tx);
            return self.repeat_enrolment(reply).await;
        }
        refuse_same_article(&mut tx, id, &fields).await?;
        products::insert(&mut tx, id, &fields, now).await.map_err(|error| into_code_taken(error, &fields))?;
        if price.is_some() {
            products::set_price(&mut tx, id, price, now).await?;
        }
        let images = self.insert_photos(&mut tx, id, &stored, insist, now).await?;
        add_image_ids(&mut warnings, &images, &stored);
        let seq = match images.is_empty() || !fields.active {
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
        let view = EnrolmentView {
            status: EnrolmentStatus::Added,
            id,
            product_name: fields.name,
            images_count: to_i64(images.len()),
            regions: enrolled_regions(&images, &stored),
            warnings,
            look_alikes: Vec::new(),
            photo_check: None,
            images,
            duplicates_skipped,
            total_products: products::count(&mut tx).await?,
            // Like the look-alikes and the check, known once the index has the photos.
            total_embeddings: 0,
            index_revision: 0,
        };
        let reply = request.store_reply(&mut tx, &view, now).await?;
        let index_revision = self.commit(tx, id, seq).await?;
        self.complete_enrolment(reply, index_revision).await
    }

    /// Whether a product could be added as it is written, its codes apart: another product may have them.
    pub fn check_fields(&self, new: &NewProduct) -> Result<(), InvalidField> {
        new.check(self.default_currency).map(drop)
    }

    /// The product that [`Self::create`] made under this key, if its reply is still kept.
    pub async fn find_created(&self, caller: &Caller, key: &str) -> Result<Option<ProductId>, CatalogError> {
        let reply = idempotency::find_kept_reply(&mut self.db.read().await?, CREATE, caller, key).await?;
        Ok(reply.map(|reply| stored_field(&reply, "id")).transpose()?)
    }

    /// Products, newest first.
    pub async fn list(&self, search: ProductSearch, page: PageRequest) -> Result<Page<ProductView>, CatalogError> {
        let filter = ProductFilter {
            name_part: parse_optional_line("q", search.name_part.as_deref(), MAX_FILTER)?,
            // An empty code is a failed scan, and must not find the first product of the list.
            sku: search.sku.map(|code| parse_line("sku", &code, MAX_FILTER)).transpose()?,
            barcode: search.barcode.map(|code| parse_line("barcode", &code, MAX_FILTER)).transpose()?,
            shares_article: search.shares_article,
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

    /// The other products whose barcode means the same article, oldest first.
    pub async fn list_others_of_article(&self, product: &ProductView) -> Result<Vec<ArticleView>, CatalogError> {
        let Some(barcode) = &product.barcode else { return Ok(Vec::new()) };
        let rows = products::list_others_of_article(&mut self.db.read().await?, product.id, barcode).await?;
        Ok(rows.into_iter().map(ArticleView::from).collect())
    }

    /// Articles that several products have.
    pub async fn count_shared_articles(&self) -> Result<i64, CatalogError> {
        Ok(products::count_shared_articles(&mut self.db.read().await?).await?)
    }

    /// Removes a product from the catalog. Bills and orders that name it keep it; its SKU, barcode and photos can be used
    /// for another product.
    pub async fn remove(&self, caller: &Caller, id: ProductId, key: Option<&str>) -> Result<Reply, CatalogError> {
        let request = IdempotentRequest::new("product.remove", caller, key, &id.to_string());
        let now = self.clock.now();
        let mut tx = self.db.begin().await?;
        catalog_changes::lock(&mut tx).await?;
        if let Some(reply) = request.find_reply(&mut tx).await? {
            drop(tx);
            self.await_index(id).await?;
            return Ok(reply);
        }
        let row = find_product(&mut tx, id).await?;
        let images = product_images::list_by_product(&mut tx, id).await?;
        products::remove(&mut tx, id, now).await?;
        if row.active {
            bill_revisions::set_on_sale(&mut tx, id, false, self.bills_active_since(now)).await?;
        }
        let seq = match row.active && !images.is_empty() {
            true => {
                let images = images.iter().map(|image| image.id).collect();
                Some(catalog_changes::append(&mut tx, ChangeKind::Remove, id, images, now).await?)
            }
            false => None,
        };
        append_audit(&mut tx, caller, "product.remove", id, json!({ "name": row.name }), now).await?;
        let reply = request.store_reply(&mut tx, &Value::Null, now).await?;
        self.commit(tx, id, seq).await?;
        Ok(reply)
    }
}

pub(super) async fn find_product(reader: &mut Reader, id: ProductId) -> Result<ProductRow, CatalogError> {
    let row = products::find(reader, id).await?;
    row.ok_or_else(|| CatalogError::NotFound { what: "product", id: id.to_string() })
}

/// Refuses a barcode that means the article of another product. The catalog must be locked, so that nobody adds one meanwhile.
pub(super) async fn refuse_same_article(
    tx: &mut Tx,
    id: ProductId,
    fields: &ProductFields,
) -> Result<(), CatalogError> {
    let Some(barcode) = &fields.barcode else { return Ok(()) };
    match products::list_others_of_article(tx, id, barcode).await?.into_iter().next() {
        None => Ok(()),
        Some(other) if other.barcode == *barcode => {
            Err(CatalogError::CodeTaken { field: "barcode", value: barcode.clone() })
        }
        Some(other) => Err(CatalogError::SameArticle {
            barcode: barcode.clone(),
            product_name: other.name,
            product_barcode: other.barcode,
        }),
    }
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
