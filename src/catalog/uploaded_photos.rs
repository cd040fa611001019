//! From uploaded bytes to photos that one transaction can write: checked, without duplicates, embedded, stored as files.
//!
//! Nothing costly happens for an upload that is refused anyway: every header is checked before any pixel is decoded, and
//! every photo is embedded before any is stored.

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};

use super::error::{CatalogError, PhotoName};
use super::photo_warning::PhotoWarning;
use super::{Catalog, NewPhoto};
use crate::db::blobs::ContentHash;
use crate::domain::{InvalidField, PhotoFault, ProductId, Region};
use crate::embedding::{
    DecodeError, DecodeLimits, EmbedError, Embedder, Embedding, ModelId, PhotoHeader, read_photo_header,
};
use crate::photo_quality::PhotoIssue;
use crate::pool::panic_message;
use crate::product_photos::{EnrolledRegionSource, ProductPhoto, ProductPhotoError, RegionChoice, embed_product_photo};

/// A photo whose header has been checked.
#[derive(Debug, Clone)]
pub(super) struct CheckedPhoto {
    pub(super) name: PhotoName,
    pub(super) hash: ContentHash,
    pub(super) header: PhotoHeader,
    bytes: Bytes,
}

/// A photo whose original is on the disk and whose embeddings are known.
#[derive(Debug, Clone)]
pub(super) struct StoredPhoto {
    pub(super) name: PhotoName,
    pub(super) hash: ContentHash,
    pub(super) header: PhotoHeader,
    pub(super) size: usize,
    pub(super) region: Region,
    pub(super) source: EnrolledRegionSource,
    pub(super) embeddings: ModelEmbeddings,
}

/// A photo that is not stored yet.
pub(super) struct EmbeddedPhoto {
    photo: CheckedPhoto,
    pub(super) region: Region,
    source: EnrolledRegionSource,
    pub(super) issues: Vec<PhotoIssue>,
    embeddings: ModelEmbeddings,
}

/// A photo's embedding by the active model, and, during a switch, mostly by the incoming one too. That of the active one is first.
type ModelEmbeddings = Vec<(ModelId, Embedding)>;

impl Catalog {
    /// Checks every header and hashes every photo. Of photos with the same content the first one stays; returns the
    /// number of the others, too.
    pub(super) async fn check_photos(&self, photos: Vec<NewPhoto>) -> Result<(Vec<CheckedPhoto>, usize), CatalogError> {
        let (count, limit) = (photos.len(), self.limits.images_per_upload);
        if count > limit {
            return Err(CatalogError::TooManyImages { count, limit, per: "in one upload" });
        }
        let limits = *self.active.current().embedder.limits();
        // Hashing 100 MB takes a third of a second, which an HTTP worker does not have.
        let checked = tokio::task::spawn_blocking(move || check_and_hash(photos, &limits)).await;
        let mut checked = checked.map_err(|error| CatalogError::Embedder(error.to_string()))??;
        let mut hashes = HashSet::new();
        checked.retain(|photo| hashes.insert(photo.hash));
        let duplicates = count - checked.len();
        Ok((checked, duplicates))
    }

    /// Embeds photos for `product`, or for a new one, a few at a time. Looks for what is wrong with them, then stores their
    /// originals.
    pub(super) async fn embed_and_store(
        &self,
        photos: Vec<CheckedPhoto>,
        product: Option<ProductId>,
        region: RegionChoice,
        insist: bool,
    ) -> Result<(Vec<StoredPhoto>, Vec<PhotoWarning>), CatalogError> {
        let active = self.active.current();
        let embedder = &*active.embedder;
        let embedded: Vec<EmbeddedPhoto> = stream::iter(photos)
            .map(|photo| self.embed(embedder, photo, region))
            .buffered(self.concurrent_photos)
            .try_collect()
            .await?;
        let warnings = self.check_issues(&active, &embedded, product, insist).await?;
        let stored = stream::iter(embedded).map(|photo| self.store(photo));
        Ok((stored.buffered(self.concurrent_photos).try_collect().await?, warnings))
    }

    async fn embed(
        &self,
        embedder: &Embedder,
        photo: CheckedPhoto,
        region: RegionChoice,
    ) -> Result<EmbeddedPhoto, CatalogError> {
        let mut embedded = embed_by_active_model(embedder, photo, region).await?;
        let (bytes, region) = (embedded.photo.bytes.clone(), embedded.region);
        embedded.embeddings.extend(self.incoming.embed_upload(bytes, region, embedder.model_id()).await);
        Ok(embedded)
    }

