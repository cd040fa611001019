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
    /// Background photos that may wait for their turn.
    pub queue_limit: usize,
    /// How long an interactive photo may be expected to wait until the work on it begins.
    pub max_wait: Duration,
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
            max_wait: Duration::from_secs(1),
            max_batch: 8,
            decode_threads: 2,
            limits,
        }
    }
}
