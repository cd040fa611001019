//! Learns the confidence from the catalogue's photos in the background, once the catalogue has stopped changing.
//!
//! Every server learns for its own model, from its own index, and stores the result. Another server with the same model and
//! catalogue loads it instead. Equal catalogues give equal results, so it does not matter who stores one. No lock and no
//! transaction is held while learning.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use serde_json::json;

use super::{SwitchError, run_blocking};
use crate::active_model::{ActiveModel, LearnedConfidence, ModelSlot};
use crate::clock::Clock;
use crate::confidence::{CatalogConfidence, EnrolledPhoto, LeaveOneOut, NotLearned, Survey};
use crate::db::catalog_confidences::{self, ConfidenceRow};
use crate::db::{Database, DatabaseError};
use crate::domain::ImageId;
use crate::embedding::ModelId;
use crate::index_feed::IndexRow;

/// Comparing a batch takes 25 ms of one thread.
const PHOTOS_PER_BATCH: usize = 512;
/// An import may go on for hours. After so many deferrals, a catalogue that still changes is learned from nevertheless.
const DEFERRALS_MAX: u32 = 20;
/// After learning, the learner pauses for this many times as long.
const PAUSE_FACTOR: u32 = 20;

/// The service; cheap to clone.
#[derive(Clone)]
pub struct ConfidenceLearner {
    db: Database,
    clock: Clock,
    active: ModelSlot,
    progress: Arc<Mutex<Progress>>,
}

/// A model, and the last catalog change that its index has applied.
type CatalogVersion = (ModelId, i64);

/// What is kept from one call of [`ConfidenceLearner::learn`] to the next.
#[derive(Default)]
struct Progress {
    last_seen: Option<CatalogVersion>,
    /// Learned from, whether a confidence came of it or not.
    learned: Option<CatalogVersion>,
    deferrals: u32,
    paused_until: Option<Instant>,
}

impl ConfidenceLearner {
    pub fn new(db: Database, clock: Clock, active: ModelSlot) -> Self {
        Self { db, clock, active, progress: Arc::default() }
    }

    /// Puts the stored confidence of the active model in use. Called when the server starts.
    pub async fn load(&self) -> Result<(), DatabaseError> {
        let active = self.active.current();
        let stored = self.find_stored(&active).await?;
        active.confidence.exchange(stored);
        Ok(())
    }

