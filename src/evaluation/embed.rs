//! Embeds labelled photos with the server's own embedder, and names the photos that had to be skipped.
//!
//! Photos are read, decoded and embedded on all cores, a bounded number at a time. A photo that cannot be used is skipped and
//! named: one broken file in thousands should not cost an hour. Copies are detected by the SHA-256 of the file: a query photo
//! that is enrolled too would be answered correctly for the wrong reason.

use std::collections::HashMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use futures_util::{StreamExt, stream};
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::EvaluationError;
use super::box_shares::BoxShares;
use super::photos::{LabelledPhoto, PhotoRole, PhotoSet};
use crate::atomic_file;
use crate::embedding::{
    DecodeError, DecodeLimits, EmbedError, Embedder, EmbedderOptions, Embedding, Model, serialize_path_lossy,
};
use crate::pool::{Overloaded, Priority};
use crate::product_photos::{RegionChoice, embed_product_photo};
use crate::regions;

/// Each session holds a copy of the weights. More cores become threads of a session.
const SESSIONS_MAX: usize = 8;
/// Concurrent photos per core: enough that no core waits for a file.
const PHOTOS_PER_CORE: usize = 4;
/// The most pictures that are cut out of a frame: more than regions are found in one.
const PICTURES_PER_PHOTO: usize = 32;

/// The embedding of a labelled photo.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// Position in [`PhotoSet::products`].
    pub product: usize,
    pub embedding: Embedding,
}

/// A photo that the figures leave out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SkippedPhoto {
    #[serde(serialize_with = "serialize_path_lossy")]
    pub path: PathBuf,
    /// In words.
    pub reason: String,
    /// It is a copy of another photo; otherwise it cannot be used.
    pub copy: bool,
}

/// The samples of a [`PhotoSet`], by role, each in the set's order.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Samples {
    pub enrolled: Vec<Sample>,
    pub catalogue: Vec<Sample>,
    pub queries: Vec<Sample>,
    pub skipped: Vec<SkippedPhoto>,
}

/// Embeds every photo of `set` with `model`, within the `limits` of the server; calls `on_progress` after each.
///
/// # Errors
/// The model cannot be used, or no enrolled photo or none of the query photos is usable. Single photos that cannot be used are listed in
/// [`Samples::skipped`].
pub async fn embed_photos(
    model: &Model,
    set: &PhotoSet,
    limits: DecodeLimits,
    mut on_progress: impl FnMut(),
) -> Result<Samples, EvaluationError> {
    let embedder = start_embedder(model, limits)?;
    let results = stream::iter(&set.photos).map(|photo| embed_photo(&embedder, photo)).buffered(concurrency());
    let mut results = std::pin::pin!(results);
    let mut embeddings = Vec::with_capacity(set.photos.len());
    while let Some(result) = results.next().await {
        embeddings.push(result);
        on_progress();
    }
    let samples = sort_by_role(set, embeddings);
    let lacks_queries = samples.queries.is_empty() && set.count(PhotoRole::Query) > 0;
    if samples.enrolled.is_empty() || lacks_queries {
        let role = if samples.enrolled.is_empty() { "enrolled" } else { "query" };
        let first = samples.skipped.iter().find(|photo| !photo.copy).or(samples.skipped.first());
        let first =
            first.map_or(String::new(), |photo| format!("; the first: {}: {}", photo.path.display(), photo.reason));
        let reason = format!("none of the {role} photos can be used{first}");
        return Err(EvaluationError::invalid_photos(&set.name, reason));
    }
    Ok(samples)
}

/// An embedder of all cores, for [`concurrency`] photos at a time.
pub(super) fn start_embedder(model: &Model, limits: DecodeLimits) -> Result<Embedder, EvaluationError> {
    let cores = cores();
    let sessions = cores.min(SESSIONS_MAX);
    let options = EmbedderOptions {
        sessions,
        threads_per_session: cores / sessions,
        queue_limit: concurrency() * PICTURES_PER_PHOTO,
        decode_threads: cores,
        // One at a time, as a till sends them: in a batch, the last digits depend on the other photos.
        max_batch: 1,
        limits,
        ..EmbedderOptions::default()
    };
    Ok(Embedder::start(model, options)?)
}

