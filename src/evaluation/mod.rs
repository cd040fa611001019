//! What an embedding model is worth on labelled photos, and the thresholds that follow from it.
//!
//! Photos are read ([`PhotoSet`]), embedded by the server's own embedder ([`embed`]) and compared as in the server: a
//! product's score is that of its best enrolled photo, and verdicts are those of [`crate::domain::Verdict`]. From
//! the scores come figures ([`measure`]) and thresholds ([`calibrate`]).
//!
//! Invariants:
//! * a photo that was asked about is never among the enrolled ones, not even as a copy under another name;
//! * whatever was left out is named in the report: photos, products, splits;
//! * the same photos, options and seed give the same figures; only the measured times differ.
//!
//! Knows nothing of terminals, databases or HTTP.

mod calibration;
mod embed;
mod error;
mod hold_out;
mod measure;
mod metrics;
mod photo_folders;
mod photo_table;
mod photos;
mod report;
mod scores;
mod speed;

#[cfg(test)]
mod tests;

pub use calibration::{Calibration, CalibrationTarget, CurvePoint, calibrate};
pub use embed::{Sample, Samples, SkippedPhoto, embed};
pub use error::EvaluationError;
pub use hold_out::{HeldOutProducts, listed_products};
pub use measure::{Measurement, measure};
pub use metrics::Interval;
pub use photo_folders::FolderLayout;
pub use photos::{LabelledPhoto, PhotoSet, Product, Role, Source};
pub use report::{AtThresholds, DataReport, FewShot, Hits, ModelReport, OpenSet, Report, UnseenDraw, UnseenMean};
pub use speed::{Speed, speeds_side_by_side};
