//! The vector index: exact inner-product search over the embeddings of the active model, kept in memory by FAISS.
//!
//! Invariants:
//! * the database is the truth; the index is a cache that holds what the database held at [`IndexStats::revision`];
//! * a change costs what it adds or removes, never a rebuild: rows are in bounded segments whose memory is allocated before
//!   the write lock is taken (`segment`), so the lock is held for microseconds however large the index is;
//! * searches share the read lock and never wait for one another; each sees one whole revision. A change waits for the running
//!   searches, and later searches wait for the change: at most one pass over the index, and then microseconds;
//! * vectors that FAISS would accept silently (NaN, zero, wrong length, an image twice) are refused before it sees them.
//!
//! Only one change is applied at a time: the writer first checks and prepares while searches run, then takes the write lock.
//! Knows nothing of models or databases. The only module that uses `faiss` and the lock.

pub mod baseline;
mod block_map;
mod builder;
mod error;
mod index_metrics;
mod memory_usage;
mod ranking;
#[cfg(test)]
mod ranking_tests;
mod scan;
mod segment;
mod snapshot;
#[cfg(test)]
mod snapshot_tests;
mod state;
#[cfg(test)]
mod tests;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use async_rwlock::{Mutex, RwLock};

use crate::domain::{ImageId, ProductId};
use crate::pool::Pool;
pub use builder::IndexBuilder;
pub use error::{IndexError, VectorFault};
pub use memory_usage::MemoryUsage;
use scan::{Query, Searchers};
use segment::Segment;
pub use snapshot::{IndexPosition, Snapshot, SnapshotError, SnapshotHeader, SnapshotStamp};
use state::State;

/// Memory of one segment's vectors: 4 096 rows of 256 values. Large enough that a scan hardly notices the overhead of a segment;
/// small enough that cores share a scan evenly, and that allocating or compacting a segment takes about a millisecond.
pub const SEGMENT_BYTES: usize = 4 * 1024 * 1024;

/// One enrolled photo.
#[derive(Debug, Clone, PartialEq)]
pub struct IndexRow {
    pub image: ImageId,
    pub product: ProductId,
    /// The embedding of the image, of length 1.
    pub vector: Arc<[f32]>,
}

/// One step of a change; all steps of a change take effect together.
#[derive(Debug, Clone)]
pub enum Change {
    Add(Vec<IndexRow>),
    /// Images to remove; unknown ones are ignored.
    Remove(Vec<ImageId>),
}

/// What [`VectorIndex::apply`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeOutcome {
    Changed {
        added: usize,
        removed: usize,
    },
    /// The index has this revision already; nothing was done.
    Stale {
        revision: i64,
    },
}

/// A product in the result of a search.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hit {
    pub product: ProductId,
    /// The nearest image of the product.
    pub image: ImageId,
    /// The cosine of the image and the query.
    pub score: f32,
    /// The cosine of the product's second nearest image and the query. `None` if it has no other image, or if that is less
    /// than the score of the last product found.
    pub second_score: Option<f32>,
}

/// The products nearest to a query, best first.
#[derive(Debug, Clone, PartialEq)]
pub struct Hits {
    /// The revision that was searched.
    pub revision: i64,
    /// At most one per product. Of equal scores, the image with the smaller identifier (the older one) comes first.
    pub hits: Vec<Hit>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IndexStats {
    /// The last change that was applied.
    pub revision: i64,
    /// Rows that searches can find.
    pub rows: usize,
    /// Removed rows whose memory is not free yet.
    pub dead_rows: usize,
    /// Products with at least one live row.
    pub products: usize,
    pub segments: usize,
    pub memory: MemoryUsage,
}

/// How much of the machine a [`VectorIndex`] takes.
#[derive(Debug, Clone, Copy)]
pub struct IndexOptions {
    /// About the number of cores.
    pub search_threads: usize,
    /// Searches that may wait for a thread.
    pub queue_limit: usize,
    /// Rows per segment; `None`: as many as [`SEGMENT_BYTES`] holds.
    pub segment_rows: Option<usize>,
    /// Another index serves searches meanwhile: this one sets no gauges before [`VectorIndex::start_reporting`].
    pub standby: bool,
}

impl IndexOptions {
    /// Rows per segment of vectors with `dim` values.
    fn capacity(&self, dim: usize) -> usize {
        self.segment_rows.unwrap_or(SEGMENT_BYTES / (dim.max(1) * size_of::<f32>())).max(1)
    }
}

impl Default for IndexOptions {
    /// Two threads, 256 waiting searches, segments of [`SEGMENT_BYTES`].
    fn default() -> Self {
        Self { search_threads: 2, queue_limit: 256, segment_rows: None, standby: false }
    }
}

/// The index. Share it by `Arc`.
#[derive(Debug)]
pub struct VectorIndex {
    dim: usize,
    // An asynchronous lock, because writers wait for it in async code; searches take it on their own threads. It prefers
    // writers, so a steady stream of searches cannot block a change.
    state: Arc<RwLock<State>>,
    // Why the answers may be wrong. Once set, only a new index helps.
    untrusted_reason: OnceLock<String>,
    // Of several indexes in a process, the one that serves searches sets the gauges.
    reports_gauges: AtomicBool,
    // Held by the one writer from validation to compaction, so that what it validated still holds when it writes.
    writer: Mutex<()>,
    searchers: Searchers,
    // Allocates and compacts segments. Not on the searchers' threads, so that a burst of searches cannot refuse a change; one
    // thread, because there is one writer.
    maintenance: Pool,
}

impl VectorIndex {
    /// An empty index at revision 0.
    ///
    /// # Errors
    /// Those of [`VectorIndex::build`].
    pub fn new(dim: usize, options: IndexOptions) -> Result<Self, IndexError> {
        Self::build(dim, 0, Vec::new(), options)
    }

