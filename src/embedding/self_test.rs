//! The proof that a model can be used: it is run on ordinary pictures before anything depends on it.
//!
//! The same at `tillsight model add` and at every start of the server. What it shows: every picture gets a finite vector of
//! the stated number of values; not all pictures get the same; a picture gets the same vector the second time; and the
//! same in a batch as alone, or else the model is fed one picture at a time.

use ndarray::Array3;
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;
use serde::Serialize;

use super::decode::Photo;
use super::model::Model;
use super::model_refusal::SAME;
use super::preprocess::Preprocessor;
use super::session::ModelSession;
use super::vector::Embedding;
use super::{ModelError, Refusal};

/// Most pictures per run that [`prove`] tries.
pub(super) const BATCH: usize = 8;

/// What was shown about a model.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SelfTest {
    /// Different pictures that it was run on.
    pub pictures: usize,
    /// Cosine of the two pictures that it found most unlike.
    pub lowest_cosine: f32,
    /// Lowest cosine between a picture alone and the same in a batch; absent where it is fed one at a time.
    pub batch_cosine: Option<f32>,
    /// Most pictures per run that it may be given.
    pub max_batch: usize,
    /// Why it is fed one picture at a time, where it is.
    pub one_by_one: Option<BatchLimitation>,
}

/// Why a model is fed one picture at a time. It works all the same, at the pace of one.
#[derive(Debug, Clone, PartialEq, Serialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum BatchLimitation {
    /// The graph says so.
    #[error("its graph takes one photo at a time (export it with a free batch size to speed up a busy server)")]
    Fixed,
    /// It promises to take several and then does not run on them, or gives another number of vectors.
    #[error("its graph promises to take several photos at a time but fails on {pictures}: {reason}")]
    Fails {
        /// How many were tried.
        pictures: usize,
        /// What happened.
        reason: String,
    },
    /// A picture's embedding depends on the others in the batch, as with weights that are quantised dynamically.
    #[error("a photo's embedding depends on the others in its batch (cosine {cosine:.6} with the photo alone)")]
    Differs {
        /// The lowest, alone against in a batch.
        cosine: f32,
    },
}

/// Proves `model` on ordinary pictures and on `photos`, with one thread.
///
/// # Errors
/// ONNX Runtime is missing, or the model cannot be used: see [`Refusal`].
pub fn prove_model(model: &Model, photos: &[Photo]) -> Result<SelfTest, ModelError> {
    let mut session = ModelSession::open(model, 1)?;
    let preprocessor = Preprocessor::new(&model.manifest.input);
    prove(&mut session, &preprocessor, photos, BATCH).map_err(|reason| ModelError::unusable(&model.path, reason))
}

/// Proves a session on ordinary pictures and on `photos`, in batches of at most `max_batch`.
pub(super) fn prove(
    session: &mut ModelSession,
    preprocessor: &Preprocessor,
    photos: &[Photo],
    max_batch: usize,
) -> Result<SelfTest, Refusal> {
    let ordinary = ordinary_pictures();
    let photos: Vec<&Photo> = ordinary.iter().chain(photos).collect();
    let pictures = photos.len();
    if let Some(fixed) = session.fixed_batch.filter(|fixed| *fixed > 1) {
        return Err(Refusal::FixedBatch { pictures: fixed });
    }
    let tensors = photos.iter().map(|photo| tensor(preprocessor, photo)).collect::<Result<Vec<_>, _>>()?;
    let mut alone = Vec::new();
    for tensor in &tensors {
        alone.push(embed(session, tensor)?);
    }
    let cosine = embed(session, &tensors[0])?.score(&alone[0]);
    if cosine < SAME {
        return Err(Refusal::Unsteady { cosine });
    }
    let lowest = |vectors: &[Embedding]| {
        let pairs = vectors.iter().enumerate().flat_map(|(at, one)| vectors[..at].iter().map(|other| one.score(other)));
        pairs.fold(1.0, f32::min)
    };
    // Judged by the ordinary pictures alone, which are the same at every start, whatever else was shown when it was added.
    let ordinary_lowest = lowest(&alone[..ordinary.len()]);
    if ordinary_lowest >= SAME {
        return Err(Refusal::Constant { pictures: ordinary.len(), lowest: ordinary_lowest });
    }
    let lowest_cosine = lowest(&alone);
    let batch = match session.fixed_batch {
        Some(_) => Err(BatchLimitation::Fixed),
        None if max_batch <= 1 => Ok(None),
        None => in_a_batch(session, &tensors, &alone, max_batch).map(Some),
    };
    let (batch_cosine, one_by_one) = match batch {
        Ok(cosine) => (cosine, None),
        Err(reason) => (None, Some(reason)),
    };
    let max_batch = if one_by_one.is_some() { 1 } else { max_batch.max(1) };
    Ok(SelfTest { pictures, lowest_cosine, batch_cosine, max_batch, one_by_one })
}

