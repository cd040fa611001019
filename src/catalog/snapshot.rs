//! The index's snapshot: when it is written, and whether one that is there may be used.
//!
//! It is a cache. What it was made from is named by its stamp: the model, and the very change at which it stands. A file of
//! another catalog, of this catalog before a backup was restored, or of another model has another stamp, because changes
//! carry identifiers and times that do not come twice. Whatever is wrong with it, the database fills the index instead.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};

use super::vectors::Vectors;
use super::{Catalog, CatalogError, FollowError};
use crate::config::Engine;
use crate::index::{Head, IndexOptions, Snapshot, SnapshotError, Stamp, VectorIndex};
use crate::store::catalog_changes::{self, ChangeRow};
use crate::store::product_images;
use crate::store::{Store, StoreError};
use crate::telemetry::{INDEX_SNAPSHOT_SECONDS, INDEX_SNAPSHOTS_REJECTED_TOTAL};
use crate::whole_file;

/// How often is looked whether one is due.
const LOOK: Duration = Duration::from_secs(10);

/// After it an unfinished snapshot that nobody has written to is what a killed server left behind.
const ABANDONED: Duration = Duration::from_secs(3_600);

/// How the names of snapshots begin and end.
const NAME: (&str, &str) = ("index-", ".snapshot");

/// Where the snapshot of `model`'s embeddings lies: `index-NAME@VERSION-DIGITS.snapshot`. Each model has a file of its own, so
/// that servers with different models can share a folder, and so that going back to a model finds its snapshot.
pub(super) fn place(data_dir: &Path, model: &str) -> PathBuf {
    // A model's key has one `#`, and nothing else that a file's name may not have or that a shell would mind.
    data_dir.join(format!("{}{}{}", NAME.0, model.replace('#', "-"), NAME.1))
}

/// The model whose snapshot has this name, if it is one's.
pub(super) fn model_of(name: &str) -> Option<String> {
    let (model, digits) = name.strip_prefix(NAME.0)?.strip_suffix(NAME.1)?.rsplit_once('-')?;
    Some(format!("{model}#{digits}"))
}

