//! The vector index: exact inner-product search over the embeddings of the active model, kept in memory by FAISS.
//!
//! Invariants:
//! * the database is the truth; the index is a cache that holds what the database held at [`Stats::revision`];
//! * a change costs what it adds or removes, never a rebuild: rows lie in bounded segments whose memory is taken before
//!   the write lock is (`segment`), so the lock is held for microseconds however large the index is;
//! * searches share the read lock and never wait for one another; each sees one revision, whole. A change waits for the searches
//!   that run, and those that come meanwhile wait for it: at most as long as one pass takes, and then for microseconds;
//! * vectors that FAISS would take without a word (NaN, zero, wrong length, an image twice) are refused before it sees
//!   them.
//!
//! Changes go one at a time: a writer first checks and prepares beside the searches, then takes the write lock. Knows
//! nothing of models or databases. The only module that uses `faiss` and the lock.

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
pub use memory_usage::Memory;
use scan::{Query, Searchers};
use segment::Segment;
pub use snapshot::{IndexPosition, Snapshot, SnapshotError, SnapshotHeader, SnapshotStamp};
use state::State;

/// Memory of one segment's vectors: 4 096 rows of 256 values. Large enough that the overhead of a segment is lost in the
/// scan of it; small enough that cores can share a scan evenly, and that taking a fresh one, or copying one to be rid of
/// dead rows, takes about a millisecond.
pub const SEGMENT_BYTES: usize = 4 * 1024 * 1024;

/// One enrolled photo.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// The photo.
    pub image: ImageId,
    /// What it shows.
    pub product: ProductId,
    /// Its embedding, of length 1.
    pub vector: Arc<[f32]>,
}

/// One step of a change; the steps of a change take effect together.
#[derive(Debug, Clone)]
pub enum Change {
    /// Rows to add.
    Add(Vec<Row>),
    /// Images to remove; those that are not there are passed over.
    Remove(Vec<ImageId>),
}

/// What [`VectorIndex::apply`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Applied {
    /// The change is in.
    Changed {
        /// Rows added.
        added: usize,
        /// Rows removed.
        removed: usize,
    },
    /// The index holds this revision already; nothing was done.
    Stale {
        /// The revision that it holds.
        revision: i64,
    },
}

/// A product that a photo may show.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hit {
    /// The product.
    pub product: ProductId,
    /// Which of its images came nearest.
    pub image: ImageId,
    /// The cosine between the two.
    pub score: f32,
}

/// The products nearest to a photo, best first.
#[derive(Debug, Clone, PartialEq)]
pub struct Hits {
    /// The revision that was searched.
    pub revision: i64,
    /// At most one entry per product. Of equal scores the image with the smaller identifier, the older one, comes first.
    pub hits: Vec<Hit>,
}

/// What the index holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stats {
    /// The last change that is in.
    pub revision: i64,
    /// Rows that searches can find.
    pub rows: usize,
    /// Removed rows whose memory has not been taken back yet.
    pub dead: usize,
    /// Products with at least one row.
    pub products: usize,
    /// Segments.
    pub segments: usize,
    /// Memory taken.
    pub memory: Memory,
}

/// How much of the machine a [`VectorIndex`] takes.
#[derive(Debug, Clone, Copy)]
pub struct IndexOptions {
    /// Threads that search; about the number of cores.
    pub search_threads: usize,
    /// Searches that may wait for a thread.
    pub queue_limit: usize,
    /// Rows per segment; `None` for as many as [`SEGMENT_BYTES`] holds.
    pub segment_rows: Option<usize>,
    /// Whether it is built beside the one that is served from: no gauge tells of it before
    /// [`VectorIndex::show_in_gauges`].
    pub beside: bool,
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
        Self { search_threads: 2, queue_limit: 256, segment_rows: None, beside: false }
    }
}

/// The index. Share it by `Arc`.
#[derive(Debug)]
pub struct VectorIndex {
    dim: usize,
    // An asynchronous lock, since writers wait for it in async code; searches take it on their own threads. It prefers
    // writers: a steady stream of searches cannot keep a change out.
    state: Arc<RwLock<State>>,
    // Why its answers may be wrong, once that is so. Nothing but a new index, filled anew, takes it back.
    distrust: OnceLock<String>,
    // Whether the gauges tell of this index: of several in a process, the one that is served from.
    in_gauges: AtomicBool,
    // Held by the one writer from its check to its last clean-up, so that what it checked is still so when it writes.
    writer: Mutex<()>,
    searchers: Searchers,
    // Takes memory for segments and copies them. Apart from the searchers, so that a burst of searches cannot refuse a
    // change; one thread, as there is one writer.
    keeper: Pool,
}

