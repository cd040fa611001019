//! The index's snapshot: when it is written, and whether one that is there may be used.
//!
//! It is a cache. What it was made from is named by its stamp: the model, and the very change at which it stands. A file of
//! another catalog, of this catalog before a backup was restored, or of another model has another stamp, because changes
//! carry identifiers and times that do not come twice. Whatever is wrong with it, the database fills the index instead.

use std::path::{Path, PathBuf};
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};

use super::FollowError;
use super::image_embeddings::EmbeddingSource;
use crate::active_model::ActiveModel;
use crate::atomic_file;
use crate::catalog::Catalog;
use crate::db::catalog_changes::{self, ChangeRow};
use crate::db::product_images;
use crate::db::{Database, DatabaseError};
use crate::embedding::ModelId;
use crate::index::{IndexOptions, Snapshot, SnapshotError, SnapshotHeader, SnapshotStamp, VectorIndex};
use crate::telemetry::{INDEX_SNAPSHOT_SECONDS, INDEX_SNAPSHOTS_REJECTED_TOTAL};

/// How often is looked whether one is due.
const LOOK: Duration = Duration::from_secs(10);

/// After it an unfinished snapshot that nobody has written to is what a killed server left behind.
const ABANDONED: Duration = Duration::from_secs(3_600);

/// How the names of snapshots begin and end.
const NAME: (&str, &str) = ("index-", ".snapshot");

/// Where the snapshot of `model`'s embeddings lies: `index-NAME@VERSION-DIGITS.snapshot`. Each model has a file of its own, so
/// that servers with different models can share a folder, and so that going back to a model finds its snapshot.
pub(crate) fn place(data_dir: &Path, model: &str) -> PathBuf {
    // A model's key has one `#`, and nothing else that a file's name may not have or that a shell would mind.
    data_dir.join(format!("{}{}{}", NAME.0, model.replace('#', "-"), NAME.1))
}

/// The model whose snapshot has this name, if it is one's.
pub(crate) fn model_of(name: &str) -> Option<String> {
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
    /// Photos that the database has on sale and embedded are missing from it, or others are in it.
    #[error("with the changes since it has {found} photos, and {wanted} are on sale and embedded")]
    Incomplete {
        /// Rows of the index.
        found: usize,
        /// Photos on sale that have an embedding of this model.
        wanted: i64,
    },
    /// The index may not hold what the database holds, so it is not written.
    #[error("the index is not to be trusted: {0}")]
    Distrusted(String),
    /// The database failed.
    #[error("the database does not answer: {0}")]
    Database(#[from] DatabaseError),
    /// The thread that read or wrote it failed.
    #[error("its thread failed: {0}")]
    Thread(#[from] tokio::task::JoinError),
}

impl SnapshotFault {
    /// Whether the snapshot was looked at, and this is what is wrong with it.
    pub(crate) fn is_finding(&self) -> bool {
        match self {
            Self::File(error) => !matches!(error, SnapshotError::Io(_)),
            Self::Behind(error) => error.is_finding(),
            Self::Ahead { .. } | Self::Other | Self::Incomplete { .. } | Self::Distrusted(_) => true,
            Self::Database(_) | Self::Thread(_) => false,
        }
    }

    /// The label of the metric.
    fn reason(&self) -> &'static str {
        match self {
            Self::File(_) => "damaged",
            Self::Ahead { .. } => "ahead",
            Self::Other => "other",
            Self::Incomplete { .. } => "incomplete",
            Self::Behind(_) | Self::Distrusted(_) | Self::Database(_) | Self::Thread(_) => "failed",
        }
    }
}

/// An index that is ready.
pub(crate) struct OpenedIndex {
    pub(crate) index: VectorIndex,
    /// Where the snapshot stood from which it came, if it did.
    pub(crate) snapshot_revision: Option<i64>,
}

impl EmbeddingSource<'_> {
    /// The index of everything on sale at the catalog's newest change: from its snapshot in `folder` and the changes since,
    /// or, where there is none that may be used, from the database.
    pub(crate) async fn open_index(&self, folder: &Path, options: IndexOptions) -> Result<OpenedIndex, FollowError> {
        let place = place(folder, self.model());
        if place.exists() {
            match self.open_snapshot(place.clone(), options).await {
                Ok(opened) => return Ok(opened),
                Err(reason) => passed_over(&place, &reason),
            }
        }
        Ok(OpenedIndex { index: self.load_index(options).await?, snapshot_revision: None })
    }

    async fn open_snapshot(&self, place: PathBuf, options: IndexOptions) -> Result<OpenedIndex, SnapshotFault> {
        let index = self.read_snapshot(place, options).await?;
        let stood_at = index.stats().await.revision;
        let (revision, found, wanted, unseen) = loop {
            let revision = self.bring_up(&index, &mut None).await?;
            let found = index.stats().await.rows;
            let mut reader = self.db.snapshot().await?;
            let head = catalog_changes::head(&mut reader).await?;
            let on_sale = product_images::count_on_sale(&mut reader).await?;
            // Mostly none are, and counting them looks at every photo.
            let unseen = match i64::try_from(found) == Ok(on_sale) {
                true => 0,
                false => product_images::count_unseen(&mut reader, self.model()).await?,
            };
            // Another server may have changed the catalog in between; what is compared must be of one state.
            if head <= revision {
                break (revision, found, on_sale - unseen, unseen);
            }
        };
        if i64::try_from(found) != Ok(wanted) {
            return Err(SnapshotFault::Incomplete { found, wanted });
        }
        // Those that could not be embedded when it was written, and cannot yet, perhaps: no reason to read all others anew.
        self.left_out.notice_several(u64::try_from(unseen).unwrap_or(0));
        tracing::info!(
            index.revision = revision,
            snapshot.revision = stood_at,
            "index loaded from its snapshot and the changes since"
        );
        Ok(OpenedIndex { index, snapshot_revision: Some(stood_at) })
    }

    async fn read_snapshot(&self, place: PathBuf, options: IndexOptions) -> Result<VectorIndex, SnapshotFault> {
        let snapshot = open(self.db, self.model(), self.embedder.dim(), place).await?;
        Ok(tokio::task::spawn_blocking(move || snapshot.load(options)).await??)
    }
}

