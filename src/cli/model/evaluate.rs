//! `tillsight model evaluate`: figures of one or several models on labelled photos.

use std::collections::BTreeSet;
use std::fs::Permissions;
use std::num::NonZeroUsize;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use clap::Args;

use super::photo_options::{PhotoOptions, embed_with_progress, note_skipped};
use super::tables;
use crate::app;
use crate::atomic_file::{self, IfExists};
use crate::cli::CliError;
use crate::config::Settings;
use crate::embedding::Model;
use crate::evaluation::{
    EvaluationReport, HeldOutProducts, MeasurementOptions, ModelFigures, PhotoRole, PhotoSet, measure, measure_speeds,
    read_held_out_list,
};
use crate::terminal::{self, note, say};

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
    /// Seed of the draws and of the intervals. A draw takes the first N product ids by SHA-256 of "SEED:ID".
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

pub(super) async fn run(options: &EvaluateOptions) -> Result<(), CliError> {
    let settings = Settings::load()?;
    let limits = app::decode_limits(&settings);
    let manifests = [vec![super::manifest_path(options.model.as_ref(), &settings)], options.compare.clone()].concat();
    let settings_manifest = options.model.is_none().then(|| manifests[0].clone());
    let models = manifests.iter().map(|path| Model::open(path)).collect::<Result<Vec<_>, _>>();
    let models = models.map_err(|error| super::open_error(error, settings_manifest.as_deref()))?;
    let set = options.photos.read()?;
    let few_shot = options.few_shot.iter().map(|count| count.get()).collect::<BTreeSet<_>>();
    let measurement = MeasurementOptions {
        few_shot: few_shot.into_iter().collect(),
        held_out: options.held_out(&set)?,
        seed: options.seed,
    };
    let json = options.json.as_deref().filter(|path| *path != Path::new("-"));
    if let Some(path) = json {
        // Before the measurement, which can take an hour.
        options.check_report_path(path, &manifests, &models, &set)?;
        check_report_writable(path).map_err(|error| CliError::File(path.to_owned(), error))?;
    }
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
        reports.push(measure(model, &set, &samples, &measurement)?);
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
    let text = serde_json::to_string_pretty(&report).map_err(std::io::Error::other);
    let text = text.map_err(|error| CliError::File(PathBuf::from("the report"), error))?;
    if let Some(path) = json {
        write_report(path, &format!("{text}\n")).map_err(|error| CliError::File(path.to_owned(), error))?;
    }
    match options.json {
        Some(_) if json.is_none() => terminal::print_json(&text),
        _ => say!("{}", tables::report(&report)),
    }
    Ok(())
}

enum Destination {
    /// A pipe or a device, such as `/dev/stdout`: written directly.
    Stream(PathBuf),
    /// A file, at the target of a link: written atomically.
    File(PathBuf),
}

fn destination(path: &Path) -> Destination {
    let target = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let is_stream = std::fs::metadata(&target).is_ok_and(|metadata| !metadata.is_file() && !metadata.is_dir());
    if is_stream { Destination::Stream(target) } else { Destination::File(target) }
}

/// Whether a report could be written to `path`. A stream is not tried, because its reader would notice.
fn check_report_writable(path: &Path) -> std::io::Result<()> {
    if path.is_symlink() && !path.exists() {
        return Err(std::io::Error::other("it is a link that leads nowhere; name another file"));
    }
    match destination(path) {
        Destination::Stream(_) => Ok(()),
        Destination::File(file) => atomic_file::check_writable(&file),
    }
}

fn write_report(path: &Path, text: &str) -> std::io::Result<()> {
    match destination(path) {
        Destination::Stream(stream) => std::fs::write(stream, text),
        Destination::File(file) => {
            atomic_file::write(&file, text.as_bytes(), Permissions::from_mode(0o644), IfExists::Replace)
        }
    }
}

impl EvaluateOptions {
    /// Refuses a report that would replace a folder or a file that this command reads.
    fn check_report_path(
        &self,
        path: &Path,
        manifests: &[PathBuf],
        models: &[Model],
        set: &PhotoSet,
    ) -> Result<(), CliError> {
        let settings = Settings::file_path();
        let inputs = (manifests.iter().map(|manifest| (manifest, "a model's manifest")))
            .chain(models.iter().map(|model| (&model.path, "a model")))
            .chain(set.tables.iter().map(|table| (table, "a table of photos or products")))
            .chain(self.held_out.iter().map(|list| (list, "the list of held-out products")))
            .chain([(&settings, "the settings' file")])
            .chain(set.photos.iter().map(|photo| (&photo.path, "one of the photos")));
        let report = file_identity(path);
        let replaced = inputs.filter(|_| report.is_some()).find(|(input, _)| file_identity(input) == report);
        let replaced = replaced.map(|(_, name)| name).or(path.is_dir().then_some("a folder"));
        match replaced {
            None => Ok(()),
            Some(name) => {
                let message = format!("the report would replace {name}; name another file");
                Err(CliError::File(path.to_owned(), std::io::Error::other(message)))
            }
        }
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

/// Device and inode: equal for two paths to the same file.
fn file_identity(path: &Path) -> Option<(u64, u64)> {
    std::fs::metadata(path).ok().map(|metadata| (metadata.dev(), metadata.ino()))
}
