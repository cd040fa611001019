//! Recognition: from a picture to one verdict per region.
//!
//! Admission → decode → find and cut the regions, read barcodes → embed all → search all → best score per product → names → verdicts,
//! one per region. Searches share the index's read lock, so none waits for another. Invariants: once a product's removal from the
//! catalog is committed, it is never named, even if the index still has it; a verdict is judged over the candidates that are
//! shown; an index that has lost its place in the catalog's log answers nothing rather than something wrong.
//!
//! [`RecognitionService::recognize_picture`] stores no evidence: checkout stores the row that [`RecognitionService::evidence`]
//! makes, in a transaction of its own. [`RecognitionService::recognize`] does both.

mod empty_views;
mod error;
#[cfg(test)]
mod tests;
mod verdict_counts;
mod verdicts;
mod view;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::Semaphore;

use crate::active_model::ModelSlot;
use crate::barcodes::read_barcodes;
use crate::clock::Clock;
use crate::config::Settings;
use crate::db::recognitions::{self, RecognitionRow};
use crate::db::{Database, DatabaseError, products};
use crate::domain::{Caller, Photo, ProductId, RecognitionId, SessionId};
use crate::embedding::EmbedTimings;
use crate::index::Hits;
use crate::last_seen::LastSeen;
use crate::pool::Priority;
use crate::regions::{self, FoundRegion};
use crate::telemetry::{EVIDENCE_BYTES, EVIDENCE_LOST_TOTAL, EVIDENCE_ROWS, RECOGNITION_SECONDS, VERDICTS_TOTAL};

pub use crate::domain::{Region, Verdict};
pub use crate::regions::{DetectionMethod, EmptyViewUse, RegionMode};
pub use empty_views::{EmptyViewError, EmptyViewSummary};
pub use error::RecognitionError;
use verdict_counts::VerdictCounts;
use verdicts::VerdictRule;
pub use view::{
    Candidate, PictureSize, RecognitionResult, RecognitionView, RecognizedItem, StageTimings, VerdictReason,
};

/// How long an answer waits for its evidence to be written: a database that is held up by another writer is no reason to
/// hold up a till.
const EVIDENCE_TIMEOUT: Duration = Duration::from_secs(1);
/// How often the stored evidence is measured: counting a million rows takes a tenth of a second.
pub const EVIDENCE_MEASURE_PERIOD: Duration = Duration::from_secs(600);

/// The recognition service; cheap to clone.
#[derive(Clone)]
pub struct RecognitionService {
    db: Database,
    clock: Clock,
    active: ModelSlot,
    rule: VerdictRule,
    view_update_permits: Arc<Semaphore>,
    verdict_counts: VerdictCounts,
    last_seen: LastSeen,
}

impl RecognitionService {
    /// A service that recognises by the model in `active`.
    pub fn new(db: Database, clock: Clock, active: ModelSlot, settings: &Settings) -> Self {
        Self {
            clock,
            active,
            rule: VerdictRule::new(settings),
            view_update_permits: empty_views::update_permits(),
            verdict_counts: VerdictCounts::default(),
            last_seen: LastSeen::new(db.clone()),
            db,
        }
    }

    /// Recognises what is in a picture and keeps the evidence. Evidence that cannot be kept is a warning and a count, not an
    /// error: nobody is charged for this picture.
    pub async fn recognize(
        &self,
        caller: &Caller,
        picture: Bytes,
        mode: RegionMode,
    ) -> Result<RecognitionView, RecognitionError> {
        let result = self.recognize_picture(caller, picture, mode).await?;
        let evidence = self.evidence(caller, None, &result);
        let kept = tokio::time::timeout(EVIDENCE_TIMEOUT, self.store_evidence(&evidence)).await;
        if let Err(error) = kept.unwrap_or_else(|_| Err(DatabaseError::TimedOut("it was busy".to_owned()))) {
            metrics::counter!(EVIDENCE_LOST_TOTAL).increment(1);
            tracing::warn!(error = %error, recognition.id = %evidence.id, "evidence of a recognition could not be kept");
        }
        Ok(result.into_view(evidence.id))
    }

