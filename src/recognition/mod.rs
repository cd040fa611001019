//! Recognition: from a picture to one verdict per region.
//!
//! decode → regions → embed → search → best score per product → names → verdict. Searches share the index's read lock, so
//! none waits for another. Invariants: a product that left the catalog is never named once this server has followed that, even
//! where the index still has it; a verdict is judged over the candidates that are shown; an index that has lost its place in the catalog's log
//! answers nothing rather than something wrong.
//!
//! [`RecognitionService::look`] writes nothing: who keeps the evidence in a transaction of their own (checkout) writes
//! what [`RecognitionService::evidence`] gives; [`RecognitionService::recognize`] is both at once.

mod error;
#[cfg(test)]
mod tests;
mod view;

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::active_model::ModelSlot;
use crate::clock::Clock;
use crate::config::Settings;
use crate::db::recognitions::{self, RecognitionRow};
use crate::db::{Database, DatabaseError, products};
use crate::domain::{Caller, ProductId, RecognitionId, SessionId};
use crate::embedding::{Embedding, Thresholds};
use crate::index::{Hit, Hits};
use crate::product_names::ProductNames;
use crate::telemetry::{EVIDENCE_LOST_TOTAL, RECOGNITION_SECONDS, VERDICTS_TOTAL};

pub use crate::domain::Verdict;
pub use error::RecognitionError;
pub use view::{Candidate, RecognitionResult, RecognitionView, RecognizedItem, Region, Timings};

/// How long somebody who waits for an answer waits for its evidence to be kept: a database that is held up by another writer is no
/// reason to hold up a till.
const EVIDENCE_PATIENCE: Duration = Duration::from_secs(1);

/// The recognition service; cheap to clone.
#[derive(Clone)]
pub struct RecognitionService {
    db: Database,
    clock: Clock,
    active: ModelSlot,
    /// Products named for one region at most.
    candidates: usize,
    names: ProductNames,
}

impl RecognitionService {
    /// A service that sees by the model in `active`; `names` is told by the catalog where a product gets another name.
    pub fn new(db: Database, clock: Clock, active: ModelSlot, names: ProductNames, settings: &Settings) -> Self {
        Self { db, clock, active, candidates: settings.engine.candidates, names }
    }

    /// Whether a picture would be looked at if it were here at this moment. It may be refused later all the same: others
    /// may come first.
    ///
    /// # Errors
    /// [`RecognitionError::Busy`] where it would not.
    pub fn has_room(&self) -> Result<(), RecognitionError> {
        Ok(self.active.now().embedder.has_room()?)
    }

    /// Looks at a picture and keeps the evidence. Evidence that cannot be kept is a warning and a count, not an error:
    /// nobody is charged for this picture.
    pub async fn recognize(&self, caller: &Caller, picture: Bytes) -> Result<RecognitionView, RecognitionError> {
        let sighting = self.look(picture).await?;
        let evidence = self.evidence(caller, None, &sighting);
        let kept = tokio::time::timeout(EVIDENCE_PATIENCE, self.keep(&evidence)).await;
        if let Err(error) = kept.unwrap_or_else(|_| Err(DatabaseError::TimedOut("it was busy".to_owned()))) {
            metrics::counter!(EVIDENCE_LOST_TOTAL).increment(1);
            tracing::warn!(error = %error, recognition.id = %evidence.id, "evidence of a recognition could not be kept");
        }
        Ok(sighting.into_view(evidence.id))
    }

