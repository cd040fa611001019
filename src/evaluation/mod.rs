//! How good an embedding model is on labelled photos, and which thresholds suit it.
//!
//! Photos are listed ([`PhotoSet`]), embedded by the server's own embedder ([`embed_photos`]) and compared as in the server:
//! a product's score is that of its best enrolled photo (the gallery), and verdicts are those of [`crate::domain::Verdict`].
//! The scores of the query photos give figures ([`measure`]) and thresholds ([`calibrate`]). What a till makes of whole frames is
//! measured on composed ones ([`measure_frames`]) and on real ones with boxes ([`measure_boxes`]), with the regions that the
//! server finds. `reliability` compares the confidence that the gallery teaches with the truth.
//!
//! Invariants:
//! * a query photo is never in the gallery, not even as a copy under another name;
//! * the report names everything that was skipped: photos, products, splits;
//! * the same photos, options and seed give the same figures; only the measured times differ.
//!
//! Knows nothing of terminals, databases or HTTP.

mod box_shares;
mod calibration;
mod cutouts;
mod embed;
mod error;
mod frame_boxes;
mod frame_composer;
mod frame_outcomes;
mod frame_products;
mod frame_report;
mod frames;
mod hold_out;
mod measure;
mod metrics;
mod photo_folders;
mod photo_table;
mod photos;
mod real_frames;
mod region_matching;
mod reliability;
mod report;
mod scores;
mod speed;

#[cfg(test)]
mod tests;

pub use box_shares::BoxShares;
pub use calibration::{Calibration, CalibrationTarget, CurvePoint, calibrate};
pub use embed::{Sample, Samples, SkippedPhoto, embed_photos};
pub use error::EvaluationError;
pub use frame_boxes::{BoxedItem, BoxedPhoto, read_boxes};
pub use frame_composer::{FrameBackground, Placement};
pub use frame_report::{ComposedFrameFigures, ComposedFrameRow, PhotoOutcome, RealFrameFigures, RealFrameReport};
pub use frames::{FRAME_KINDS, FrameOptions, measure_frames};
pub use hold_out::{HeldOutProducts, read_held_out_list};
pub use measure::{MeasurementOptions, measure};
pub use metrics::Interval;
pub use photo_folders::FolderLayout;
pub use photos::{LabelledPhoto, PhotoRole, PhotoSet, PhotoSource, Product};
pub use real_frames::{RealFrameOptions, measure_boxes};
pub use reliability::{ConfidenceFigures, ReliabilityBin};
pub use report::{
    EvaluationReport, FewShotFigures, HitRates, ModelFigures, OpenSetFigures, PhotoCounts, ThresholdFigures,
    UnseenFigures, UnseenMeanFigures,
};
pub use speed::{Speed, measure_speeds};
