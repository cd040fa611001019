//! Whether receipt numbers and hash chains are whole: checks, what they found, when they are made; and repairs.
//!
//! The quick check reads numbers alone: gaps, duplicates, counters that stand elsewhere than the last record. The deep check
//! also makes every seal anew, follows the chains, and compares lines with totals and refunds with payments. Both hold
//! nothing while they read: what they look at never changes, and what is written meanwhile has higher numbers and is left
//! to the next check. Memory is bounded whatever the store's size and whatever is found.
//!
//! A repair changes what only it may change: it stands void placeholders in for lost records, moves counters forward, and
//! numbers the records of a store that is not fiscal anew. It holds the counters meanwhile and is in the audit log.
//!
//! What a check cannot show: that the end of a chain was cut off together with its counter. The daily closings, kept
//! elsewhere, show that.

mod chain;
mod chain_records;
mod finding;
mod number_scan;
mod orphan_lines;
mod repair;
mod schedule;
mod view;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::Semaphore;

use crate::clock::Clock;
use crate::config::Monitoring;
use crate::db::integrity_reports::{self, ReportRow};
use crate::db::{Database, DatabaseError, Reader, number_checks, stores};
use crate::domain::{CheckDepth, IntegrityReportId, Page, PageRequest, Series, StoreId, Timestamp};

use finding::Findings;
pub use finding::{Finding, FindingKind, NumberSpan, health};
use number_scan::ScannedCount;
pub use repair::{CounterMove, Renumbered, RepairError, RepairMethod, RepairRequest, RepairView, SeriesRepair};
pub use schedule::SCHEDULE_PERIOD;
pub use view::{ReportView, RunView, StandingView, SummaryView};

/// Stores that are listed at a time.
const STORES: i64 = 200;
/// How long whoever asks for a check waits for another one to end.
const PATIENCE: Duration = Duration::from_secs(5);
/// Reports with findings that the answer to a run shows at most.
const SHOWN: usize = 100;

/// A refusal or failure of a check.
#[derive(Debug, thiserror::Error)]
pub enum IntegrityError {
    /// No such store.
    #[error("there is no store {0}")]
    StoreNotFound(StoreId),
    /// This server is checking already.
    #[error("this server is checking already; ask again when that check is done")]
    Busy,
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

/// What becomes of the reports of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReportRetention {
    /// Nothing: the database is only read.
    Nothing,
    /// They are kept in the history.
    History,
}

/// The checks; cheap to clone.
#[derive(Clone)]
pub struct Integrity {
    db: Database,
    clock: Clock,
    settings: Monitoring,
    /// One check at a time on each server.
    turn: Arc<Semaphore>,
    /// The newest report that this server's metrics show.
    published: Arc<Mutex<Option<IntegrityReportId>>>,
}

impl Integrity {
    /// Checks over `store`.
    pub fn new(db: Database, clock: Clock, settings: Monitoring) -> Self {
        Self { db, clock, settings, turn: Arc::new(Semaphore::new(1)), published: Arc::default() }
    }

    /// Checks one store or all of them now, and shows those with findings. Waits a little for a check that this server is
    /// making already, then gives up with [`IntegrityError::Busy`].
    pub async fn run(
        &self,
        depth: CheckDepth,
        only: Option<StoreId>,
        requested_by: &str,
    ) -> Result<RunView, IntegrityError> {
        let turn = tokio::time::timeout(PATIENCE, self.turn.acquire()).await;
        let _turn = turn.ok().and_then(Result::ok).ok_or(IntegrityError::Busy)?;
        let mut run = RunView::new(depth);
        let started = self.clock.now();
        self.check(depth, only, requested_by, ReportRetention::History, |report| run.add(report, SHOWN)).await?;
        run.duration_us = since(started, self.clock.now());
        self.publish().await?;
        Ok(run)
    }

    /// Checks one store or all of them, with `each` for every report. The deep check of all stores ends with a report on
    /// lines whose record is gone.
    pub async fn check(
        &self,
        depth: CheckDepth,
        only: Option<StoreId>,
        requested_by: &str,
        keep: ReportRetention,
        mut each: impl FnMut(ReportView),
    ) -> Result<(), IntegrityError> {
        if let Some(id) = only {
            let known = stores::find(&mut self.db.read().await?, id).await?.is_some();
            if !known {
                return Err(IntegrityError::StoreNotFound(id));
            }
            each(self.check_store(depth, id, requested_by, keep).await?);
            return Ok(());
        }
        let mut after = StoreId::NIL;
        loop {
            let page = number_checks::list_stores(&mut self.db.read().await?, after, STORES).await?;
            let Some(last) = page.last() else { break };
            after = *last;
            for id in page {
                each(self.check_store(depth, id, requested_by, keep).await?);
            }
        }
        if depth == CheckDepth::Deep {
            each(self.check_strays(requested_by, keep).await?);
        }
        Ok(())
    }

    async fn check_store(
        &self,
        depth: CheckDepth,
        id: StoreId,
        requested_by: &str,
        keep: ReportRetention,
    ) -> Result<ReportView, IntegrityError> {
        let started = self.clock.now();
        let (mut findings, mut seen) = (Findings::default(), ScannedCount::default());
        for series in Series::ALL {
            let stand = number_checks::read_series_state(&mut self.db.read().await?, id, series).await?;
            seen = seen.and(number_scan::check(&self.db, id, series, &stand, &mut findings).await?);
            if depth == CheckDepth::Deep {
                chain::check(&self.db, id, series, &stand, &mut findings).await?;
            }
        }
        if stores::find(&mut self.db.read().await?, id).await?.is_none() {
            findings.add_unnumbered(FindingKind::NoStore, Series::Order);
        }
        self.report(depth, id, requested_by, started, (findings, seen), keep).await
    }

