//! ONNX Runtime, and the model on it.

use std::time::Instant;

use super::check::Check;
use crate::app::manifest_path;
use crate::config::Settings;
use crate::embedding::{Model, RuntimeError, start_runtime, test_model};

const RUNTIME: &str = "runtime";
const MODEL: &str = "model";

pub(super) fn check_runtime() -> Check {
    match start_runtime() {
        Ok(description) => {
            // "ORT Build Info: git-branch=…, git-commit-id=…, build type=…": the first words suffice.
            Check::good(RUNTIME, format!("ONNX Runtime starts ({})", description.trim_end_matches([',', ' '])))
        }
        // These two already say what to do.
        Err(error @ RuntimeError::NotFound { .. }) => Check::broken(RUNTIME, error.to_string(), "Then run this again."),
        Err(error) => Check::broken(
            RUNTIME,
            error.to_string(),
            "Run `make setup`, which fetches the library, or name another with ORT_DYLIB_PATH.",
        ),
    }
}

/// Reads the model and runs it on a few pictures.
pub(super) fn check_model(settings: &Settings) -> Check {
    let path = manifest_path(settings);
    let advice =
        "Put the models folder back from the release or a back-up, or name another manifest with TILLSIGHT_MODEL.";
    let model = match Model::open(&path) {
        Ok(model) => model,
        Err(error) => return Check::broken(MODEL, error.to_string(), advice),
    };
    if start_runtime().is_err() {
        return Check::skipped(MODEL, "ONNX Runtime");
    }
    let begun = Instant::now();
    let report = match test_model(&model, &[]) {
        Ok(report) => report,
        Err(error) => return Check::broken(MODEL, error.to_string(), advice),
    };
    let finding = format!(
        "{} passes its self-test on {} pictures in {:.1} s",
        model.id,
        report.pictures,
        begun.elapsed().as_secs_f64()
    );
    if model.manifest.thresholds.are_calibrated() {
        return Check::good(MODEL, finding);
    }
    Check::warning(MODEL, format!("{finding}, but its thresholds are a guess"), "Run: tillsight model calibrate PHOTOS")
}
