//! Maps errors of the catalog to problems.

use super::database::disk_full;
use super::index::{INDEX_RETRY_S, RESTART_RETRY_S};
use super::recognition::photo_problem;
use super::{OVERLOAD_RETRY_S, Problem, ProblemKind};
use crate::catalog::{CatalogError, PhotoName};

/// Reports of large catalogues take half a minute.
const REPORT_RETRY_S: u64 = 10;

impl Problem {
    /// Names the photo of an upload.
    fn with_photo(self, photo: &PhotoName) -> Self {
        let named = self.with("field", "images").with("image_index", photo.index);
        match photo.file_name.as_deref() {
            Some(name) => named.with("file_name", name),
            None => named,
        }
    }
}

impl From<CatalogError> for Problem {
    fn from(error: CatalogError) -> Self {
        let detail = error.to_string();
        match error {
            CatalogError::InvalidField(invalid) => invalid.into(),
            CatalogError::NotFound { .. } => Self::new(ProblemKind::NotFound, detail),
            CatalogError::CodeTaken { field, .. } => Self::new(ProblemKind::Taken, detail).with("field", field),
            CatalogError::SameArticle { .. } => Self::new(ProblemKind::Taken, detail).with("field", "barcode"),
            CatalogError::BadPhoto { photo, fault } => photo_problem(&fault, detail).with_photo(&photo),
            CatalogError::UnusablePhoto { photo, .. } => {
                Self::new(ProblemKind::UnusableImage, detail).with_photo(&photo)
            }
            CatalogError::SeveralProducts { photo, regions } => Self::new(ProblemKind::SeveralProducts, detail)
                .with_photo(&photo)
                .with("regions", serde_json::json!(regions)),
            CatalogError::TooManyImages { limit, .. } => {
                Self::new(ProblemKind::TooLarge, detail).with("field", "images").with("limit", limit)
            }
            CatalogError::AlreadyEnrolled { photo, product_id, .. } => Self::new(ProblemKind::AlreadyEnrolled, detail)
                .with_photo(&photo)
                .with("product_id", product_id.to_string()),
            CatalogError::PoorPhoto { photo, warnings } => Self::new(ProblemKind::PoorPhoto, detail)
                .with_photo(&photo)
                .with("warnings", serde_json::json!(warnings)),
            CatalogError::ReportPending => Self::new(ProblemKind::ReportPending, detail).retry_after(REPORT_RETRY_S),
            CatalogError::Search(_) => {
                tracing::warn!(error = %detail, "enrolled photos could not be searched for");
                Self::new(ProblemKind::Unavailable, "The index does not answer now. Try again in a few seconds.")
                    .retry_after(INDEX_RETRY_S)
            }
            CatalogError::KeyReused => Self::new(ProblemKind::KeyReused, detail),
            CatalogError::ReplyNotKept => Self::new(ProblemKind::ReplyNotKept, detail),
            CatalogError::Busy => Self::new(ProblemKind::Overloaded, detail).retry_after(OVERLOAD_RETRY_S),
            CatalogError::IndexBehind { product_id, cause } => {
                tracing::error!(error = %detail, "a change of the catalog has not reached the index");
                let (next_step, retry_s) = match cause.is_lasting() {
                    false => ("It will follow by itself.", INDEX_RETRY_S),
                    true => ("Restart this server, so that it follows.", RESTART_RETRY_S),
                };
                let detail = format!("The change is saved, but the index does not have it yet. {next_step}");
                Self::new(ProblemKind::IndexBehind, detail)
                    .with("product_id", product_id.to_string())
                    .retry_after(retry_s)
            }
            CatalogError::DiskFull(_) => {
                tracing::error!(error = %detail, "disk full");
                disk_full()
            }
            CatalogError::LostOriginal(_) => {
                tracing::warn!(error = %detail, "the original of a photo is missing");
                Self::new(ProblemKind::NotFound, detail)
            }
            CatalogError::OriginalFile(_) | CatalogError::Embedder(_) => Self::internal(&detail),
            CatalogError::Database(error) => error.into(),
        }
    }
}
