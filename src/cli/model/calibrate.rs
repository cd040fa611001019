//! `tillsight model calibrate`: thresholds chosen on labelled photos, written into the model's manifest.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Args;

use super::photo_options::{PhotoOptions, embed_with_progress, note_skipped};
use super::tables;
use crate::app;
use crate::cli::CliError;
use crate::config::Settings;
use crate::embedding::{Model, Thresholds};
use crate::evaluation::{CalibrationTarget, CurvePoint, EvaluationError, calibrate};
use crate::terminal::{note, say};

/// With fewer matched answers, the share of correct ones is too uncertain to choose a margin.
const MATCHED_ANSWERS_MIN: usize = 30;

#[derive(Debug, Args)]
pub(in crate::cli) struct CalibrateOptions {
    #[command(flatten)]
    photos: PhotoOptions,
    /// Manifest of the model, which is rewritten [default: the settings' manifest, TILLSIGHT_MODEL]. After a switch the server
    /// may use another model: see GET /api/models.
    #[arg(long, value_name = "MANIFEST")]
    model: Option<PathBuf>,
    /// Share of the correct first answers that must reach the score.
    #[arg(long, value_name = "SHARE", default_value_t = 0.95, value_parser = share, allow_negative_numbers = true)]
    accept_known: f64,
    /// Share of the matched answers that must be correct: a wrong product on the bill costs more than a question.
    #[arg(long, value_name = "SHARE", default_value_t = 0.90, value_parser = share, allow_negative_numbers = true)]
    correct: f64,
    /// The most enrolled photos per product, the first ones: about as many as the store will enrol.
    #[arg(long, value_name = "N", default_value = "10", allow_negative_numbers = true)]
    enrol_per_product: NonZeroUsize,
    /// The photos are not this shop's own: the thresholds then serve only while the catalogue is too small to learn a confidence
    /// from. Without this, they decide every verdict.
    #[arg(long)]
    fallback: bool,
    /// Only show the thresholds, do not write them.
    #[arg(long)]
    dry_run: bool,
    /// Write the thresholds even if fewer than 30 answers were matched.
    #[arg(long)]
    force: bool,
}

/// Writes before it prints: if standard output fails, the thresholds are written all the same.
pub(super) async fn run(options: &CalibrateOptions) -> Result<(), CliError> {
    let settings = Settings::load()?;
    let manifest = super::manifest_path(options.model.as_ref(), &settings);
    let settings_manifest = options.model.is_none().then_some(manifest.as_path());
    let model = Model::open(&manifest).map_err(|error| super::open_error(error, settings_manifest))?;
    if !options.dry_run {
        Thresholds::check_writable(&manifest)?;
    }
    let set = options.photos.read()?;
    let samples = embed_with_progress(&model, &set, app::decode_limits(&settings)).await?;
    note_skipped(&samples);
    let target = CalibrationTarget {
        accept_known: options.accept_known,
        correct: options.correct,
        photos_per_product: options.enrol_per_product.get(),
        own_photos: !options.fallback,
    };
    let calibration = calibrate(&set, &samples, target)?;
    let curve = format!("{}: score {:.3}\n\n{}\n", model.id, calibration.score, tables::curve(&calibration));
    let thresholds = match calibration.thresholds {
        Ok(thresholds) => thresholds,
        Err(reason) => {
            say!("{curve}");
            return Err(EvaluationError::InsufficientPhotos(reason).into());
        }
    };
    let warning = too_few_matched(&calibration.curve, &thresholds);
    let write = !options.dry_run && (warning.is_none() || options.force);
    let write_result = if write { thresholds.write_to_manifest(&manifest, &model.manifest.sha256) } else { Ok(()) };
    say!("{curve}");
    if let Some(point) = &thresholds.operating_point {
        say!("{point}.");
    }
    write_result?;
    let Thresholds { score, margin, .. } = thresholds;
    match warning {
        Some(reason) if !options.dry_run && !options.force => {
            let message =
                format!("{reason}; add query photos, or write score {score:.3} and margin {margin:.3} with --force");
            return Err(EvaluationError::InsufficientPhotos(message).into());
        }
        Some(reason) => note!("note: {reason}"),
        None => {}
    }
    if options.dry_run {
        say!("score {score:.3}, margin {margin:.3}: not written (--dry-run)");
    } else {
        say!("score {score:.3}, margin {margin:.3}: written to {}", manifest.display());
        say!("A running server keeps its thresholds until it is restarted.");
    }
    Ok(())
}

fn too_few_matched(curve: &[CurvePoint], thresholds: &Thresholds) -> Option<String> {
    let matched = curve.iter().find(|point| point.margin == thresholds.margin)?.matched_photos;
    (matched < MATCHED_ANSWERS_MIN).then(|| {
        format!(
            "only {matched} answers are matched, too few to tell how many are correct (at least {MATCHED_ANSWERS_MIN} are \
             needed)"
        )
    })
}

/// A share above 0 and up to 1.
fn share(text: &str) -> Result<f64, String> {
    let share: f64 = text.parse().map_err(|_| "not a number; write a share like 0.95".to_owned())?;
    if share > 0.0 && share <= 1.0 {
        Ok(share)
    } else {
        Err("not a share above 0 and up to 1, such as 0.95".to_owned())
    }
}
