//! What each server does for a switch under way: it starts the new model beside its own, so that photos enrolled here are
//! seen by both (`beside`), and, where it has the lease, embeds the photos that the new model has not seen.
//!
//! A pass (`pass`) goes through all of them once. Photos that cannot be embedded are counted, and the first ones named, while
//! the others go on; the next pass tries them again.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::embedding_pass::PassOutcome;
use super::{FailedImage, ModelSwitches, SwitchError};
use crate::db::model_switches::{self, SwitchRow};
use crate::db::product_images::VectorRow;
use crate::domain::{ImageId, SwitchId};
use crate::embedding::Embedder;
use crate::index_feed::image_embeddings::PhotoFailure;
use crate::index_feed::snapshot_file;

/// How long a server that failed leaves the work to others.
const AFTER_FAILURE: Duration = Duration::from_secs(10);
/// The first and the longest wait before photos that could not be embedded are tried again; it doubles in between.
const WAITS: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(60));
/// Photos that cannot be embedded and are named; the others are counted.
const NAMED: usize = 20;

/// What a server knows of a switch from one look to the next.
#[derive(Default)]
pub(super) struct WorkerState {
    /// The new model, started.
    embedder: Option<Arc<Embedder>>,
    /// The first of the photos that could not be embedded in this pass.
    pub(super) stuck: Vec<FailedImage>,
    /// How many there are in all.
    pub(super) stuck_count: i64,
    /// The last photo of this pass.
    pub(super) after: Option<ImageId>,
    /// Where the catalog stood when the last pass began, if it came to its end: nothing is left to do until it moves.
    done_at: Option<(SwitchId, i64)>,
    /// When stuck photos are tried again, and the wait before that.
    again: Option<(Instant, Duration)>,
}

impl ModelSwitches {
    /// Does what a switch under way needs done, looking every `every`, for as long as it is polled.
    pub async fn work(self, every: Duration) {
        let mut beat = tokio::time::interval(every);
        beat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let (mut work, mut told) = (WorkerState::default(), None);
        loop {
            beat.tick().await;
            match self.look(&mut work).await {
                Ok(()) => told = None,
                Err(error) => {
                    let error = error.to_string();
                    if told.as_ref() != Some(&error) {
                        tracing::error!(%error, "photos cannot be embedded by the new model now; trying again");
                    }
                    // Another server may be able to.
                    if let Err(error) = self.leave(&error).await {
                        tracing::warn!(%error, "another server waits for half a minute before it goes on embedding");
                    }
                    told = Some(error);
                    tokio::time::sleep(AFTER_FAILURE).await;
                }
            }
        }
    }

    /// Says why this server cannot go on, and lets go.
    async fn leave(&self, obstacle: &str) -> Result<(), SwitchError> {
        let mut tx = self.catalog.db.begin().await?;
        model_switches::keep_obstacle(&mut tx, self.me, obstacle, self.catalog.clock.now()).await?;
        tx.commit().await?;
        self.release().await
    }

    /// Works on the open switch until nothing is left to do for now.
    async fn look(&self, work: &mut WorkerState) -> Result<(), SwitchError> {
        let mut reader = self.catalog.db.read().await?;
        let open = model_switches::open(&mut reader).await?;
        let switched = model_switches::active(&mut reader).await?.and_then(|row| row.generation);
        drop(reader);
        let Some(row) = open else {
            // Until this server recognises by what was switched to, its uploads are seen by both: the index that is being
            // filled would never catch up with an import otherwise.
            if self.catalog.active.now().generation >= switched {
                self.catalog.beside.set(None);
            }
            *work = WorkerState::default();
            return Ok(());
        };
        let embedder = self.started(&row, work).await?;
        self.catalog.beside.set(Some(Arc::clone(&embedder)));
        let head = snapshot_file::newest_change(&self.catalog.db).await?;
        if work.rests(row.id, head) || !self.claim(row.id).await? {
            return Ok(());
        }
        let id = row.id;
        match self.holding(id, Box::pin(self.pass(row, &embedder, work))).await? {
            Some(PassOutcome::Ended) => work.ended(id, head),
            Some(PassOutcome::CarriedOut) => {
                *work = WorkerState::default();
                drop(embedder);
                return self.adopt().await;
            }
            // Whoever has it now goes on; the next pass here begins anew.
            Some(PassOutcome::Lost) | None => {
                work.begin();
                return Ok(());
            }
        }
        if work.stuck_count > 0 {
            // Another server may have the originals that this one lacks.
            self.release().await?;
        }
        Ok(())
    }

    /// The new model on this server, started once.
    async fn started(&self, row: &SwitchRow, work: &mut WorkerState) -> Result<Arc<Embedder>, SwitchError> {
        if let Some(embedder) = work.embedder.as_ref().filter(|known| known.model_id().as_str() == row.to_model) {
            return Ok(Arc::clone(embedder));
        }
        *work = WorkerState::default();
        let (folder, row) = (self.folder.clone(), row.clone());
        let model = self.blocking(move || folder.open_switched(&row)).await?;
        let embedder = self.folder.start_beside(model).await?;
        work.embedder = Some(Arc::clone(&embedder));
        Ok(embedder)
    }
}

impl WorkerState {
    /// A new pass begins.
    pub(super) fn begin(&mut self) {
        self.after = None;
        self.stuck.clear();
        self.stuck_count = 0;
        self.done_at = None;
    }

    /// The pass over switch `id` that began when the catalog stood at `head` has come to its end.
    fn ended(&mut self, id: SwitchId, head: i64) {
        self.done_at = Some((id, head));
        self.again = (self.stuck_count > 0).then(|| {
            let wait = self.again.map_or(WAITS.0, |(_, wait)| (wait * 2).min(WAITS.1));
            (Instant::now() + wait, wait)
        });
    }

    /// Whether nothing is left to do on switch `id` while the catalog stands at `head`.
    fn rests(&self, id: SwitchId, head: i64) -> bool {
        self.done_at == Some((id, head)) && self.again.is_none_or(|(at, _)| Instant::now() < at)
    }

    /// Counts a photo that could not be embedded, and names it among the first.
    pub(super) fn name(&mut self, row: &VectorRow, failure: PhotoFailure) {
        self.stuck_count += 1;
        if self.stuck.len() < NAMED {
            let (image_id, product_id) = (row.image_id.to_string(), row.product_id.to_string());
            self.stuck.push(FailedImage { image_id, product_id, reason: failure.to_string() });
        }
    }
}
