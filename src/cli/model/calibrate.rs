//! `tillsight model calibrate`: thresholds chosen on labelled photos, written into the model's manifest.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Args;

use super::figures;
use super::labelled::{PhotoOptions, embedded, say_left_out};
use crate::app;
use crate::cli::CliError;
use crate::config::Settings;
use crate::embedding::{Model, Thresholds};
use crate::evaluation::{CalibrationTarget, CurvePoint, EvaluationError, calibrate};
use crate::terminal::{note, say};

/// Fewer matched answers than this say too little about how many are correct to choose a margin by.
const FEW_MATCHED: usize = 30;

/// What can be chosen about a calibration.
#[derive(Debug, Args)]
pub(in crate::cli) struct Options {
    #[command(flatten)]
    photos: PhotoOptions,
    /// Manifest of the model, which is rewritten; without it, the settings' manifest (TILLSIGHT_MODEL). After a switch the
    /// server may use another one: GET /api/models says which.
    #[arg(long, value_name = "MANIFEST")]
    model: Option<PathBuf>,
    /// Share of the correct first answers that are to reach the score.
    #[arg(long, value_name = "SHARE", default_value_t = 0.95, value_parser = share, allow_negative_numbers = true)]
    accept_known: f64,
    /// Share of the matched answers that are to be correct: a wrong product on the bill costs more than a question.
    #[arg(long, value_name = "SHARE", default_value_t = 0.90, value_parser = share, allow_negative_numbers = true)]
    correct: f64,
    /// Most photos per product to compare with, the first ones: about as many as the store will enrol.
    #[arg(long, value_name = "N", default_value = "10", allow_negative_numbers = true)]
    enrol_per_product: NonZeroUsize,
    /// Only show what would be written.
    #[arg(long)]
    dry_run: bool,
    /// Write thresholds even where fewer than 30 answers were matched.
    #[arg(long)]
    force: bool,
}

/// Chooses, writes, and then tells: what cannot be printed is written all the same.
pub(super) async fn run(options: &Options) -> Result<(), CliError> {
    let settings = Settings::load()?;
    let manifest = super::manifest(options.model.as_ref(), &settings);
    let of_settings = options.model.is_none().then_some(manifest.as_path());
    let model = Model::open(&manifest).map_err(|error| super::unopened(error, of_settings))?;
    if !options.dry_run {
        Thresholds::check_writable(&manifest)?;
    }
    let set = options.photos.read()?;
    let samples = embedded(&model, &set, app::decode_limits(&settings)).await?;
    say_left_out(&samples);
    let wanted = CalibrationTarget {
        accept_known: options.accept_known,
        correct: options.correct,
        photos_per_product: options.enrol_per_product.get(),
    };
    let found = calibrate(&set, &samples, wanted)?;
    let curve = format!("{}: score {:.3}\n\n{}\n", model.id, found.score, figures::curve(&found));
    let thresholds = match found.thresholds {
        Ok(thresholds) => thresholds,
        Err(reason) => {
            say!("{curve}");
            return Err(EvaluationError::Unreachable(reason).into());
        }
    };
    let few = too_few(&found.curve, &thresholds);
    let write = !options.dry_run && (few.is_none() || options.force);
    let written = if write { thresholds.write_to_manifest(&manifest, &model.manifest.sha256) } else { Ok(()) };
    say!("{curve}");
    if let Some(point) = &thresholds.operating_point {
        say!("{point}.");
    }
    written?;
    let Thresholds { score, margin, .. } = thresholds;
    match few {
        Some(fault) if !options.dry_run && !options.force => {
            let fault = format!(
                "{fault}: ask about more photos, or write score {score:.3} and margin {margin:.3} with --force"
            );
            return Err(EvaluationError::Unreachable(fault).into());
        }
        Some(fault) => note!("note: {fault}"),
        None => {}
    }
    if options.dry_run {
        say!("score {score:.3}, margin {margin:.3}: not written (--dry-run)");
    } else {
        say!("score {score:.3}, margin {margin:.3}: written to {}", manifest.display());
        say!("A server that is running keeps the old ones until it is started again.");
    }
    Ok(())
}

/// What to say where too few answers are matched to tell how many of them are correct.
fn too_few(curve: &[CurvePoint], thresholds: &Thresholds) -> Option<String> {
    let matched = curve.iter().find(|point| point.margin == thresholds.margin)?.matched_photos;
    (matched < FEW_MATCHED).then(|| {
        format!("{matched} answers are matched, too few to say how many are correct; {FEW_MATCHED} are wanted")
    })
}

/// A share above 0 and up to 1.
fn share(text: &str) -> Result<f64, String> {
    let share: f64 = text.parse().map_err(|_| "not a number; a share is written like 0.95".to_owned())?;
    if share > 0.0 && share <= 1.0 {
        Ok(share)
    } else {
        Err("not a share above 0 and up to 1, such as 0.95".to_owned())
    }
}
