//! What recognition answers.

use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::{ProductId, RecognitionId, Region, Verdict, text_enum};
use crate::regions::{DetectionMethod, EmptyViewUse};

text_enum! {
    /// Why the till does not go by looks, or does not name a product.
    VerdictReason, "a reason for a verdict":
    /// The first two candidates are too close to call.
    LookAlikes = "look-alikes",
    /// The first candidate is likely, but not enough, and so is that it is none of them.
    Unsure = "unsure",
    /// The region may show several products that touch.
    Several = "several",
    /// The picture shows one colour and nothing else.
    Blank = "blank",
    /// The product's barcode was read in the region: it is named whatever it looks like.
    Barcode = "barcode",
}

/// A product that a region may show.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Candidate {
    /// The product.
    pub product_id: ProductId,
    /// What people call it.
    pub product_name: String,
    /// Cosine to the most alike of its enrolled photos, −1 to 1. `null` if its barcode was read and others look more like it.
    #[schema(examples(0.83))]
    pub score: Option<f32>,
    /// Probability that it is this product, 0 to 1, learned from the catalogue's photos. Those of all candidates add up to 1 at
    /// most; the rest is the probability that it is none of them. `null` while the catalogue is too small to learn from: fewer
    /// than 20 photos of 5 products with two photos or more.
    #[schema(examples(0.97))]
    pub confidence: Option<f32>,
}

/// One region and what is said about it.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct RecognizedItem {
    pub verdict: Verdict,
    /// Why the verdict is `ambiguous`; of a `matched` one only `barcode`, of an `unknown` one only `blank`, otherwise `null`.
    pub reason: Option<VerdictReason>,
    /// The one barcode that was read in the region, as fourteen digits (GTIN), whether it is of a product or not.
    #[schema(examples("04006381333931"))]
    pub barcode: Option<String>,
    /// Where the thing is, in pixels of the upright picture.
    pub region: Region,
    /// Products it may be, best first; before them the one whose barcode was read.
    pub candidates: Vec<Candidate>,
}

/// The size of the upright picture, in whose pixels regions are given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct PictureSize {
    #[schema(examples(1280))]
    pub width: u32,
    #[schema(examples(720))]
    pub height: u32,
}

/// Milliseconds of the stages.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, ToSchema)]
// The document keeps the schema's name: clients are generated from it.
#[schema(as = Timings)]
pub struct StageTimings {
    /// Decoding, resizing.
    pub decode: f64,
    /// Waiting: to be admitted, for a thread, for the model.
    pub queue: f64,
    /// Finding the regions, cutting them out, and reading barcodes.
    pub regions: f64,
    /// The run of the model.
    pub infer: f64,
    /// Searching the index.
    pub search: f64,
    /// From the picture's last byte to the verdicts.
    pub total: f64,
}

/// What was seen in one picture; nothing of it is stored yet.
#[derive(Debug, Clone, PartialEq)]
pub struct RecognitionResult {
    /// One per region. Empty if nothing differs from the kiosk's empty view.
    pub items: Vec<RecognizedItem>,
    pub picture: PictureSize,
    /// How the regions were found.
    pub region_method: DetectionMethod,
    /// What became of the kiosk's empty view; `null` if it has none, or the whole picture was asked for.
    pub empty_view: Option<EmptyViewUse>,
    /// The model that embedded the picture.
    pub model: String,
    /// How many catalog changes the index had seen.
    pub index_revision: i64,
    /// Milliseconds of the stages.
    pub timings: StageTimings,
}

impl RecognitionResult {
    /// As the client is shown it, under the id of its evidence.
    pub fn into_view(self, id: RecognitionId) -> RecognitionView {
        let Self { items, picture, region_method, empty_view, model, index_revision, timings } = self;
        RecognitionView { id, items, picture, region_method, empty_view, model, index_revision, timings_ms: timings }
    }
}

/// What was seen in a picture.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct RecognitionView {
    /// Under which the evidence is kept.
    pub id: RecognitionId,
    /// One per region. Empty if nothing differs from the kiosk's empty view.
    pub items: Vec<RecognizedItem>,
    pub picture: PictureSize,
    /// How the regions were found.
    pub region_method: DetectionMethod,
    /// What became of the kiosk's empty view; `null` if it has none, or the whole picture was asked for.
    pub empty_view: Option<EmptyViewUse>,
    /// The model that embedded the picture.
    #[schema(examples("tillsight-small@1#0123456789ab"))]
    pub model: String,
    /// How many catalog changes the index had seen.
    pub index_revision: i64,
    /// Milliseconds of the stages.
    pub timings_ms: StageTimings,
}