    /// An index of `rows`, in their order, at `revision`. For the start of a process: it runs on the calling thread, and each
    /// call is counted as a build.
    ///
    /// # Errors
    /// A row is refused (see [`IndexError`]), or there is no memory or no thread.
    pub fn build(dim: usize, revision: i64, rows: Vec<IndexRow>, options: IndexOptions) -> Result<Self, IndexError> {
        let mut builder = IndexBuilder::new(dim, options);
        builder.add(rows)?;
        builder.finish(revision)
    }

    fn from_state(state: State, options: IndexOptions) -> Result<Self, IndexError> {
        let dim = state.dim();
        let state = Arc::new(RwLock::new(state));
        let searchers = Searchers::start(&state, options.search_threads, options.queue_limit)?;
        Ok(Self {
            dim,
            state,
            untrusted_reason: OnceLock::new(),
            reports_gauges: AtomicBool::new(!options.standby),
            writer: Mutex::new(()),
            searchers,
            maintenance: Pool::new("tillsight-index", 1, 4)?,
        })
    }

    /// Number of values per vector.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// Refuses every later search with `reason`: the index may differ from the database, and a wrong answer is worse than none.
    /// The first reason stays and is logged once.
    pub fn mark_untrusted(&self, reason: &str) {
        if self.untrusted_reason.set(reason.to_owned()).is_ok() {
            tracing::error!(%reason, "the index may be wrong: recognition stops until the server is restarted");
        }
    }

    /// Why searches are refused, if they are.
    pub fn untrusted_reason(&self) -> Option<&str> {
        self.untrusted_reason.get().map(String::as_str)
    }

    /// Lets the gauges describe this index from now on.
    pub async fn start_reporting(&self) {
        self.reports_gauges.store(true, Ordering::Relaxed);
        index_metrics::set_gauges(&self.stats().await);
    }

    /// Lets another index, which replaces this one, set the gauges from now on.
    pub fn stop_reporting(&self) {
        self.reports_gauges.store(false, Ordering::Relaxed);
    }

    fn report_gauges(&self, stats: &IndexStats) {
        if self.reports_gauges.load(Ordering::Relaxed) {
            index_metrics::set_gauges(stats);
        }
    }

    /// Those of `images` that are not in the index, in their order.
    pub async fn missing_images(&self, images: &[ImageId]) -> Vec<ImageId> {
        let state = self.state.read().await;
        images.iter().copied().filter(|image| !state.contains_image(*image)).collect()
    }

    pub async fn stats(&self) -> IndexStats {
        self.state.read().await.stats()
    }

    /// At most `limit` live rows after `after`, in the order of their images' identifiers, to compare them with the database.
    pub async fn rows_after(&self, after: ImageId, limit: usize) -> Vec<IndexRow> {
        self.state.read().await.rows_after(after).take(limit).collect()
    }

