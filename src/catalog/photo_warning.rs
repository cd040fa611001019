//! A warning about an uploaded photo, as the API shows it.

use serde::Serialize;
use utoipa::ToSchema;

use super::error::PhotoName;
use crate::domain::{ImageId, ProductId};
use crate::photo_quality::{PhotoIssue, PhotoIssueCode};

/// Something about a photo that makes its product hard to recognise.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct PhotoWarning {
    pub code: PhotoIssueCode,
    /// The photo's position in the upload, counted from 0.
    pub image_index: usize,
    /// The photo, once it is enrolled.
    pub image_id: Option<ImageId>,
    /// The client's name for the photo.
    pub file_name: Option<String>,
    /// What is wrong, and what to do.
    #[schema(examples("The photo is blurred. Hold the camera still until it is in focus, and take the photo again."))]
    pub message: String,
    /// What was measured: pixels of a side (`too-small`), spread of the colours, 0 to 255 (`blank`), sharpness (`blurred`),
    /// share of the photo, 0 to 1 (`too-dark`, `too-bright`), cosine to the other photo (`copy`).
    pub value: f64,
    /// What it should have been at least; for a share or a cosine, at most.
    pub limit: f64,
    /// The other product of a `copy`.
    pub product_id: Option<ProductId>,
    /// Its name.
    pub product_name: Option<String>,
    /// Whether the upload is refused unless the caller insists.
    #[serde(skip)]
    pub is_serious: bool,
}

impl PhotoWarning {
    /// `other` is the other product of a copy, with its name.
    pub(super) fn new(photo: PhotoName, issue: PhotoIssue, other: Option<(ProductId, &str)>) -> Self {
        Self {
            code: issue.code,
            image_index: photo.index,
            image_id: None,
            file_name: photo.file_name,
            message: issue.sentence(other.map(|(_, name)| name)),
            value: round(issue.value),
            limit: round(issue.limit),
            product_id: other.map(|(id, _)| id),
            product_name: other.map(|(_, name)| name.to_owned()),
            is_serious: issue.is_serious,
        }
    }

    pub(super) fn photo_name(&self) -> PhotoName {
        PhotoName { index: self.image_index, file_name: self.file_name.clone() }
    }
}

/// To the ten-thousandths that mean something.
fn round(value: f32) -> f64 {
    (f64::from(value) * 10_000.0).round() / 10_000.0
}
