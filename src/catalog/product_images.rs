//! Photos of a product: enrolled, listed, read, removed.

use serde_json::{Value, json};

use super::photo_warning::PhotoWarning;
use super::products::find_product;
use super::uploaded_photos::{CheckedPhoto, StoredPhoto, photo_hashes};
use super::view::{EnrolledRegion, EnrolmentStatus, EnrolmentView, ImageView};
use super::{Catalog, CatalogError, NewPhotos, PhotoIssueCode, append_audit, to_i64};
use crate::db::catalog_changes;
use crate::db::product_images::{self, ImageOwnerRow, ImageRow};
use crate::db::products;
use crate::db::{Reader, Tx};
use crate::domain::{Caller, ChangeKind, ImageId, InvalidField, ProductId, Region, Timestamp};
use crate::idempotency::{IdempotentRequest, Reply};
use crate::product_photos::RegionChoice;

/// From this overlap on, two parts of one photo are the same thing.
const SAME_PART_OVERLAP_MIN: f64 = 0.5;

impl Catalog {
    /// Enrols more photos of a product. When this returns, they are searched. A photo that the product has already replaces
    /// the earlier one if another region of it is asked for.
    ///
    /// # Cancel safety
    /// If the future is dropped before the transaction's commit, the catalog stays as it was. After it, the photos are
    /// enrolled, and the index applies them when any server follows the log next.
    pub async fn add_images(
        &self,
        caller: &Caller,
        product: ProductId,
        NewPhotos { photos, region, insist }: NewPhotos,
        key: Option<&str>,
    ) -> Result<Reply, CatalogError> {
        if photos.is_empty() {
            return Err(InvalidField::new("images", "send at least one photo").into());
        }
        let (mut checked, duplicates) = self.check_photos(photos).await?;
        let sent = checked.len() + duplicates;
        let content = json!([product, region, insist, photo_hashes(&checked)]).to_string();
        let request = IdempotentRequest::new("product.images.add", caller, key, &content);
        let mut reader = self.db.read().await?;
        // A repetition needs no embedding.
        if let Some(reply) = request.find_reply(&mut reader).await? {
            drop(reader);
            return self.repeat_enrolment(reply).await;
        }
        find_product(&mut reader, product).await?;
        let enrolled = self.extract_enrolled(&mut reader, product, &mut checked, region).await?;
        drop(reader);
        // A photo may be sent again because its file is lost or cut off. Otherwise this only compares lengths.
        self.restore_originals(enrolled).await?;
        let (stored, mut warnings) = self.embed_and_store(checked, Some(product), region, insist).await?;

        let now = self.clock.now();
        let mut tx = self.db.begin().await?;
        catalog_changes::lock(&mut tx).await?;
        if let Some(reply) = request.find_reply(&mut tx).await? {
            drop(tx);
            return self.repeat_enrolment(reply).await;
        }
        let row = find_product(&mut tx, product).await?;
        let enrolled = product_images::list_by_product(&mut tx, product).await?;
        let is_sent = |row: &ImageRow| stored.iter().any(|photo| photo.hash == row.content_hash);
        let (replaced, enrolled): (Vec<ImageRow>, Vec<ImageRow>) =
            enrolled.into_iter().partition(|row| is_sent(row) && asks_for_other_region(region, row));
        let new: Vec<StoredPhoto> =
            stored.into_iter().filter(|photo| enrolled.iter().all(|row| row.content_hash != photo.hash)).collect();
        self.check_image_limit(enrolled.len() + new.len())?;
        let replaced: Vec<ImageId> = replaced.into_iter().map(|row| row.id).collect();
        for image in &replaced {
            product_images::delete(&mut tx, product, *image).await?;
        }
        let images = self.insert_photos(&mut tx, product, &new, insist, now).await?;
        add_image_ids(&mut warnings, &images, &new);
        let mut seq = None;
        if !images.is_empty() {
            if row.active {
                if !replaced.is_empty() {
                    catalog_changes::append(&mut tx, ChangeKind::Remove, product, replaced.clone(), now).await?;
                }
                let added = catalog_changes::append(&mut tx, ChangeKind::Add, product, images.clone(), now).await?;
                seq = Some(added);
            }
            products::touch(&mut tx, product, now).await?;
            let mut details = json!({ "added": images, "warnings": warning_codes(&warnings) });
            if !replaced.is_empty() {
                details["replaced"] = json!(replaced);
            }
            append_audit(&mut tx, caller, "product.images.add", product, details, now).await?;
        }
        let view = EnrolmentView {
            status: if images.is_empty() { EnrolmentStatus::Unchanged } else { EnrolmentStatus::Added },
            id: product,
            product_name: row.name,
            images_count: to_i64(enrolled.len() + images.len()),
            duplicates_skipped: sent - images.len(),
            regions: enrolled_regions(&images, &new),
            warnings,
            look_alikes: Vec::new(),
            photo_check: None,
            images,
            total_products: products::count(&mut tx).await?,
            // Like the look-alikes and the check, known once the index has the photos.
            total_embeddings: 0,
            index_revision: 0,
        };
        let reply = request.store_reply(&mut tx, &view, now).await?;
        let index_revision = self.commit(tx, product, seq).await?;
        self.complete_enrolment(reply, index_revision).await
    }

