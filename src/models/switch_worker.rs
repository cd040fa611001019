//! What each server does for an open switch. It starts the new model beside its own, so that uploads here are embedded by
//! both. If it has the lease, it also embeds the photos that the new model has not seen.
//!
//! A pass (`embedding_pass`) goes through all of them once. Photos that cannot be embedded are counted and the first ones
//! listed, while the others go on; the next pass tries them again.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::time::MissedTickBehavior;

use super::embedding_pass::PassOutcome;
use super::{FailedImage, ModelSwitches, SwitchError, run_blocking};
use crate::background::RunReporter;
use crate::backoff::{Delays, MODEL_SWITCH};
use crate::db::model_switches::{self, SwitchRow};
use crate::db::product_images::ImageEmbeddingRow;
use crate::domain::{ImageId, SwitchId};
use crate::embedding::Embedder;
use crate::index_feed::PhotoFailure;

/// How long a server that failed leaves the work to others.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(10);
/// Photos that cannot be embedded and are listed; the others are only counted.
const LISTED_FAILURES: usize = 20;

/// What a server knows of a switch from one check to the next.
#[derive(Default)]
pub(super) struct WorkerState {
    /// The new model, started.
    embedder: Option<Arc<Embedder>>,
    /// The first of the photos that could not be embedded in this pass.
    pub(super) failed: Vec<FailedImage>,
    /// How many there are in all.
    pub(super) failed_count: i64,
    /// The last photo of this pass so far.
    pub(super) last_image: Option<ImageId>,
    /// The switch, and the catalog's newest change when the last complete pass began: until there is a newer one, only
    /// failed photos are left.
    completed: Option<(SwitchId, i64)>,
    retry: Option<Retry>,
}

/// When failed photos are tried again.
struct Retry {
    delays: Delays,
    at: Instant,
}

impl ModelSwitches {
    /// Does what an open switch needs; checks every `every`. Runs until it is dropped.
    pub async fn work_on_switches(self, every: Duration, runs: RunReporter) {
        let mut ticks = tokio::time::interval(every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut state = WorkerState::default();
        loop {
            ticks.tick().await;
            if let Err(error) = runs.run(self.work_on_open_switch(&mut state)).await {
                // Another server may be able to.
                if let Err(error) = self.give_up_lease(&error.to_string()).await {
                    tracing::warn!(%error, "another server waits for half a minute before it goes on embedding");
                }
                tokio::time::sleep(PAUSE_AFTER_FAILURE).await;
            }
        }
    }

    /// Stores why this server cannot go on, and releases its lease.
    async fn give_up_lease(&self, obstacle: &str) -> Result<(), SwitchError> {
        let mut tx = self.db.begin().await?;
        model_switches::save_obstacle(&mut tx, self.server_id, obstacle, self.clock.now()).await?;
        tx.commit().await?;
        self.release_lease().await
    }

    async fn work_on_open_switch(&self, state: &mut WorkerState) -> Result<(), SwitchError> {
        let mut reader = self.db.read().await?;
        let open = model_switches::find_open(&mut reader).await?;
        let switched = model_switches::find_active(&mut reader).await?.and_then(|row| row.generation);
        drop(reader);
        let Some(row) = open else {
            // Until this server has adopted the last switch, its uploads are embedded by both models: otherwise the index
            // that is being filled would never catch up with an import.
            if self.active.current().generation >= switched {
                self.incoming.clear();
            }
            *state = WorkerState::default();
            return Ok(());
        };
        let embedder = self.start_new_model(&row, state).await?;
        self.incoming.set(Arc::clone(&embedder));
        let newest_change = self.index_feed.newest_change().await?;
        if state.has_nothing_to_do(row.id, newest_change) || !self.claim_lease(row.id).await? {
            return Ok(());
        }
        let id = row.id;
        match self.run_with_lease(id, Box::pin(self.run_pass(row, &embedder, state))).await? {
            Some(PassOutcome::Completed) => state.complete_pass(id, newest_change),
            Some(PassOutcome::Activated) => {
                *state = WorkerState::default();
                drop(embedder);
                return self.adopt().await;
            }
            // The server that has the lease now goes on; the next pass here begins anew.
            Some(PassOutcome::LeaseLost) | None => {
                state.begin_pass();
                return Ok(());
            }
        }
        if state.failed_count > 0 {
            // Another server may have the originals that this one lacks.
            self.release_lease().await?;
        }
        Ok(())
    }

    /// The new model on this server, started once.
    async fn start_new_model(&self, row: &SwitchRow, state: &mut WorkerState) -> Result<Arc<Embedder>, SwitchError> {
        if let Some(embedder) = state.embedder.as_ref().filter(|known| known.model_id().as_str() == row.to_model) {
            return Ok(Arc::clone(embedder));
        }
        *state = WorkerState::default();
        let (folder, row) = (self.folder.clone(), row.clone());
        let model = run_blocking(move || folder.open_switched(&row)).await?;
        let embedder = self.folder.start_incoming(model).await?;
        state.embedder = Some(Arc::clone(&embedder));
        Ok(embedder)
    }
}

impl WorkerState {
    pub(super) fn begin_pass(&mut self) {
        self.last_image = None;
        self.failed.clear();
        self.failed_count = 0;
        self.completed = None;
    }

    /// The pass for switch `id` that began when the catalog's newest change was `newest_change` is complete.
    fn complete_pass(&mut self, id: SwitchId, newest_change: i64) {
        self.completed = Some((id, newest_change));
        self.retry = (self.failed_count > 0).then(|| {
            let mut delays = self.retry.take().map_or_else(|| MODEL_SWITCH.delays(), |retry| retry.delays);
            let at = Instant::now() + delays.next().unwrap_or(MODEL_SWITCH.longest());
            Retry { delays, at }
        });
    }

    fn has_nothing_to_do(&self, id: SwitchId, newest_change: i64) -> bool {
        let retry_is_due = self.retry.as_ref().is_some_and(|retry| Instant::now() >= retry.at);
        self.completed == Some((id, newest_change)) && !retry_is_due
    }

    /// Counts a photo that could not be embedded, and lists it among the first.
    pub(super) fn add_failure(&mut self, row: &ImageEmbeddingRow, failure: &PhotoFailure) {
        self.failed_count += 1;
        if self.failed.len() < LISTED_FAILURES {
            let (image_id, product_id) = (row.image_id.to_string(), row.product_id.to_string());
            self.failed.push(FailedImage { image_id, product_id, reason: failure.to_string() });
        }
    }
}
