//! Searching: what waits is searched for together, and one scan is shared out over the cores.
//!
//! A free thread takes the searches that wait (`pool::Batcher`: never waiting for more) and passes over the segments once
//! for all of them. Where there are several segments, helpers scan them side by side; they never touch the lock, which
//! the thread that took the batch holds for all of them, so a batch sees one revision. What a query is answered does not
//! depend on its company or on who scanned: scores are computed anew, in one way, from the rows that FAISS brought
//! ([`super::segment`]).

use std::sync::Arc;

use async_rwlock::RwLock;
use rayon::ThreadPool;

use super::state::State;
use super::{Hits, IndexError};
use crate::pool::{BatchError, Batcher, BatcherLimits, BatcherNames, Runner};
use crate::telemetry::{SEARCH_BATCH_ENTRIES, SEARCH_QUEUE_SECONDS, SEARCH_REQUESTS_TOTAL, SEARCH_SECONDS};

/// Most searches in one pass. More would make each of them wait for longer and hardly cost less apiece.
const MOST_SEARCHES: usize = 64;

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

/// The threads that search. An entry is a search with one query or more.
#[derive(Debug)]
pub(super) struct Searchers {
    batches: Batcher<Vec<Query>, Vec<Hits>>,
}

impl Searchers {
    /// `threads` threads; `queue_limit` searches may wait for them.
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
        let limits = BatcherLimits { queue: queue_limit.max(MOST_SEARCHES), batch: MOST_SEARCHES, shares: 1 };
        Ok(Self { batches: Batcher::start(NAMES, scanners, limits)? })
    }

    /// Queues the search and waits for what is found: one answer for each query, all at one revision.
    pub(super) async fn search(&self, queries: Vec<Query>) -> Result<Vec<Hits>, IndexError> {
        Ok(self.batches.submit(queries).await.map_err(unanswered)?.output)
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

impl Runner<Vec<Query>, Vec<Hits>> for Scanner {
    fn run(&mut self, searches: Vec<Vec<Query>>) -> Result<Vec<Vec<Hits>>, String> {
        let counts: Vec<usize> = searches.iter().map(Vec::len).collect();
        let queries: Vec<Query> = searches.into_iter().flatten().collect();
        // Taken here and not before the queue: a search that waits for a thread must not hold up a change.
        let state = self.state.read_blocking();
        let found = state.search(&queries, self.helpers.as_deref()).map_err(|error| error.to_string())?;
        drop(state);
        let mut found = found.into_iter();
        Ok(counts.into_iter().map(|count| found.by_ref().take(count).collect()).collect())
    }
}
