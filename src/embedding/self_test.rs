//! The self-test: a model is run on ordinary pictures before anything depends on it, by `tillsight model add` and at every
//! start of the server.
//!
//! It checks that every picture gets a finite vector of the stated number of values, that not all pictures get the same
//! vector, and that a picture gets the same vector the second time. If a picture's vector depends on the batch, the model is
//! fed one picture at a time.

use ndarray::Array3;
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;
use serde::Serialize;

use super::model::Model;
use super::model_refusal::SAME_EMBEDDING_COSINE_MIN;
use super::preprocess::Preprocessor;
use super::session::ModelSession;
use super::vector::Embedding;
use super::{ModelError, Refusal};
use crate::domain::Photo;

/// Largest batch that [`test_model`] tries.
pub(super) const BATCH_SIZE_MAX: usize = 8;

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SelfTestReport {
    /// Number of different pictures that the model was run on.
    pub pictures: usize,
    /// The lowest cosine between two of the pictures.
    pub lowest_cosine: f32,
    /// Lowest cosine between a picture alone and the same picture in a batch; absent if the model is fed one at a time.
    pub batch_cosine: Option<f32>,
    /// The most pictures that the model can be given in one run.
    pub max_batch: usize,
    /// Why the model is fed one picture at a time, if it is.
    #[serde(rename = "one_by_one")]
    pub batch_limitation: Option<BatchLimitation>,
}

/// Why a model is fed one picture at a time. It can still be used, but it is slower.
#[derive(Debug, Clone, PartialEq, Serialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum BatchLimitation {
    #[error("its graph takes one photo at a time (export it with a free batch size to speed up a busy server)")]
    Fixed,
    /// The graph accepts a batch, but fails on it or gives another number of vectors.
    #[error("its graph promises to take several photos at a time but fails on {pictures}: {reason}")]
    Fails { pictures: usize, reason: String },
    /// A picture's embedding depends on the others in the batch, as with dynamically quantised weights.
    #[error("a photo's embedding depends on the others in its batch (cosine {cosine:.6} with the photo alone)")]
    Differs {
        /// The lowest cosine between a picture alone and the same picture in a batch.
        cosine: f32,
    },
}

/// Tests `model` on ordinary pictures and on `photos`, with one thread.
///
/// # Errors
/// ONNX Runtime is missing, or the model cannot be used: see [`Refusal`].
pub fn test_model(model: &Model, photos: &[Photo]) -> Result<SelfTestReport, ModelError> {
    let mut session = ModelSession::open(model, 1)?;
    let preprocessor = Preprocessor::new(&model.manifest.input);
    test_session(&mut session, &preprocessor, photos, BATCH_SIZE_MAX)
        .map_err(|reason| ModelError::unusable(&model.path, reason))
}

/// Tests `session` on ordinary pictures and on `photos`, in batches of at most `max_batch`.
pub(super) fn test_session(
    session: &mut ModelSession,
    preprocessor: &Preprocessor,
    photos: &[Photo],
    max_batch: usize,
) -> Result<SelfTestReport, Refusal> {
    let ordinary = ordinary_pictures();
    let photos: Vec<&Photo> = ordinary.iter().chain(photos).collect();
    let pictures = photos.len();
    if let Some(fixed) = session.fixed_batch.filter(|fixed| *fixed > 1) {
        return Err(Refusal::FixedBatch { pictures: fixed });
    }
    let tensors = photos.iter().map(|photo| preprocess(preprocessor, photo)).collect::<Result<Vec<_>, _>>()?;
    let mut single = Vec::new();
    for tensor in &tensors {
        single.push(embed(session, tensor)?);
    }
    let cosine = embed(session, &tensors[0])?.cosine(&single[0]);
    if cosine < SAME_EMBEDDING_COSINE_MIN {
        return Err(Refusal::UnstableEmbedding { cosine });
    }
    let lowest_cosine = |embeddings: &[Embedding]| {
        let pairs =
            embeddings.iter().enumerate().flat_map(|(n, one)| embeddings[..n].iter().map(|other| one.cosine(other)));
        pairs.fold(1.0, f32::min)
    };
    // Only the ordinary pictures decide, because the start of the server has no others.
    let ordinary_lowest = lowest_cosine(&single[..ordinary.len()]);
    if ordinary_lowest >= SAME_EMBEDDING_COSINE_MIN {
        return Err(Refusal::ConstantEmbedding { pictures: ordinary.len(), lowest: ordinary_lowest });
    }
    let lowest_cosine = lowest_cosine(&single);
    let batch = match session.fixed_batch {
        Some(_) => Err(BatchLimitation::Fixed),
        None if max_batch <= 1 => Ok(None),
        None => test_batch(session, &tensors, &single, max_batch).map(Some),
    };
    let (batch_cosine, batch_limitation) = match batch {
        Ok(cosine) => (cosine, None),
        Err(reason) => (None, Some(reason)),
    };
    let max_batch = if batch_limitation.is_some() { 1 } else { max_batch.max(1) };
    Ok(SelfTestReport { pictures, lowest_cosine, batch_cosine, max_batch, batch_limitation })
}

