//! Maps errors of the catalog, its index, recognition and model switches to problems.

use serde_json::json;

use super::database::disk_full;
use super::{OVERLOAD_RETRY_S, Problem, ProblemKind};
use crate::catalog::{CatalogError, PhotoName};
use crate::domain::PhotoFault;
use crate::index_feed::StatusError;
use crate::models::SwitchError;
use crate::recognition::RecognitionError;

/// Seconds after which the index has probably caught up.
const INDEX_RETRY_S: u64 = 2;
/// The same if somebody must restart the server first.
const RESTART_INDEX_RETRY_S: u64 = 30;

/// `detail` names the photo and its fault.
fn photo_problem(fault: &PhotoFault, detail: String) -> Problem {
    let kind = match fault {
        PhotoFault::TooLarge(_) => ProblemKind::TooLarge,
        PhotoFault::NotAnImage(_) => ProblemKind::NotAnImage,
        PhotoFault::Broken(_) => ProblemKind::BrokenImage,
    };
    Problem::new(kind, detail)
}

fn overloaded(detail: String) -> Problem {
    Problem::new(ProblemKind::Overloaded, detail).retry_after(OVERLOAD_RETRY_S)
}

/// This server can no longer answer a search or an upload correctly; the index has logged why.
fn index_distrusted() -> Problem {
    let detail = "The index has lost its place in the catalog's log, so this server has stopped recognising. Restart it to \
                  fill the index again. If that does not help, its log says what is wrong with the database.";
    Problem::new(ProblemKind::IndexBehind, detail).retry_after(RESTART_INDEX_RETRY_S)
}

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
            CatalogError::BadPhoto { photo, fault } => photo_problem(&fault, detail).with_photo(&photo),
            CatalogError::UnusablePhoto { photo, .. } => {
                Self::new(ProblemKind::UnusableImage, detail).with_photo(&photo)
            }
            CatalogError::TooManyImages { limit, .. } => {
                Self::new(ProblemKind::TooLarge, detail).with("field", "images").with("limit", limit)
            }
            CatalogError::AlreadyEnrolled { photo, product_id, .. } => Self::new(ProblemKind::AlreadyEnrolled, detail)
                .with_photo(&photo)
                .with("product_id", product_id.to_string()),
            CatalogError::Busy => overloaded(detail),
            CatalogError::IndexBehind { product_id, cause } => {
                tracing::error!(error = %detail, "a change of the catalog has not reached the index");
                let (next_step, retry_s) = match cause.is_lasting() {
                    false => ("It will follow by itself.", INDEX_RETRY_S),
                    true => ("Restart this server, so that it follows.", RESTART_INDEX_RETRY_S),
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

impl From<StatusError> for Problem {
    fn from(error: StatusError) -> Self {
        match error {
            StatusError::Distrusted { outage, .. } => index_distrusted().with("not_following", json!(outage)),
            StatusError::Database(error) => error.into(),
        }
    }
}

impl From<RecognitionError> for Problem {
    fn from(error: RecognitionError) -> Self {
        let detail = error.to_string();
        match error {
            RecognitionError::Image(fault) => photo_problem(&fault, detail).with("field", "image"),
            RecognitionError::Unusable(_) => Self::new(ProblemKind::UnusableImage, detail).with("field", "image"),
            RecognitionError::Busy { retry_after_s } => {
                Self::new(ProblemKind::Overloaded, detail).retry_after(retry_after_s)
            }
            RecognitionError::IndexBehind(_) => index_distrusted(),
            RecognitionError::Engine(_) => Self::internal(&detail),
            RecognitionError::Database(error) => error.into(),
        }
    }
}

impl From<SwitchError> for Problem {
    fn from(error: SwitchError) -> Self {
        let detail = error.to_string();
        match error {
            SwitchError::UnknownModel { .. } => Self::new(ProblemKind::NotFound, detail).with("field", "manifest"),
            SwitchError::Unusable(_) => Self::new(ProblemKind::UnusableModel, detail).with("field", "manifest"),
            SwitchError::AlreadyActive { .. }
            | SwitchError::AnotherOpen { .. }
            | SwitchError::NoneOpen
            | SwitchError::NoPrevious
            | SwitchError::Replaced { .. } => Self::new(ProblemKind::SwitchRefused, detail),
            SwitchError::NotAdopted { model, .. } => {
                tracing::error!(error = %detail, "the model of a finished switch cannot be loaded yet");
                let detail = format!(
                    "The switch to {model} is done, but this server has not loaded the model yet. It keeps trying by itself; \
                     GET /api/models shows when it has."
                );
                Self::new(ProblemKind::IndexBehind, detail).retry_after(INDEX_RETRY_S)
            }
            SwitchError::NotReady { missing, .. } => {
                Self::new(ProblemKind::SwitchRefused, detail).with("missing", missing)
            }
            SwitchError::ModelFails { .. }
            | SwitchError::Folder { .. }
            | SwitchError::Index(_)
            | SwitchError::Thread(_) => Self::internal(&detail),
            SwitchError::Database(error) => error.into(),
        }
    }
}