    /// Looks at a picture: what is in it, as one region that is the whole frame. Writes nothing.
    ///
    /// # Cancel safety
    /// Dropping the future drops the picture from whichever queue it waits in; nothing is changed.
    pub async fn look(&self, picture: Bytes) -> Result<RecognitionResult, RecognitionError> {
        let begun = Instant::now();
        let active = self.active.now();
        // Before the work on a picture that could not be answered for.
        active.index.refuse_if_distrusted()?;
        let (index, wanted) = (Arc::clone(&active.index), self.candidates);
        let search_there = move |embedding: &Embedding| {
            let searching = Instant::now();
            index.search_here(embedding.clone(), wanted).map(|hits| hits.map(|hits| (hits, searching.elapsed())))
        };
        let (seen, found) = active.embedder.embed_promptly(picture, search_there).await?;
        let (hits, searched) = match found.transpose()?.flatten() {
            Some(found) => found,
            None => {
                let searching = Instant::now();
                let hits = active.index.search(seen.embedding, wanted).await?;
                (hits, searching.elapsed())
            }
        };
        let candidates = self.named(&hits).await?;
        let Thresholds { score, margin, .. } = active.embedder.thresholds();
        let verdict = Verdict::of(candidates.iter().map(|candidate| candidate.score), *score, *margin);
        metrics::counter!(VERDICTS_TOTAL, "verdict" => verdict.as_str()).increment(1);
        let region = Region { x: 0, y: 0, width: seen.width, height: seen.height };
        let timings = Timings {
            decode: millis(seen.timings.decode_us + seen.timings.resize_us),
            queue: millis(seen.timings.queue_us),
            infer: millis(seen.timings.infer_us),
            search: searched.as_secs_f64() * 1_000.0,
            total: begun.elapsed().as_secs_f64() * 1_000.0,
        };
        timings.record();
        Ok(RecognitionResult {
            items: vec![RecognizedItem { verdict, region, candidates }],
            model: active.embedder.model_id().to_string(),
            index_revision: hits.revision,
            timings,
        })
    }

    /// What is to be kept of a sighting, under an id of its own, for whoever stores it in a transaction of their own.
    pub fn evidence(
        &self,
        caller: &Caller,
        session: Option<SessionId>,
        sighting: &RecognitionResult,
    ) -> RecognitionRow {
        let now = self.clock.now();
        RecognitionRow {
            id: RecognitionId::at(now),
            actor: caller.actor.label(),
            session_id: session,
            model: sighting.model.clone(),
            index_revision: sighting.index_revision,
            items: serde_json::json!(sighting.items),
            latency_us: sighting.timings.total_us(),
            created_at: now,
        }
    }

    async fn keep(&self, evidence: &RecognitionRow) -> Result<(), DatabaseError> {
        let mut tx = self.db.begin().await?;
        recognitions::insert(&mut tx, evidence).await?;
        tx.commit().await
    }

    /// The hits with the names of their products; a product that the database says is no longer on sale is left out.
    async fn named(&self, hits: &Hits) -> Result<Vec<Candidate>, RecognitionError> {
        if hits.hits.is_empty() {
            return Ok(Vec::new());
        }
        let ids: Vec<ProductId> = hits.hits.iter().map(|hit| hit.product).collect();
        let names = match self.names.find(hits.revision, &ids, Instant::now()) {
            Ok(names) => names,
            Err(before) => {
                let read = products::names(&mut self.db.read().await?, &ids).await?;
                let names = read.into_iter().map(|(id, name)| (id, Arc::from(name))).collect();
                self.names.remember(&names, before);
                names
            }
        };
        let candidate = |hit: &Hit| {
            let product_name = names.get(&hit.product)?.to_string();
            Some(Candidate { product_id: hit.product, product_name, score: hit.score })
        };
        Ok(hits.hits.iter().filter_map(candidate).collect())
    }
}

fn millis(micros: u64) -> f64 {
    std::time::Duration::from_micros(micros).as_secs_f64() * 1_000.0
}

impl Timings {
    fn record(&self) {
        let stages = [("decode", self.decode), ("queue", self.queue), ("infer", self.infer), ("search", self.search)];
        for (stage, millis) in stages {
            metrics::histogram!(RECOGNITION_SECONDS, "stage" => stage).record(millis / 1_000.0);
        }
    }

    #[expect(
        clippy::cast_possible_truncation,
        reason = "a latency that does not fit took longer than the universe is old"
    )]
    fn total_us(&self) -> i64 {
        (self.total * 1_000.0) as i64
    }
}