    /// Learns if the catalogue has changed since it was learned from, but not since the last call.
    pub async fn learn(&self) -> Result<(), SwitchError> {
        let active = self.active.current();
        let catalog = (active.embedder.model_id().clone(), active.index.stats().await.revision);
        if !self.progress().should_learn(&catalog, Instant::now()) {
            return Ok(());
        }
        let stored = self.find_stored(&active).await?.filter(|stored| stored.index_revision == catalog.1);
        match stored {
            Some(stored) => active.confidence.exchange(Some(stored)),
            None => {
                let began = Instant::now();
                self.learn_from_index(&active, catalog.1).await?;
                self.progress().paused_until = Some(Instant::now() + began.elapsed() * PAUSE_FACTOR);
            }
        }
        self.progress().learned = Some(catalog);
        Ok(())
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        // Nothing panics while it is held.
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn learn_from_index(&self, active: &ActiveModel, index_revision: i64) -> Result<(), SwitchError> {
        let model = active.embedder.model_id();
        match learn(active, index_revision).await? {
            Ok(confidence) => {
                let content = json!(confidence);
                tracing::info!(model.id = %model, index.revision = index_revision, photos = confidence.photos,
                    products = confidence.products, "learned the confidence from the catalogue's photos");
                active.confidence.exchange(Some(LearnedConfidence { confidence, index_revision }));
                let learned_at = self.clock.now();
                let row = ConfidenceRow { model: model.to_string(), index_revision, content, learned_at };
                let mut tx = self.db.begin().await?;
                catalog_confidences::upsert(&mut tx, &row).await?;
                tx.commit().await?;
            }
            Err(reason) => {
                tracing::debug!(model.id = %model, %reason, "the manifest's score and margin decide: no confidence is learned");
                active.confidence.exchange(None);
                let mut tx = self.db.begin().await?;
                catalog_confidences::delete(&mut tx, model.as_str()).await?;
                tx.commit().await?;
            }
        }
        Ok(())
    }

    /// The stored confidence of the model, if this version of the program can read it.
    async fn find_stored(&self, active: &ActiveModel) -> Result<Option<LearnedConfidence>, DatabaseError> {
        let model = active.embedder.model_id().as_str();
        let Some(row) = catalog_confidences::find(&mut self.db.read().await?, model).await? else { return Ok(None) };
        let learned = serde_json::from_value::<CatalogConfidence>(row.content)
            .map(|confidence| LearnedConfidence { confidence, index_revision: row.index_revision })
            .inspect_err(
                |error| tracing::info!(%error, "the stored confidence is of another version; learning it anew"),
            );
        Ok(learned.ok())
    }
}

impl Progress {
    fn should_learn(&mut self, catalog: &CatalogVersion, now: Instant) -> bool {
        let is_unchanged = self.last_seen.as_ref().is_none_or(|last| last == catalog);
        self.last_seen = Some(catalog.clone());
        if self.learned.as_ref() == Some(catalog) || self.paused_until.is_some_and(|until| now < until) {
            return false;
        }
        self.deferrals += 1;
        let is_due = is_unchanged || self.deferrals > DEFERRALS_MAX;
        if is_due {
            self.deferrals = 0;
        }
        is_due
    }
}

/// Learns from the photos in the index of `active`. The revision is the seed of the sample.
async fn learn(
    active: &ActiveModel,
    index_revision: i64,
) -> Result<Result<CatalogConfidence, NotLearned>, SwitchError> {
    let survey = Survey::new(index_revision.unsigned_abs());
    let survey = for_each_batch(active, survey, |survey, photos| survey.add(photos)).await?;
    let cases = match LeaveOneOut::new(survey) {
        Ok(cases) => cases,
        Err(reason) => return Ok(Err(reason)),
    };
    let cases = for_each_batch(active, cases, |cases, photos| cases.compare(photos)).await?;
    run_blocking(move || Ok(cases.learn())).await
}

/// Calls `add_batch` with every photo of the index, batch by batch, on a thread for blocking work.
async fn for_each_batch<T: Send + 'static>(
    active: &ActiveModel,
    mut state: T,
    add_batch: fn(&mut T, &[EnrolledPhoto<'_>]),
) -> Result<T, SwitchError> {
    let mut after = ImageId::NIL;
    loop {
        let rows = active.index.rows_after(after, PHOTOS_PER_BATCH).await;
        let Some(last) = rows.last() else { return Ok(state) };
        after = last.image;
        state = run_blocking(move || {
            let photos: Vec<EnrolledPhoto<'_>> = rows.iter().map(enrolled_photo).collect();
            add_batch(&mut state, &photos);
            Ok(state)
        })
        .await?;
    }
}

fn enrolled_photo(row: &IndexRow) -> EnrolledPhoto<'_> {
    EnrolledPhoto { image: row.image, product: row.product, vector: &row.vector }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::embedding::onnx_fixture::embedder_blind_to_the_dark;

    const INTERVAL: Duration = Duration::from_secs(30);

    fn model() -> ModelId {
        let folder = tempfile::tempdir().unwrap();
        embedder_blind_to_the_dark(folder.path()).model_id().clone()
    }

    #[test]
    fn a_catalogue_is_learned_from_at_the_start_and_when_it_is_unchanged() {
        let (model, now) = (model(), Instant::now());
        let mut progress = Progress::default();
        assert!(progress.should_learn(&(model.clone(), 1), now), "at the start");
        progress.learned = Some((model.clone(), 1));
        assert!(!progress.should_learn(&(model.clone(), 1), now), "nothing is new");
        assert!(!progress.should_learn(&(model.clone(), 2), now), "it has just changed");
        assert!(!progress.should_learn(&(model.clone(), 3), now), "and again");
        progress.paused_until = Some(now + INTERVAL);
        assert!(!progress.should_learn(&(model.clone(), 3), now), "learning took long");
        assert!(progress.should_learn(&(model, 3), now + INTERVAL));
    }

    #[test]
    fn a_catalogue_that_always_changes_is_learned_from_now_and_then() {
        let (model, now) = (model(), Instant::now());
        let mut progress = Progress::default();
        let learned = (0..100).filter(|revision| progress.should_learn(&(model.clone(), *revision), now)).count();
        assert_eq!(learned, 5);
    }
}
