//! `tillsight model evaluate --boxes`: figures on real photos of several items.

use std::path::{Path, PathBuf};

use clap::Args;

use super::photo_options::{PhotoOptions, embed_with_progress, note_skipped};
use super::{frame_tables, report_file};
use crate::cli::CliError;
use crate::embedding::Model;
use crate::evaluation::{RealFrameOptions, RealFrameReport, measure_boxes, read_boxes};

#[derive(Debug, Args)]
pub(super) struct BoxOptions {
    /// Measure on photos of several items instead: a CSV file with the columns photo, product, left, top, width and height
    /// (a line per item; the box as shares of the picture). All labelled photos are enrolled.
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with_all = ["frames", "ask", "enrol", "asked_folder", "few_shot", "unseen", "held_out"]
    )]
    pub(super) boxes: Option<PathBuf>,
    /// The folder of the photos that --boxes names [default: the folder of the CSV file].
    #[arg(long, value_name = "DIR", requires = "boxes")]
    boxes_photos: Option<PathBuf>,
}

/// A measurement on photos with boxes.
pub(super) struct BoxEvaluation<'a> {
    /// The CSV file.
    pub(super) boxes: &'a Path,
    pub(super) options: &'a BoxOptions,
    pub(super) manifests: &'a [PathBuf],
    pub(super) models: &'a [Model],
    pub(super) figures: RealFrameOptions,
}

impl BoxEvaluation<'_> {
    pub(super) async fn run(&self, enrolled: &PhotoOptions, json: Option<&Path>) -> Result<(), CliError> {
        let set = enrolled.read_all_enrolled()?;
        let folder = self.options.boxes_photos.as_deref().or(self.boxes.parent()).unwrap_or(Path::new(""));
        let photos = read_boxes(self.boxes, folder, &set.products)?;
        let mut inputs = report_file::inputs(self.manifests, self.models, &set);
        inputs.push((self.boxes.to_owned(), "the table of boxes"));
        inputs.extend(photos.iter().map(|photo| (photo.path.clone(), "one of the photos")));
        report_file::check_report_file(json, &inputs)?;
        let mut figures = Vec::with_capacity(self.models.len());
        for model in self.models {
            let samples = embed_with_progress(model, &set, self.figures.decode).await?;
            if figures.is_empty() {
                note_skipped(&samples);
            }
            figures.push(measure_boxes(model, &set, &samples, &photos, self.figures).await?);
        }
        let report = RealFrameReport { tillsight: env!("CARGO_PKG_VERSION"), data: set.name, models: figures };
        report_file::print_report(&report, json, &frame_tables::real_frames(&report))
    }
}
