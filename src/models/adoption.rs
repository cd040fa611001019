//! Adopting the model that was switched to: each server for itself.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::time::MissedTickBehavior;

use super::{ModelSwitches, SwitchError, run_blocking};
use crate::active_model::StartedModel;
use crate::background::RunReporter;
use crate::backoff::{Delays, MODEL_SWITCH};
use crate::db::model_switches::{self, SwitchRow};
use crate::telemetry::MODEL_ADOPTION_FAILURES_TOTAL;

/// When the last switch may be tried again after a failed attempt: an attempt reads and starts the model and fills an
/// index. Another switch is tried at once.
#[derive(Default)]
struct AdoptionRetry(Option<FailedAdoption>);

struct FailedAdoption {
    generation: Option<i64>,
    delays: Delays,
    retry_at: Instant,
}

impl AdoptionRetry {
    fn must_wait(&self, generation: Option<i64>, now: Instant) -> bool {
        self.0.as_ref().is_some_and(|failed| failed.generation == generation && now < failed.retry_at)
    }

    fn record_failure(&mut self, generation: Option<i64>, now: Instant) {
        let previous = self.0.take().filter(|failed| failed.generation == generation);
        let mut delays = previous.map_or_else(|| MODEL_SWITCH.delays(), |failed| failed.delays);
        let retry_at = now + delays.next().unwrap_or(MODEL_SWITCH.longest());
        self.0 = Some(FailedAdoption { generation, delays, retry_at });
    }
}

impl ModelSwitches {
    /// Adopts models that were switched to, through whichever server; checks every `every`. A model that cannot be adopted
    /// is tried again less and less often. Runs until it is dropped.
    pub async fn adopt_switched_models(self, every: Duration, runs: RunReporter) {
        let mut ticks = tokio::time::interval(every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut retry = AdoptionRetry::default();
        loop {
            ticks.tick().await;
            let switch = self.switch_to_adopt().await;
            let generation = switch.as_ref().ok().and_then(Option::as_ref).and_then(|row| row.generation);
            if retry.must_wait(generation, Instant::now()) {
                continue;
            }
            let adopted = runs.run(async { if switch?.is_some() { self.adopt().await } else { Ok(()) } }).await;
            if adopted.is_err() {
                metrics::counter!(MODEL_ADOPTION_FAILURES_TOTAL).increment(1);
                if generation.is_some() {
                    retry.record_failure(generation, Instant::now());
                }
            }
        }
    }

    /// The last switch, if this server has not adopted it.
    async fn switch_to_adopt(&self) -> Result<Option<SwitchRow>, SwitchError> {
        let switched = model_switches::find_active(&mut self.db.read().await?).await?;
        // A server's first model may be newer than the last switch: its file was replaced since.
        Ok(switched.filter(|row| row.generation > self.active.current().generation))
    }

    /// Exchanges this server's model for the one of the last switch, if that is another one. Recognition goes on by the
    /// old model until the new one's index is filled.
    pub(super) async fn adopt(&self) -> Result<(), SwitchError> {
        let _one_at_a_time = self.adopting.lock().await;
        let Some(row) = self.switch_to_adopt().await? else { return Ok(()) };
        #[cfg(feature = "fail-points")]
        fail::fail_point!(&format!("switch.take_up {}", row.id), |_| Err(SwitchError::Thread("as asked".to_owned())));
        let (folder, manifest, generation) = (self.folder.clone(), row.to_manifest.clone(), row.generation);
        let model = run_blocking(move || folder.open_switched(&row)).await?;
        let embedder = self.folder.start(model).await?;
        // Uploads use this session from now on; the one that embedded during the switch is freed.
        self.incoming.set(Arc::clone(&embedder));
        let model_id = embedder.model_id().clone();
        let prepared = self.index_feed.prepare_index(StartedModel { embedder, manifest, generation }).await?;
        self.wait_at_fail_point("switch.adopt").await;
        let revision = self.index_feed.exchange(prepared).await?;
        tracing::info!(model.id = %model_id, index.revision = revision, "recognising by another model now");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failed_attempts_are_repeated_less_and_less_often_and_another_switch_does_not_wait() {
        let mut retry = AdoptionRetry::default();
        let mut now = Instant::now();
        assert!(!retry.must_wait(Some(1), now));
        for seconds in [2, 4, 8, 16, 32, 60, 60] {
            retry.record_failure(Some(1), now);
            let end = now + Duration::from_secs(seconds);
            let just_before = end - Duration::from_millis(1);
            assert!(retry.must_wait(Some(1), just_before) && !retry.must_wait(Some(1), end), "{seconds}");
            assert!(!retry.must_wait(Some(2), now));
            now = end;
        }
        retry.record_failure(Some(2), now);
        assert!(!retry.must_wait(Some(2), now + Duration::from_secs(2)), "its delays begin anew");
    }
}
