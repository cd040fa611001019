//! Merging two products of one article, such as those with its UPC-A and with its EAN-13.

use serde_json::json;

use super::products::find_product;
use super::view::ProductView;
use super::{Catalog, CatalogError, append_audit};
use crate::db::products::{self, ProductFields};
use crate::db::{bill_revisions, catalog_changes, product_images};
use crate::domain::{Caller, ChangeKind, ImageId, InvalidField, ProductId};
use crate::idempotency::{IdempotentRequest, Reply};

impl Catalog {
    /// Moves the photos of `other` to `id`, with barcode and SKU if `id` has none, and removes `other` from the catalog. Bills and
    /// orders that name `other` keep it. A photo that both have stays once. When this returns, `id` is found by the photos.
    pub async fn merge(
        &self,
        caller: &Caller,
        id: ProductId,
        other: ProductId,
        key: Option<&str>,
    ) -> Result<Reply, CatalogError> {
        if id == other {
            return Err(InvalidField::new("product_id", "is the product itself; name the one that goes").into());
        }
        let request = IdempotentRequest::new("product.merge", caller, key, &json!([id, other]).to_string());
        let now = self.clock.now();
        let mut tx = self.db.begin().await?;
        catalog_changes::lock(&mut tx).await?;
        if let Some(reply) = request.find_reply(&mut tx).await? {
            drop(tx);
            self.await_index(id).await?;
            return Ok(reply);
        }
        let (kept, removed) = (find_product(&mut tx, id).await?, find_product(&mut tx, other).await?);
        let own = product_images::list_by_product(&mut tx, id).await?;
        let others = product_images::list_by_product(&mut tx, other).await?;
        let is_new = |hash| !own.iter().any(|image| image.content_hash == hash);
        let moved: Vec<ImageId> =
            others.iter().filter(|image| is_new(image.content_hash)).map(|image| image.id).collect();
        self.check_image_limit(own.len() + moved.len())?;

        // First, so that its codes are free.
        products::remove(&mut tx, other, now).await?;
        let fields = ProductFields {
            name: kept.name,
            sku: kept.sku.or(removed.sku),
            barcode: kept.barcode.or(removed.barcode),
            description: kept.description.or(removed.description),
            tax_rate: kept.tax_rate,
            active: kept.active,
        };
        products::update(&mut tx, id, &fields, now).await?;
        for image in &moved {
            product_images::set_product(&mut tx, *image, id).await?;
        }
        let mut seq = None;
        if removed.active {
            bill_revisions::set_on_sale(&mut tx, other, false, self.bills_active_since(now)).await?;
            if !others.is_empty() {
                let images = others.iter().map(|image| image.id).collect();
                seq = Some(catalog_changes::append(&mut tx, ChangeKind::Remove, other, images, now).await?);
            }
        }
        if kept.active && !moved.is_empty() {
            seq = Some(catalog_changes::append(&mut tx, ChangeKind::Add, id, moved.clone(), now).await?);
        }
        let details = json!({ "removed": other, "removed_name": removed.name, "images": moved });
        append_audit(&mut tx, caller, "product.merge", id, details, now).await?;
        let merged = ProductView::from(find_product(&mut tx, id).await?);
        let reply = request.store_reply(&mut tx, &merged, now).await?;
        self.commit(tx, id, seq).await?;
        Ok(reply)
    }
}
