//! Why a picture was not recognised.

use crate::db::DatabaseError;
use crate::domain::PhotoFault;
use crate::embedding::EmbedError;
use crate::index::IndexError;
use crate::pool::Overloaded;

/// A refusal or failure of the recognition service.
#[derive(Debug, thiserror::Error)]
pub enum RecognitionError {
    /// The picture cannot be taken.
    #[error("image: {0}")]
    Image(#[from] PhotoFault),
    /// The picture would wait for too long.
    #[error("too many pictures are waiting to be recognised")]
    Busy {
        /// In how many seconds the queue is likely to be short enough.
        retry_after_s: u64,
    },
    /// The model gave no usable embedding for this picture.
    #[error("image: {0}")]
    Unusable(String),
    /// The index has lost its place in the catalog's log of changes; what it would answer may be wrong.
    #[error("the index cannot be trusted at the moment: {0}")]
    IndexBehind(String),
    /// The model, the index or one of their threads failed.
    #[error("the recognition engine failed: {0}")]
    Engine(String),
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl RecognitionError {
    /// A pool behind the admission is full; pools drain in well under a second.
    const QUEUE_FULL: Self = Self::Busy { retry_after_s: 1 };
}

impl From<Overloaded> for RecognitionError {
    fn from(error: Overloaded) -> Self {
        Self::Busy { retry_after_s: (error.expected_wait.as_secs_f64().ceil() as u64).max(1) }
    }
}

impl From<EmbedError> for RecognitionError {
    fn from(error: EmbedError) -> Self {
        match error {
            EmbedError::Decode(error) => Self::Image(error.into()),
            EmbedError::Busy => Self::QUEUE_FULL,
            EmbedError::NotFinite { .. } | EmbedError::ZeroNorm => Self::Unusable(error.to_string()),
            EmbedError::Failed(_) | EmbedError::Stopped => Self::Engine(error.to_string()),
        }
    }
}

impl From<IndexError> for RecognitionError {
    fn from(error: IndexError) -> Self {
        match error {
            IndexError::Busy => Self::QUEUE_FULL,
            IndexError::Untrusted { reason } => Self::IndexBehind(reason),
            IndexError::InvalidRow { .. }
            | IndexError::InvalidQuery { .. }
            | IndexError::Duplicate { .. }
            | IndexError::Faiss { .. }
            | IndexError::Threads { .. } => Self::Engine(error.to_string()),
        }
    }
}