    async fn store(&self, embedded: EmbeddedPhoto) -> Result<StoredPhoto, CatalogError> {
        let EmbeddedPhoto { photo, region, source, embeddings, .. } = embedded;
        let CheckedPhoto { name, hash, header, bytes } = photo;
        let size = bytes.len();
        self.blobs.put(hash, bytes).await?;
        Ok(StoredPhoto { name, hash, header, size, region, source, embeddings })
    }

    /// Writes the originals of photos that are enrolled already, if their files are lost or damaged.
    pub(super) async fn restore_originals(&self, photos: Vec<CheckedPhoto>) -> Result<(), CatalogError> {
        let stored = stream::iter(photos).map(|photo| self.blobs.put(photo.hash, photo.bytes));
        Ok(stored.buffered(self.concurrent_photos).try_collect().await?)
    }
}

impl EmbeddedPhoto {
    pub(super) fn name(&self) -> &PhotoName {
        &self.photo.name
    }

    pub(super) fn active_embedding(&self) -> &Embedding {
        &self.embeddings[0].1
    }
}

pub(super) async fn embed_by_active_model(
    embedder: &Embedder,
    photo: CheckedPhoto,
    region: RegionChoice,
) -> Result<EmbeddedPhoto, CatalogError> {
    let embedded = match embed_product_photo(embedder, photo.bytes.clone(), region).await {
        Ok(embedded) => embedded,
        Err(error) => return Err(embedding_refusal(photo.name, error)),
    };
    let ProductPhoto { embedding, region, source, issues } = embedded;
    let embeddings = vec![(embedder.model_id().clone(), embedding)];
    Ok(EmbeddedPhoto { photo, region, source, issues, embeddings })
}

/// What distinguishes the photos of one request from those of another.
pub(super) fn photo_hashes(photos: &[CheckedPhoto]) -> Vec<String> {
    photos.iter().map(|photo| photo.hash.to_string()).collect()
}

fn check_and_hash(photos: Vec<NewPhoto>, limits: &DecodeLimits) -> Result<Vec<CheckedPhoto>, CatalogError> {
    let checked = photos.into_iter().enumerate().map(|(index, photo)| {
        let name = PhotoName { index, file_name: photo.file_name };
        match check_header(&photo.bytes, limits) {
            Ok(header) => Ok((name, header, photo.bytes)),
            Err(fault) => Err(CatalogError::BadPhoto { photo: name, fault }),
        }
    });
    let checked: Vec<_> = checked.collect::<Result<_, _>>()?;
    let hashed = checked.into_iter().map(|(name, header, bytes)| CheckedPhoto {
        name,
        hash: ContentHash::from_content(&bytes),
        header,
        bytes,
    });
    Ok(hashed.collect())
}

/// A decoder that panics over a header has met a hostile file: that photo is at fault, not the server.
fn check_header(bytes: &[u8], limits: &DecodeLimits) -> Result<PhotoHeader, PhotoFault> {
    let header = catch_unwind(AssertUnwindSafe(|| read_photo_header(bytes, limits)));
    header
        .unwrap_or_else(|panic| Err(DecodeError::Crashed { reason: panic_message(&*panic) }))
        .map_err(PhotoFault::from)
}

fn embedding_refusal(photo: PhotoName, error: ProductPhotoError) -> CatalogError {
    let error = match error {
        ProductPhotoError::Embed(error) => error,
        ProductPhotoError::Several(regions) => return CatalogError::SeveralProducts { photo, regions },
        ProductPhotoError::OutsidePhoto { .. } => {
            return InvalidField::new("region", format!("{error} ({photo})")).into();
        }
    };
    match error {
        EmbedError::Decode(error) => CatalogError::BadPhoto { photo, fault: error.into() },
        EmbedError::NotFinite { .. } | EmbedError::ZeroNorm => {
            CatalogError::UnusablePhoto { photo, reason: error.to_string() }
        }
        EmbedError::Busy => CatalogError::Busy,
        EmbedError::Failed(_) | EmbedError::Stopped => CatalogError::Embedder(error.to_string()),
    }
}