/// The snapshot at `place`, whose head says that it was made of this database by this model. Its rows are still to be read.
pub(crate) async fn open(db: &Database, model: &str, dim: usize, place: PathBuf) -> Result<Snapshot, SnapshotFault> {
    let snapshot = tokio::task::spawn_blocking(move || Snapshot::open(&place)).await??;
    let head = snapshot.head();
    let newest = newest_change(db).await?;
    if head.revision > newest {
        return Err(SnapshotFault::Ahead { snapshot: head.revision, head: newest });
    }
    if head.dim != dim || head.stamp != stamp_at(db, model, head.revision).await? {
        return Err(SnapshotFault::Other);
    }
    Ok(snapshot)
}

/// Writes what `index` holds now of the embeddings of `model` to `place`, and tells what the file then says of itself.
pub(crate) async fn write(
    db: &Database,
    model: &str,
    index: Arc<VectorIndex>,
    place: PathBuf,
) -> Result<SnapshotHeader, SnapshotFault> {
    if let Some(reason) = index.distrusted() {
        return Err(SnapshotFault::Distrusted(reason.to_owned()));
    }
    let mark = index.mark().await;
    let stamp = stamp_at(db, model, mark.revision).await?;
    let write = move || {
        if let Err(error) = atomic_file::remove_abandoned(&place, ABANDONED) {
            tracing::warn!(path = %place.display(), %error, "unfinished snapshots could not be removed");
        }
        index.write_snapshot(mark, stamp, &place)
    };
    Ok(tokio::task::spawn_blocking(write).await??)
}

impl Catalog {
    /// Writes a snapshot whenever the index has changed and the last one is `every` old, for as long as it is polled.
    pub async fn keep_snapshots(self, every: Duration) {
        let mut beat = tokio::time::interval(LOOK.min(every));
        beat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut last = Instant::now();
        loop {
            beat.tick().await;
            if last.elapsed() < every || !self.is_snapshot_due().await {
                continue;
            }
            last = Instant::now();
            if let Err(error) = self.write_snapshot().await {
                tracing::warn!(%error, "the index's snapshot could not be written; trying again later");
            }
        }
    }

    /// Writes what the index holds at the end, so that the next start reads one file. It takes as long as the disk does: some
    /// seconds for a million photos. A server that is killed meanwhile leaves the file before it.
    pub async fn write_last_snapshot(&self) {
        if !self.is_snapshot_due().await {
            return;
        }
        if let Err(error) = self.write_snapshot().await {
            tracing::warn!(%error, "the index's last snapshot could not be written; the next start takes longer");
        }
    }

    /// Whether the index holds something else than the file.
    async fn is_snapshot_due(&self) -> bool {
        let now = WrittenSnapshot::of(&self.active.now()).await;
        *self.written() != Some(now)
    }

    fn written(&self) -> MutexGuard<'_, Option<WrittenSnapshot>> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes a snapshot of what the index holds now and tells its revision.
    ///
    /// # Errors
    /// The index is not to be trusted, the database does not answer, or the file cannot be written.
    pub async fn write_snapshot(&self) -> Result<i64, SnapshotFault> {
        let active = self.active.now();
        let begun = Instant::now();
        let model = active.embedder.model_id();
        let place = place(&self.snapshots, model.as_str());
        let head = write(&self.db, model.as_str(), Arc::clone(&active.index), place).await?;
        *self.written() = Some(WrittenSnapshot { model: model.clone(), revision: head.revision });
        metrics::histogram!(INDEX_SNAPSHOT_SECONDS).record(begun.elapsed().as_secs_f64());
        tracing::info!(index.revision = head.revision, index.embeddings = head.rows, "index snapshot written");
        Ok(head.revision)
    }
}

/// What a snapshot holds: which model's embeddings, at which change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WrittenSnapshot {
    pub(crate) model: ModelId,
    pub(crate) revision: i64,
}

impl WrittenSnapshot {
    async fn of(active: &ActiveModel) -> Self {
        Self { model: active.embedder.model_id().clone(), revision: active.index.stats().await.revision }
    }
}

fn passed_over(place: &Path, reason: &SnapshotFault) {
    metrics::counter!(INDEX_SNAPSHOTS_REJECTED_TOTAL, "reason" => reason.reason()).increment(1);
    tracing::warn!(path = %place.display(), error = %reason,
        "the index's snapshot is not used; the index is filled from the database");
}

pub(crate) async fn newest_change(db: &Database) -> Result<i64, DatabaseError> {
    let head = catalog_changes::head(&mut db.read().await?).await?;
    Ok(head)
}

async fn stamp_at(db: &Database, model: &str, revision: i64) -> Result<SnapshotStamp, SnapshotFault> {
    let logged = catalog_changes::after(&mut db.read().await?, revision - 1, 1).await?.into_iter().next();
    let change = match logged.filter(|logged| logged.seq == revision) {
        Some(logged) => Some(logged.row.map_err(|reason| FollowError::Unreadable { seq: revision, reason })?),
        None => None,
    };
    Ok(stamp(model, change.as_ref()))
}

/// SHA-256 over the model and the change; of revision 0, which has none, over the model alone.
fn stamp(model: &str, change: Option<&ChangeRow>) -> SnapshotStamp {
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
