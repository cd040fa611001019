//! The figures of frames in the JSON report. Shares lie between 0 and 1; a figure that these frames cannot give is `null`.

use serde::Serialize;

use super::frame_composer::{FrameBackground, Placement};
use super::reliability::ConfidenceFigures;

/// How well products are recognised in composed frames.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ComposedFrameFigures {
    /// Width and height of a frame in pixels.
    pub width: u32,
    pub height: u32,
    /// Photos that the products were cut out of.
    pub photos: usize,
    /// Those in which the product stood out.
    pub photos_with_region: usize,
    /// Those whose table gives the product's box. The others are close-ups and were pasted whole.
    pub photos_with_box: usize,
    /// Photos of which no frame was composed, because they cannot be used.
    pub unusable_photos: usize,
    /// Share of these photos whose product comes first, asked as they are.
    pub tight_top_1: f64,
    pub rows: Vec<ComposedFrameRow>,
    /// By the confidence that the enrolled photos teach: the regions of all these frames, with their product in the gallery, and
    /// without. `null` if the photos are too few to learn from.
    pub confidence: Option<ConfidenceFigures>,
}

/// The figures of one kind of frame. A product is right if the region that overlaps it most names it first.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ComposedFrameRow {
    /// Height of a thing, in per cent of the frame's height.
    pub height_percent: u32,
    pub placement: Placement,
    pub background: FrameBackground,
    /// Whether the kiosk has an empty view.
    pub empty_view: bool,
    /// Fewest and most things in a frame.
    pub things_per_frame: [usize; 2],
    pub frames: usize,
    pub things: usize,
    /// Share of the things with a region of their own at an overlap (IoU) of at least 0.5.
    pub found: f64,
    /// Regions that are no thing, per frame.
    pub extra_regions: f64,
    /// Share of the frames whose product comes first if the frame is asked as a whole; `null` for several things.
    pub top_1_whole: Option<f64>,
    /// Share of the things that are right if the server finds the regions.
    pub top_1_auto: f64,
    /// Share of the things that are right if the true regions are given.
    pub top_1_true_region: f64,
}

/// The report of `--boxes`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RealFrameReport {
    /// Version of this program.
    pub tillsight: &'static str,
    /// The enrolled photos.
    pub data: String,
    /// In the order of the command line.
    pub models: Vec<RealFrameFigures>,
}

/// How well photos of several items are recognised.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RealFrameFigures {
    /// The model's id, as in the database.
    pub model: String,
    pub enrolled_photos: usize,
    pub enrolled_products: usize,
    /// Verdicts follow the confidence that the enrolled photos teach; else the manifest's thresholds, since they are too few or
    /// the thresholds were chosen on the shop's own photos.
    pub judged_by_confidence: bool,
    pub photos: usize,
    pub items: usize,
    pub regions: usize,
    /// Share of the items with a region of their own at an overlap (IoU) of at least 0.5.
    pub region_recall: f64,
    /// Share of the found items whose product comes first; `null` if none is found.
    pub names_right: Option<f64>,
    /// Share of the photos whose regions name all items and no other (checkout accuracy, cAcc).
    pub photos_right: f64,
    /// The same, if only matched regions count: what is on the bill without a question.
    pub photos_billed_right: f64,
    /// Mean difference between the numbers of regions and of items in a photo.
    pub counting_distance: f64,
    /// Shares of the regions: matched with the right product, matched with a wrong one, ambiguous or unknown.
    pub billed_right: f64,
    pub billed_wrong: f64,
    pub asked: f64,
    /// Photo by photo, to find the causes.
    pub by_photo: Vec<PhotoOutcome>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PhotoOutcome {
    pub photo: String,
    /// Ids of the products in it.
    pub items: Vec<String>,
    /// Items with a region of their own.
    pub found: usize,
    /// The first answer of each region, as product and verdict.
    pub answers: Vec<String>,
}
