//! Keeps the index equal to the catalog: fills it at the start, then follows the log of catalog changes.
//!
//! Invariants: the database is the truth, the index a cache. Every change reaches the index through the log
//! ([`IndexFeed::follow`]), whichever server made it. An index belongs to one model; a switch fills a second index and
//! exchanges model and index in one step ([`IndexFeed::exchange`]).

mod announcements;
mod change_log;
mod error;
mod feed_status;
mod filling;
mod follower;
mod image_embeddings;
mod model_exchange;
mod snapshot_fault;
mod snapshot_file;
mod snapshots;
mod stored_index;
mod unsearchable_images;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex as StdMutex};

use tokio::sync::Mutex;

use crate::active_model::{ActiveModel, ModelSlot, StartedModel};
use crate::background::Signal;
use crate::clock::Clock;
use crate::config::{EngineSettings, Settings};
use crate::db::blobs::Blobs;
use crate::db::catalog_changes::ChangeRow;
use crate::db::{Database, DatabaseError};
use crate::embedding::Embedder;
use crate::index::IndexOptions;
use feed_status::OutageTracker;
use filling::IndexFiller;
use snapshots::SnapshotPosition;
use unsearchable_images::UnsearchableImages;

pub use crate::index::IndexRow;
pub use error::FollowError;
pub use feed_status::{FeedStatus, IndexOutage, StatusError};
pub use image_embeddings::{ImageEmbeddings, PhotoFailure, stored_rows};
pub use model_exchange::PreparedIndex;
pub use snapshot_fault::SnapshotFault;
pub use stored_index::{
    Difference, FileReport, IndexReport, ModelReport, RebuiltSnapshot, SnapshotReport, StoredIndex, StoredIndexError,
    Verification,
};

/// The service; cheap to clone.
#[derive(Clone)]
pub struct IndexFeed {
    db: Database,
    blobs: Blobs,
    clock: Clock,
    active: ModelSlot,
    index_options: IndexOptions,
    /// Where snapshots are written.
    data_dir: PathBuf,
    /// The last change that the index has applied, if known. The lock is held while changes are applied, so that there is one
    /// follower at a time.
    last_applied: Arc<Mutex<Option<ChangeRow>>>,
    /// The position of the snapshot file, if this server has read or written it.
    last_snapshot: Arc<StdMutex<Option<SnapshotPosition>>>,
    unsearchable: Arc<UnsearchableImages>,
    outage: Arc<OutageTracker>,
    /// Raised when the database announces a change.
    change_signal: Signal,
}

impl IndexFeed {
    /// Fills the index of `model` from its snapshot and the changes since, or, without a usable snapshot, from the database.
    /// Photos without an embedding by the model are embedded first. Call it before serving.
    pub async fn start(
        db: Database,
        blobs: Blobs,
        clock: Clock,
        model: StartedModel,
        settings: &Settings,
    ) -> Result<Self, FollowError> {
        let index_options = index_options(&settings.engine);
        let data_dir = settings.data_dir.clone();
        let unsearchable: Arc<UnsearchableImages> = Arc::default();
        let embeddings = ImageEmbeddings::new(&db, &blobs, &model.embedder);
        let filler = IndexFiller::new(embeddings, &unsearchable);
        let opened = filler.open_index(&data_dir, index_options).await?;
        let model_id = model.embedder.model_id().clone();
        let last_snapshot = opened.snapshot_revision.map(|revision| SnapshotPosition { model: model_id, revision });
        Ok(Self {
            db,
            blobs,
            clock,
            active: ModelSlot::new(ActiveModel::new(model, opened.index)),
            index_options,
            data_dir,
            last_applied: Arc::default(),
            last_snapshot: Arc::new(StdMutex::new(last_snapshot)),
            unsearchable,
            outage: Arc::default(),
            change_signal: Signal::default(),
        })
    }

    /// The model in use and its index.
    pub fn active_model(&self) -> ModelSlot {
        self.active.clone()
    }

    /// The number of the last change that the index has applied.
    pub async fn revision(&self) -> i64 {
        self.active.current().index.stats().await.revision
    }

    /// The number of embeddings in the index.
    pub async fn embeddings_count(&self) -> usize {
        self.active.current().index.stats().await.rows
    }

    /// The number of the newest catalog change.
    pub async fn newest_change(&self) -> Result<i64, DatabaseError> {
        change_log::newest_change(&self.db).await
    }

    /// Embeddings of enrolled photos by `embedder`'s model.
    pub fn image_embeddings<'a>(&'a self, embedder: &'a Embedder) -> ImageEmbeddings<'a> {
        ImageEmbeddings::new(&self.db, &self.blobs, embedder)
    }

    /// The folder of this server's files. It also names the server in fail points.
    pub fn data_dir(&self) -> &Path {
        &self.data_dir
    }

    fn filler<'a>(&'a self, active: &'a ActiveModel) -> IndexFiller<'a> {
        IndexFiller::new(self.image_embeddings(&active.embedder), &self.unsearchable)
    }
}

fn index_options(engine: &EngineSettings) -> IndexOptions {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let search_threads = if engine.search_threads == 0 { cores } else { engine.search_threads };
    IndexOptions { search_threads, queue_limit: engine.queue, ..IndexOptions::default() }
}
