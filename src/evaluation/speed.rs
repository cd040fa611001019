//! Time per embedding on one thread, without decoding and resizing, of several models in turns.

use serde::Serialize;

use super::EvaluationError;
use super::embed::read_photo;
use super::metrics::median;
use super::photos::{PhotoRole, PhotoSet};
use crate::embedding::{DecodeLimits, Embedder, EmbedderOptions, Model};

/// Runs before the measurement begins.
const WARM_UP_RUNS: usize = 3;
/// Number of different photos.
const PHOTOS: usize = 8;

/// Time of one run of the model with one photo, on one thread.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Speed {
    /// The figure to compare.
    pub median_ms: f64,
    /// What an idle machine would reach.
    pub fastest_ms: f64,
    pub runs: usize,
}

/// Measures `models` in turns, one photo each, so that other load on the machine slows all of them alike.
///
/// # Errors
/// A model cannot be started, or none of the photos can be embedded.
pub async fn measure_speeds(
    models: &[Model],
    set: &PhotoSet,
    limits: DecodeLimits,
    runs: usize,
) -> Result<Vec<Speed>, EvaluationError> {
    let options = EmbedderOptions { max_batch: 1, decode_threads: 1, limits, ..EmbedderOptions::default() };
    let embedders = models.iter().map(|model| Embedder::start(model, options)).collect::<Result<Vec<_>, _>>()?;
    let photos = usable_photos(&embedders, set).await?;
    let mut times = vec![Vec::new(); models.len()];
    for turn in 0..WARM_UP_RUNS.saturating_add(runs) {
        for (embedder, times) in embedders.iter().zip(&mut times) {
            let photo = embedder.embed_photo(photos[turn % photos.len()].clone()).await;
            let photo =
                photo.map_err(|error| EvaluationError::InsufficientPhotos(format!("measuring the speed: {error}")))?;
            if turn >= WARM_UP_RUNS {
                times.push(photo.timings.infer.as_secs_f64() * 1_000.0);
            }
        }
    }
    let speed = |times: &Vec<f64>| Speed {
        median_ms: median(times).unwrap_or_default(),
        fastest_ms: times.iter().copied().fold(f64::INFINITY, f64::min),
        runs: times.len(),
    };
    Ok(times.iter().map(speed).collect())
}

/// The first query photos that every model can embed.
async fn usable_photos(embedders: &[Embedder], set: &PhotoSet) -> Result<Vec<Vec<u8>>, EvaluationError> {
    let mut photos = Vec::new();
    for photo in set.photos.iter().filter(|photo| photo.role == PhotoRole::Query) {
        let Some(limit) = embedders.first().map(|embedder| embedder.limits().max_bytes) else { break };
        let Ok(bytes) = read_photo(&photo.path, limit) else { continue };
        let mut usable = true;
        for embedder in embedders {
            usable &= embedder.embed_photo(bytes.clone()).await.is_ok();
        }
        if usable {
            photos.push(bytes);
        }
        if photos.len() == PHOTOS {
            break;
        }
    }
    if photos.is_empty() {
        return Err(EvaluationError::invalid_photos(&set.name, "none of the query photos can be embedded"));
    }
    Ok(photos)
}
