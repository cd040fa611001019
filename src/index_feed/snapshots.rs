//! This server's snapshots: written periodically and at the end, removed when a model is no longer used.

use std::io;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::time::MissedTickBehavior;

use super::{IndexFeed, SnapshotFault, snapshot_file};
use crate::active_model::ActiveModel;
use crate::background::RunReporter;
use crate::embedding::ModelId;
use crate::telemetry::INDEX_SNAPSHOT_SECONDS;

/// How often the server checks whether a snapshot is due.
const CHECK_PERIOD: Duration = Duration::from_secs(10);

/// The model and the revision of a snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SnapshotPosition {
    pub(super) model: ModelId,
    pub(super) revision: i64,
}

impl IndexFeed {
    /// Writes a snapshot every `period` if the index has changed. Runs until it is dropped.
    pub async fn write_snapshots(self, period: Duration, runs: RunReporter) {
        let mut ticks = tokio::time::interval(CHECK_PERIOD.min(period));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut last_attempt = Instant::now();
        loop {
            ticks.tick().await;
            if last_attempt.elapsed() < period || !self.has_unsaved_changes().await {
                continue;
            }
            last_attempt = Instant::now();
            let _reported = runs.run(self.write_snapshot()).await;
        }
    }

    /// Writes a snapshot when the server stops, so that the next start reads one file. Takes some seconds for a million photos.
    /// If the server is killed meanwhile, the previous file stays.
    pub async fn write_last_snapshot(&self) {
        if !self.has_unsaved_changes().await {
            return;
        }
        if let Err(error) = self.write_snapshot().await {
            tracing::warn!(%error, "the index's last snapshot could not be written; the next start takes longer");
        }
    }

    /// Writes a snapshot of the index; returns its revision.
    ///
    /// # Errors
    /// The index is untrusted, the database does not answer, or the file cannot be written.
    pub async fn write_snapshot(&self) -> Result<i64, SnapshotFault> {
        let active = self.active.current();
        let began = Instant::now();
        let model = active.embedder.model_id();
        let path = snapshot_file::snapshot_path(&self.data_dir, model.as_str());
        let header = snapshot_file::write_snapshot(&self.db, model.as_str(), Arc::clone(&active.index), path).await?;
        *self.last_snapshot() = Some(SnapshotPosition { model: model.clone(), revision: header.revision });
        metrics::histogram!(INDEX_SNAPSHOT_SECONDS).record(began.elapsed().as_secs_f64());
        tracing::info!(index.revision = header.revision, index.embeddings = header.rows, "index snapshot written");
        Ok(header.revision)
    }

    /// Removes the snapshot of a model that is no longer used; returns whether it existed. Blocks the thread.
    pub fn remove_snapshot(&self, model: &str) -> io::Result<bool> {
        match std::fs::remove_file(snapshot_file::snapshot_path(&self.data_dir, model)) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Whether the index differs from the snapshot file.
    async fn has_unsaved_changes(&self) -> bool {
        let current = position_of(&self.active.current()).await;
        *self.last_snapshot() != Some(current)
    }

    fn last_snapshot(&self) -> MutexGuard<'_, Option<SnapshotPosition>> {
        self.last_snapshot.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn position_of(active: &ActiveModel) -> SnapshotPosition {
    SnapshotPosition { model: active.embedder.model_id().clone(), revision: active.index.stats().await.revision }
}
