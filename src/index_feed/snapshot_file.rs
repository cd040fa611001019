//! The snapshot file of an index: its name, its stamp, opening and writing it.
//!
//! A snapshot is a cache: if anything is wrong with it, the index is filled from the database. Its stamp identifies the model
//! and the last change in it. Changes have unique ids and times, so a snapshot of another catalog, another model, or this
//! catalog before a restore has another stamp.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest, Sha256};

use super::change_log::newest_change;
use super::{FollowError, SnapshotFault};
use crate::atomic_file;
use crate::db::Database;
use crate::db::catalog_changes::{self, ChangeRow};
use crate::index::{Snapshot, SnapshotHeader, SnapshotStamp, VectorIndex};

/// A killed server left an unfinished snapshot that has not been written to for this long.
const ABANDONED_AFTER: Duration = Duration::from_secs(3_600);

const NAME_PREFIX: &str = "index-";
const NAME_SUFFIX: &str = ".snapshot";

/// The path of the snapshot of `model`'s embeddings: `index-NAME@VERSION-DIGITS.snapshot`. Each model has its own file, so
/// that servers with different models can share a folder, and a rollback finds its snapshot.
pub(super) fn snapshot_path(data_dir: &Path, model: &str) -> PathBuf {
    // A model's key has one `#`, and no other character that a file name or a shell cannot take.
    data_dir.join(format!("{NAME_PREFIX}{}{NAME_SUFFIX}", model.replace('#', "-")))
}

/// The model whose snapshot has this file name; `None` for another file.
pub(super) fn model_of_file_name(name: &str) -> Option<String> {
    let (model, digits) = name.strip_prefix(NAME_PREFIX)?.strip_suffix(NAME_SUFFIX)?.rsplit_once('-')?;
    Some(format!("{model}#{digits}"))
}

/// Opens the snapshot at `path` and checks by its header that it is of this database and model. Does not read its rows.
pub(super) async fn open_snapshot(
    db: &Database,
    model: &str,
    dim: usize,
    path: PathBuf,
) -> Result<Snapshot, SnapshotFault> {
    let snapshot = tokio::task::spawn_blocking(move || Snapshot::open(&path)).await??;
    let header = snapshot.header();
    let newest = newest_change(db).await?;
    if header.revision > newest {
        return Err(SnapshotFault::DatabaseBehind { snapshot: header.revision, head: newest });
    }
    if header.dim != dim || header.stamp != stamp_at(db, model, header.revision).await? {
        return Err(SnapshotFault::Foreign);
    }
    Ok(snapshot)
}

/// Writes `index`, whose embeddings are of `model`, to `path`; returns the header of the file.
pub(super) async fn write_snapshot(
    db: &Database,
    model: &str,
    index: Arc<VectorIndex>,
    path: PathBuf,
) -> Result<SnapshotHeader, SnapshotFault> {
    if let Some(reason) = index.untrusted_reason() {
        return Err(SnapshotFault::Untrusted(reason.to_owned()));
    }
    let position = index.position().await;
    let stamp = stamp_at(db, model, position.revision).await?;
    let write = move || {
        if let Err(error) = atomic_file::remove_abandoned(&path, ABANDONED_AFTER) {
            tracing::warn!(path = %path.display(), %error, "unfinished snapshots could not be removed");
        }
        index.write_snapshot(position, stamp, &path)
    };
    Ok(tokio::task::spawn_blocking(write).await??)
}

async fn stamp_at(db: &Database, model: &str, revision: i64) -> Result<SnapshotStamp, SnapshotFault> {
    let logged = catalog_changes::list_after(&mut db.read().await?, revision - 1, 1).await?.into_iter().next();
    let change = match logged.filter(|logged| logged.seq == revision) {
        Some(logged) => Some(logged.row.map_err(|reason| FollowError::UnreadableChange { seq: revision, reason })?),
        None => None,
    };
    Ok(compute_stamp(model, change.as_ref()))
}

/// SHA-256 over the model and the change; at revision 0, which has no change, over the model alone.
fn compute_stamp(model: &str, change: Option<&ChangeRow>) -> SnapshotStamp {
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
        let path = snapshot_path(Path::new("data"), model);
        assert_eq!(path, Path::new("data/index-tillsight-small@3-b-0123456789ab.snapshot"));
        assert_eq!(model_of_file_name(path.file_name().unwrap().to_str().unwrap()).as_deref(), Some(model));
        assert_eq!(model_of_file_name("index.snapshot"), None);
        assert_eq!(model_of_file_name(".index-a@1-0.snapshot.x.part"), None);
    }
}