/// Why a snapshot is not used, or not written.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotFault {
    /// It cannot be read or written, or is damaged.
    #[error(transparent)]
    File(#[from] SnapshotError),
    /// It has seen changes that the database does not have.
    #[error("it stands at change {snapshot}, and the catalog ends at {head}")]
    Ahead {
        /// The change at which it stands.
        snapshot: i64,
        /// The newest one in the database.
        head: i64,
    },
    /// Its stamp is another one.
    #[error("it was made by another model, or from another catalog")]
    Other,
    /// The log cannot be followed from where it stands.
    #[error("the catalog's log cannot be followed from it: {0}")]
    Behind(#[from] FollowError),
    /// Photos on sale are missing from it, or others are in it: one could not be embedded when it was written, perhaps.
    #[error("with the changes since it has {found} of {wanted} photos on sale")]
    Incomplete {
        /// Rows of the index.
        found: usize,
        /// Photos on sale.
        wanted: i64,
    },
    /// The index may not hold what the database holds, so it is not written.
    #[error("the index is not to be trusted: {0}")]
    Distrusted(String),
    /// The database failed.
    #[error("the database does not answer: {0}")]
    Store(#[from] StoreError),
    /// The thread that read or wrote it failed.
    #[error("its thread failed: {0}")]
    Thread(#[from] tokio::task::JoinError),
}

impl SnapshotFault {
    /// The label of the metric.
    fn reason(&self) -> &'static str {
        match self {
            Self::File(_) => "damaged",
            Self::Ahead { .. } => "ahead",
            Self::Other => "other",
            Self::Incomplete { .. } => "incomplete",
            Self::Behind(_) | Self::Distrusted(_) | Self::Store(_) | Self::Thread(_) => "failed",
        }
    }
}

impl Vectors<'_> {
    /// The index as the snapshot has it; nothing where there is none that may be used. It may lag behind the catalog, whose
    /// log is then followed from where it stands.
    pub(super) async fn index_from_snapshot(&self, place: &Path, options: IndexOptions) -> Option<VectorIndex> {
        if !place.exists() {
            return None;
        }
        match self.read_snapshot(place.to_owned(), options).await {
            Ok(index) => Some(index),
            Err(reason) => {
                passed_over(place, &reason);
                None
            }
        }
    }

    async fn read_snapshot(&self, place: PathBuf, options: IndexOptions) -> Result<VectorIndex, SnapshotFault> {
        let snapshot = open(self.store, self.model(), self.embedder.dim(), place).await?;
        Ok(tokio::task::spawn_blocking(move || snapshot.load(options)).await??)
    }
}

/// The snapshot at `place`, whose head says that it was made of this database by this model. Its rows are still to be read.
pub(super) async fn open(store: &Store, model: &str, dim: usize, place: PathBuf) -> Result<Snapshot, SnapshotFault> {
    let snapshot = tokio::task::spawn_blocking(move || Snapshot::open(&place)).await??;
    let head = snapshot.head();
    let newest = newest_change(store).await?;
    if head.revision > newest {
        return Err(SnapshotFault::Ahead { snapshot: head.revision, head: newest });
    }
    if head.dim != dim || head.stamp != stamp_at(store, model, head.revision).await? {
        return Err(SnapshotFault::Other);
    }
    Ok(snapshot)
}

/// Writes what `index` holds now of the embeddings of `model` to `place`, and tells what the file then says of itself.
pub(super) async fn write(
    store: &Store,
    model: &str,
    index: Arc<VectorIndex>,
    place: PathBuf,
) -> Result<Head, SnapshotFault> {
    if let Some(reason) = index.distrusted() {
        return Err(SnapshotFault::Distrusted(reason.to_owned()));
    }
    let mark = index.mark().await;
    let stamp = stamp_at(store, model, mark.revision).await?;
    let write = move || {
        if let Err(error) = whole_file::remove_abandoned(&place, ABANDONED) {
            tracing::warn!(path = %place.display(), %error, "unfinished snapshots could not be removed");
        }
        index.write_snapshot(mark, stamp, &place)
    };
    Ok(tokio::task::spawn_blocking(write).await??)
}

impl Catalog {
    /// Brings the index that came from the snapshot up to the catalog's newest change; where that does not give what is on
    /// sale, fills it from the database.
    pub(super) async fn go_on_from_snapshot(&mut self, engine: &Engine) -> Result<(), CatalogError> {
        let stood_at = self.index.stats().await.revision;
        match self.follow_from_snapshot().await {
            Ok(revision) => {
                self.snapshot_revision = Some(stood_at);
                tracing::info!(
                    index.revision = revision,
                    snapshot.revision = stood_at,
                    "index loaded from its snapshot and the changes since"
                );
            }
            Err(reason) => {
                passed_over(&self.snapshot, &reason);
                let index = self.vectors().load_index(engine).await.map_err(CatalogError::Index)?;
                self.index = Arc::new(index);
            }
        }
        Ok(())
    }

    async fn follow_from_snapshot(&self) -> Result<i64, SnapshotFault> {
        let revision = self.follow().await?;
        let mut tx = self.store.read().await?;
        let wanted = product_images::count_on_sale(&mut tx).await?;
        tx.rollback().await?;
        let found = self.index.stats().await.rows;
        if i64::try_from(found).is_ok_and(|found| found == wanted) {
            Ok(revision)
        } else {
            Err(SnapshotFault::Incomplete { found, wanted })
        }
    }

    /// Writes a snapshot whenever the index has changed and the last one is `every` old, for as long as it is polled.
    pub async fn keep_snapshots(self, every: Duration) {
        let mut beat = tokio::time::interval(LOOK.min(every));
        beat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let (mut written, mut last) = (self.snapshot_revision, Instant::now());
        loop {
            beat.tick().await;
            if last.elapsed() < every || Some(self.index.stats().await.revision) == written {
                continue;
            }
            last = Instant::now();
            match self.write_snapshot().await {
                Ok(revision) => written = Some(revision),
                Err(error) => tracing::warn!(%error, "the index's snapshot could not be written; trying again later"),
            }
        }
    }

    /// Writes a snapshot of what the index holds now and tells its revision.
    ///
    /// # Errors
    /// The index is not to be trusted, the database does not answer, or the file cannot be written.
    pub async fn write_snapshot(&self) -> Result<i64, SnapshotFault> {
        let begun = Instant::now();
        let head = write(&self.store, self.vectors().model(), self.index(), self.snapshot.clone()).await?;
        metrics::histogram!(INDEX_SNAPSHOT_SECONDS).record(begun.elapsed().as_secs_f64());
        tracing::info!(index.revision = head.revision, index.embeddings = head.rows, "index snapshot written");
        Ok(head.revision)
    }
}

fn passed_over(place: &Path, reason: &SnapshotFault) {
    metrics::counter!(INDEX_SNAPSHOTS_REJECTED_TOTAL, "reason" => reason.reason()).increment(1);
    tracing::warn!(path = %place.display(), error = %reason,
        "the index's snapshot is not used; the index is filled from the database");
}

pub(super) async fn newest_change(store: &Store) -> Result<i64, StoreError> {
    let mut tx = store.read().await?;
    let head = catalog_changes::head(&mut tx).await?;
    tx.rollback().await?;
    Ok(head)
}

async fn stamp_at(store: &Store, model: &str, revision: i64) -> Result<Stamp, StoreError> {
    let mut tx = store.read().await?;
    let change = catalog_changes::after(&mut tx, revision - 1, 1).await?.into_iter().next();
    tx.rollback().await?;
    Ok(stamp(model, change.filter(|change| change.seq == revision).as_ref()))
}

/// SHA-256 over the model and the change; of revision 0, which has none, over the model alone.
fn stamp(model: &str, change: Option<&ChangeRow>) -> Stamp {
    let change = change.map(|change| {
        let images: Vec<_> = change.images.iter().map(|image| image.uuid()).collect();
        (change.seq, change.kind.as_str(), change.product_id.uuid(), images, change.created_at.micros())
    });
    Sha256::digest(serde_json::json!([model, change]).to_string()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_is_named_for_its_model() {
        let model = "tillsight-small@3-b#0123456789ab";
        let place = place(Path::new("data"), model);
        assert_eq!(place, Path::new("data/index-tillsight-small@3-b-0123456789ab.snapshot"));
        assert_eq!(model_of(place.file_name().unwrap().to_str().unwrap()).as_deref(), Some(model));
        assert_eq!(model_of("index.snapshot"), None);
        assert_eq!(model_of(".index-a@1-0.snapshot.x.part"), None);
    }
}
