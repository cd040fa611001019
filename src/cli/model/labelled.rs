//! Labelled photos on the command line: where they are, the progress of embedding them, what was left out.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use crate::embedding::{DecodeLimits, Model};
use crate::evaluation::{EvaluationError, FolderLayout, PhotoSet, Samples, Source, embed};
use crate::terminal::note;

/// Photos that are named one by one in what a person reads; the JSON report names all.
const NAMED: usize = 5;
/// Photos of each product that are enrolled where nothing says how many.
const ENROLLED: usize = 5;

/// Where the photos are and how they are split.
#[derive(Debug, Args)]
pub(super) struct PhotoOptions {
    /// A folder per product (DIR/PRODUCT/*.jpg), the same below train/, val/ and perhaps iconic/, or a table (CSV, or a folder
    /// with images.csv) with the columns path, product and role; roles are enrol, ask and catalogue, or split names.
    #[arg(value_name = "DIR_OR_CSV")]
    photos: PathBuf,
    /// The split that is asked about: val, test, … Without it the first that is there of ask, val and test.
    #[arg(long, value_name = "SPLIT")]
    ask: Option<String>,
    /// Of a folder per product without splits: enrol the first N photos of each product by file name, ask about the rest
    /// [default: 5].
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    enrol: Option<NonZeroUsize>,
    /// A second folder with a folder per product: enrol the photos of the first one, ask about these.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["enrol", "ask"])]
    asked_folder: Option<PathBuf>,
}

impl PhotoOptions {
    /// Lists the photos; says on standard error what was passed over.
    pub(super) fn read(&self) -> Result<PhotoSet, EvaluationError> {
        let layout = match (&self.asked_folder, self.enrol) {
            (Some(folder), _) => FolderLayout::AskedIn(folder.clone()),
            (None, Some(count)) => FolderLayout::FirstEnrolledOnly(count.get()),
            (None, None) => FolderLayout::FirstEnrolled(ENROLLED),
        };
        let set = PhotoSet::read(&Source { path: self.photos.clone(), ask: self.ask.clone(), layout })?;
        for what in &set.passed_over {
            note!("note: passed over: {what}");
        }
        Ok(set)
    }
}

/// Embeds the photos within the `limits` of the server, with a progress bar where standard error is a terminal.
pub(super) async fn embedded(model: &Model, set: &PhotoSet, limits: DecodeLimits) -> Result<Samples, EvaluationError> {
    let bar = ProgressBar::new(set.photos.len() as u64);
    let template = "{prefix}  [{wide_bar:.cyan/dim}] {pos} of {len} photos, {eta} left";
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style.progress_chars("━╸─"));
    }
    bar.set_prefix(format!("{}@{}", model.manifest.name, model.manifest.version));
    let samples = embed(model, set, limits, || bar.inc(1)).await;
    bar.finish_and_clear();
    samples
}

/// Says on standard error which photos are not part of the figures, the first few by name.
pub(super) fn say_left_out(samples: &Samples) {
    let (copies, broken): (Vec<_>, Vec<_>) = samples.left_out.iter().partition(|photo| photo.copy);
    for (what, photos) in [("photos that cannot be used", broken), ("copies of other photos", copies)] {
        if photos.is_empty() {
            continue;
        }
        note!("note: left out: {what}: {}", photos.len());
        for photo in photos.iter().take(NAMED) {
            note!("      {}: {}", photo.path.display(), photo.reason);
        }
        if photos.len() > NAMED {
            note!("      and {} more", photos.len() - NAMED);
        }
    }
}