impl VectorIndex {
    /// An empty index at revision 0.
    ///
    /// # Errors
    /// As [`VectorIndex::build`].
    pub fn new(dim: usize, options: IndexOptions) -> Result<Self, IndexError> {
        Self::build(dim, 0, Vec::new(), options)
    }

    /// An index of `rows`, in their order, that stands at `revision`. For the start of a process: it takes its time on
    /// the calling thread, and every call is counted as a build.
    ///
    /// # Errors
    /// A row is refused (see [`IndexError`]), or there is no memory or no thread.
    pub fn build(dim: usize, revision: i64, rows: Vec<Row>, options: IndexOptions) -> Result<Self, IndexError> {
        let mut builder = IndexBuilder::new(dim, options);
        builder.add(rows)?;
        builder.finish(revision)
    }

    fn of(state: State, options: IndexOptions) -> Result<Self, IndexError> {
        let dim = state.dim();
        let state = Arc::new(RwLock::new(state));
        let searchers = Searchers::start(&state, options.search_threads, options.queue_limit)?;
        Ok(Self {
            dim,
            state,
            distrust: OnceLock::new(),
            in_gauges: AtomicBool::new(!options.beside),
            writer: Mutex::new(()),
            searchers,
            keeper: Pool::new("tillsight-index", 1, 4)?,
        })
    }

    /// Number of values of its vectors.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// From now on every search is refused with `reason`: the index may no longer hold what the database holds, and a wrong
    /// answer is worse than none. The first reason stays, and is said once in the log.
    pub fn distrust(&self, reason: &str) {
        if self.distrust.set(reason.to_owned()).is_ok() {
            tracing::error!(%reason, "the index cannot be trusted any more: recognition is stopped until the server is started again");
        }
    }

    /// Why searches are refused, if they are.
    pub fn distrusted(&self) -> Option<&str> {
        self.distrust.get().map(String::as_str)
    }

    /// From now on the gauges tell of this index.
    pub async fn show_in_gauges(&self) {
        self.in_gauges.store(true, Ordering::Relaxed);
        index_metrics::holds(&self.stats().await);
    }

    /// From now on the gauges tell of another index, which takes this one's place.
    pub fn leave_gauges(&self) {
        self.in_gauges.store(false, Ordering::Relaxed);
    }

    fn meter(&self, stats: &Stats) {
        if self.in_gauges.load(Ordering::Relaxed) {
            index_metrics::holds(stats);
        }
    }

    /// Those of `images` that no search can find, in their order.
    pub async fn lacking(&self, images: &[ImageId]) -> Vec<ImageId> {
        let state = self.state.read().await;
        images.iter().copied().filter(|image| !state.has(*image)).collect()
    }

    /// What it holds now.
    pub async fn stats(&self) -> Stats {
        self.state.read().await.stats()
    }

    /// Rows that searches can find, in the order of their images' identifiers, after `after`, at most `limit` of them: to be
    /// compared with where they came from.
    pub async fn rows_after(&self, after: ImageId, limit: usize) -> Vec<Row> {
        self.state.read().await.rows_after(after).take(limit).collect()
    }