    /// Applies the change that leads to `revision`: all of it, or, with an error, nothing. Every search that begins afterwards
    /// finds the added rows. A revision that is not above the index's own is ignored, so that a change may be applied more than
    /// once: by the request that made it and by a follower of the database's changes.
    ///
    /// Segments with many dead rows (more than a quarter, and not just a few) are compacted afterwards, while searches run; only
    /// the exchange of the copy takes the write lock.
    ///
    /// # Cancel safety
    /// If the future is dropped, the index has all of the change or none, and the change can be applied again. At most the
    /// compaction is delayed to the next removal.
    ///
    /// # Errors
    /// A row is refused (see [`IndexError`]), or there is no memory.
    pub async fn apply(&self, revision: i64, changes: Vec<Change>) -> Result<ChangeOutcome, IndexError> {
        state::check_vectors(self.dim, changes.iter().flat_map(Change::rows))?;
        let _only_writer = self.writer.lock().await;
        let (change, missing_segments) = {
            let state = self.state.read().await;
            if revision <= state.revision() {
                return Ok(ChangeOutcome::Stale { revision: state.revision() });
            }
            let change = state.validate(changes)?;
            let missing_segments = state.missing_segments(&change);
            (change, missing_segments)
        };
        let new_segments = self.allocate_segments(missing_segments).await?;

        let wait_start = Instant::now();
        let mut state = self.state.write().await;
        let lock_start = Instant::now();
        let (outcome, sparse_segments) = state.commit(revision, change, new_segments)?;
        let stats = state.stats();
        // Before the lock is released: that wakes waiting threads, which may take over this core.
        let lock_time = lock_start.elapsed();
        drop(state);
        if self.reports_gauges.load(Ordering::Relaxed) {
            index_metrics::record_write(lock_start - wait_start, lock_time, outcome);
        }
        self.report_gauges(&stats);

        for segment in sparse_segments {
            if let Err(error) = self.compact(segment).await {
                // Searches ignore dead rows, so the index stays correct; the next removal tries again.
                tracing::warn!(index.segment = segment, %error, "a segment could not be compacted");
            }
        }
        Ok(outcome)
    }

    /// Searches for the `products` products nearest to `query`, with the best image of each. Exact at any size of the index.
    ///
    /// # Cancel safety
    /// If the future is dropped before the search begins, the search is not run.
    ///
    /// # Errors
    /// [`IndexError::Busy`] if too many searches wait; [`IndexError::Untrusted`]; the query has another dimension than the index,
    /// or is not of length 1.
    pub async fn search(&self, query: impl Into<Arc<[f32]>>, products: usize) -> Result<Hits, IndexError> {
        let hits = self.search_batch(vec![query.into()], products).await?.pop();
        hits.ok_or_else(|| IndexError::Threads { reason: "a search was not answered".to_owned() })
    }

    /// As [`Self::search`], for several queries at once: one result for each, in their order, all at one revision.
    ///
    /// # Errors
    /// Those of [`Self::search`]; if one query is refused, all are.
    pub async fn search_batch(&self, queries: Vec<Arc<[f32]>>, products: usize) -> Result<Vec<Hits>, IndexError> {
        self.check_trusted()?;
        let query = |vector: Arc<[f32]>| match state::check_vector(self.dim, &vector) {
            Ok(()) => Ok(Query { vector, products }),
            Err(fault) => Err(IndexError::InvalidQuery { fault }),
        };
        let queries = queries.into_iter().map(query).collect::<Result<Vec<_>, _>>()?;
        if queries.is_empty() {
            return Ok(Vec::new());
        }
        self.searchers.search(queries).await
    }

    /// # Errors
    /// [`IndexError::Untrusted`] if a search would be refused for it.
    pub fn check_trusted(&self) -> Result<(), IndexError> {
        self.untrusted_reason().map_or(Ok(()), |reason| Err(IndexError::Untrusted { reason: reason.to_owned() }))
    }

    async fn allocate_segments(&self, count: usize) -> Result<Vec<Segment>, IndexError> {
        if count == 0 {
            return Ok(Vec::new());
        }
        let capacity = self.state.read().await.capacity();
        let dim = self.dim;
        let segments = self.maintenance.run(move || (0..count).map(|_| Segment::new(dim, capacity)).collect());
        segments.await.map_err(|error| IndexError::Threads { reason: error.to_string() })?
    }

    async fn compact(&self, segment: usize) -> Result<(), IndexError> {
        let state = Arc::clone(&self.state);
        let copy = self.maintenance.run(move || state.read_blocking().copy_compacted(segment));
        let copy = copy.await.map_err(|error| IndexError::Threads { reason: error.to_string() })??;
        let mut state = self.state.write().await;
        let lock_start = Instant::now();
        let replaced = state.replace_segment(segment, copy);
        let stats = state.stats();
        let lock_time = lock_start.elapsed();
        drop(state);
        index_metrics::record_compaction(lock_time);
        self.report_gauges(&stats);
        // Outside the lock, because freeing megabytes takes time.
        drop(replaced);
        Ok(())
    }
}

impl Change {
    fn rows(&self) -> &[IndexRow] {
        match self {
            Self::Add(rows) => rows,
            Self::Remove(_) => &[],
        }
    }
}
