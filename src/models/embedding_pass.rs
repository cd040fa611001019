//! One pass over the photos that the new model has not seen, by the server that holds the lease.

use std::time::{Duration, Instant};

use futures_util::{StreamExt, stream};
use serde_json::json;

use super::switch_worker::WorkerState;
use super::{Comparison, ModelSwitches, SwitchError};
use crate::active_model::CONCURRENT_PHOTOS;
use crate::db::model_switches::{self, SwitchRow};
use crate::db::product_images::{self, ImageEmbeddingRow};
use crate::domain::{Caller, ImageId, SwitchState};
use crate::embedding::Embedder;
use crate::index_feed::{FollowError, PhotoFailure};

/// Photos between two reports to the database.
const BATCH: i64 = 32;
/// How often photos are counted during a pass. In between, what was embedded is subtracted from the last count: counting at
/// each batch of a large catalogue would take minutes of the database's time in a day.
const COUNT_EVERY: Duration = Duration::from_secs(30);

/// How a pass ended.
pub(super) enum PassOutcome {
    /// Nothing more can be done for now.
    Completed,
    /// The new model is the active one.
    Activated,
    /// This server no longer has the lease, or the switch is no longer open.
    LeaseLost,
}

impl ModelSwitches {
    /// Embeds what the new model has not seen, reports progress, and activates the switch if that is wanted.
    pub(super) async fn run_pass(
        &self,
        mut row: SwitchRow,
        embedder: &Embedder,
        state: &mut WorkerState,
    ) -> Result<PassOutcome, SwitchError> {
        state.begin_pass();
        self.count_photos(&mut row).await?;
        let mut counted_at = Instant::now();
        loop {
            self.wait_at_fail_point("switch.hold").await;
            let Some(embedded) = self.embed_batch(embedder, state).await? else { break };
            row.missing = (row.missing - embedded).max(state.failed_count);
            if counted_at.elapsed() >= COUNT_EVERY {
                self.count_photos(&mut row).await?;
                counted_at = Instant::now();
            }
            if !self.report_progress(&mut row, state, SwitchState::Embedding).await? {
                return Ok(PassOutcome::LeaseLost);
            }
        }
        self.count_photos(&mut row).await?;
        let ready = row.missing == 0;
        if ready && row.comparison.is_none() {
            row.comparison = Some(json!(self.compare(&row, embedder).await?));
        }
        row.obstacle = if ready { reason_to_wait(&row) } else { None };
        let switch_state = if ready { SwitchState::Ready } else { SwitchState::Embedding };
        if !self.report_progress(&mut row, state, switch_state).await? {
            return Ok(PassOutcome::LeaseLost);
        }
        if !ready || !row.at_once || row.obstacle.is_some() {
            return Ok(PassOutcome::Completed);
        }
        match self.activate_in_database(&Caller::system(), row.id).await {
            Ok(_) => Ok(PassOutcome::Activated),
            // Photos were enrolled meanwhile: the next pass embeds them.
            Err(SwitchError::NotReady { .. } | SwitchError::NoneOpen) => Ok(PassOutcome::Completed),
            Err(error) => Err(error),
        }
    }

    /// Embeds the next photos that the new model has not seen; returns how many succeeded, or `None` at the end of the
    /// pass.
    async fn embed_batch(&self, embedder: &Embedder, state: &mut WorkerState) -> Result<Option<i64>, SwitchError> {
        let embeddings = self.index_feed.image_embeddings(embedder);
        let after = state.last_image.unwrap_or(ImageId::NIL);
        let model = embedder.model_id().as_str();
        let rows = product_images::list_without_embedding(&mut self.db.read().await?, model, after, BATCH).await?;
        let Some(last) = rows.last().map(|row| row.image_id) else { return Ok(None) };
        let embed = async |row: &ImageEmbeddingRow| embeddings.embed_original(row).await;
        let outcomes: Vec<Result<_, FollowError>> =
            stream::iter(&rows).map(embed).buffered(CONCURRENT_PHOTOS).collect().await;
        let mut embedded = 0;
        for (row, outcome) in rows.iter().zip(outcomes) {
            let outcome = match outcome? {
                // Another photo of its batch may have made it fail: once more, alone.
                Err(PhotoFailure::ModelRun(_)) => embeddings.embed_original(row).await?,
                outcome => outcome,
            };
            match outcome {
                Ok(_) => embedded += 1,
                Err(failure) => {
                    if let PhotoFailure::ModelRun(_) = &failure {
                        self.check_model(embedder).await?;
                    }
                    state.add_failure(row, &failure);
                }
            }
        }
        state.last_image = Some(last);
        Ok(Some(embedded))
    }

    /// Checks that the model itself still runs. If it does not, no photo is at fault, and none is listed.
    async fn check_model(&self, embedder: &Embedder) -> Result<(), SwitchError> {
        let failing = |reason: String| SwitchError::ModelFails { model: embedder.model_id().to_string(), reason };
        #[cfg(feature = "fail-points")]
        fail::fail_point!(&format!("switch.control {}", self.index_feed.data_dir().display()), |_| Err(failing(
            "a test made it fail".to_owned()
        )));
        embedder.embed_control().await.map_err(|error| failing(error.to_string()))
    }

    /// Counts the photos on sale and those that the new model has not seen.
    async fn count_photos(&self, row: &mut SwitchRow) -> Result<(), SwitchError> {
        let mut reader = self.db.read().await?;
        row.photos = product_images::count_on_sale(&mut reader).await?;
        row.missing = product_images::count_without_embedding(&mut reader, &row.to_model).await?;
        Ok(())
    }

    /// Stores the progress of the switch; false if this server no longer has the lease.
    async fn report_progress(
        &self,
        row: &mut SwitchRow,
        worker: &WorkerState,
        state: SwitchState,
    ) -> Result<bool, SwitchError> {
        row.state = state;
        row.problems = json!(worker.failed);
        row.problem_count = worker.failed_count;
        if state == SwitchState::Embedding {
            row.obstacle = None;
        }
        row.changed_at = self.clock.now();
        let mut tx = self.db.begin().await?;
        let has_lease = model_switches::save_progress(&mut tx, row, self.server_id).await?;
        tx.commit().await?;
        tracing::info!(
            model.id = row.to_model,
            images.missing = row.missing,
            images.all = row.photos,
            images.stuck = worker.failed_count,
            "embedding photos by the new model"
        );
        Ok(has_lease)
    }
}

/// Why a switch that should activate itself waits for a person all the same.
fn reason_to_wait(row: &SwitchRow) -> Option<String> {
    let compared = row.comparison.clone().and_then(|stored| serde_json::from_value::<Comparison>(stored).ok())?;
    let Comparison { asked, right_before, right_after } = compared;
    let worse = row.at_once && !row.even_if_worse && right_after < right_before;
    worse.then(|| {
        format!(
            "The new model recognises {right_after} of {asked} enrolled photos, the active one {right_before}. To switch anyway: \
             POST /api/models/switch/activate. To stop: DELETE /api/models/switch."
        )
    })
}
