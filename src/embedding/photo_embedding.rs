//! What comes of a photo, and where its time went.

use super::Embedding;

/// Where the time of one photo went, in microseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Timings {
    /// Decoding and turning upright.
    pub decode_us: u64,
    /// Resizing and scaling to the model's input.
    pub resize_us: u64,
    /// Waiting for a decoding thread and for a session.
    pub queue_us: u64,
    /// The run of the model, with the other photos of its batch.
    pub infer_us: u64,
}

/// What came of one photo.
#[derive(Debug, Clone, PartialEq)]
pub struct PhotoEmbedding {
    /// The whole picture's embedding.
    pub embedding: Embedding,
    /// Pixels from side to side of the upright picture.
    pub width: u32,
    /// Pixels from top to bottom of the upright picture.
    pub height: u32,
    /// Where the time went.
    pub timings: Timings,
}
