//! Why the index refuses a change or a search.

use crate::domain::ImageId;

/// What is wrong with a vector.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum VectorFault {
    /// Another number of values than the index holds.
    #[error("it has {found} values; the index holds vectors of {expected}")]
    WrongDimension {
        /// What the index holds.
        expected: usize,
        /// What came.
        found: usize,
    },
    /// A value is NaN or infinite.
    #[error("value {at} is {value}")]
    NotFinite {
        /// Position of the first such value.
        at: usize,
        /// The value.
        value: f32,
    },
    /// Its length is not 1 (zero included), so that an inner product with it is no cosine.
    #[error("its length is {length}, not 1")]
    NotUnit {
        /// Its length.
        length: f64,
    },
}

/// Why the index refuses.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum IndexError {
    /// A row's vector cannot be taken.
    #[error("the vector of image {image} cannot be indexed: {fault}")]
    Row {
        /// Whose vector.
        image: ImageId,
        /// What is wrong with it.
        fault: VectorFault,
    },
    /// A query's vector cannot be searched for.
    #[error("the index cannot be searched for this vector: {fault}")]
    Query {
        /// What is wrong with it.
        fault: VectorFault,
    },
    /// The image is in the index already, or twice in the change.
    #[error("image {image} is in the index already")]
    Duplicate {
        /// The image.
        image: ImageId,
    },
    /// The index may no longer hold what the database holds; see [`distrust`](super::VectorIndex::distrust).
    #[error("the index is not to be trusted: {reason}")]
    Distrusted {
        /// What was found.
        reason: String,
    },
    /// As many searches wait as may wait; try again later.
    #[error("too many searches are waiting")]
    Busy,
    /// FAISS failed, in its own words; out of memory, usually.
    #[error("FAISS failed: {reason}")]
    Faiss {
        /// Its words.
        reason: String,
    },
    /// The index's threads cannot be started or do not answer.
    #[error("the index's threads failed: {reason}")]
    Threads {
        /// Why.
        reason: String,
    },
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
