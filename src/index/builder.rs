//! Filling an index before anybody searches it.

use std::time::Instant;

use super::state::State;
use super::{IndexError, IndexOptions, Row, VectorIndex, index_metrics};

/// An index that is being filled, piece by piece, so that no more than a piece lies in memory twice.
#[derive(Debug)]
pub struct IndexBuilder {
    state: State,
    options: IndexOptions,
    begun: Instant,
}

impl IndexBuilder {
    /// Nothing in it yet.
    pub fn new(dim: usize, options: IndexOptions) -> Self {
        Self { state: State::new(dim, options.capacity(dim)), options, begun: Instant::now() }
    }

    /// Adds rows. Takes its time on the calling thread.
    ///
    /// # Errors
    /// A row is refused (see [`IndexError`]), or there is no memory.
    pub fn add(&mut self, rows: Vec<Row>) -> Result<(), IndexError> {
        self.state.fill(rows)
    }

    /// The index, which stands at `revision`. Counted as a build.
    ///
    /// # Errors
    /// There is no thread.
    pub fn finish(mut self, revision: i64) -> Result<VectorIndex, IndexError> {
        self.state.stand_at(revision);
        index_metrics::register();
        index_metrics::built(self.begun.elapsed(), self.options.beside);
        if !self.options.beside {
            index_metrics::holds(&self.state.stats());
        }
        VectorIndex::of(self.state, self.options)
    }
}
