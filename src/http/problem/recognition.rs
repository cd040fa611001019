//! Maps errors of recognition to problems.

use super::index::index_untrusted;
use super::{Problem, ProblemKind};
use crate::domain::PhotoFault;
use crate::recognition::{EmptyViewError, RecognitionError};

/// `detail` names the photo and its fault.
pub(super) fn photo_problem(fault: &PhotoFault, detail: String) -> Problem {
    let kind = match fault {
        PhotoFault::TooLarge(_) => ProblemKind::TooLarge,
        PhotoFault::NotAnImage(_) => ProblemKind::NotAnImage,
        PhotoFault::Broken(_) => ProblemKind::BrokenImage,
    };
    Problem::new(kind, detail)
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
            RecognitionError::IndexBehind(_) => index_untrusted(),
            RecognitionError::Engine(_) => Self::internal(&detail),
            RecognitionError::Database(error) => error.into(),
        }
    }
}

impl From<EmptyViewError> for Problem {
    fn from(error: EmptyViewError) -> Self {
        let detail = error.to_string();
        match error {
            EmptyViewError::KioskNotFound(_) | EmptyViewError::NotSet => Self::new(ProblemKind::NotFound, detail),
            EmptyViewError::Encoding => Self::new(ProblemKind::Internal, detail),
            EmptyViewError::Invalid(invalid) => invalid.into(),
            EmptyViewError::Picture(error) => error.into(),
            EmptyViewError::Database(error) => error.into(),
        }
    }
}
