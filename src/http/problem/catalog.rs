//! Which error of the catalog and of recognition is which problem. Every match is exhaustive.

use serde_json::json;

use super::mapping::OVERLOAD_RETRY_S;
use super::{Kind, Problem};
use crate::catalog::{CatalogError, PhotoName};
use crate::domain::PhotoFault;
use crate::models::SwitchError;
use crate::recognition::RecognitionError;

/// Seconds after which the index has most likely caught up.
const INDEX_RETRY_S: u64 = 2;
/// The same where somebody must start the server again first.
const LOST_INDEX_RETRY_S: u64 = 30;

/// The kind of a picture's fault; `detail` says which picture it is.
fn of_photo(fault: &PhotoFault, detail: String) -> Problem {
    let kind = match fault {
        PhotoFault::TooLarge(_) => Kind::TooLarge,
        PhotoFault::NotAnImage(_) => Kind::NotAnImage,
        PhotoFault::Broken(_) => Kind::BrokenImage,
    };
    Problem::new(kind, detail)
}

fn overloaded(detail: String) -> Problem {
    Problem::new(Kind::Overloaded, detail).retry_after(OVERLOAD_RETRY_S)
}

/// Neither a search nor an upload can be answered rightly by this server any more; the index has said in the log why.
fn index_behind() -> Problem {
    let detail = "the index has lost its place in the catalog's log, and recognition is stopped on this server: start it again, \
                  so that it fills the index anew. Where that does not help, its log says what is wrong with the database";
    Problem::new(Kind::IndexBehind, detail).retry_after(LOST_INDEX_RETRY_S)
}

impl Problem {
    /// Says which photo of an upload is meant.
    fn about(self, photo: &PhotoName) -> Self {
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
            CatalogError::Invalid(invalid) => invalid.into(),
            CatalogError::NotFound { .. } => Self::new(Kind::NotFound, detail),
            CatalogError::Taken { field, .. } => Self::new(Kind::Taken, detail).with("field", field),
            CatalogError::Image { photo, fault } => of_photo(&fault, detail).about(&photo),
            CatalogError::Unusable { photo, .. } => Self::new(Kind::UnusableImage, detail).about(&photo),
            CatalogError::TooManyImages { limit, .. } => {
                Self::new(Kind::TooLarge, detail).with("field", "images").with("limit", limit)
            }
            CatalogError::AlreadyEnrolled { photo, product_id, .. } => {
                Self::new(Kind::AlreadyEnrolled, detail).about(&photo).with("product_id", product_id.to_string())
            }
            CatalogError::Busy => overloaded(detail),
            CatalogError::Behind { product_id, cause } => {
                tracing::error!(error = %detail, "a change of the catalog has not reached the index");
                let (what, retry_s) = match cause.is_lasting() {
                    false => ("it will on its own", INDEX_RETRY_S),
                    true => ("this server has to be started again for it", LOST_INDEX_RETRY_S),
                };
                let detail = format!("the change is saved, but the index has not learnt of it yet; {what}");
                Self::new(Kind::IndexBehind, detail).with("product_id", product_id.to_string()).retry_after(retry_s)
            }
            CatalogError::Distrusted { not_following, .. } => {
                index_behind().with("not_following", json!(not_following))
            }
            CatalogError::Index(_) => {
                tracing::error!(error = %detail, "the index cannot be filled");
                index_behind()
            }
            CatalogError::DiskFull(_) => {
                tracing::error!(error = %detail, "disk full");
                Self::new(Kind::DiskFull, "the disk is full: nothing was changed; reading and recognition go on")
            }
            CatalogError::LostOriginal(_) => {
                tracing::warn!(error = %detail, "an original is lost");
                Self::new(Kind::NotFound, detail)
            }
            CatalogError::Files(_) | CatalogError::Embedder(_) => Self::internal(&detail),
            CatalogError::Database(error) => error.into(),
        }
    }
}

impl From<RecognitionError> for Problem {
    fn from(error: RecognitionError) -> Self {
        let detail = error.to_string();
        match error {
            RecognitionError::Image(fault) => of_photo(&fault, detail).with("field", "image"),
            RecognitionError::Unusable(_) => Self::new(Kind::UnusableImage, detail).with("field", "image"),
            RecognitionError::Busy => overloaded(detail),
            RecognitionError::IndexBehind(_) => index_behind(),
            RecognitionError::Engine(_) => Self::internal(&detail),
            RecognitionError::Database(error) => error.into(),
        }
    }
}

impl From<SwitchError> for Problem {
    fn from(error: SwitchError) -> Self {
        let detail = error.to_string();
        match error {
            SwitchError::UnknownModel { .. } => Self::new(Kind::NotFound, detail).with("field", "manifest"),
            SwitchError::Unusable(_) => Self::new(Kind::UnusableModel, detail).with("field", "manifest"),
            SwitchError::Same { .. }
            | SwitchError::Open { .. }
            | SwitchError::NoneOpen
            | SwitchError::NoPrevious
            | SwitchError::Replaced { .. } => Self::new(Kind::SwitchRefused, detail),
            SwitchError::NotTakenUp { model, .. } => {
                tracing::error!(error = %detail, "a model that was switched to cannot be taken up now");
                let detail = format!(
                    "the switch to {model} is carried out, but this server has not taken the model up yet; it goes on trying by \
                     itself: GET /api/models says when it has"
                );
                Self::new(Kind::IndexBehind, detail).retry_after(INDEX_RETRY_S)
            }
            SwitchError::NotReady { missing, .. } => Self::new(Kind::SwitchRefused, detail).with("missing", missing),
            SwitchError::Failing { .. }
            | SwitchError::Folder { .. }
            | SwitchError::Index(_)
            | SwitchError::Thread(_) => Self::internal(&detail),
            SwitchError::Database(error) => error.into(),
        }
    }
}
