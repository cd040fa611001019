//! Why a model cannot be measured or calibrated.

use std::path::PathBuf;

use crate::embedding::ModelError;

/// One line for the person who started the command.
#[derive(Debug, thiserror::Error)]
pub enum EvaluationError {
    #[error("cannot read {}: {error}", path.display())]
    Unreadable { path: PathBuf, error: std::io::Error },
    /// The photos cannot be measured, for example because none are enrolled or a name is unknown.
    #[error("{}: {reason}", path.display())]
    InvalidPhotos {
        path: PathBuf,
        /// What is wrong, with the value, and what to do.
        reason: String,
    },
    /// The photos are too few for the options.
    #[error("{0}")]
    InsufficientPhotos(String),
    #[error(transparent)]
    Model(#[from] ModelError),
}

impl EvaluationError {
    /// For `map_err` after reading `path`.
    pub(super) fn unreadable(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        |error| Self::Unreadable { path, error }
    }

    pub(super) fn invalid_photos(path: impl Into<PathBuf>, reason: impl Into<String>) -> Self {
        Self::InvalidPhotos { path: path.into(), reason: reason.into() }
    }
}
