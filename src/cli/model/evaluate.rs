//! `tillsight model evaluate`: figures of one or several models on labelled photos.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::evaluate_boxes::{self, BoxOptions};
use super::photo_options::{PhotoOptions, embed_with_progress, frame_progress_bar, note_skipped};
use super::{confidence_tables, frame_tables, report_file, tables};
use crate::app;
use crate::cli::CliError;
use crate::config::Settings;
use crate::domain::VerdictLimits;
use crate::embedding::{DecodeLimits, Model};
use crate::evaluation::{
    ComposedFrameFigures, EvaluationError, EvaluationReport, FrameOptions, HeldOutProducts, MeasurementOptions,
    ModelFigures, PhotoRole, PhotoSet, RealFrameOptions, Samples, measure, measure_frames, measure_speeds,
    read_held_out_list,
};
use crate::terminal::note;

#[derive(Debug, Args)]
pub(in crate::cli) struct EvaluateOptions {
    #[command(flatten)]
    photos: PhotoOptions,
    /// Manifest of the model [default: the settings' manifest, TILLSIGHT_MODEL]. After a switch the server may use another
    /// model: see GET /api/models.
    #[arg(long, value_name = "MANIFEST")]
    model: Option<PathBuf>,
    /// Manifest of another model to measure and show in the same run; may be repeated.
    #[arg(long, value_name = "MANIFEST")]
    compare: Vec<PathBuf>,
    /// Numbers of enrolled photos per product, the first ones in the order of the table or of the file names.
    #[arg(long, value_name = "N,…", value_delimiter = ',', default_values = ["1", "3", "5", "10"])]
    few_shot: Vec<NonZeroUsize>,
    /// Treat N enrolled products, drawn at random, as never seen. If the model was trained on them, use --held-out instead.
    #[arg(long, value_name = "N", conflicts_with = "held_out", allow_negative_numbers = true)]
    unseen: Option<NonZeroUsize>,
    /// Number of such draws, with seeds SEED, SEED + 1, …
    #[arg(long, value_name = "D", default_value = "1", requires = "unseen", allow_negative_numbers = true, value_parser = parse_draws)]
    draws: u64,
    /// Also compose N camera frames of each kind from query photos: products at several sizes and places before plain and
    /// cluttered backgrounds, alone and several at once.
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    frames: Option<NonZeroUsize>,
    /// The photos that frames are composed of: query photos, asked against the enrolled ones, or catalogue pictures, asked
    /// against themselves.
    #[arg(long, value_name = "PHOTOS", value_enum, default_value_t = FramePhotos::Query, requires = "frames")]
    frames_of: FramePhotos,
    #[command(flatten)]
    boxes: BoxOptions,
    /// Seed of the draws, of the frames and of the intervals. A draw takes the first N product ids by SHA-256 of "SEED:ID".
    #[arg(long, default_value_t = 1, allow_negative_numbers = true)]
    seed: u64,
    /// Treat the products in this file (an id per line) as never seen: those that the model was not trained on.
    #[arg(long, value_name = "FILE")]
    held_out: Option<PathBuf>,
    /// Runs per model for the time per embedding; 0: do not measure it.
    #[arg(long, value_name = "N", default_value_t = 60, allow_negative_numbers = true)]
    speed_runs: usize,
    /// Write all figures to this file as JSON; `-`: to standard output instead of the table.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// Values of `--frames-of`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum FramePhotos {
    Query,
    Catalogue,
}

