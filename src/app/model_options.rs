//! The model that the settings name, and how it is run.

use std::path::PathBuf;
use std::time::Duration;

use crate::config::Settings;
use crate::embedding::{DecodeLimits, EmbedderOptions};

/// `threads`, or `cores` if it is 0.
pub(super) fn or_cores(threads: usize, cores: usize) -> usize {
    if threads == 0 { cores } else { threads }
}

/// The program's folder; above it, where it is installed (`bin` beside `models`); and above that, the checkout of a build in
/// `target/release`.
const FOLDERS_ABOVE_PROGRAM: usize = 3;

/// The manifest of the configured model. A relative path that does not exist in the working directory is looked up in the
/// program's folder and the two above it.
pub fn manifest_path(settings: &Settings) -> PathBuf {
    let manifest = &settings.model;
    if manifest.is_absolute() || manifest.exists() {
        return manifest.clone();
    }
    let program = std::env::current_exe().unwrap_or_default();
    let mut folders = program.ancestors().skip(1).take(FOLDERS_ABOVE_PROGRAM);
    folders
        .find_map(|folder| Some(folder.join(manifest)).filter(|path| path.exists()))
        .unwrap_or_else(|| manifest.clone())
}

pub(super) fn embedder_options(settings: &Settings, cores: usize) -> EmbedderOptions {
    let engine = &settings.engine;
    let sessions =
        if engine.model_sessions == 0 { (cores / engine.threads_per_session).max(1) } else { engine.model_sessions };
    EmbedderOptions {
        sessions,
        threads_per_session: engine.threads_per_session,
        queue_limit: engine.queue,
        max_batch: engine.batch,
        decode_threads: or_cores(engine.decode_threads, cores),
        max_wait: Duration::from_millis(engine.max_wait_ms),
        limits: decode_limits(settings),
    }
}

/// The largest photo that `settings` allow.
pub fn decode_limits(settings: &Settings) -> DecodeLimits {
    DecodeLimits { max_bytes: settings.limits.image_bytes, max_pixels: settings.limits.image_pixels }
}
