//! Why a model cannot be measured or calibrated.

use std::path::PathBuf;

use crate::embedding::ModelError;

/// Each is one line for the person who started the command.
#[derive(Debug, thiserror::Error)]
pub enum EvaluationError {
    /// A file or folder cannot be read.
    #[error("cannot read {}: {error}", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// What the system said.
        error: std::io::Error,
    },
    /// The photos do not make a measurement: none are there, none are asked about, a name is not known.
    #[error("{}: {fault}", path.display())]
    Photos {
        /// The folder or table.
        path: PathBuf,
        /// What is wrong, with the value, and what to do.
        fault: String,
    },
    /// What was asked for cannot be had of these photos.
    #[error("{0}")]
    Unreachable(String),
    /// The model cannot be used.
    #[error(transparent)]
    Model(#[from] ModelError),
}

impl EvaluationError {
    /// For `map_err` on reading `path`.
    pub(super) fn reading(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        |error| Self::Unreadable { path, error }
    }

    /// What is wrong with the photos at `path`.
    pub(super) fn photos(path: impl Into<PathBuf>, fault: impl Into<String>) -> Self {
        Self::Photos { path: path.into(), fault: fault.into() }
    }
}
