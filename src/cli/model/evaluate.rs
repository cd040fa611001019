//! `tillsight model evaluate`: figures of one or several models on labelled photos.

use std::collections::BTreeSet;
use std::fs::Permissions;
use std::num::NonZeroUsize;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use clap::Args;

use super::figures;
use super::labelled::{PhotoOptions, embedded, say_left_out};
use crate::app;
use crate::atomic_file::{self, IfExists};
use crate::cli::CliError;
use crate::config::Settings;
use crate::embedding::Model;
use crate::evaluation::{
    HeldOutProducts, Measurement, ModelReport, PhotoSet, Report, Role, listed_products, measure, speeds_side_by_side,
};
use crate::terminal::{self, note, say};

/// What can be chosen about a measurement.
#[derive(Debug, Args)]
pub(in crate::cli) struct Options {
    #[command(flatten)]
    photos: PhotoOptions,
    /// Manifest of the model; without it, the settings' manifest (TILLSIGHT_MODEL). After a switch the server may use another
    /// one: GET /api/models says which.
    #[arg(long, value_name = "MANIFEST")]
    model: Option<PathBuf>,
    /// Another model's manifest, measured in the same run and shown beside; may be repeated.
    #[arg(long, value_name = "MANIFEST")]
    compare: Vec<PathBuf>,
    /// Numbers of photos per product to enrol, the first ones in the order of the table or of the file names.
    #[arg(long, value_name = "N,…", value_delimiter = ',', default_values = ["1", "3", "5", "10"])]
    few_shot: Vec<NonZeroUsize>,
    /// Treat N enrolled products, drawn by lot, as never seen. A model that was trained on them is flattered: see --held-out.
    #[arg(long, value_name = "N", conflicts_with = "held_out", allow_negative_numbers = true)]
    unseen: Option<NonZeroUsize>,
    /// Number of such draws, with seeds SEED, SEED + 1, …
    #[arg(long, value_name = "D", default_value = "1", requires = "unseen", allow_negative_numbers = true, value_parser = draws)]
    draws: u64,
    /// Seed of the draws and of the intervals. A draw takes the first N product ids by SHA-256 of "SEED:ID".
    #[arg(long, default_value_t = 1, allow_negative_numbers = true)]
    seed: u64,
    /// Treat the products that this file lists (an id per line) as never seen: those that a model was not trained on.
    #[arg(long, value_name = "FILE")]
    held_out: Option<PathBuf>,
    /// Runs per model behind the time per embedding; 0 leaves it out.
    #[arg(long, value_name = "N", default_value_t = 60, allow_negative_numbers = true)]
    speed_runs: usize,
    /// Write every figure to this file as JSON; `-` writes it to standard output instead of the table.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// Measures and prints.
pub(super) async fn run(options: &Options) -> Result<(), CliError> {
    let settings = Settings::load()?;
    let limits = app::decode_limits(&settings);
    let manifests = [vec![super::manifest(options.model.as_ref(), &settings)], options.compare.clone()].concat();
    let settings_model = options.model.is_none().then(|| manifests[0].clone());
    let opened = manifests.iter().map(|path| Model::open(path)).collect::<Result<Vec<_>, _>>();
    let models = opened.map_err(|error| super::unopened(error, settings_model.as_deref()))?;
    let set = options.photos.read()?;
    let few_shot = options.few_shot.iter().map(|count| count.get()).collect::<BTreeSet<_>>();
    let wanted =
        Measurement { few_shot: few_shot.into_iter().collect(), held_out: options.held_out(&set)?, seed: options.seed };
    let json = options.json.as_deref().filter(|path| *path != Path::new("-"));
    if let Some(path) = json {
        // Before an hour is spent.
        options.refuse_to_replace(path, &manifests, &models, &set)?;
        try_report(path).map_err(|error| CliError::File(path.to_owned(), error))?;
    }
    wanted.held_out.iter().try_for_each(|held| held.check(&set))?;
    for model in &models {
        say_fitted(model, &set);
    }
    let enrolled = set.photos.iter().filter(|photo| photo.role == Role::Enrolled).map(|photo| photo.product);
    if enrolled.collect::<BTreeSet<_>>().len() == 1 {
        note!("note: one product alone is enrolled, so every first answer names it; enrol at least two");
    }

    let mut reports: Vec<ModelReport> = Vec::new();
    for model in &models {
        let samples = embedded(model, &set, limits).await?;
        if reports.first().is_none_or(|first| first.photos.left_out != samples.left_out) {
            say_left_out(&samples);
        }
        reports.push(measure(model, &set, &samples, &wanted)?);
    }
    if options.speed_runs > 0 {
        let speeds = speeds_side_by_side(&models, &set, limits, options.speed_runs).await?;
        for (report, speed) in reports.iter_mut().zip(speeds) {
            report.speed = Some(speed);
        }
    }
    let report = Report {
        tillsight: env!("CARGO_PKG_VERSION"),
        data: set.name,
        asked_split: set.asked_split,
        passed_over: set.passed_over,
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
        Some(_) if json.is_none() => terminal::json(&text),
        _ => say!("{}", figures::of(&report)),
    }
    Ok(())
}

/// Where a report goes.
enum Place {
    /// A pipe or a device, such as `/dev/stdout`: straight into it.
    Stream(PathBuf),
    /// A file, where a link leads: whole or not at all.
    File(PathBuf),
}

fn place(path: &Path) -> Place {
    let place = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let stream = std::fs::metadata(&place).is_ok_and(|there| !there.is_file() && !there.is_dir());
    if stream { Place::Stream(place) } else { Place::File(place) }
}

/// Whether a report could be written to `path`. A stream is not tried: what waits at its other end would take notice.
fn try_report(path: &Path) -> std::io::Result<()> {
    if path.is_symlink() && !path.exists() {
        return Err(std::io::Error::other("it is a link that leads nowhere; name another file"));
    }
    match place(path) {
        Place::Stream(_) => Ok(()),
        Place::File(place) => atomic_file::check_writable(&place),
    }
}

fn write_report(path: &Path, text: &str) -> std::io::Result<()> {
    match place(path) {
        Place::Stream(place) => std::fs::write(place, text),
        Place::File(place) => {
            atomic_file::write(&place, text.as_bytes(), Permissions::from_mode(0o644), IfExists::Replace)
        }
    }
}

impl Options {
    /// Refuses a report in the place of a folder or of a file that this very run reads.
    fn refuse_to_replace(
        &self,
        path: &Path,
        manifests: &[PathBuf],
        models: &[Model],
        set: &PhotoSet,
    ) -> Result<(), CliError> {
        let settings = Settings::file();
        let inputs = (manifests.iter().map(|manifest| (manifest, "a model's manifest")))
            .chain(models.iter().map(|model| (&model.path, "a model")))
            .chain(set.tables.iter().map(|table| (table, "a table of photos or products")))
            .chain(self.held_out.iter().map(|list| (list, "the list of held-out products")))
            .chain([(&settings, "the settings' file")])
            .chain(set.photos.iter().map(|photo| (&photo.path, "one of the photos")));
        let report = identity(path);
        let replaced = inputs.filter(|_| report.is_some()).find(|(input, _)| identity(input) == report);
        let what = replaced.map(|(_, what)| what).or(path.is_dir().then_some("a folder"));
        what.map_or(Ok(()), |what| {
            let fault = format!("the report would take the place of {what}; name another file");
            Err(CliError::File(path.to_owned(), std::io::Error::other(fault)))
        })
    }

