//! Why a model cannot be used ([`ModelError`]) and why a photo gives no embedding ([`EmbedError`]).

use std::path::{Path, PathBuf};

use super::decode::DecodeError;
use super::model_refusal::Refusal;
use super::runtime::RuntimeError;
use crate::pool::{BatchError, PoolError};

/// Why a model cannot be used: one line for the person who adds a model or starts the server.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    #[error("cannot read the model manifest {}: {reason}", path.display())]
    UnreadableManifest { path: PathBuf, reason: String },
    #[error("{} is not a model manifest: {reason}", path.display())]
    InvalidManifest { path: PathBuf, reason: String },
    #[error("model manifest {}: {field}: {reason}", path.display())]
    InvalidField {
        path: PathBuf,
        /// The path of the field, with dots.
        field: &'static str,
        /// The value and what is wrong with it.
        reason: String,
    },
    /// An option of `tillsight model add` has an invalid value.
    #[error("{option}: {reason}")]
    InvalidOption { option: &'static str, reason: String },
    /// The model file or its graph would give the manifest an invalid value.
    #[error("{}: its manifest would have {field}: {reason}", path.display())]
    InvalidDraft { path: PathBuf, field: &'static str, reason: String },
    #[error("cannot rewrite the model manifest {}: {reason}", path.display())]
    UnwritableManifest { path: PathBuf, reason: String },
    #[error(
        "model manifest {} was changed meanwhile and names another model file; it was not written: calibrate again",
        path.display()
    )]
    ManifestReplaced { path: PathBuf },
    #[error("cannot read the model file {} that {} names: {reason}", path.display(), manifest.display())]
    UnreadableModelFile { path: PathBuf, manifest: PathBuf, reason: String },
    /// A model file that no manifest names yet.
    #[error("cannot read {}: {reason}", path.display())]
    UnreadableFile { path: PathBuf, reason: String },
    #[error(
        "{} has SHA-256 {found}, but {} says {expected}: file and manifest do not belong together",
        path.display(),
        manifest.display()
    )]
    HashMismatch { path: PathBuf, manifest: PathBuf, expected: String, found: String },
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
    #[error("model {}: {reason}", path.display())]
    Unusable { path: PathBuf, reason: Box<Refusal> },
    #[error(
        "{} exists already and has other contents; choose another name (--name) or replace it with --force",
        path.display()
    )]
    FileExists { path: PathBuf },
    #[error("cannot write {}: {reason}", path.display())]
    UnwritableFile { path: PathBuf, reason: String },
    #[error("cannot start the threads of the model: {0}")]
    Threads(#[from] std::io::Error),
}

impl ModelError {
    pub(super) fn unusable(path: &Path, reason: Refusal) -> Self {
        Self::Unusable { path: path.to_owned(), reason: Box::new(reason) }
    }
}

/// Why a photo gave no embedding.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum EmbedError {
    #[error(transparent)]
    Decode(#[from] DecodeError),
    #[error("too many photos are waiting to be embedded")]
    Busy,
    #[error("the model returned a value that is not a finite number for this photo (value {position} is {value})")]
    NotFinite {
        /// Position of the first such value.
        position: usize,
        /// As text, because NaN does not equal itself.
        value: String,
    },
    #[error("the model returned a vector of length zero for this photo")]
    ZeroNorm,
    #[error("the model failed: {0}")]
    Failed(String),
    #[error("the embedder has stopped")]
    Stopped,
}

/// The error of a photo whose step a pool did not run.
pub(super) fn from_pool_error(error: PoolError) -> EmbedError {
    match error {
        PoolError::Full => EmbedError::Busy,
        PoolError::Panicked(reason) => EmbedError::Failed(reason),
        PoolError::Stopped => EmbedError::Stopped,
    }
}

/// The error of a photo that no session embedded.
pub(super) fn from_batch_error(error: BatchError) -> EmbedError {
    match error {
        BatchError::Full => EmbedError::Busy,
        BatchError::Failed(reason) => EmbedError::Failed(reason),
        BatchError::Stopped => EmbedError::Stopped,
    }
}
