//! Searching: what waits is searched for together, and one scan is shared out over the cores.
//!
//! Whoever has a query on a thread for computing searches there, where a searcher is idle. Otherwise a free thread takes the queries that wait (`pool::Batcher`: never waiting for more) and passes over the segments once
//! for all of them. Where there are several segments, helpers scan them side by side; they never touch the lock, which
//! the thread that took the batch holds for all of them, so a batch sees one revision. What a query is answered does not
//! depend on its company or on who scanned: scores are computed anew, in one way, from the rows that FAISS brought
//! ([`super::segment`]).

use std::sync::Arc;

use async_rwlock::RwLock;
use rayon::ThreadPool;

use super::state::State;
use super::{Hits, IndexError};
use crate::pool::{BatchError, Batcher, BatcherNames, Runner};
use crate::telemetry::{SEARCH_BATCH_ENTRIES, SEARCH_QUEUE_SECONDS, SEARCH_REQUESTS_TOTAL, SEARCH_SECONDS};

/// Most queries in one pass. More would make each of them wait for longer and hardly cost less apiece.
const MOST_QUERIES: usize = 64;

const NAMES: BatcherNames = BatcherNames {
    thread: "tillsight-search",
    entries: SEARCH_REQUESTS_TOTAL,
    queue_seconds: SEARCH_QUEUE_SECONDS,
    run_seconds: SEARCH_SECONDS,
    batch_entries: SEARCH_BATCH_ENTRIES,
};

/// What is searched for.
#[derive(Debug)]
pub(super) struct Query {
    pub(super) vector: Arc<[f32]>,
    /// How many products are wanted.
    pub(super) products: usize,
}

/// The threads that search.
#[derive(Debug)]
pub(super) struct Searchers {
    batches: Batcher<Query, Hits>,
}

impl Searchers {
    /// `threads` threads; `queue_limit` queries may wait for them.
    pub(super) fn start(state: &Arc<RwLock<State>>, threads: usize, queue_limit: usize) -> Result<Self, IndexError> {
        let threads = threads.max(1);
        let helpers = match threads {
            1 => None,
            _ => Some(Arc::new(
                rayon::ThreadPoolBuilder::new()
                    .num_threads(threads)
                    .thread_name(|number| format!("tillsight-scan-{number}"))
                    .build()
                    .map_err(|error| IndexError::Threads { reason: error.to_string() })?,
            )),
        };
        let scanner = || Scanner { state: Arc::clone(state), helpers: helpers.clone() };
        let scanners: Vec<_> = (0..threads).map(|_| scanner()).collect();
        // One pass for all that waits: with helpers it takes every core anyway, and FAISS' product of matrices costs the less
        // for each query the more of them it has.
        Ok(Self { batches: Batcher::start(NAMES, scanners, queue_limit, MOST_QUERIES, 1)? })
    }

    /// Queues the query and waits for what is found.
    pub(super) async fn search(&self, query: Query) -> Result<Hits, IndexError> {
        Ok(self.batches.submit(query).await.map_err(unanswered)?.output)
    }

    /// Searches on the calling thread, where a searcher is idle and nobody waits for one.
    pub(super) fn search_here(&self, query: Query) -> Result<Option<Hits>, IndexError> {
        match self.batches.run_here(query) {
            Ok(answer) => Ok(Some(answer.map_err(unanswered)?.output)),
            Err(_) => Ok(None),
        }
    }
}

fn unanswered(error: BatchError) -> IndexError {
    match error {
        BatchError::Full => IndexError::Busy,
        BatchError::Failed(reason) => IndexError::Faiss { reason },
        BatchError::Stopped => IndexError::Threads { reason: "they have stopped".to_owned() },
    }
}

/// One searching thread's view of the index.
struct Scanner {
    state: Arc<RwLock<State>>,
    helpers: Option<Arc<ThreadPool>>,
}

impl Runner<Query, Hits> for Scanner {
    fn run(&mut self, queries: Vec<Query>) -> Result<Vec<Hits>, String> {
        // Taken here and not before the queue: a search that waits for a thread must not hold up a change.
        let state = self.state.read_blocking();
        state.search(&queries, self.helpers.as_deref()).map_err(|error| error.to_string())
    }
}
