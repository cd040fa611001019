//! What can be wrong with a picture that came from outside.

/// Why a picture cannot be taken. The text says what was found and what would be right; the variant is what a client's
/// program can act on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PhotoFault {
    /// More bytes or pixels than are taken.
    #[error("{0}")]
    TooLarge(String),
    /// Of no format that is taken.
    #[error("{0}")]
    NotAnImage(String),
    /// Empty, damaged or cut off.
    #[error("{0}")]
    Broken(String),
}
