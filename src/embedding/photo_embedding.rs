//! Results of decoding and embedding, with their timings.

use std::ops::AddAssign;
use std::sync::Arc;
use std::time::Duration;

use super::Embedding;
use crate::domain::Photo;

/// Where the time of one photo went.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct EmbedTimings {
    /// Waiting for threads: one that decodes, one that resizes, and a session.
    pub queue: Duration,
    /// Decoding and turning upright.
    pub decode: Duration,
    /// Resizing and scaling to the model's input.
    pub resize: Duration,
    /// The run of the model, with the other pictures of its batch.
    pub infer: Duration,
}

impl AddAssign for EmbedTimings {
    fn add_assign(&mut self, other: Self) {
        self.queue += other.queue;
        self.decode += other.decode;
        self.resize += other.resize;
        self.infer += other.infer;
    }
}

/// A decoded photo.
#[derive(Debug, Clone)]
pub struct DecodedPhoto {
    /// Its pixels, upright.
    pub photo: Arc<Photo>,
    /// Where the time went.
    pub timings: EmbedTimings,
}

/// Embeddings of several pictures.
#[derive(Debug, Clone, PartialEq)]
pub struct Embeddings {
    /// One for each picture, in their order.
    pub embeddings: Vec<Embedding>,
    /// Where the time went.
    pub timings: EmbedTimings,
}

/// The embedding of a whole photo.
#[derive(Debug, Clone, PartialEq)]
pub struct PhotoEmbedding {
    /// The whole picture's embedding.
    pub embedding: Embedding,
    /// Pixels from side to side of the upright picture.
    pub width: u32,
    /// Pixels from top to bottom of the upright picture.
    pub height: u32,
    /// Where the time went.
    pub timings: EmbedTimings,
}