    async fn check_strays(&self, requested_by: &str, keep: ReportRetention) -> Result<ReportView, IntegrityError> {
        let started = self.clock.now();
        let mut findings = Findings::default();
        let seen = ScannedCount { records: orphan_lines::check(&self.db, &mut findings).await?, placeholders: 0 };
        self.report(CheckDepth::Deep, StoreId::NIL, requested_by, started, (findings, seen), keep).await
    }

    async fn report(
        &self,
        depth: CheckDepth,
        store: StoreId,
        requested_by: &str,
        started: Timestamp,
        (findings, seen): (Findings, ScannedCount),
        keep: ReportRetention,
    ) -> Result<ReportView, IntegrityError> {
        let findings = findings.finish();
        let row = ReportRow {
            id: IntegrityReportId::at(started),
            store_id: store,
            depth,
            requested_by: requested_by.to_owned(),
            health: health(&findings),
            records: seen.records,
            placeholders: seen.placeholders,
            findings: serde_json::to_value(&findings).map_err(|error| DatabaseError::Unexpected(error.to_string()))?,
            started_at: started,
            duration_us: since(started, self.clock.now()),
        };
        if keep == ReportRetention::History {
            let mut tx = self.db.begin().await?;
            integrity_reports::insert(&mut tx, &row, self.settings.reports_kept).await?;
            tx.commit().await?;
        }
        if !findings.is_empty() {
            tracing::warn!(store.id = %store, depth = depth.as_str(), health = row.health, findings = findings.len(),
                "receipt numbers or hash chains are not whole");
        }
        Ok(ReportView::try_from(row)?)
    }

    /// How each store stands, newest store first, and what is known of lines without a record.
    pub async fn summary(&self, page: PageRequest) -> Result<SummaryView, IntegrityError> {
        let mut reader = self.db.read().await?;
        let stores = Page::cut(stores::list(&mut reader, page).await?, page, |row| row.id.uuid());
        let mut data = Vec::with_capacity(stores.data.len());
        for store in stores.data {
            data.push(standing(&mut reader, store.id).await?.of(store.id, store.name));
        }
        let strays = integrity_reports::find_newest(&mut reader, StoreId::NIL, None).await?;
        let strays = strays.map(ReportView::try_from).transpose()?;
        Ok(SummaryView { strays, data, next_cursor: stores.next_cursor })
    }

    /// How stores stand, in the order of their ids after `after`, each by itself: one that cannot be read hides no other.
    pub async fn standings(
        &self,
        after: StoreId,
        at_most: i64,
    ) -> Result<Vec<(StoreId, Result<StandingView, IntegrityError>)>, IntegrityError> {
        let ids = number_checks::list_stores(&mut self.db.read().await?, after, at_most).await?;
        let mut standings = Vec::with_capacity(ids.len());
        for id in ids {
            standings.push((id, self.standing_of(id).await));
        }
        Ok(standings)
    }

    /// What is known of lines without a record.
    pub async fn strays(&self) -> Result<Option<ReportView>, IntegrityError> {
        let row = integrity_reports::find_newest(&mut self.db.read().await?, StoreId::NIL, None).await?;
        Ok(row.map(ReportView::try_from).transpose()?)
    }

    /// How one store stands.
    pub async fn standing(&self, store: StoreId) -> Result<StandingView, IntegrityError> {
        let mut reader = self.db.read().await?;
        let row = stores::find(&mut reader, store).await?.ok_or(IntegrityError::StoreNotFound(store))?;
        Ok(standing(&mut reader, store).await?.of(row.id, row.name))
    }

    /// As [`Self::standing`], also of a store whose row is gone.
    async fn standing_of(&self, store: StoreId) -> Result<StandingView, IntegrityError> {
        let mut reader = self.db.read().await?;
        let name = stores::find(&mut reader, store).await?.map_or_else(|| format!("store {store}"), |row| row.name);
        Ok(standing(&mut reader, store).await?.of(store, name))
    }

    /// The reports that are kept of a store, newest first.
    pub async fn history(&self, store: StoreId, page: PageRequest) -> Result<Page<ReportView>, IntegrityError> {
        let mut reader = self.db.read().await?;
        stores::find(&mut reader, store).await?.ok_or(IntegrityError::StoreNotFound(store))?;
        let rows = integrity_reports::list(&mut reader, store, page).await?;
        let rows = rows.into_iter().map(ReportView::try_from).collect::<Result<Vec<_>, _>>()?;
        Ok(Page::cut(rows, page, |row| row.id.uuid()))
    }
}

/// The newest reports of a store.
async fn standing(reader: &mut Reader, store: StoreId) -> Result<view::LatestReports, DatabaseError> {
    let latest = integrity_reports::find_newest(reader, store, None).await?.map(ReportView::try_from).transpose()?;
    let deep = Some(CheckDepth::Deep);
    let latest_deep =
        integrity_reports::find_newest(reader, store, deep).await?.map(ReportView::try_from).transpose()?;
    Ok(view::LatestReports { latest, latest_deep })
}

/// Microseconds from `started` to `now`; 0 where the clock went back.
fn since(started: Timestamp, now: Timestamp) -> i64 {
    now.micros().saturating_sub(started.micros()).max(0)
}
