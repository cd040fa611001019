//! The report on the model in use, made in the background when somebody asks for it, and kept until the catalogue changes or another
//! confidence is learned from it.
//!
//! A server whose admins never ask never makes one. A report of 100 000 photos takes half a minute: who asks waits some seconds
//! for the newest one, and gets the one before, which says of which revision it is.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::{LookAlikeReport, SearchedCatalog};
use crate::active_model::{ActiveModel, ModelSlot};
use crate::background::Signal;
use crate::clock::Clock;
use crate::domain::Timestamp;
use crate::embedding::ModelId;
use crate::index::IndexError;

/// How long a request waits for the newest report.
const WAIT_MAX: Duration = Duration::from_secs(5);
/// Reports take at most one part in so many of the time.
const REST_FACTOR: u32 = 5;

/// A finished report.
#[derive(Debug, Clone)]
pub struct CachedReport {
    pub report: Arc<LookAlikeReport>,
    pub made_at: Timestamp,
    model: ModelId,
    /// The revision that the confidence was learned from, if one was.
    confidence_revision: Option<i64>,
}

/// Holds the report. Clones share it.
#[derive(Clone)]
pub struct ReportCache {
    active: ModelSlot,
    clock: Clock,
    signal: Signal,
    finished: Arc<watch::Sender<Option<CachedReport>>>,
    demand: Arc<Mutex<Demand>>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Demand {
    is_wanted: bool,
    rest_until: Option<Instant>,
}

impl ReportCache {
    pub fn new(active: ModelSlot, clock: Clock) -> Self {
        let finished = Arc::new(watch::Sender::new(None));
        Self { active, clock, signal: Signal::default(), finished, demand: Arc::default() }
    }

    /// Raised when a report is wanted.
    pub fn signal(&self) -> Signal {
        self.signal.clone()
    }

    /// The report on the catalogue as it is; an older one if that takes long, `None` if there is none yet.
    pub async fn newest(&self) -> Option<CachedReport> {
        let active = self.active.current();
        let (revision, learned) = (active.index.stats().await.revision, confidence_revision(&active));
        let mut finished = self.finished.subscribe();
        let is_new = |cached: &Option<CachedReport>| {
            let Some(cached) = cached else { return false };
            // None is less than any revision.
            cached.report.revision >= revision
                && cached.confidence_revision >= learned
                && self.is_of_active_model(cached)
        };
        if !is_new(&finished.borrow()) {
            self.demand().is_wanted = true;
            self.signal.raise();
            // Whatever there is by then is the answer.
            drop(tokio::time::timeout(WAIT_MAX, finished.wait_for(is_new)).await);
        }
        self.finished.borrow().clone().filter(|cached| self.is_of_active_model(cached))
    }

    /// Makes a report, if one is wanted. For the background.
    ///
    /// # Errors
    /// The index does not answer; the report stays wanted.
    pub async fn make_if_wanted(&self) -> Result<(), IndexError> {
        let Demand { is_wanted, rest_until } = *self.demand();
        if !is_wanted {
            return Ok(());
        }
        if let Some(until) = rest_until {
            tokio::time::sleep_until(until.into()).await;
        }
        let began = Instant::now();
        let active = self.active.current();
        let confidence_revision = confidence_revision(&active);
        let report = SearchedCatalog::of_active_model(&active).report().await?;
        tracing::info!(
            index.revision = report.revision,
            photos = report.photos,
            photos.asked = report.photos_asked,
            pairs = report.pairs.len(),
            seconds = began.elapsed().as_secs_f64(),
            "looked for products that look alike"
        );
        let (report, model) = (Arc::new(report), active.embedder.model_id().clone());
        self.finished.send_replace(Some(CachedReport {
            report,
            made_at: self.clock.now(),
            model,
            confidence_revision,
        }));
        let rest_until = Some(Instant::now() + began.elapsed() * REST_FACTOR);
        *self.demand() = Demand { is_wanted: false, rest_until };
        Ok(())
    }

    fn demand(&self) -> MutexGuard<'_, Demand> {
        // Nothing panics while it is held.
        self.demand.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_of_active_model(&self, cached: &CachedReport) -> bool {
        cached.model == *self.active.current().embedder.model_id()
    }
}

fn confidence_revision(active: &ActiveModel) -> Option<i64> {
    active.confidence.current().map(|learned| learned.index_revision)
}
