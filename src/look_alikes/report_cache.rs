//! The report on the model in use. It is made in the background on request, and kept until the catalogue changes or another
//! confidence is learned from it.
//!
//! A report of 100 000 photos takes half a minute. A request waits for the newest one for some seconds, and then gets the previous
//! one, which names its revision.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::{LookAlikeReport, LookAlikeSearch, ReportProgress};
use crate::active_model::{ActiveModel, ModelSlot};
use crate::background::Signal;
use crate::clock::Clock;
use crate::domain::{Timestamp, VerdictLimits};
use crate::embedding::ModelId;
use crate::index::IndexError;

/// How long a request waits for the newest report.
const WAIT_MAX: Duration = Duration::from_secs(5);
/// After a report, the next one is delayed for this many times as long.
const PAUSE_FACTOR: u32 = 5;

/// A finished report.
#[derive(Debug, Clone)]
pub struct CachedReport {
    pub report: Arc<LookAlikeReport>,
    pub made_at: Timestamp,
    pub model: ModelId,
    /// The revision that the confidence was learned from, if one was.
    confidence_revision: Option<i64>,
}

/// Holds the report. Clones share it.
#[derive(Clone)]
pub struct ReportCache {
    active: ModelSlot,
    clock: Clock,
    limits: VerdictLimits,
    signal: Signal,
    finished: Arc<watch::Sender<Option<CachedReport>>>,
    request: Arc<Mutex<ReportRequest>>,
    progress: Arc<ReportProgress>,
}

#[derive(Debug, Clone, Copy, Default)]
struct ReportRequest {
    is_pending: bool,
    paused_until: Option<Instant>,
}

impl ReportCache {
    pub fn new(active: ModelSlot, clock: Clock, limits: VerdictLimits) -> Self {
        let finished = Arc::new(watch::Sender::new(None));
        let (request, progress) = (Arc::default(), Arc::default());
        Self { active, clock, limits, signal: Signal::default(), finished, request, progress }
    }

    /// Raised when a report is requested.
    pub fn signal(&self) -> Signal {
        self.signal.clone()
    }

    /// The report on the current catalogue. If making it takes long, the previous one; `None` if there is none yet.
    pub async fn newest(&self) -> Option<CachedReport> {
        let active = self.active.current();
        let (revision, learned) = (active.index.stats().await.revision, confidence_revision(&active));
        let mut finished = self.finished.subscribe();
        let is_new = |cached: &Option<CachedReport>| {
            let Some(cached) = cached else { return false };
            // `None` is less than any revision, so a report made without a confidence is old once one is learned.
            cached.report.revision >= revision
                && cached.confidence_revision >= learned
                && self.is_of_active_model(cached)
        };
        if !is_new(&finished.borrow()) {
            self.request_report();
            // After the time-out, an older report is the answer.
            drop(tokio::time::timeout(WAIT_MAX, finished.wait_for(is_new)).await);
        }
        self.last()
    }

    /// Has a new report made, also of a catalogue that has not changed.
    pub fn request_report(&self) {
        let mut request = self.request();
        if !request.is_pending {
            request.is_pending = true;
            self.progress.begin(0);
        }
        self.signal.raise();
    }

    /// How far the requested report is: photos that were checked, and photos that will be. `None` if none is requested.
    pub fn progress(&self) -> Option<(usize, usize)> {
        self.request().is_pending.then(|| self.progress.read())
    }

    /// The last report on the model in use, whatever has changed since.
    pub fn last(&self) -> Option<CachedReport> {
        self.finished.borrow().clone().filter(|cached| self.is_of_active_model(cached))
    }

    /// Makes a report if one is requested. Called in the background.
    ///
    /// # Errors
    /// The index does not answer; the request stays pending.
    pub async fn make_if_requested(&self) -> Result<(), IndexError> {
        let ReportRequest { is_pending, paused_until } = *self.request();
        if !is_pending {
            return Ok(());
        }
        if let Some(until) = paused_until {
            tokio::time::sleep_until(until.into()).await;
        }
        let began = Instant::now();
        let active = self.active.current();
        let confidence_revision = confidence_revision(&active);
        let report = LookAlikeSearch::of_active_model(&active, self.limits).report(&self.progress).await?;
        tracing::info!(
            index.revision = report.revision,
            photos = report.photos,
            photos.checked = report.photos_checked,
            pairs = report.pairs.len(),
            seconds = began.elapsed().as_secs_f64(),
            "made the report on products that look alike"
        );
        let (report, model) = (Arc::new(report), active.embedder.model_id().clone());
        self.finished.send_replace(Some(CachedReport {
            report,
            made_at: self.clock.now(),
            model,
            confidence_revision,
        }));
        let paused_until = Some(Instant::now() + began.elapsed() * PAUSE_FACTOR);
        *self.request() = ReportRequest { is_pending: false, paused_until };
        Ok(())
    }

    fn request(&self) -> MutexGuard<'_, ReportRequest> {
        // Nothing panics while it is held.
        self.request.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_of_active_model(&self, cached: &CachedReport) -> bool {
        cached.model == *self.active.current().embedder.model_id()
    }
}

fn confidence_revision(active: &ActiveModel) -> Option<i64> {
    active.confidence.current().map(|learned| learned.index_revision)
}
