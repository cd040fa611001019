//! Time per embedding on one thread, decoding and resizing apart, of several models side by side.

use serde::Serialize;

use super::EvaluationError;
use super::embed::photo_bytes;
use super::metrics::median;
use super::photos::{PhotoSet, Role};
use crate::embedding::{DecodeLimits, Embedder, EmbedderOptions, Model};

/// Runs before the clock counts.
const WARM_UP: usize = 3;
/// Photos that are embedded in turn.
const PICTURES: usize = 8;

/// Milliseconds of one picture's run through the model, alone, on one thread.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Speed {
    /// The middle of all runs: what to compare.
    pub median_ms: f64,
    /// The fastest run: what an idle machine would do.
    pub fastest_ms: f64,
    /// Number of runs.
    pub runs: usize,
}

/// Measures `models` in turns within the `limits` of the server, one picture each, so that what else the machine does
/// slows all of them alike.
///
/// # Errors
/// A model cannot be started, or none of the photos can be embedded.
pub async fn speeds_side_by_side(
    models: &[Model],
    set: &PhotoSet,
    limits: DecodeLimits,
    runs: usize,
) -> Result<Vec<Speed>, EvaluationError> {
    let alone = EmbedderOptions { max_batch: 1, decode_threads: 1, limits, ..EmbedderOptions::default() };
    let embedders = models.iter().map(|model| Embedder::start(model, alone)).collect::<Result<Vec<_>, _>>()?;
    let pictures = pictures(&embedders, set).await?;
    let mut times = vec![Vec::new(); models.len()];
    for turn in 0..WARM_UP.saturating_add(runs) {
        for (embedder, times) in embedders.iter().zip(&mut times) {
            let embedded = embedder.embed_photo(pictures[turn % pictures.len()].clone()).await;
            let embedded =
                embedded.map_err(|error| EvaluationError::Unreachable(format!("measuring the speed: {error}")))?;
            if turn >= WARM_UP {
                times.push(embedded.timings.infer.as_secs_f64() * 1_000.0);
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

/// Some asked photos that every model takes.
async fn pictures(embedders: &[Embedder], set: &PhotoSet) -> Result<Vec<Vec<u8>>, EvaluationError> {
    let mut pictures = Vec::new();
    for photo in set.photos.iter().filter(|photo| photo.role == Role::Asked) {
        let Some(limit) = embedders.first().map(|embedder| embedder.limits().max_bytes) else { break };
        let Ok(bytes) = photo_bytes(&photo.path, limit) else { continue };
        let mut sound = true;
        for embedder in embedders {
            sound &= embedder.embed_photo(bytes.clone()).await.is_ok();
        }
        if sound {
            pictures.push(bytes);
        }
        if pictures.len() == PICTURES {
            break;
        }
    }
    if pictures.is_empty() {
        return Err(EvaluationError::photos(&set.name, "none of the asked photos can be embedded"));
    }
    Ok(pictures)
}
