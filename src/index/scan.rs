//! Searching: waiting searches are answered together, and one scan is shared by the cores.
//!
//! A free thread takes all waiting searches (`pool::Batcher`, which never waits for more) and scans the segments once for all
//! of them. If there are several segments, helpers scan them in parallel; only the thread that took the batch holds the lock,
//! so a batch sees one revision. The result of a query does not depend on the batch or on the scanning thread, because rows
//! that FAISS returns are scored again in one way ([`super::segment`]).

use std::sync::Arc;

use async_rwlock::RwLock;
use rayon::ThreadPool;

use super::state::State;
use super::{Hits, IndexError};
use crate::pool::{BatchError, Batcher, BatcherLimits, BatcherNames, Runner};
use crate::telemetry::{SEARCH_BATCH_ENTRIES, SEARCH_QUEUE_SECONDS, SEARCH_REQUESTS_TOTAL, SEARCH_SECONDS};

/// Larger batches would make each search wait longer and hardly save time per search.
const BATCH_SEARCHES_MAX: usize = 64;

const NAMES: BatcherNames = BatcherNames {
    thread: "tillsight-search",
    entries: SEARCH_REQUESTS_TOTAL,
    queue_seconds: SEARCH_QUEUE_SECONDS,
    run_seconds: SEARCH_SECONDS,
    batch_entries: SEARCH_BATCH_ENTRIES,
};

#[derive(Debug)]
pub(super) struct Query {
    pub(super) vector: Arc<[f32]>,
    /// How many products to find.
    pub(super) products: usize,
}

/// The threads that search. An entry of a batch is a search with one or more queries.
#[derive(Debug)]
pub(super) struct Searchers {
    batches: Batcher<Vec<Query>, Vec<Hits>>,
}

impl Searchers {
    /// Starts `threads` threads; `queue_limit` searches may wait for them.
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
        // One batch for all waiting searches: with helpers it uses every core anyway, and FAISS' matrix product costs less per
        // query, the more queries it has.
        let limits = BatcherLimits { queue: queue_limit.max(BATCH_SEARCHES_MAX), batch: BATCH_SEARCHES_MAX, shares: 1 };
        Ok(Self { batches: Batcher::start(NAMES, scanners, limits)? })
    }

    /// Queues the search and waits for its results: one for each query, all at one revision.
    pub(super) async fn search(&self, queries: Vec<Query>) -> Result<Vec<Hits>, IndexError> {
        Ok(self.batches.submit(queries).await.map_err(from_batch_error)?.output)
    }
}

fn from_batch_error(error: BatchError) -> IndexError {
    match error {
        BatchError::Full => IndexError::Busy,
        BatchError::Failed(reason) => IndexError::Faiss { reason },
        BatchError::Stopped => IndexError::Threads { reason: "they have stopped".to_owned() },
    }
}

/// One search thread's access to the index.
struct Scanner {
    state: Arc<RwLock<State>>,
    helpers: Option<Arc<ThreadPool>>,
}

impl Runner<Vec<Query>, Vec<Hits>> for Scanner {
    fn run(&mut self, searches: Vec<Vec<Query>>) -> Result<Vec<Vec<Hits>>, String> {
        let counts: Vec<usize> = searches.iter().map(Vec::len).collect();
        let queries: Vec<Query> = searches.into_iter().flatten().collect();
        // Not before the queue: a search that waits for a thread must not block a change.
        let state = self.state.read_blocking();
        let hits = state.search(&queries, self.helpers.as_deref()).map_err(|error| error.to_string())?;
        drop(state);
        let mut hits = hits.into_iter();
        Ok(counts.into_iter().map(|count| hits.by_ref().take(count).collect()).collect())
    }
}