/// Runs a full batch, so that its memory is allocated before the first shopper.
pub(super) fn warm_up(session: &mut ModelSession, preprocessor: &Preprocessor, batch: usize) -> Result<(), Refusal> {
    let tensor = preprocess(preprocessor, &warm_picture())?;
    session.embed(&vec![tensor; batch]).map(drop)
}

/// The lowest cosine between the pictures in a batch of `size` and the `single` embeddings.
fn test_batch(
    session: &mut ModelSession,
    tensors: &[Array3<f32>],
    single: &[Embedding],
    size: usize,
) -> Result<f32, BatchLimitation> {
    let fails = |reason: String| BatchLimitation::Fails { pictures: size, reason };
    let batch: Vec<Array3<f32>> = tensors.iter().cycle().take(size).cloned().collect();
    let embeddings = session.embed(&batch).map_err(|refusal| fails(refusal.to_string()))?;
    let mut lowest = 1.0_f32;
    for (embedding, single) in embeddings.into_iter().zip(single.iter().cycle()) {
        lowest = lowest.min(embedding.map_err(|error| fails(error.to_string()))?.cosine(single));
    }
    if lowest < SAME_EMBEDDING_COSINE_MIN { Err(BatchLimitation::Differs { cosine: lowest }) } else { Ok(lowest) }
}

fn embed(session: &mut ModelSession, tensor: &Array3<f32>) -> Result<Embedding, Refusal> {
    session.embed_one(tensor)?.map_err(|error| Refusal::InvalidEmbedding { reason: error.to_string() })
}

pub(super) fn preprocess(preprocessor: &Preprocessor, photo: &Photo) -> Result<Array3<f32>, Refusal> {
    let failed = |reason| Refusal::RunFailed { width: photo.width() as usize, height: photo.height() as usize, reason };
    preprocessor.preprocess(photo).map_err(failed)
}

/// Pictures that every network must tell apart: warm colours in full and in a quarter of the light, plain grey, noise. None is
/// black: a network need not embed the inside of a lens cap.
fn ordinary_pictures() -> [Photo; 4] {
    let mut random = Pcg64::seed_from_u64(7);
    let noise = (0..SIDE_PX * SIDE_PX).flat_map(|_| random.random::<[u8; 3]>()).collect();
    let grey = vec![128; SIDE_PX * SIDE_PX * 3];
    [warm_picture(), dimmed_warm_picture(4), square_photo(grey), square_photo(noise)]
}

const SIDE_PX: usize = 64;

/// Reds and oranges that grow brighter towards one corner, over a little blue.
pub(super) fn warm_picture() -> Photo {
    dimmed_warm_picture(1)
}

fn dimmed_warm_picture(divisor: usize) -> Photo {
    let pixel = |x: usize, y: usize| {
        [255 - x, 100 + 2 * y, 50 + x + y / 2].map(|value| u8::try_from(value / divisor).unwrap_or(255))
    };
    square_photo((0..SIDE_PX).flat_map(|y| (0..SIDE_PX).flat_map(move |x| pixel(x, y))).collect())
}

fn square_photo(rgb: Vec<u8>) -> Photo {
    let side = u32::try_from(SIDE_PX).expect("a small number");
    Photo::new(side, side, rgb).expect("SIDE_PX × SIDE_PX pixels of three values")
}
