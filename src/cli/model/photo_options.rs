//! The options for labelled photos, the progress bar of embedding them, and the notes about skipped photos.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use crate::embedding::{DecodeLimits, Model};
use crate::evaluation::{EvaluationError, FRAME_KINDS, FolderLayout, PhotoSet, PhotoSource, Samples, embed_photos};
use crate::terminal::note;

/// The most photos that a note names; the JSON report names all.
const NAMED_PHOTOS_MAX: usize = 5;
/// Default of `--enrol`.
const ENROLLED_PER_PRODUCT: usize = 5;

/// Where the photos are and how they are split.
#[derive(Debug, Args)]
pub(super) struct PhotoOptions {
    /// A folder per product (DIR/PRODUCT/*.jpg), the same below train/, val/ and perhaps iconic/, or a table (a CSV file, or a
    /// folder with images.csv) with the columns path, product and role; roles are enrol, ask and catalogue, or split names.
    #[arg(value_name = "DIR_OR_CSV")]
    photos: PathBuf,
    /// The split of the query photos, which the model must recognise [default: the first that exists of ask, val, test and the
    /// like].
    #[arg(long, value_name = "SPLIT")]
    ask: Option<String>,
    /// In a folder per product without splits: enrol the first N photos of each product by file name; the rest are query
    /// photos [default: 5].
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    enrol: Option<NonZeroUsize>,
    /// A second folder with a folder per product: its photos are the query photos, those of the first folder are enrolled.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["enrol", "ask"])]
    asked_folder: Option<PathBuf>,
}

impl PhotoOptions {
    /// Lists the photos; notes on standard error what was ignored.
    pub(super) fn read(&self) -> Result<PhotoSet, EvaluationError> {
        let layout = match (&self.asked_folder, self.enrol) {
            (Some(folder), _) => FolderLayout::SeparateQueryFolder(folder.clone()),
            (None, Some(count)) => FolderLayout::EnrolFirstWithoutSplits(count.get()),
            (None, None) => FolderLayout::EnrolFirst(ENROLLED_PER_PRODUCT),
        };
        self.read_with_layout(layout)
    }

    /// Lists the photos, all of them enrolled; notes on standard error what was ignored.
    pub(super) fn read_all_enrolled(&self) -> Result<PhotoSet, EvaluationError> {
        self.read_with_layout(FolderLayout::EnrolAll)
    }

    fn read_with_layout(&self, layout: FolderLayout) -> Result<PhotoSet, EvaluationError> {
        let set = PhotoSet::read(&PhotoSource { path: self.photos.clone(), query_split: self.ask.clone(), layout })?;
        for entry in &set.ignored {
            note!("note: ignored: {entry}");
        }
        Ok(set)
    }
}

/// Embeds the photos within the `limits` of the server; shows a progress bar if standard error is a terminal.
pub(super) async fn embed_with_progress(
    model: &Model,
    set: &PhotoSet,
    limits: DecodeLimits,
) -> Result<Samples, EvaluationError> {
    let bar = progress_bar(model, set.photos.len(), "photos");
    let samples = embed_photos(model, set, limits, || bar.inc(1)).await;
    bar.finish_and_clear();
    samples
}

/// For composed frames, `frames` of each kind.
pub(super) fn frame_progress_bar(model: &Model, frames: usize) -> ProgressBar {
    progress_bar(model, frames.saturating_mul(FRAME_KINDS), "frames")
}

fn progress_bar(model: &Model, count: usize, noun: &str) -> ProgressBar {
    let bar = ProgressBar::new(count as u64);
    let template = format!("{{prefix}}  [{{wide_bar:.cyan/dim}}] {{pos}} of {{len}} {noun}, {{eta}} left");
    if let Ok(style) = ProgressStyle::with_template(&template) {
        bar.set_style(style.progress_chars("━╸─"));
    }
    bar.set_prefix(format!("{}@{}", model.manifest.name, model.manifest.version));
    bar
}

/// Notes the skipped photos on standard error, the first few by name.
pub(super) fn note_skipped(samples: &Samples) {
    let (copies, unusable): (Vec<_>, Vec<_>) = samples.skipped.iter().partition(|photo| photo.copy);
    for (kind, photos) in [("photos that cannot be used", unusable), ("copies of other photos", copies)] {
        if photos.is_empty() {
            continue;
        }
        note!("note: skipped: {kind}: {}", photos.len());
        for photo in photos.iter().take(NAMED_PHOTOS_MAX) {
            note!("      {}: {}", photo.path.display(), photo.reason);
        }
        if photos.len() > NAMED_PHOTOS_MAX {
            note!("      and {} more", photos.len() - NAMED_PHOTOS_MAX);
        }
    }
}
