//! How much of the machine an embedder takes.

use std::time::Duration;

use super::DecodeLimits;

/// How much of the machine an [`Embedder`](super::Embedder) takes. Sessions × threads per session should not exceed the
/// cores.
#[derive(Debug, Clone, Copy)]
pub struct EmbedderOptions {
    /// Sessions of the model, each with a thread and a copy of the weights.
    pub sessions: usize,
    /// Threads that one session computes with.
    pub threads_per_session: usize,
    /// Photos that may wait for a session, photos that may wait to be decoded, and patient photos that may wait for
    /// their turn.
    pub queue_limit: usize,
    /// How long a photo of [`Embedder::embed_promptly`](super::Embedder::embed_promptly) may be expected to wait; without
    /// it, for half as long as the work on one photo takes.
    pub max_wait: Option<Duration>,
    /// Most photos per run of a session.
    pub max_batch: usize,
    /// Threads that decode and resize.
    pub decode_threads: usize,
    /// What is taken of an upload.
    pub limits: DecodeLimits,
}

impl Default for EmbedderOptions {
    /// One session with one thread, two decoding threads.
    fn default() -> Self {
        let limits = DecodeLimits::default();
        Self {
            sessions: 1,
            threads_per_session: 1,
            queue_limit: 64,
            max_wait: None,
            max_batch: 8,
            decode_threads: 2,
            limits,
        }
    }
}
