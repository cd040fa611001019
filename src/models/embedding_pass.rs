//! One pass over the photos that the new model has not seen, by the server that holds the switch.

use std::time::{Duration, Instant};

use futures_util::{StreamExt, stream};
use serde_json::json;

use super::switch_worker::WorkerState;
use super::{Comparison, ModelSwitches, SwitchError};
use crate::active_model::incoming_model::AT_ONCE;
use crate::catalog::Catalog;
use crate::db::model_switches::{self, SwitchRow, SwitchState};
use crate::db::product_images::{self, VectorRow};
use crate::domain::{Caller, ImageId};
use crate::embedding::Embedder;
use crate::index_feed::FollowError;
use crate::index_feed::image_embeddings::{EmbeddingSource, PhotoFailure};

/// Photos between two reports to the database.
const BATCH: i64 = 32;
/// How often at most photos are counted during a pass; in between, what was embedded is taken off the last count.
const COUNT: Duration = Duration::from_secs(30);

/// How a pass ended.
pub(super) enum PassOutcome {
    /// Nothing more can be done for now.
    Ended,
    /// The new model is the active one.
    CarriedOut,
    /// This server no longer has the switch, or it is no longer open.
    Lost,
}

impl ModelSwitches {
    /// Embeds what the new model has not seen, says how far that is, and carries the switch out where that is wanted.
    pub(super) async fn pass(
        &self,
        mut row: SwitchRow,
        embedder: &Embedder,
        work: &mut WorkerState,
    ) -> Result<PassOutcome, SwitchError> {
        work.begin();
        self.count(&mut row).await?;
        let mut counted = Instant::now();
        loop {
            self.wait_where_a_test_says_so("switch.hold").await;
            let Some(made) = self.embed_some(embedder, work).await? else { break };
            row.missing = (row.missing - made).max(work.stuck_count);
            if counted.elapsed() >= COUNT {
                self.count(&mut row).await?;
                counted = Instant::now();
            }
            if !self.report(&mut row, work, SwitchState::Embedding).await? {
                return Ok(PassOutcome::Lost);
            }
        }
        self.count(&mut row).await?;
        let ready = row.missing == 0;
        if ready && row.comparison.is_none() {
            row.comparison = Some(json!(self.compare(&row, embedder).await?));
        }
        row.obstacle = if ready { held_back(&row) } else { None };
        let state = if ready { SwitchState::Ready } else { SwitchState::Embedding };
        if !self.report(&mut row, work, state).await? {
            return Ok(PassOutcome::Lost);
        }
        if !ready || !row.at_once || row.obstacle.is_some() {
            return Ok(PassOutcome::Ended);
        }
        match self.carry_out(&Caller::system(), row.id).await {
            Ok(_) => Ok(PassOutcome::CarriedOut),
            // Photos were enrolled meanwhile: the next look embeds them.
            Err(SwitchError::NotReady { .. } | SwitchError::NoneOpen) => Ok(PassOutcome::Ended),
            Err(error) => Err(error),
        }
    }

    /// Embeds the next photos that the new model has not seen and tells how many it has seen now; nothing at the end of a
    /// pass over the catalog.
    async fn embed_some(&self, embedder: &Embedder, work: &mut WorkerState) -> Result<Option<i64>, SwitchError> {
        let Catalog { db, blobs, left_out, .. } = &self.catalog;
        let vectors = EmbeddingSource { db, blobs, embedder, left_out };
        let after = work.after.unwrap_or(ImageId::NIL);
        let rows = product_images::unseen(&mut db.read().await?, vectors.model(), after, BATCH).await?;
        let Some(last) = rows.last().map(|row| row.image_id) else { return Ok(None) };
        let embed = async |row: &VectorRow| vectors.try_make(row).await;
        let made: Vec<Result<_, FollowError>> = stream::iter(&rows).map(embed).buffered(AT_ONCE).collect().await;
        let mut embedded = 0;
        for (row, made) in rows.iter().zip(made) {
            let made = match made? {
                // It may have failed for another photo's sake: once more, alone.
                Err(PhotoFailure::Run(_)) => vectors.try_make(row).await?,
                made => made,
            };
            match made {
                Ok(_) => embedded += 1,
                Err(failure) => {
                    if let PhotoFailure::Run(_) = &failure {
                        self.check_embedder(embedder).await?;
                    }
                    work.name(row, failure);
                }
            }
        }
        work.after = Some(last);
        Ok(Some(embedded))
    }

    /// Whether the model itself still runs. Where it does not, no photo is at fault, and none is named.
    async fn check_embedder(&self, embedder: &Embedder) -> Result<(), SwitchError> {
        let failing = |reason: String| SwitchError::Failing { model: embedder.model_id().to_string(), reason };
        #[cfg(feature = "fail-points")]
        fail::fail_point!(&format!("switch.control {}", self.catalog.snapshots.display()), |_| Err(failing(
            "it was made to fail".to_owned()
        )));
        embedder.embed_control().await.map_err(|error| failing(error.to_string()))
    }

    /// Counts what is on sale and what of it is missing: minutes of the database's time in a day, where it was done at each
    /// batch of a large catalogue.
    async fn count(&self, row: &mut SwitchRow) -> Result<(), SwitchError> {
        let mut reader = self.catalog.db.read().await?;
        row.photos = product_images::count_on_sale(&mut reader).await?;
        row.missing = product_images::count_unseen(&mut reader, &row.to_model).await?;
        Ok(())
    }

    /// Keeps how far the switch is; false where this server no longer has it.
    async fn report(&self, row: &mut SwitchRow, work: &WorkerState, state: SwitchState) -> Result<bool, SwitchError> {
        row.state = state;
        row.problems = json!(work.stuck);
        row.problem_count = work.stuck_count;
        if state == SwitchState::Embedding {
            row.obstacle = None;
        }
        row.changed_at = self.catalog.clock.now();
        let mut tx = self.catalog.db.begin().await?;
        let ours = model_switches::keep_progress(&mut tx, row, self.me).await?;
        tx.commit().await?;
        tracing::info!(
            model.id = row.to_model,
            images.missing = row.missing,
            images.all = row.photos,
            images.stuck = work.stuck_count,
            "embedding photos by the new model"
        );
        Ok(ours)
    }

    /// A place where tests hold a server (`switch.hold`: between two batches, `switch.adopt`: before the exchange of the
    /// models), without holding a thread.
    pub(super) async fn wait_where_a_test_says_so(&self, point: &str) {
        #[cfg(not(feature = "fail-points"))]
        let _ = point;
        #[cfg(feature = "fail-points")]
        while fail::eval(&format!("{point} {}", self.catalog.snapshots.display()), |_| ()).is_some() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// Why a switch that is to be carried out by itself waits for a person all the same.
fn held_back(row: &SwitchRow) -> Option<String> {
    let compared = row.comparison.clone().and_then(|kept| serde_json::from_value::<Comparison>(kept).ok())?;
    let Comparison { asked, right_before, right_after } = compared;
    let worse = row.at_once && !row.even_if_worse && right_after < right_before;
    worse.then(|| {
        format!(
            "the new model is right on {right_after} of {asked} enrolled photos, the active one on {right_before}: carry it \
             out by POST /api/models/switch/activate if that is wanted, or cancel it"
        )
    })
}
