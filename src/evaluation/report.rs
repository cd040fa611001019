//! The structure of the JSON report, which is also the source of the terminal's table.
//!
//! Shares lie between 0 and 1. A figure that these photos cannot give is `null`, never 0.

use serde::Serialize;

use super::embed::SkippedPhoto;
use super::frame_report::ComposedFrameFigures;
use super::metrics::Interval;
use super::reliability::ConfidenceFigures;
use super::speed::Speed;
use crate::embedding::OperatingPoint;

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EvaluationReport {
    /// Version of this program.
    pub tillsight: &'static str,
    pub data: String,
    /// The split of the query photos, if there are splits.
    #[serde(rename = "asked_split")]
    pub query_split: Option<String>,
    /// What was ignored in the folder or table, in words.
    #[serde(rename = "passed_over")]
    pub ignored: Vec<String>,
    /// How "the first photos of a product" are ordered.
    pub first_photos: &'static str,
    /// Seed of the bootstrap intervals and of the first draw.
    pub seed: u64,
    /// In the order of the command line.
    pub models: Vec<ModelFigures>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ModelFigures {
    /// The model's id, as in the database.
    pub model: String,
    /// Values per embedding.
    pub dim: usize,
    /// The usable photos.
    pub photos: PhotoCounts,
    /// With every enrolled photo in the gallery.
    pub all_enrolled: HitRates,
    /// With only the first photos of each product in the gallery.
    pub few_shot: Vec<FewShotFigures>,
    /// With only catalogue pictures in the gallery, for the products that have one.
    pub catalogue: Option<HitRates>,
    /// Each query photo without its product in the gallery, against the same photo with it.
    pub one_product_out: Option<OpenSetFigures>,
    /// For each draw of held-out products.
    pub unseen: Vec<UnseenFigures>,
    /// The mean of the draws.
    pub unseen_mean: Option<UnseenMeanFigures>,
    /// At the manifest's thresholds.
    pub thresholds: ThresholdFigures,
    /// By the confidence that the enrolled photos teach: each query photo with its product in the gallery, and without. `null`
    /// if they are too few to learn from.
    pub confidence: Option<ConfidenceFigures>,
    /// Time per embedding.
    pub speed: Option<Speed>,
    /// On composed frames (`--frames`).
    pub frames: Option<ComposedFrameFigures>,
}

/// How many photos and products were used.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PhotoCounts {
    pub enrolled_photos: usize,
    /// Products of the enrolled photos.
    pub enrolled_products: usize,
    #[serde(rename = "asked_photos")]
    pub query_photos: usize,
    /// Products of the query photos.
    #[serde(rename = "asked_products")]
    pub query_products: usize,
    pub catalogue_pictures: usize,
    /// Ids of enrolled products without query photos: they can only be wrong answers.
    #[serde(rename = "products_without_asked_photos")]
    pub products_without_queries: Vec<String>,
    /// Ids of products with query photos that are not enrolled: their photos only count as unknown.
    pub products_never_enrolled: Vec<String>,
    /// Photos that cannot be used, and copies.
    #[serde(rename = "left_out")]
    pub skipped: Vec<SkippedPhoto>,
}

/// How often the right product comes first, and among the first five.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct HitRates {
    /// Query photos whose product is in the gallery.
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

/// A gallery with few photos per product.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct FewShotFigures {
    /// The most photos of one product in the gallery: its first ones.
    pub photos_per_product: usize,
    /// Products with fewer photos than that; all of them are in the gallery.
    pub products_with_fewer: usize,
    #[serde(flatten)]
    pub hits: HitRates,
}

/// Whether the best score separates known products from unknown ones.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct OpenSetFigures {
    /// Photos whose product is in the gallery.
    pub known_photos: usize,
    /// Photos whose product is outside the gallery.
    pub unknown_photos: usize,
    /// Area under the ROC curve of the best score, known against unknown.
    pub auroc: f64,
    /// The score that 95 % of the known photos reach.
    pub score_at_95_known: f32,
    /// Share of the unknown photos that reach that score.
    pub unknown_accepted_at_95_known: f64,
}

/// The figures of one set of held-out products.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct UnseenFigures {
    /// Seed of the draw; `null` for a list.
    pub seed: Option<u64>,
    /// Ids of the held-out products.
    pub products: Vec<String>,
    /// Their query photos, with only these products in the gallery.
    pub among_unseen: HitRates,
    /// Their query photos, with every product in the gallery.
    pub in_full_gallery: HitRates,
    /// The other products' photos against theirs, without these products in the gallery.
    pub open_set: OpenSetFigures,
    /// The same photos by the confidence that the other products' photos teach; `null` if they are too few.
    pub confidence: Option<ConfidenceFigures>,
}

/// Means over the draws.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct UnseenMeanFigures {
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
pub struct ThresholdFigures {
    pub score: f32,
    pub margin: f32,
    /// Share of the known photos that are matched.
    pub matched: f64,
    /// Share of the matched photos whose first answer is correct; `null` if none is matched.
    pub matched_correct: Option<f64>,
    /// Share of the known photos that are ambiguous.
    pub ambiguous: f64,
    /// Share of the known photos that are unknown.
    pub unknown: f64,
    /// Share of the photos, without their product in the gallery, that reach the score.
    pub unknown_accepted: Option<f64>,
    /// Share of the photos, without their product in the gallery, that are matched.
    pub unknown_matched: Option<f64>,
    /// The photos that the thresholds were chosen on, from the manifest.
    pub operating_point: Option<OperatingPoint>,
}
