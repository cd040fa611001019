//! Taking up the model that was switched to: each server for itself.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::adoption_backoff::AdoptionPause;
use super::{ModelSwitches, SwitchError};
use crate::active_model::ActiveModel;
use crate::db::model_switches::{self, SwitchRow};
use crate::index::IndexOptions;
use crate::index_feed::filling;
use crate::index_feed::image_embeddings::EmbeddingSource;
use crate::index_feed::unsearchable_images::UnsearchableImages;
use crate::telemetry::MODEL_ADOPTION_FAILURES_TOTAL;

impl ModelSwitches {
    /// Takes up models that were switched to through whichever server, looking every `every`, for as long as it is polled. One
    /// that cannot be taken up is tried again ever more seldom.
    pub async fn keep_up(self, every: Duration) {
        let mut beat = tokio::time::interval(every);
        beat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let (mut told, mut pauses) = (None, AdoptionPause::default());
        loop {
            beat.tick().await;
            let tried = match self.switched_to().await {
                Ok(Some(row)) if pauses.hold(row.generation, Instant::now()) => continue,
                Ok(Some(row)) => {
                    let tried = self.adopt().await;
                    if tried.is_err() {
                        pauses.failed(row.generation, Instant::now());
                    }
                    tried
                }
                Ok(None) => Ok(()),
                Err(error) => Err(error),
            };
            match tried {
                Ok(()) => told = None,
                Err(error) => {
                    metrics::counter!(MODEL_ADOPTION_FAILURES_TOTAL).increment(1);
                    let error = error.to_string();
                    if told.as_ref() != Some(&error) {
                        tracing::error!(%error, "the model that was switched to cannot be taken up; the old one stays");
                        told = Some(error);
                    }
                }
            }
        }
    }

    /// The last switch, where it led to another model than this server's.
    async fn switched_to(&self) -> Result<Option<SwitchRow>, SwitchError> {
        let switched = model_switches::active(&mut self.catalog.db.read().await?).await?;
        // What this server began with may be newer than the last switch: a model whose file was exchanged since.
        Ok(switched.filter(|row| row.generation > self.catalog.active.now().generation))
    }

    /// Exchanges this server's model for the one that was switched to last, where that is another one. Recognition goes on
    /// by the old one until the new one's index is filled.
    pub(super) async fn adopt(&self) -> Result<(), SwitchError> {
        let _one = self.exchanging.lock().await;
        let Some(row) = self.switched_to().await? else { return Ok(()) };
        #[cfg(feature = "fail-points")]
        fail::fail_point!(&format!("switch.take_up {}", row.id), |_| Err(SwitchError::Thread("as asked".to_owned())));
        let (folder, manifest, generation) = (self.folder.clone(), row.to_manifest.clone(), row.generation);
        let model = self.blocking(move || folder.open_switched(&row)).await?;
        let embedder = self.folder.start(model).await?;
        // In place of the session that embedded during the switch, which makes room.
        self.catalog.beside.set(Some(Arc::clone(&embedder)));
        let crate::catalog::Catalog { db, blobs, left_out, .. } = &self.catalog;
        // Kept apart until the exchange: whoever tries such photos again asks the index in use, which may have them.
        let lacking = UnsearchableImages::beside();
        let vectors = EmbeddingSource { db, blobs, embedder: &embedder, left_out: &lacking };
        let options = IndexOptions { beside: true, ..filling::index_options(&self.engine) };
        let index = vectors.open_index(&self.catalog.snapshots, options).await?.index;
        // The long way first: uploads wait for whoever has the turn.
        vectors.bring_up(&index, &mut None).await?;
        self.wait_where_a_test_says_so("switch.adopt").await;
        // Nobody teaches the old index a change that the new one would miss.
        let mut turn = self.catalog.turn.lock().await;
        let revision = vectors.bring_up(&index, &mut turn).await?;
        let id = embedder.model_id().to_string();
        self.catalog.active.now().index.leave_gauges();
        index.show_in_gauges().await;
        self.catalog.active.exchange(ActiveModel { embedder, index: Arc::new(index), manifest, generation });
        left_out.take_over(&lacking);
        tracing::info!(model.id = id, index.revision = revision, "recognising by another model now");
        Ok(())
    }
}