pub(super) async fn run(options: &EvaluateOptions) -> Result<(), CliError> {
    let settings = Settings::load()?;
    let limits = app::decode_limits(&settings);
    let manifests = [vec![super::manifest_path(options.model.as_ref(), &settings)], options.compare.clone()].concat();
    let settings_manifest = options.model.is_none().then(|| manifests[0].clone());
    let models = manifests.iter().map(|path| Model::open(path)).collect::<Result<Vec<_>, _>>();
    let models = models.map_err(|error| super::open_error(error, settings_manifest.as_deref()))?;
    if let Some(boxes) = &options.boxes.boxes {
        let figures =
            RealFrameOptions { decode: limits, verdicts: settings.recognition.verdict_limits(), seed: options.seed };
        let evaluation = evaluate_boxes::BoxEvaluation {
            boxes,
            options: &options.boxes,
            manifests: &manifests,
            models: &models,
            figures,
        };
        return evaluation.run(&options.photos, options.json.as_deref()).await;
    }
    let set = options.photos.read()?;
    let few_shot = options.few_shot.iter().map(|count| count.get()).collect::<BTreeSet<_>>();
    let measurement = MeasurementOptions {
        few_shot: few_shot.into_iter().collect(),
        held_out: options.held_out(&set)?,
        seed: options.seed,
        verdicts: settings.recognition.verdict_limits(),
    };
    let mut inputs = report_file::inputs(&manifests, &models, &set);
    inputs.extend(options.held_out.iter().map(|list| (list.clone(), "the list of held-out products")));
    report_file::check_report_file(options.json.as_deref(), &inputs)?;
    measurement.held_out.iter().try_for_each(|held_out| held_out.check(&set))?;
    for model in &models {
        note_fitted_photos(model, &set);
    }
    let enrolled = set.photos.iter().filter(|photo| photo.role == PhotoRole::Enrolled).map(|photo| photo.product);
    if enrolled.collect::<BTreeSet<_>>().len() == 1 {
        note!("note: only one product is enrolled, so every first answer names it; enrol at least two");
    }

    let mut reports: Vec<ModelFigures> = Vec::new();
    for model in &models {
        let samples = embed_with_progress(model, &set, limits).await?;
        if reports.first().is_none_or(|first| first.photos.skipped != samples.skipped) {
            note_skipped(&samples);
        }
        let mut figures = measure(model, &set, &samples, &measurement)?;
        figures.frames = options.measure_frames(model, &set, &samples, limits, measurement.verdicts).await?;
        reports.push(figures);
    }
    if options.speed_runs > 0 {
        let speeds = measure_speeds(&models, &set, limits, options.speed_runs).await?;
        for (report, speed) in reports.iter_mut().zip(speeds) {
            report.speed = Some(speed);
        }
    }
    let report = EvaluationReport {
        tillsight: env!("CARGO_PKG_VERSION"),
        data: set.name,
        query_split: set.query_split,
        ignored: set.ignored,
        first_photos: "in the order of the table, or of the sorted file names",
        seed: options.seed,
        models: reports,
    };
    let details: String = report.models.iter().map(confidence_tables::reliability).collect();
    let frames: String = report.models.iter().filter_map(frame_tables::composed_frames).collect();
    let table = format!("{}{details}{frames}", tables::report(&report));
    report_file::print_report(&report, options.json.as_deref(), &table)
}

impl EvaluateOptions {
    async fn measure_frames(
        &self,
        model: &Model,
        set: &PhotoSet,
        samples: &Samples,
        limits: DecodeLimits,
        verdicts: VerdictLimits,
    ) -> Result<Option<ComposedFrameFigures>, EvaluationError> {
        let Some(frames) = self.frames else { return Ok(None) };
        let role = match self.frames_of {
            FramePhotos::Query => PhotoRole::Query,
            FramePhotos::Catalogue => PhotoRole::Catalogue,
        };
        let options = FrameOptions { frames: frames.get(), role, seed: self.seed, verdicts };
        let bar = frame_progress_bar(model, frames.get());
        let figures = measure_frames(model, set, samples, options, limits, || bar.inc(1)).await;
        bar.finish_and_clear();
        figures.map(Some)
    }

    /// The products to treat as never seen: drawn from the enrolled ones, or listed in a file.
    fn held_out(&self, set: &PhotoSet) -> Result<Vec<HeldOutProducts>, CliError> {
        if let Some(list) = &self.held_out {
            return Ok(vec![read_held_out_list(list, &set.products)?]);
        }
        let Some(count) = self.unseen else { return Ok(Vec::new()) };
        let enrolled = set.photos.iter().filter(|photo| photo.role == PhotoRole::Enrolled).map(|photo| photo.product);
        let enrolled: Vec<usize> = enrolled.collect::<BTreeSet<_>>().into_iter().collect();
        let draws = (0..self.draws).map(|draw| self.seed.wrapping_add(draw));
        let drawn = draws.map(|seed| HeldOutProducts::draw(&set.products, &enrolled, count.get(), seed));
        Ok(drawn.collect::<Result<_, _>>()?)
    }
}

/// At most 1000 draws: each compares all photos again and stays in memory until the end.
fn parse_draws(text: &str) -> Result<u64, String> {
    const DRAWS_MAX: u64 = 1_000;
    let draws: u64 = text.parse().map_err(|_| "not a whole number".to_owned())?;
    if (1..=DRAWS_MAX).contains(&draws) { Ok(draws) } else { Err(format!("must be 1 to {DRAWS_MAX} draws")) }
}

/// Figures on the photos that the thresholds were chosen on are too good.
fn note_fitted_photos(model: &Model, set: &PhotoSet) {
    let point = model.manifest.thresholds.operating_point.as_ref();
    if point.is_some_and(|point| point.data == set.name_with_split()) {
        note!("note: the thresholds of {} were chosen on these photos; expect somewhat worse on others", model.id);
    }
}