    /// All photos of a product, oldest first.
    pub async fn images(&self, product: ProductId) -> Result<Vec<ImageView>, CatalogError> {
        let mut reader = self.db.read().await?;
        find_product(&mut reader, product).await?;
        let rows = product_images::list_by_product(&mut reader, product).await?;
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

    /// Removes a photo; the product is no longer found by it.
    pub async fn remove_image(
        &self,
        caller: &Caller,
        product: ProductId,
        id: ImageId,
        key: Option<&str>,
    ) -> Result<Reply, CatalogError> {
        let request = IdempotentRequest::new("product.images.remove", caller, key, &json!([product, id]).to_string());
        let now = self.clock.now();
        let mut tx = self.db.begin().await?;
        catalog_changes::lock(&mut tx).await?;
        if let Some(reply) = request.find_reply(&mut tx).await? {
            drop(tx);
            self.await_index(product).await?;
            return Ok(reply);
        }
        let row = find_product(&mut tx, product).await?;
        if !product_images::delete(&mut tx, product, id).await? {
            return Err(image_not_found(id));
        }
        let seq = match row.active {
            true => Some(catalog_changes::append(&mut tx, ChangeKind::Remove, product, vec![id], now).await?),
            false => None,
        };
        products::touch(&mut tx, product, now).await?;
        append_audit(&mut tx, caller, "product.images.remove", product, json!({ "removed": id }), now).await?;
        let reply = request.store_reply(&mut tx, &Value::Null, now).await?;
        self.commit(tx, product, seq).await?;
        Ok(reply)
    }

    /// Writes photos and their embeddings; returns their identifiers in the same order. The same file may show several products,
    /// each in its own part of the photo.
    pub(super) async fn insert_photos(
        &self,
        tx: &mut Tx,
        product: ProductId,
        photos: &[StoredPhoto],
        insist: bool,
        now: Timestamp,
    ) -> Result<Vec<ImageId>, CatalogError> {
        let mut ids = Vec::with_capacity(photos.len());
        for photo in photos {
            let owners = product_images::list_other_owners(tx, photo.hash, product).await?;
            let same_part = owners.into_iter().find(|owner| show_same_part(owner, photo));
            if let Some(owner) = same_part.filter(|_| !insist) {
                let (product_id, product_name) = (owner.product_id, owner.name);
                return Err(CatalogError::AlreadyEnrolled { photo: photo.name.clone(), product_id, product_name });
            }
            let row = ImageRow {
                id: ImageId::generate(now),
                product_id: product,
                content_hash: photo.hash,
                media_type: photo.header.format.media_type().to_owned(),
                width: i64::from(photo.header.width),
                height: i64::from(photo.header.height),
                bytes: to_i64(photo.size),
                region: Some(photo.region),
                created_at: now,
            };
            product_images::insert(tx, &row).await?;
            for (model, embedding) in &photo.embeddings {
                product_images::upsert_embedding(tx, row.id, model.as_str(), &embedding.to_bytes()).await?;
            }
            ids.push(row.id);
        }
        Ok(ids)
    }

    pub(super) fn check_image_limit(&self, count: usize) -> Result<(), CatalogError> {
        let limit = self.limits.images_per_product;
        if count > limit {
            return Err(CatalogError::TooManyImages { count, limit, per: "for one product" });
        }
        Ok(())
    }

    /// Takes out of `photos` those that the product has already, and returns them. Refuses an upload that would exceed the
    /// limit, before any photo is embedded.
    async fn extract_enrolled(
        &self,
        reader: &mut Reader,
        product: ProductId,
        photos: &mut Vec<CheckedPhoto>,
        region: RegionChoice,
    ) -> Result<Vec<CheckedPhoto>, CatalogError> {
        let mut rows = product_images::list_by_product(reader, product).await?;
        let is_sent = |row: &ImageRow| photos.iter().any(|photo| photo.hash == row.content_hash);
        rows.retain(|row| !(is_sent(row) && asks_for_other_region(region, row)));
        let is_enrolled = |photo: &mut CheckedPhoto| rows.iter().any(|row| row.content_hash == photo.hash);
        let enrolled = photos.extract_if(.., is_enrolled).collect();
        self.check_image_limit(rows.len() + photos.len())?;
        Ok(enrolled)
    }
}

/// Whether the other product's part of the same photo is about this one.
fn show_same_part(owner: &ImageOwnerRow, photo: &StoredPhoto) -> bool {
    // Photos that were enrolled before regions were found were taken whole.
    let whole = || Region::whole(photo.header.width, photo.header.height);
    owner.region.unwrap_or_else(whole).intersection_over_union(photo.region) > SAME_PART_OVERLAP_MIN
}

/// Adds the identifiers of these photos to the warnings about them.
pub(super) fn add_image_ids(warnings: &mut [PhotoWarning], images: &[ImageId], photos: &[StoredPhoto]) {
    for (image, photo) in images.iter().zip(photos) {
        let of_photo = warnings.iter_mut().filter(|warning| warning.image_index == photo.name.index);
        of_photo.for_each(|warning| warning.image_id = Some(*image));
    }
}

/// For the audit log: who enrols a photo with a serious issue has insisted.
pub(super) fn warning_codes(warnings: &[PhotoWarning]) -> Vec<PhotoIssueCode> {
    warnings.iter().map(|warning| warning.code).collect()
}

/// Whether an upload of the enrolled photo asks for a region that it does not have. One that leaves the choice to the server
/// does not.
fn asks_for_other_region(choice: RegionChoice, row: &ImageRow) -> bool {
    match choice {
        RegionChoice::Auto | RegionChoice::AutoOrWhole => false,
        RegionChoice::Given(region) => row.region != Some(region),
        // The region is upright, width and height are as stored in the file.
        RegionChoice::Whole => row.region.is_some_and(|region| {
            let sides = (i64::from(region.width), i64::from(region.height));
            sides != (row.width, row.height) && sides != (row.height, row.width)
        }),
    }
}

/// What was cut out of each of these photos.
pub(super) fn enrolled_regions(images: &[ImageId], photos: &[StoredPhoto]) -> Vec<EnrolledRegion> {
    let region = |(image_id, photo): (&ImageId, &StoredPhoto)| EnrolledRegion {
        image_id: *image_id,
        region: photo.region,
        source: photo.source,
    };
    images.iter().zip(photos).map(region).collect()
}

pub(super) async fn find_image(reader: &mut Reader, product: ProductId, id: ImageId) -> Result<ImageRow, CatalogError> {
    find_product(reader, product).await?;
    product_images::find(reader, product, id).await?.ok_or_else(|| image_not_found(id))
}

fn image_not_found(id: ImageId) -> CatalogError {
    CatalogError::NotFound { what: "image", id: id.to_string() }
}
