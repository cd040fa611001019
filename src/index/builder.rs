//! Filling an index before it serves searches.

use std::time::Instant;

use super::state::State;
use super::{IndexError, IndexOptions, IndexRow, VectorIndex, index_metrics};

/// An index that is filled chunk by chunk, so that no more than one chunk is in memory twice.
#[derive(Debug)]
pub struct IndexBuilder {
    state: State,
    options: IndexOptions,
    start: Instant,
}

impl IndexBuilder {
    pub fn new(dim: usize, options: IndexOptions) -> Self {
        Self { state: State::new(dim, options.capacity(dim)), options, start: Instant::now() }
    }

    /// Adds rows, on the calling thread.
    ///
    /// # Errors
    /// A row is refused (see [`IndexError`]), or there is no memory.
    pub fn add(&mut self, rows: Vec<IndexRow>) -> Result<(), IndexError> {
        self.state.add_rows(rows)
    }

    /// The index at `revision`. Counted as a build.
    ///
    /// # Errors
    /// There is no thread.
    pub fn finish(mut self, revision: i64) -> Result<VectorIndex, IndexError> {
        self.state.set_revision(revision);
        index_metrics::register_counters();
        index_metrics::record_build(self.start.elapsed(), self.options.standby);
        if !self.options.standby {
            index_metrics::set_gauges(&self.state.stats());
        }
        VectorIndex::from_state(self.state, self.options)
    }
}
