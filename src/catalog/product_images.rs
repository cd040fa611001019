//! Photos of a product: enrolled, listed, shown, taken away.

use serde_json::json;

use super::rows::{find, record, to_i64};
use super::uploaded_photos::{CheckedPhoto, StoredPhoto};
use super::view::{EnrolmentView, ImageView};
use super::{Catalog, CatalogError, NewPhoto};
use crate::db::catalog_changes::{self, ChangeKind};
use crate::db::product_images::{self, ImageRow};
use crate::db::products;
use crate::db::{Reader, Tx};
use crate::domain::{Caller, ImageId, InvalidField, ProductId, Timestamp};

impl Catalog {
    /// Enrols more photos of a product. When this returns, they are searched.
    ///
    /// # Cancel safety
    /// Dropping the future before the transaction's commit leaves the catalog as it was; after it, the photos are
    /// enrolled and the next follower teaches them to the index.
    pub async fn add_images(
        &self,
        caller: &Caller,
        product: ProductId,
        photos: Vec<NewPhoto>,
    ) -> Result<EnrolmentView, CatalogError> {
        if photos.is_empty() {
            return Err(InvalidField::new("images", "send at least one photo").into());
        }
        let (mut probed, doubles) = self.probe(photos).await?;
        let sent = probed.len() + doubles;
        let mut reader = self.db.read().await?;
        find(&mut reader, product).await?;
        let known = self.leave_out_known(&mut reader, product, &mut probed).await?;
        drop(reader);
        // Whoever sends a photo again may do so because its file is lost or cut off; where it is not, this is a look at its
        // length.
        self.keep_originals(known).await?;
        let prepared = self.prepare(probed).await?;

        let now = self.clock.now();
        let mut tx = self.db.begin().await?;
        catalog_changes::lock(&mut tx).await?;
        let row = find(&mut tx, product).await?;
        let known = product_images::of_product(&mut tx, product).await?;
        let new: Vec<StoredPhoto> =
            prepared.into_iter().filter(|photo| known.iter().all(|row| row.content_hash != photo.hash)).collect();
        self.check_room(known.len() + new.len())?;
        let images = self.insert_photos(&mut tx, product, &new, now).await?;
        let mut seq = None;
        if !images.is_empty() {
            if row.active {
                let added = catalog_changes::append(&mut tx, ChangeKind::Add, product, images.clone(), now).await?;
                seq = Some(added);
            }
            products::touch(&mut tx, product, now).await?;
            let details = json!({ "added": images });
            record(&mut tx, caller, "product.images.add", product, details, now).await?;
        }
        let total_products = products::count(&mut tx).await?;
        let index_revision = self.commit(tx, product, seq).await?;
        Ok(EnrolmentView {
            status: if images.is_empty() { "unchanged" } else { "added" },
            id: product,
            product_name: row.name,
            images_count: to_i64(known.len() + images.len()),
            duplicates_skipped: sent - images.len(),
            images,
            total_products,
            total_embeddings: self.searched().await,
            index_revision,
        })
    }

    /// All photos of a product, oldest first.
    pub async fn images(&self, product: ProductId) -> Result<Vec<ImageView>, CatalogError> {
        let mut reader = self.db.read().await?;
        find(&mut reader, product).await?;
        let rows = product_images::of_product(&mut reader, product).await?;
        Ok(rows.into_iter().map(ImageView::from).collect())
    }

    /// One photo of a product, without its pixels.
    pub async fn image(&self, product: ProductId, id: ImageId) -> Result<ImageView, CatalogError> {
        let mut reader = self.db.read().await?;
        Ok(find_image(&mut reader, product, id).await?.into())
    }

    /// The original of a photo, as it was uploaded.
    pub async fn original(&self, product: ProductId, id: ImageId) -> Result<Vec<u8>, CatalogError> {
        let row = find_image(&mut self.db.read().await?, product, id).await?;
        self.blobs.get(row.content_hash).await?.ok_or_else(|| CatalogError::LostOriginal(id.to_string()))
    }

    /// Takes a photo away; the product is no longer found by it.
    pub async fn remove_image(&self, caller: &Caller, product: ProductId, id: ImageId) -> Result<(), CatalogError> {
        let now = self.clock.now();
        let mut tx = self.db.begin().await?;
        catalog_changes::lock(&mut tx).await?;
        let row = find(&mut tx, product).await?;
        if !product_images::delete(&mut tx, product, id).await? {
            return Err(no_image(id));
        }
        let seq = match row.active {
            true => Some(catalog_changes::append(&mut tx, ChangeKind::Remove, product, vec![id], now).await?),
            false => None,
        };
        products::touch(&mut tx, product, now).await?;
        record(&mut tx, caller, "product.images.remove", product, json!({ "removed": id }), now).await?;
        self.commit(tx, product, seq).await?;
        Ok(())
    }

    /// Writes prepared photos and their embeddings; gives their ids in the same order.
    pub(super) async fn insert_photos(
        &self,
        tx: &mut Tx,
        product: ProductId,
        photos: &[StoredPhoto],
        now: Timestamp,
    ) -> Result<Vec<ImageId>, CatalogError> {
        let mut ids = Vec::with_capacity(photos.len());
        for photo in photos {
            if let Some(holder) = product_images::holder(tx, photo.hash, product).await? {
                let (product_id, product_name) = (holder.product_id, holder.name);
                return Err(CatalogError::AlreadyEnrolled { photo: photo.name.clone(), product_id, product_name });
            }
            let row = ImageRow {
                id: ImageId::at(now),
                product_id: product,
                content_hash: photo.hash,
                media_type: photo.header.format.media_type().to_owned(),
                width: i64::from(photo.header.width),
                height: i64::from(photo.header.height),
                bytes: to_i64(photo.size),
                created_at: now,
            };
            product_images::insert(tx, &row).await?;
            for (model, embedding) in &photo.seen {
                product_images::insert_vector(tx, row.id, model.as_str(), &embedding.to_bytes()).await?;
            }
            ids.push(row.id);
        }
        Ok(ids)
    }

    pub(super) fn check_room(&self, count: usize) -> Result<(), CatalogError> {
        let limit = self.limits.images_per_product;
        if count > limit {
            return Err(CatalogError::TooManyImages { count, limit, per: "for one product" });
        }
        Ok(())
    }

    /// Takes the photos out that the product has already, and gives them; refuses what cannot be stored anyway, before any is
    /// embedded.
    async fn leave_out_known(
        &self,
        reader: &mut Reader,
        product: ProductId,
        photos: &mut Vec<CheckedPhoto>,
    ) -> Result<Vec<CheckedPhoto>, CatalogError> {
        let rows = product_images::of_product(reader, product).await?;
        let is_known = |photo: &mut CheckedPhoto| rows.iter().any(|row| row.content_hash == photo.hash);
        let known = photos.extract_if(.., is_known).collect();
        self.check_room(rows.len() + photos.len())?;
        Ok(known)
    }
}

async fn find_image(reader: &mut Reader, product: ProductId, id: ImageId) -> Result<ImageRow, CatalogError> {
    find(reader, product).await?;
    product_images::find(reader, product, id).await?.ok_or_else(|| no_image(id))
}

fn no_image(id: ImageId) -> CatalogError {
    CatalogError::NotFound { what: "image", id: id.to_string() }
}