    /// Recognises what is in a picture. A kiosk's picture is compared with its empty view, which may be updated after the answer.
    /// Nothing else is written.
    ///
    /// # Cancel safety
    /// Dropping the future drops the picture from whichever queue it waits in; nothing is changed.
    pub async fn recognize_picture(
        &self,
        caller: &Caller,
        picture: Bytes,
        mode: RegionMode,
    ) -> Result<RecognitionResult, RecognitionError> {
        let began = Instant::now();
        let active = self.active.current();
        let (embedder, index) = (&active.embedder, &active.index);
        // Checked first: no picture is decoded for an index that cannot answer.
        index.check_trusted()?;

        let stored_view = if mode == RegionMode::Auto { self.find_empty_view(caller).await? } else { None };
        let permit = embedder.admit(Priority::Interactive).await?;
        let mut spent = EmbedTimings { queue: began.elapsed(), ..EmbedTimings::default() };
        let decoded = embedder.decode(&permit, picture).await?;
        spent += decoded.timings;
        let picture = PictureSize { width: decoded.photo.original_width(), height: decoded.photo.original_height() };
        let regions_began = Instant::now();
        let find = move || {
            let view = stored_view.as_ref().map(|stored| &stored.view);
            let found = regions::find_regions(&decoded.photo, mode, view);
            let renewed = stored_view.as_ref().and_then(|stored| stored.renewed_view(&found, &decoded.photo));
            let pictures: Vec<Arc<Photo>> =
                found.regions.iter().map(|found| regions::crop_region(&decoded.photo, found.region)).collect();
            let barcodes = read_barcodes(&pictures);
            (found, pictures, barcodes, stored_view, renewed)
        };
        let (result, queue) = embedder.run_on_decode_threads(&permit, find).await?;
        let (found, pictures, barcodes, stored_view, renewed) = result;
        spent.queue += queue;
        let finding_regions = regions_began.elapsed() - queue;
        let embedded = embedder.embed(&permit, pictures).await?;
        spent += embedded.timings;
        let search_began = Instant::now();
        let queries = embedded.embeddings.into_iter().map(Arc::from).collect();
        let learned = active.confidence.current();
        let confidence = learned.as_ref().map(|learned| &learned.confidence);
        let hits = index.search_batch(queries, self.rule.products_needed(confidence)).await?;
        let search = search_began.elapsed();
        drop(permit);

        let names = self.names_on_sale(&hits).await?;
        let articles = self.articles_on_sale(&barcodes).await?;
        let index_revision = match hits.first() {
            Some(hits) => hits.revision,
            None => index.stats().await.revision,
        };
        let judge = |((found, hits), barcode): ((FoundRegion, Hits), Option<String>)| {
            let mut item = self.rule.judge(&found, hits.hits, &names, embedder.thresholds(), confidence);
            if let Some(product) = barcode.as_ref().and_then(|barcode| articles.get(barcode)) {
                self.rule.name_by_barcode(&mut item, &found, product);
            }
            item.barcode = barcode;
            metrics::counter!(VERDICTS_TOTAL, "verdict" => item.verdict.as_str()).increment(1);
            item
        };
        let items: Vec<RecognizedItem> = found.regions.into_iter().zip(hits).zip(barcodes).map(judge).collect();
        self.count_verdicts(&caller.actor, &items);
        let timings = StageTimings::new(&spent, finding_regions, search, began.elapsed());
        timings.record();
        let model = embedder.model_id().to_string();
        self.note_empty_view(stored_view, found.empty_view, renewed);
        let (region_method, empty_view) = (found.method, found.empty_view);
        Ok(RecognitionResult { items, picture, region_method, empty_view, model, index_revision, timings })
    }

    /// The evidence of a result under a new id, for the caller to store.
    pub fn evidence(&self, caller: &Caller, session: Option<SessionId>, result: &RecognitionResult) -> RecognitionRow {
        let now = self.clock.now();
        RecognitionRow {
            id: RecognitionId::generate(now),
            actor: caller.actor.label(),
            session_id: session,
            model: result.model.clone(),
            index_revision: result.index_revision,
            items: serde_json::json!(result.items),
            latency_us: result.timings.total_us(),
            created_at: now,
        }
    }

    async fn store_evidence(&self, evidence: &RecognitionRow) -> Result<(), DatabaseError> {
        let mut tx = self.db.begin().await?;
        recognitions::insert(&mut tx, evidence).await?;
        tx.commit().await
    }

    /// Updates the metrics of the stored evidence. All servers show the same.
    pub async fn measure_evidence(&self) -> Result<(), DatabaseError> {
        let size = recognitions::measure(&mut self.db.read().await?).await?;
        metrics::gauge!(EVIDENCE_ROWS).set(size.rows as f64);
        metrics::gauge!(EVIDENCE_BYTES).set(size.bytes);
        Ok(())
    }

    /// The product on sale of each barcode that was read, unless several products share it.
    async fn articles_on_sale(
        &self,
        barcodes: &[Option<String>],
    ) -> Result<HashMap<String, (ProductId, String)>, RecognitionError> {
        let mut articles = HashMap::new();
        for barcode in barcodes.iter().flatten() {
            if articles.contains_key(barcode) {
                continue;
            }
            let sold = products::list_of_article_on_sale(&mut self.db.read().await?, barcode).await?;
            if let Ok([product]) = <[(ProductId, String); 1]>::try_from(sold) {
                articles.insert(barcode.clone(), product);
            }
        }
        Ok(articles)
    }

    /// The names of the candidates that were found and are still on sale.
    async fn names_on_sale(&self, found: &[Hits]) -> Result<HashMap<ProductId, String>, RecognitionError> {
        let mut ids: Vec<ProductId> =
            found.iter().flat_map(|hits| hits.hits.iter().take(self.rule.candidates)).map(|hit| hit.product).collect();
        ids.sort_unstable();
        ids.dedup();
        if ids.is_empty() {
            return Ok(HashMap::new());
        }
        Ok(products::list_names_on_sale(&mut self.db.read().await?, &ids).await?.into_iter().collect())
    }
}

impl StageTimings {
    fn new(spent: &EmbedTimings, regions: Duration, search: Duration, total: Duration) -> Self {
        let millis = |time: Duration| time.as_secs_f64() * 1_000.0;
        Self {
            decode: millis(spent.decode + spent.resize),
            queue: millis(spent.queue),
            regions: millis(regions),
            infer: millis(spent.infer),
            search: millis(search),
            total: millis(total),
        }
    }

    fn record(&self) {
        let stages = [
            ("decode", self.decode),
            ("queue", self.queue),
            ("regions", self.regions),
            ("infer", self.infer),
            ("search", self.search),
        ];
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
