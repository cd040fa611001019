//! From labelled photos to labelled vectors, by the server's own embedder, and what had to be left out on the way.
//!
//! Photos are read, decoded and embedded on all cores, a bounded number at a time. A photo that cannot be used is named
//! and left out: one broken file in thousands should not cost an hour. Copies are told by the SHA-256 of the file: a
//! photo that is asked about and is enrolled too would be found for the wrong reason.

use std::collections::HashMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use futures_util::{StreamExt, stream};
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::EvaluationError;
use super::photos::{LabelledPhoto, PhotoSet, Role};
use crate::atomic_file;
use crate::embedding::{
    DecodeError, DecodeLimits, EmbedError, Embedder, EmbedderOptions, Embedding, Model, serialize_path_lossy,
};

/// Sessions of the model at most: each holds a copy of the weights. More cores become threads of a session.
const MOST_SESSIONS: usize = 8;
/// Photos under way per core: enough that no core waits for a file.
const AT_ONCE_PER_CORE: usize = 4;

/// A labelled vector.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// Position in [`PhotoSet::products`].
    pub product: usize,
    /// What the model makes of the photo.
    pub embedding: Embedding,
}

/// A photo that is not part of the figures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SkippedPhoto {
    /// The photo.
    #[serde(serialize_with = "serialize_path_lossy")]
    pub path: PathBuf,
    /// Why, in words.
    pub reason: String,
    /// Whether it is a copy of another photo, and sound in itself.
    pub copy: bool,
}

/// The vectors of a [`PhotoSet`], by role, each in the set's order.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Samples {
    /// Of the enrolled photos.
    pub enrolled: Vec<Sample>,
    /// Of the catalogue pictures.
    pub catalogue: Vec<Sample>,
    /// Of the photos that are asked about.
    pub asked: Vec<Sample>,
    /// What could not be used.
    pub left_out: Vec<SkippedPhoto>,
}

/// Embeds every photo of `set` with `model`, within the `limits` of the server; `done` is called after each.
///
/// # Errors
/// The model cannot be used, or no enrolled or no asked photo is left. Photos that cannot be used are no error: see
/// [`Samples::left_out`].
pub async fn embed(
    model: &Model,
    set: &PhotoSet,
    limits: DecodeLimits,
    mut done: impl FnMut(),
) -> Result<Samples, EvaluationError> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let sessions = cores.min(MOST_SESSIONS);
    let at_once = cores * AT_ONCE_PER_CORE;
    let options = EmbedderOptions {
        sessions,
        threads_per_session: cores / sessions,
        queue_limit: at_once,
        decode_threads: cores,
        // One at a time, as a till sends them: in a batch the last digits depend on who else is in it.
        max_batch: 1,
        limits,
        ..EmbedderOptions::default()
    };
    let embedder = Embedder::start(model, options)?;
    let seen = stream::iter(&set.photos).map(|photo| embed_one(&embedder, photo)).buffered(at_once);
    let mut seen = std::pin::pin!(seen);
    let mut outcomes = Vec::with_capacity(set.photos.len());
    while let Some(outcome) = seen.next().await {
        outcomes.push(outcome);
        done();
    }
    let samples = sorted(set, outcomes);
    if samples.enrolled.is_empty() || samples.asked.is_empty() {
        let which = if samples.enrolled.is_empty() { "enrolled" } else { "asked" };
        let first = samples.left_out.iter().find(|photo| !photo.copy).or(samples.left_out.first());
        let first =
            first.map_or(String::new(), |photo| format!("; the first: {}: {}", photo.path.display(), photo.reason));
        let fault = format!("none of the {which} photos can be used{first}");
        return Err(EvaluationError::photos(&set.name, fault));
    }
    Ok(samples)
}

/// SHA-256 of the file and its vector, or why there is none.
type Outcome = Result<([u8; 32], Embedding), String>;

async fn embed_one(embedder: &Embedder, photo: &LabelledPhoto) -> Outcome {
    let (path, limit) = (photo.path.clone(), embedder.limits().max_bytes);
    let read = tokio::task::spawn_blocking(move || {
        let bytes = photo_bytes(&path, limit)?;
        Ok::<_, String>((Sha256::digest(&bytes).into(), bytes))
    });
    let (hash, bytes) = read.await.map_err(|error| error.to_string())??;
    let embedded = embedder.embed_photo(bytes).await.map_err(|error: EmbedError| error.to_string())?;
    Ok((hash, embedded.embedding))
}

/// The bytes of the photo at `path`; those of a pipe, or of a file that the server would refuse, are not read.
pub(super) fn photo_bytes(path: &Path, limit: usize) -> Result<Vec<u8>, String> {
    atomic_file::read_limited(path, limit as u64).map_err(|error| match (error.kind(), std::fs::metadata(path)) {
        // As the server says it.
        (ErrorKind::FileTooLarge, Ok(about)) => {
            let len = usize::try_from(about.len()).unwrap_or(usize::MAX);
            DecodeError::TooManyBytes { len, limit }.to_string()
        }
        _ => format!("cannot be read: {error}"),
    })
}

/// Sorts vectors by role, and leaves out what could not be embedded and what is there already.
fn sorted(set: &PhotoSet, outcomes: Vec<Outcome>) -> Samples {
    let mut samples = Samples::default();
    // Enrolled photos first, so that it is the asked one that is left out.
    let mut order: Vec<_> = set.photos.iter().zip(outcomes).collect();
    order.sort_by_key(|(photo, _)| photo.role);
    let mut first_of: HashMap<([u8; 32], bool), &LabelledPhoto> = HashMap::new();
    for (photo, outcome) in order {
        let mut leave_out =
            |reason: String, copy| samples.left_out.push(SkippedPhoto { path: photo.path.clone(), reason, copy });
        let (hash, embedding) = match outcome {
            Ok(sound) => sound,
            Err(reason) => {
                leave_out(reason, false);
                continue;
            }
        };
        // The catalogue is a gallery of its own: a picture may be in it and among the enrolled ones.
        let is_catalogue = photo.role == Role::Catalogue;
        let mut earlier = first_of.get(&(hash, is_catalogue));
        if photo.role == Role::Asked {
            earlier = earlier.or_else(|| first_of.get(&(hash, true)));
        }
        if let Some(earlier) = earlier {
            leave_out(said_of_copy(set, photo, earlier), true);
            continue;
        }
        first_of.insert((hash, is_catalogue), photo);
        let sample = Sample { product: photo.product, embedding };
        match photo.role {
            Role::Enrolled => samples.enrolled.push(sample),
            Role::Catalogue => samples.catalogue.push(sample),
            Role::Asked => samples.asked.push(sample),
        }
    }
    samples
}

fn said_of_copy(set: &PhotoSet, photo: &LabelledPhoto, earlier: &LabelledPhoto) -> String {
    if photo.path == earlier.path && photo.role == earlier.role && photo.product == earlier.product {
        return "it is listed twice".to_owned();
    }
    let role = match earlier.role {
        Role::Enrolled => "which is enrolled",
        Role::Catalogue => "which is a catalogue picture",
        Role::Asked => "which is asked about",
    };
    let other = if photo.product == earlier.product {
        String::new()
    } else {
        format!(", as another product (\"{}\")", set.products[earlier.product].name)
    };
    format!("it is a copy of {}, {role}{other}", earlier.path.display())
}
