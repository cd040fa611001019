//! Maps errors of model switches to problems.

use super::index::INDEX_RETRY_S;
use super::{Problem, ProblemKind};
use crate::models::SwitchError;

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
