//! What can go wrong with a model at start-up ([`ModelError`]) and with a photo later ([`EmbedError`]).

use std::path::{Path, PathBuf};

use super::decode::DecodeError;
use super::model_refusal::Refusal;
use super::runtime::RuntimeError;
use crate::pool::{BatchError, PoolError};

/// Why a model cannot be used. Each is one line for the person who starts the server.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// The manifest cannot be read.
    #[error("cannot read the model manifest {}: {reason}", path.display())]
    Unreadable {
        /// The manifest.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// The manifest is not JSON of the right form.
    #[error("{} is not a model manifest: {reason}", path.display())]
    NoManifest {
        /// The manifest.
        path: PathBuf,
        /// Where and how it differs.
        reason: String,
    },
    /// A value in the manifest is out of range.
    #[error("model manifest {}: {field}: {fault}", path.display())]
    Field {
        /// The manifest.
        path: PathBuf,
        /// The field, with dots.
        field: &'static str,
        /// The value and what is wrong with it.
        fault: String,
    },
    /// A wish for a model that is to be added cannot be.
    #[error("{flag}: {fault}")]
    Wish {
        /// The option of `tillsight model add`.
        flag: &'static str,
        /// The value and what is wrong with it.
        fault: String,
    },
    /// The graph or the file of a model that is to be added asks for a value that a manifest cannot have.
    #[error("{}: its manifest would have {field}: {fault}", path.display())]
    Draft {
        /// The model file.
        path: PathBuf,
        /// The manifest's field, with dots.
        field: &'static str,
        /// The value and what is wrong with it.
        fault: String,
    },
    /// The manifest cannot be rewritten.
    #[error("cannot rewrite the model manifest {}: {reason}", path.display())]
    Unwritable {
        /// The manifest.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// The manifest was exchanged while its model was being measured.
    #[error("model manifest {} names another model file by now; it is left alone: calibrate again", path.display())]
    Replaced {
        /// The manifest.
        path: PathBuf,
    },
    /// The model file cannot be read.
    #[error("cannot read the model file {} that {} names: {reason}", path.display(), manifest.display())]
    NoModelFile {
        /// The model file.
        path: PathBuf,
        /// Its manifest.
        manifest: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// A model file that no manifest names yet cannot be read.
    #[error("cannot read {}: {reason}", path.display())]
    NoFile {
        /// The file.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// The model file is not the one that the manifest describes.
    #[error("{} has SHA-256 {found}, but {} says {expected}: file and manifest do not belong together", path.display(), manifest.display())]
    WrongHash {
        /// The model file.
        path: PathBuf,
        /// Its manifest.
        manifest: PathBuf,
        /// What the manifest says.
        expected: String,
        /// What the file has.
        found: String,
    },
    /// ONNX Runtime is missing or refuses to start.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
    /// ONNX Runtime does not take the model, or the model does not do what its manifest says.
    #[error("model {}: {reason}", path.display())]
    Unusable {
        /// The model file.
        path: PathBuf,
        /// What is wrong, and what to do.
        reason: Box<Refusal>,
    },
    /// A file in the models folder stands in the way.
    #[error(
        "{} is there already and holds something else; choose another name (--name) or replace it with --force",
        path.display()
    )]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// A file in the models folder cannot be written.
    #[error("cannot write {}: {reason}", path.display())]
    NotInstalled {
        /// The file.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// The operating system refuses a thread.
    #[error("cannot start the threads of the model: {0}")]
    Threads(#[from] std::io::Error),
}

impl ModelError {
    /// The model in the file at `path` is refused.
    pub(super) fn unusable(path: &Path, reason: Refusal) -> Self {
        Self::Unusable { path: path.to_owned(), reason: Box::new(reason) }
    }
}

/// Why a photo gave no embedding.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum EmbedError {
    /// The photo itself is at fault.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// As many photos wait as may wait; try again later.
    #[error("too many photos are waiting to be embedded")]
    Busy,
    /// The model returned NaN or infinity for this photo.
    #[error("the model returned a value that is not a finite number for this photo (value {at} is {value})")]
    NotFinite {
        /// Position of the first such value.
        at: usize,
        /// The value, as text, because NaN does not equal itself.
        value: String,
    },
    /// The model returned only zeros for this photo.
    #[error("the model returned a vector of length zero for this photo")]
    ZeroNorm,
    /// ONNX Runtime failed.
    #[error("the model failed: {0}")]
    Failed(String),
    /// The embedder's threads are gone.
    #[error("the embedder has stopped")]
    Stopped,
}

/// The error of a photo that got no place, or whose place is gone.
pub(super) fn not_let_in(error: PoolError) -> EmbedError {
    match error {
        PoolError::Full => EmbedError::Busy,
        PoolError::Panicked(reason) => EmbedError::Failed(reason),
        PoolError::Stopped => EmbedError::Stopped,
    }
}

/// The error of a photo that the sessions gave no answer to.
pub(super) fn unanswered(error: BatchError) -> EmbedError {
    match error {
        BatchError::Full => EmbedError::Busy,
        BatchError::Failed(reason) => EmbedError::Failed(reason),
        BatchError::Stopped => EmbedError::Stopped,
    }
}