/// How many photos are in progress at a time.
pub(super) fn concurrency() -> usize {
    cores() * PHOTOS_PER_CORE
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// SHA-256 of the file and its embedding, or why there is none.
type PhotoResult = Result<([u8; 32], Embedding), String>;

async fn embed_photo(embedder: &Embedder, photo: &LabelledPhoto) -> PhotoResult {
    let (path, limit) = (photo.path.clone(), embedder.limits().max_bytes);
    let product_box = photo.product_box;
    let file = tokio::task::spawn_blocking(move || {
        let bytes = read_photo(&path, limit)?;
        // Two boxes in one photo are two pictures.
        let hash =
            Sha256::new().chain_update(&bytes).chain_update(product_box.map(BoxShares::to_bytes).unwrap_or_default());
        Ok::<_, String>((hash.finalize().into(), bytes))
    });
    let (hash, bytes) = file.await.map_err(|error| error.to_string())??;
    if let Some(product_box) = product_box {
        let embedding = embed_box(embedder, bytes, product_box).await.map_err(|error| error.to_string())?;
        return Ok((hash, embedding));
    }
    // As an upload, and as a till does with a picture of one product.
    let photo = embed_product_photo(embedder, bytes, RegionChoice::AutoOrWhole).await;
    let photo = photo.map_err(|error| error.to_string())?;
    Ok((hash, photo.embedding))
}

/// As an upload with a box. The box is a share of the picture, so the picture's size must be known first.
async fn embed_box(embedder: &Embedder, bytes: Vec<u8>, product_box: BoxShares) -> Result<Embedding, EmbedError> {
    let permit = embedder.admit(Priority::Background).await.map_err(|Overloaded { .. }| EmbedError::Busy)?;
    let photo = embedder.decode(&permit, bytes).await?.photo;
    let cut = move || regions::crop_region(&photo, product_box.region(photo.original_width(), photo.original_height()));
    let (picture, _queue) = embedder.run_on_decode_threads(&permit, cut).await?;
    embedder.embed(&permit, vec![picture]).await?.embeddings.pop().ok_or(EmbedError::Stopped)
}

/// Reads the photo at `path`; refuses a pipe, and a file that the server would refuse.
pub(super) fn read_photo(path: &Path, limit: usize) -> Result<Vec<u8>, String> {
    atomic_file::read_limited(path, limit as u64).map_err(|error| match (error.kind(), std::fs::metadata(path)) {
        // The server's own message.
        (ErrorKind::FileTooLarge, Ok(metadata)) => {
            let len = usize::try_from(metadata.len()).unwrap_or(usize::MAX);
            DecodeError::TooManyBytes { len, limit }.to_string()
        }
        _ => format!("cannot be read: {error}"),
    })
}

/// Sorts the embeddings by role; skips the photos without one and the copies.
fn sort_by_role(set: &PhotoSet, results: Vec<PhotoResult>) -> Samples {
    let mut samples = Samples::default();
    // Enrolled photos first, so that of two copies the query photo is skipped.
    let mut order: Vec<_> = set.photos.iter().zip(results).collect();
    order.sort_by_key(|(photo, _)| photo.role);
    let mut first_copies: HashMap<([u8; 32], bool), &LabelledPhoto> = HashMap::new();
    for (photo, result) in order {
        let mut skip =
            |reason: String, copy| samples.skipped.push(SkippedPhoto { path: photo.path.clone(), reason, copy });
        let (hash, embedding) = match result {
            Ok(usable) => usable,
            Err(reason) => {
                skip(reason, false);
                continue;
            }
        };
        // The catalogue is a gallery of its own: a picture may be both in it and enrolled.
        let is_catalogue = photo.role == PhotoRole::Catalogue;
        let mut earlier = first_copies.get(&(hash, is_catalogue));
        if photo.role == PhotoRole::Query {
            earlier = earlier.or_else(|| first_copies.get(&(hash, true)));
        }
        if let Some(earlier) = earlier {
            skip(describe_copy(set, photo, earlier), true);
            continue;
        }
        first_copies.insert((hash, is_catalogue), photo);
        let sample = Sample { product: photo.product, embedding };
        match photo.role {
            PhotoRole::Enrolled => samples.enrolled.push(sample),
            PhotoRole::Catalogue => samples.catalogue.push(sample),
            PhotoRole::Query => samples.queries.push(sample),
        }
    }
    samples
}

fn describe_copy(set: &PhotoSet, photo: &LabelledPhoto, earlier: &LabelledPhoto) -> String {
    if photo.path == earlier.path && photo.role == earlier.role && photo.product == earlier.product {
        return "it is listed twice".to_owned();
    }
    let role = match earlier.role {
        PhotoRole::Enrolled => "which is enrolled",
        PhotoRole::Catalogue => "which is a catalogue picture",
        PhotoRole::Query => "which is a query photo",
    };
    let other = if photo.product == earlier.product {
        String::new()
    } else {
        format!(", as another product (\"{}\")", set.products[earlier.product].name)
    };
    format!("it is a copy of {}, {role}{other}", earlier.path.display())
}
