//! From uploaded bytes to photos that can be written in one transaction: checked, told apart, embedded, kept.
//!
//! Order, so that nothing costly happens for an upload that is refused anyway: every header is checked before any pixel
//! is decoded, and every new photo is embedded before any is kept.

use std::panic::{AssertUnwindSafe, catch_unwind};

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};

use super::error::{CatalogError, PhotoName};
use super::{Catalog, NewPhoto};
use crate::db::blobs::ContentHash;
use crate::domain::PhotoFault;
use crate::embedding::{
    DecodeError, DecodeLimits, EmbedError, Embedder, Embedding, ModelId, PhotoHeader, read_photo_header,
};
use crate::pool::panic_message;

/// A photo whose header has been checked.
#[derive(Debug, Clone)]
pub(super) struct CheckedPhoto {
    pub(super) name: PhotoName,
    pub(super) hash: ContentHash,
    pub(super) header: PhotoHeader,
    bytes: Bytes,
}

/// A photo that can be written: its original is on the disk, its embeddings are known.
#[derive(Debug, Clone)]
pub(super) struct StoredPhoto {
    pub(super) name: PhotoName,
    pub(super) hash: ContentHash,
    pub(super) header: PhotoHeader,
    pub(super) size: usize,
    /// What each model made of it: the one in use, and, during a switch, mostly the new one too.
    pub(super) seen: Seen,
}

/// Embeddings of one photo, each with the model that made it.
type Seen = Vec<(ModelId, Embedding)>;

impl Catalog {
    /// Checks every header and hashes every photo. The same content sent twice is kept once; how often that happened
    /// comes second.
    pub(super) async fn probe(&self, photos: Vec<NewPhoto>) -> Result<(Vec<CheckedPhoto>, usize), CatalogError> {
        let (count, limit) = (photos.len(), self.limits.images_per_upload);
        if count > limit {
            return Err(CatalogError::TooManyImages { count, limit, per: "in one upload" });
        }
        let limits = *self.active.now().embedder.limits();
        // Hashing 100 MB takes a third of a second, which an HTTP worker does not have.
        let probed = tokio::task::spawn_blocking(move || probe_all(photos, &limits)).await;
        let mut probed = probed.map_err(|error| CatalogError::Embedder(error.to_string()))??;
        let mut seen = std::collections::HashSet::new();
        probed.retain(|photo| seen.insert(photo.hash));
        let doubles = count - probed.len();
        Ok((probed, doubles))
    }

    /// Embeds photos, a few at a time, then keeps their originals.
    pub(super) async fn prepare(&self, photos: Vec<CheckedPhoto>) -> Result<Vec<StoredPhoto>, CatalogError> {
        let at_once = self.photos_at_once;
        let active = self.active.now();
        let embedder = &*active.embedder;
        let embedded: Vec<(CheckedPhoto, Seen)> =
            stream::iter(photos).map(|photo| self.embed(embedder, photo)).buffered(at_once).try_collect().await?;
        stream::iter(embedded).map(|(photo, seen)| self.keep(photo, seen)).buffered(at_once).try_collect().await
    }

    async fn embed(&self, embedder: &Embedder, photo: CheckedPhoto) -> Result<(CheckedPhoto, Seen), CatalogError> {
        let embedding = match embedder.embed_photo(photo.bytes.clone()).await {
            Ok(seen) => seen.embedding,
            Err(error) => return Err(refusal(photo.name, error)),
        };
        let mut seen = vec![(embedder.model_id().clone(), embedding)];
        seen.extend(self.beside.see(photo.bytes.clone(), embedder.model_id()).await);
        Ok((photo, seen))
    }

    /// Puts the originals of photos that are enrolled already where they belong.
    pub(super) async fn keep_originals(&self, photos: Vec<CheckedPhoto>) -> Result<(), CatalogError> {
        let kept = stream::iter(photos).map(|photo| self.blobs.put(photo.hash, photo.bytes));
        Ok(kept.buffered(self.photos_at_once).try_collect().await?)
    }

    async fn keep(&self, photo: CheckedPhoto, seen: Seen) -> Result<StoredPhoto, CatalogError> {
        let size = photo.bytes.len();
        self.blobs.put(photo.hash, photo.bytes).await?;
        let CheckedPhoto { name, hash, header, .. } = photo;
        Ok(StoredPhoto { name, hash, header, size, seen })
    }
}

fn probe_all(photos: Vec<NewPhoto>, limits: &DecodeLimits) -> Result<Vec<CheckedPhoto>, CatalogError> {
    let named = photos.into_iter().enumerate().map(|(index, photo)| {
        let name = PhotoName { index, file_name: photo.file_name };
        match probed(&photo.bytes, limits) {
            Ok(header) => Ok((name, header, photo.bytes)),
            Err(fault) => Err(CatalogError::Image { photo: name, fault }),
        }
    });
    let named: Vec<_> = named.collect::<Result<_, _>>()?;
    let hashed = named.into_iter().map(|(name, header, bytes)| CheckedPhoto {
        name,
        hash: ContentHash::of(&bytes),
        header,
        bytes,
    });
    Ok(hashed.collect())
}

/// A decoder that panics over a header has met a hostile file: that photo is at fault, not the server.
fn probed(bytes: &[u8], limits: &DecodeLimits) -> Result<PhotoHeader, PhotoFault> {
    let looked = catch_unwind(AssertUnwindSafe(|| read_photo_header(bytes, limits)));
    looked
        .unwrap_or_else(|panic| Err(DecodeError::Crashed { reason: panic_message(&*panic) }))
        .map_err(PhotoFault::from)
}

fn refusal(photo: PhotoName, error: EmbedError) -> CatalogError {
    match error {
        EmbedError::Decode(error) => CatalogError::Image { photo, fault: error.into() },
        EmbedError::NotFinite { .. } | EmbedError::ZeroNorm => {
            CatalogError::Unusable { photo, reason: error.to_string() }
        }
        EmbedError::Busy => CatalogError::Busy,
        EmbedError::Failed(_) | EmbedError::Stopped => CatalogError::Embedder(error.to_string()),
    }
}
