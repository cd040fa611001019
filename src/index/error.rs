//! Why the index refuses a change or a search.

use crate::domain::ImageId;

#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum VectorFault {
    #[error("it has {found} values; the index holds vectors of {expected}")]
    WrongDimension { expected: usize, found: usize },
    #[error("value {position} is {value}")]
    NotFinite { position: usize, value: f32 },
    /// An inner product with the vector would not be a cosine.
    #[error("its length is {length}, not 1")]
    NotUnit { length: f64 },
}

#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum IndexError {
    #[error("the vector of image {image} cannot be indexed: {fault}")]
    InvalidRow { image: ImageId, fault: VectorFault },
    #[error("the index cannot be searched for this vector: {fault}")]
    InvalidQuery { fault: VectorFault },
    /// Also if the image is twice in one change.
    #[error("image {image} is in the index already")]
    Duplicate { image: ImageId },
    /// The index may differ from the database; see [`mark_untrusted`](super::VectorIndex::mark_untrusted).
    #[error("the index may be wrong: {reason}")]
    Untrusted { reason: String },
    /// The queue of searches is full.
    #[error("too many searches are waiting")]
    Busy,
    /// Usually out of memory.
    #[error("FAISS failed: {reason}")]
    Faiss { reason: String },
    /// The threads cannot be started or do not answer.
    #[error("the index's threads failed: {reason}")]
    Threads { reason: String },
}

impl From<faiss::error::Error> for IndexError {
    fn from(error: faiss::error::Error) -> Self {
        Self::Faiss { reason: error.to_string() }
    }
}

impl From<std::io::Error> for IndexError {
    fn from(error: std::io::Error) -> Self {
        Self::Threads { reason: error.to_string() }
    }
}
