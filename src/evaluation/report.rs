//! What a measurement found: the structure of the JSON report, which the terminal's table is read off too.
//!
//! Shares lie between 0 and 1. A figure that these photos cannot give is `null`, never 0.

use serde::Serialize;

use super::embed::SkippedPhoto;
use super::metrics::Interval;
use super::speed::Speed;
use crate::embedding::OperatingPoint;

/// All of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// Version of this program.
    pub tillsight: &'static str,
    /// Name of the photos.
    pub data: String,
    /// The split that was asked about, where there are splits.
    pub asked_split: Option<String>,
    /// What was passed over in the folder or table, in words.
    pub passed_over: Vec<String>,
    /// Which photos "the first N of a product" are.
    pub first_photos: &'static str,
    /// Seed of the bootstrap intervals and of the first draw.
    pub seed: u64,
    /// One per model, in the order asked for.
    pub models: Vec<ModelReport>,
}

/// One model's figures.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ModelReport {
    /// `name@version#…`, as in the database.
    pub model: String,
    /// Values per embedding.
    pub dim: usize,
    /// The photos that could be used.
    pub photos: DataReport,
    /// Every enrolled photo in the gallery.
    pub all_enrolled: Hits,
    /// Only the first photos of each product in the gallery.
    pub few_shot: Vec<FewShot>,
    /// Only catalogue pictures in the gallery, for the products that have one.
    pub catalogue: Option<Hits>,
    /// Each asked photo with its own product taken out, against the same photo with it.
    pub one_product_out: Option<OpenSet>,
    /// Held-out products, a draw each.
    pub unseen: Vec<UnseenDraw>,
    /// The mean of the draws.
    pub unseen_mean: Option<UnseenMean>,
    /// What the manifest's thresholds give on these photos.
    pub thresholds: AtThresholds,
    /// Time per embedding.
    pub speed: Option<Speed>,
}

/// Which photos were used.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DataReport {
    /// Enrolled photos.
    pub enrolled_photos: usize,
    /// Products that they show.
    pub enrolled_products: usize,
    /// Photos that were asked about.
    pub asked_photos: usize,
    /// Products that they show.
    pub asked_products: usize,
    /// Catalogue pictures.
    pub catalogue_pictures: usize,
    /// Ids of enrolled products that no photo asks about: they can only be taken for others.
    pub products_without_asked_photos: Vec<String>,
    /// Ids of products that are asked about and not enrolled: their photos count as unknown ones only.
    pub products_never_enrolled: Vec<String>,
    /// Photos that could not be used, or are copies.
    pub left_out: Vec<SkippedPhoto>,
}

/// How often the right product comes first, and among the first five.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Hits {
    /// Asked photos whose product is in the gallery.
    pub photos: usize,
    /// Products in the gallery.
    pub products: usize,
    /// Share whose product comes first.
    pub top_1: f64,
    /// 95 % bootstrap interval of `top_1` over photos.
    pub top_1_interval: Interval,
    /// Share whose product is among the first five.
    pub top_5: f64,
}

/// A gallery of few photos per product.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct FewShot {
    /// Most photos of a product in the gallery: the first ones.
    pub photos_per_product: usize,
    /// Products that have fewer photos than that; all of theirs are in.
    pub products_with_fewer: usize,
    /// What came of it.
    #[serde(flatten)]
    pub hits: Hits,
}

/// Whether the first score tells known products from unknown ones.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct OpenSet {
    /// Photos whose product is in the gallery.
    pub known_photos: usize,
    /// Photos whose product is not.
    pub unknown_photos: usize,
    /// Area under the curve of the first score, known against unknown.
    pub auroc: f64,
    /// The score that 95 % of the known photos reach.
    pub score_at_95_known: f32,
    /// Share of the unknown photos that reach it.
    pub unknown_accepted_at_95_known: f64,
}

/// One set of held-out products.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct UnseenDraw {
    /// Seed of the draw; `null` for a list.
    pub seed: Option<u64>,
    /// Ids of the held-out products.
    pub products: Vec<String>,
    /// Their photos among their photos alone.
    pub among_unseen: Hits,
    /// Their photos with every product in the gallery.
    pub in_full_gallery: Hits,
    /// The other products' photos against theirs, with their products taken out of the gallery.
    pub open_set: OpenSet,
}

/// Means over the draws.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct UnseenMean {
    /// Of `among_unseen.top_1`.
    pub top_1_among_unseen: f64,
    /// Of `in_full_gallery.top_1`.
    pub top_1_in_full_gallery: f64,
    /// Of `open_set.auroc`.
    pub auroc: f64,
    /// Of `open_set.unknown_accepted_at_95_known`.
    pub unknown_accepted_at_95_known: f64,
}

/// Verdicts at a manifest's thresholds, every enrolled photo in the gallery.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AtThresholds {
    /// The manifest's score.
    pub score: f32,
    /// The manifest's margin.
    pub margin: f32,
    /// Share of the known photos that are matched.
    pub matched: f64,
    /// Share of those whose first answer is correct; `null` where none is matched.
    pub matched_correct: Option<f64>,
    /// Share of the known photos that are ambiguous.
    pub ambiguous: f64,
    /// Share of the known photos that are unknown.
    pub unknown: f64,
    /// Share of the photos, each with its own product taken out, that reach the score.
    pub unknown_accepted: Option<f64>,
    /// Share of the photos, each with its own product taken out, that are matched.
    pub unknown_matched: Option<f64>,
    /// What the thresholds were chosen on, as the manifest says.
    pub operating_point: Option<OperatingPoint>,
}