    /// Puts in the change that leads to `revision`: all of it, or, with an error, nothing. Rows that it adds are found by
    /// every search that begins after this returns. A revision that is not above the index's own is passed over, so that
    /// a change may be handed in more than once, by the request that made it and by a follower of the database's changes.
    ///
    /// Segments in which more than a quarter of the rows (and not just a few) are dead are copied without them afterwards, beside the
    /// searches; only the exchange of the two takes the write lock.
    ///
    /// # Cancel safety
    /// Dropping the future leaves the index with all of the change or none; handing it in again is then safe. At most the
    /// clean-up is put off to the next removal.
    ///
    /// # Errors
    /// A row is refused (see [`IndexError`]), or there is no memory.
    pub async fn apply(&self, revision: i64, changes: Vec<Change>) -> Result<Applied, IndexError> {
        state::check_vectors(self.dim, changes.iter().flat_map(Change::rows))?;
        let _only_writer = self.writer.lock().await;
        let (plan, missing) = {
            let state = self.state.read().await;
            if revision <= state.revision() {
                return Ok(Applied::Stale { revision: state.revision() });
            }
            let plan = state.plan(changes)?;
            let missing = state.missing_segments(&plan);
            (plan, missing)
        };
        let fresh = self.fresh_segments(missing).await?;

        let asked = Instant::now();
        let mut state = self.state.write().await;
        let locked = Instant::now();
        let (applied, sparse) = state.commit(revision, plan, fresh)?;
        let stats = state.stats();
        // Before the lock is let go of: that wakes those who wait, who may well take this core.
        let held = locked.elapsed();
        drop(state);
        if self.in_gauges.load(Ordering::Relaxed) {
            index_metrics::wrote(locked - asked, held, applied);
        }
        self.meter(&stats);

        for segment in sparse {
            if let Err(error) = self.compact(segment).await {
                // Searches pass over dead rows, so the index stays right; the next removal tries again.
                tracing::warn!(index.segment = segment, %error, "a segment could not be compacted");
            }
        }
        Ok(applied)
    }

    /// The best image of each of the `products` products nearest to `query`: exact, whatever the index's size.
    ///
    /// # Cancel safety
    /// Dropping the future before the search's turn means that it is never run. A search changes nothing.
    ///
    /// # Errors
    /// [`IndexError::Busy`] where as many searches wait as may wait; [`IndexError::Distrusted`]; the query has another
    /// dimension than the index, or is not of length 1.
    pub async fn search(&self, query: impl Into<Arc<[f32]>>, products: usize) -> Result<Hits, IndexError> {
        let found = self.search_batch(vec![query.into()], products).await?.pop();
        found.ok_or_else(|| IndexError::Threads { reason: "a search was not answered".to_owned() })
    }

    /// As [`Self::search`], for several queries at once: one answer for each, in their order, all at one revision.
    ///
    /// # Errors
    /// As [`Self::search`]; none is answered where one of them is refused.
    pub async fn search_batch(&self, queries: Vec<Arc<[f32]>>, products: usize) -> Result<Vec<Hits>, IndexError> {
        self.refuse_if_distrusted()?;
        let query = |vector: Arc<[f32]>| match state::check_vector(self.dim, &vector) {
            Ok(()) => Ok(Query { vector, products }),
            Err(fault) => Err(IndexError::Query { fault }),
        };
        let queries = queries.into_iter().map(query).collect::<Result<Vec<_>, _>>()?;
        if queries.is_empty() {
            return Ok(Vec::new());
        }
        self.searchers.search(queries).await
    }

    /// Refuses as a search would.
    ///
    /// # Errors
    /// [`IndexError::Distrusted`] where the index is not to be trusted.
    pub fn refuse_if_distrusted(&self) -> Result<(), IndexError> {
        self.distrusted().map_or(Ok(()), |reason| Err(IndexError::Distrusted { reason: reason.to_owned() }))
    }

    async fn fresh_segments(&self, count: usize) -> Result<Vec<Segment>, IndexError> {
        if count == 0 {
            return Ok(Vec::new());
        }
        let capacity = self.state.read().await.capacity();
        let dim = self.dim;
        let made = self.keeper.run(move || (0..count).map(|_| Segment::new(dim, capacity)).collect());
        made.await.map_err(|error| IndexError::Threads { reason: error.to_string() })?
    }

    async fn compact(&self, segment: usize) -> Result<(), IndexError> {
        let state = Arc::clone(&self.state);
        let copied = self.keeper.run(move || state.read_blocking().compacted(segment));
        let copy = copied.await.map_err(|error| IndexError::Threads { reason: error.to_string() })??;
        let mut state = self.state.write().await;
        let locked = Instant::now();
        let sparse = state.exchange(segment, copy);
        let stats = state.stats();
        let held = locked.elapsed();
        drop(state);
        index_metrics::compacted(held);
        self.meter(&stats);
        // Freeing megabytes belongs outside the lock.
        drop(sparse);
        Ok(())
    }
}

impl Change {
    fn rows(&self) -> &[Row] {
        match self {
            Self::Add(rows) => rows,
            Self::Remove(_) => &[],
        }
    }
}