/// Runs a full batch, so that memory is allotted before the first shopper.
pub(super) fn warm_up(session: &mut ModelSession, preprocessor: &Preprocessor, batch: usize) -> Result<(), Refusal> {
    let tensor = tensor(preprocessor, &warm_colours())?;
    session.embed(&vec![tensor; batch]).map(drop)
}

/// The lowest cosine between the pictures in a batch of `size` and `alone`.
fn in_a_batch(
    session: &mut ModelSession,
    tensors: &[Array3<f32>],
    alone: &[Embedding],
    size: usize,
) -> Result<f32, BatchLimitation> {
    let fails = |reason: String| BatchLimitation::Fails { pictures: size, reason };
    let batch: Vec<Array3<f32>> = tensors.iter().cycle().take(size).cloned().collect();
    let together = session.embed(&batch).map_err(|refusal| fails(refusal.to_string()))?;
    let mut lowest = 1.0_f32;
    for (embedding, alone) in together.into_iter().zip(alone.iter().cycle()) {
        lowest = lowest.min(embedding.map_err(|error| fails(error.to_string()))?.score(alone));
    }
    if lowest < SAME { Err(BatchLimitation::Differs { cosine: lowest }) } else { Ok(lowest) }
}

fn embed(session: &mut ModelSession, tensor: &Array3<f32>) -> Result<Embedding, Refusal> {
    session.embed_one(tensor)?.map_err(|error| Refusal::BadValues { reason: error.to_string() })
}

pub(super) fn tensor(preprocessor: &Preprocessor, photo: &Photo) -> Result<Array3<f32>, Refusal> {
    let failed = |reason| Refusal::Run { width: photo.width() as usize, height: photo.height() as usize, reason };
    preprocessor.tensor(photo).map_err(failed)
}

/// Pictures that every network must tell apart without being at a loss: warm colours in good light and in a quarter of it,
/// plain grey, noise. None is black: what a network makes of the inside of a lens cap is that photo's fault.
fn ordinary_pictures() -> [Photo; 4] {
    let mut random = Pcg64::seed_from_u64(7);
    let noise = (0..SIDE * SIDE).flat_map(|_| random.random::<[u8; 3]>()).collect();
    let grey = vec![128; SIDE * SIDE * 3];
    [warm_colours(), lit_warm_colours(4), photo(grey), photo(noise)]
}

/// Pixels from side to side of the ordinary pictures.
const SIDE: usize = 64;

/// Reds and oranges that grow brighter towards one corner, over a little blue.
pub(super) fn warm_colours() -> Photo {
    lit_warm_colours(1)
}

/// The same in a `dimmed`th of the light.
fn lit_warm_colours(dimmed: usize) -> Photo {
    let pixel = |x: usize, y: usize| {
        [255 - x, 100 + 2 * y, 50 + x + y / 2].map(|value| u8::try_from(value / dimmed).unwrap_or(255))
    };
    photo((0..SIDE).flat_map(|y| (0..SIDE).flat_map(move |x| pixel(x, y))).collect())
}

fn photo(rgb: Vec<u8>) -> Photo {
    let side = u32::try_from(SIDE).expect("a small number");
    Photo::new(side, side, rgb).expect("SIDE × SIDE pixels of three values")
}