    /// The products to treat as never seen: by lot among the enrolled ones, or from a list.
    fn held_out(&self, set: &PhotoSet) -> Result<Vec<HeldOutProducts>, CliError> {
        if let Some(list) = &self.held_out {
            return Ok(vec![listed_products(list, &set.products)?]);
        }
        let Some(count) = self.unseen else { return Ok(Vec::new()) };
        let enrolled = set.photos.iter().filter(|photo| photo.role == Role::Enrolled).map(|photo| photo.product);
        let enrolled: Vec<usize> = enrolled.collect::<BTreeSet<_>>().into_iter().collect();
        let draws = (0..self.draws).map(|draw| self.seed.wrapping_add(draw));
        let drawn = draws.map(|seed| HeldOutProducts::drawn(&set.products, &enrolled, count.get(), seed));
        Ok(drawn.collect::<Result<_, _>>()?)
    }
}

/// A number of draws: each compares all photos anew and is held in memory until the end.
fn draws(text: &str) -> Result<u64, String> {
    const MOST: u64 = 1_000;
    let draws: u64 = text.parse().map_err(|_| "not a whole number".to_owned())?;
    if (1..=MOST).contains(&draws) { Ok(draws) } else { Err(format!("1 to {MOST} draws are made")) }
}

/// Says so where a model's thresholds were chosen on these very photos, which flatters them.
fn say_fitted(model: &Model, set: &PhotoSet) {
    let point = model.manifest.thresholds.operating_point.as_ref();
    if point.is_some_and(|point| point.data == set.name_with_split()) {
        note!("note: the thresholds of {} were chosen on these photos; expect somewhat worse on others", model.id);
    }
}

/// What tells the file that a path leads to from every other one, whatever it is called.
fn identity(path: &Path) -> Option<(u64, u64)> {
    std::fs::metadata(path).ok().map(|about| (about.dev(), about.ino()))
}
