//! Integrity of receipt numbers and hash chains: checks, their reports and schedule, and repairs.
//!
//! The quick check reads only numbers: gaps, duplicates, counters that are not at the last record. The deep check also
//! recomputes every seal, follows the chains, those of the audit log too, and compares lines with totals and refunds with
//! payments. Both hold no lock:
//! records never change, and records written meanwhile have higher numbers and are left to the next check. Memory is
//! bounded, whatever the size of a store and whatever is found.
//!
//! A repair puts void placeholders in place of lost records, moves counters forward, or renumbers the records of a store
//! that is not fiscal. It locks the counters meanwhile and is written to the audit log.
//!
//! A check cannot see that the end of a chain was cut off together with its counter. Daily closings that are kept elsewhere
//! show that.

mod audit_chain;
mod chain;
mod chain_records;
mod finding;
mod number_scan;
mod orphan_lines;
mod repair;
mod schedule;
mod view;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Semaphore;

use crate::clock::Clock;
use crate::config::MonitoringSettings;
use crate::db::integrity_reports::{self, ReportRow};
use crate::db::number_checks::{self, SeriesState};
use crate::db::{Database, DatabaseError, Reader, stores};
use crate::domain::{CheckDepth, GivenNumbers, IntegrityReportId, Page, PageRequest, Series, StoreId, Timestamp};

use finding::Findings;
pub use finding::{Finding, FindingKind, NumberSpan, health};
use number_scan::RecordCounts;
pub use repair::{CounterMove, RenumberedRange, RepairError, RepairMethod, RepairRequest, RepairView, SeriesRepair};
pub use schedule::SCHEDULE_PERIOD;
pub use view::{CheckView, ReportView, StoreIntegrityView, SummaryView};

/// Stores that are listed at a time.
const STORES_PAGE_SIZE: i64 = 200;
/// How long a requested check waits for another one to end.
const CHECK_WAIT_MAX: Duration = Duration::from_secs(5);
/// The most reports in the reply to a requested check.
const REPORTS_IN_REPLY_MAX: usize = 100;

/// A refusal or failure of a check.
#[derive(Debug, thiserror::Error)]
pub enum IntegrityError {
    #[error("No store with id {0} exists.")]
    StoreNotFound(StoreId),
    #[error("This server is already running a check. Try again when it has finished.")]
    Busy,
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

/// Whether the reports of a check are saved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReportRetention {
    /// The database is only read.
    Nothing,
    /// Saved in the history.
    History,
}

/// The integrity service; cheap to clone.
#[derive(Clone)]
pub struct Integrity {
    db: Database,
    clock: Clock,
    settings: MonitoringSettings,
    /// One check at a time on each server.
    check_permit: Arc<Semaphore>,
    /// The newest report that this server's metrics show.
    published: Arc<Mutex<Option<IntegrityReportId>>>,
    /// Numbers that were given out according to something outside the database.
    given: Arc<Mutex<GivenNumbers>>,
}

impl Integrity {
    pub fn new(db: Database, clock: Clock, settings: MonitoringSettings) -> Self {
        let check_permit = Arc::new(Semaphore::new(1));
        Self { db, clock, settings, check_permit, published: Arc::default(), given: Arc::default() }
    }

    /// Checks and repairs count these numbers as given out, also if the database does not know them.
    pub fn set_given_numbers(&self, given: GivenNumbers) {
        *self.given.lock().unwrap_or_else(PoisonError::into_inner) = given;
    }

    fn given_numbers(&self) -> GivenNumbers {
        self.given.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Checks one store or all of them now. Waits a few seconds for a check that is running on this server.
    pub async fn run_check(
        &self,
        depth: CheckDepth,
        store: Option<StoreId>,
        requested_by: &str,
    ) -> Result<CheckView, IntegrityError> {
        let permit = tokio::time::timeout(CHECK_WAIT_MAX, self.check_permit.acquire()).await;
        let _permit = permit.ok().and_then(Result::ok).ok_or(IntegrityError::Busy)?;
        self.check(depth, store, requested_by).await
    }

    /// Like [`Self::run_check`], but waits as long as it takes. For callers that nobody waits for.
    pub async fn run_check_when_free(
        &self,
        depth: CheckDepth,
        store: Option<StoreId>,
        requested_by: &str,
    ) -> Result<CheckView, IntegrityError> {
        // The semaphore is never closed.
        let _permit = self.check_permit.acquire().await.map_err(|_closed| IntegrityError::Busy)?;
        self.check(depth, store, requested_by).await
    }

    /// The caller holds the permit.
    async fn check(
        &self,
        depth: CheckDepth,
        store: Option<StoreId>,
        requested_by: &str,
    ) -> Result<CheckView, IntegrityError> {
        let mut view = CheckView::new(depth);
        let started = self.clock.now();
        let add = |_: Option<&str>, report| view.add(report, REPORTS_IN_REPLY_MAX);
        self.check_stores(depth, store, requested_by, ReportRetention::History, add).await?;
        view.duration_us = micros_between(started, self.clock.now());
        self.publish_metrics().await?;
        Ok(view)
    }

    /// Checks one store or all of them, and calls `on_report` with each report and the name of its store. A deep check of
    /// all stores ends with a report on lines whose record is missing and on the audit log, which has no store.
    pub async fn check_stores(
        &self,
        depth: CheckDepth,
        store: Option<StoreId>,
        requested_by: &str,
        retention: ReportRetention,
        mut on_report: impl FnMut(Option<&str>, ReportView),
    ) -> Result<(), IntegrityError> {
        if let Some(id) = store {
            let row = stores::find(&mut self.db.read().await?, id).await?.ok_or(IntegrityError::StoreNotFound(id))?;
            on_report(Some(&row.name), self.check_store(depth, id, requested_by, retention).await?);
            return Ok(());
        }
        let mut after = StoreId::NIL;
        loop {
            let page = number_checks::list_stores(&mut self.db.read().await?, after, STORES_PAGE_SIZE).await?;
            let Some(last) = page.last() else { break };
            after = *last;
            for id in page {
                let report = self.check_store(depth, id, requested_by, retention).await?;
                let name = store_name(&mut self.db.read().await?, id).await?;
                on_report(Some(&name), report);
            }
        }
        if depth == CheckDepth::Deep {
            on_report(None, self.check_database(requested_by, retention).await?);
        }
        Ok(())
    }

    async fn check_store(
        &self,
        depth: CheckDepth,
        id: StoreId,
        requested_by: &str,
        retention: ReportRetention,
    ) -> Result<ReportView, IntegrityError> {
        let started = self.clock.now();
        let (mut findings, mut counts) = (Findings::default(), RecordCounts::default());
        let given = self.given_numbers();
        for series in Series::ALL {
            let mut reader = self.db.read().await?;
            let state = read_series_state(&mut reader, id, series, &given).await?;
            drop(reader);
            counts = counts.plus(number_scan::scan_series(&self.db, id, series, &state, &mut findings).await?);
            if depth == CheckDepth::Deep {
                chain::check_chain(&self.db, id, series, &state, &mut findings).await?;
            }
        }
        if stores::find(&mut self.db.read().await?, id).await?.is_none() {
            findings.add_unnumbered(FindingKind::NoStore, Series::Order);
        }
        self.write_report(depth, id, requested_by, started, (findings, counts), retention).await
    }

    /// What belongs to no store: lines whose record is missing, and the audit log.
    async fn check_database(
        &self,
        requested_by: &str,
        retention: ReportRetention,
    ) -> Result<ReportView, IntegrityError> {
        let started = self.clock.now();
        let mut findings = Findings::default();
        let records = orphan_lines::find_orphan_lines(&self.db, &mut findings).await?;
        audit_chain::check_audit_log(&self.db, &mut findings).await?;
        let counts = RecordCounts { records, placeholders: 0 };
        self.write_report(CheckDepth::Deep, StoreId::NIL, requested_by, started, (findings, counts), retention).await
    }

    async fn write_report(
        &self,
        depth: CheckDepth,
        store: StoreId,
        requested_by: &str,
        started: Timestamp,
        (findings, counts): (Findings, RecordCounts),
        retention: ReportRetention,
    ) -> Result<ReportView, IntegrityError> {
        let findings = findings.finish();
        let row = ReportRow {
            id: IntegrityReportId::generate(started),
            store_id: store,
            depth,
            requested_by: requested_by.to_owned(),
            health: health(&findings),
            records: counts.records,
            placeholders: counts.placeholders,
            findings: serde_json::to_value(&findings).map_err(|error| DatabaseError::Unexpected(error.to_string()))?,
            started_at: started,
            duration_us: micros_between(started, self.clock.now()),
        };
        if retention == ReportRetention::History {
            let mut tx = self.db.begin().await?;
            integrity_reports::insert(&mut tx, &row, self.settings.reports_kept).await?;
            tx.commit().await?;
        }
        if !findings.is_empty() {
            tracing::warn!(store.id = %store, %depth, health = row.health, findings = findings.len(),
                "receipt numbers or hash chains are damaged");
        }
        Ok(ReportView::try_from(row)?)
    }

    /// The integrity of each store, newest store first, and the lines whose record is missing.
    pub async fn summarize(&self, page: PageRequest) -> Result<SummaryView, IntegrityError> {
        let mut reader = self.db.read().await?;
        let Page { data, next_cursor } = read_integrity_page(&mut reader, page).await?;
        let orphan_lines = latest_orphan_report(&mut reader).await?;
        Ok(SummaryView { orphan_lines, data, next_cursor })
    }

    /// The integrity of all stores, newest store first.
    pub async fn list_all_store_integrity(&self) -> Result<Vec<StoreIntegrityView>, IntegrityError> {
        let mut page = PageRequest { before: None, limit: STORES_PAGE_SIZE };
        let mut views = Vec::new();
        loop {
            let read = read_integrity_page(&mut self.db.read().await?, page).await?;
            page.before = read.data.last().map(|view| view.store_id.uuid());
            views.extend(read.data);
            if read.next_cursor.is_none() {
                return Ok(views);
            }
        }
    }

    /// The integrity of the stores after `after`, ordered by id, each by itself: an unreadable report hides no other store.
    pub async fn list_store_integrity(
        &self,
        after: StoreId,
        limit: i64,
    ) -> Result<Vec<(StoreId, Result<StoreIntegrityView, IntegrityError>)>, IntegrityError> {
        let ids = number_checks::list_stores(&mut self.db.read().await?, after, limit).await?;
        let mut views = Vec::with_capacity(ids.len());
        for id in ids {
            views.push((id, self.find_store_integrity(id).await));
        }
        Ok(views)
    }

    pub async fn get_store_integrity(&self, store: StoreId) -> Result<StoreIntegrityView, IntegrityError> {
        let mut reader = self.db.read().await?;
        let row = stores::find(&mut reader, store).await?.ok_or(IntegrityError::StoreNotFound(store))?;
        Ok(latest_reports(&mut reader, store).await?.into_view(row.id, row.name))
    }

    /// Like [`Self::get_store_integrity`], also for a store whose row is missing.
    async fn find_store_integrity(&self, store: StoreId) -> Result<StoreIntegrityView, IntegrityError> {
        let mut reader = self.db.read().await?;
        let name = store_name(&mut reader, store).await?;
        Ok(latest_reports(&mut reader, store).await?.into_view(store, name))
    }

    /// Checks the audit log alone; nothing is saved.
    pub async fn check_audit_log(&self) -> Result<Vec<Finding>, IntegrityError> {
        let mut findings = Findings::default();
        audit_chain::check_audit_log(&self.db, &mut findings).await?;
        Ok(findings.finish())
    }

    /// The newest report on lines whose record is missing.
    pub async fn get_orphan_report(&self) -> Result<Option<ReportView>, IntegrityError> {
        Ok(latest_orphan_report(&mut self.db.read().await?).await?)
    }

    /// The saved reports of a store, newest first.
    pub async fn list_reports(&self, store: StoreId, page: PageRequest) -> Result<Page<ReportView>, IntegrityError> {
        let mut reader = self.db.read().await?;
        stores::find(&mut reader, store).await?.ok_or(IntegrityError::StoreNotFound(store))?;
        let rows = integrity_reports::list(&mut reader, store, page).await?;
        let reports = rows.into_iter().map(ReportView::try_from).collect::<Result<Vec<_>, _>>()?;
        Ok(Page::from_rows(reports, page, |report| report.id.uuid()))
    }
}

/// The state of a series, in which numbers known from outside the database count like those that a closing names.
async fn read_series_state(
    reader: &mut Reader,
    store: StoreId,
    series: Series,
    given: &GivenNumbers,
) -> Result<SeriesState, DatabaseError> {
    let mut state = number_checks::read_series_state(reader, store, series).await?;
    state.closed = state.closed.max(given.last(store, series));
    Ok(state)
}

async fn read_integrity_page(
    reader: &mut Reader,
    page: PageRequest,
) -> Result<Page<StoreIntegrityView>, DatabaseError> {
    let stores = Page::from_rows(stores::list(reader, page).await?, page, |row| row.id.uuid());
    let mut data = Vec::with_capacity(stores.data.len());
    for store in stores.data {
        data.push(latest_reports(reader, store.id).await?.into_view(store.id, store.name));
    }
    Ok(Page { data, next_cursor: stores.next_cursor })
}

async fn latest_reports(reader: &mut Reader, store: StoreId) -> Result<view::LatestReports, DatabaseError> {
    let latest = integrity_reports::find_newest(reader, store, None).await?;
    let latest_deep = integrity_reports::find_newest(reader, store, Some(CheckDepth::Deep)).await?;
    Ok(view::LatestReports {
        latest: latest.map(ReportView::try_from).transpose()?,
        latest_deep: latest_deep.map(ReportView::try_from).transpose()?,
    })
}

async fn latest_orphan_report(reader: &mut Reader) -> Result<Option<ReportView>, DatabaseError> {
    integrity_reports::find_newest(reader, StoreId::NIL, None).await?.map(ReportView::try_from).transpose()
}

/// The store's name, or its id if its row is missing.
async fn store_name(reader: &mut Reader, id: StoreId) -> Result<String, DatabaseError> {
    Ok(stores::find(reader, id).await?.map_or_else(|| id.to_string(), |row| row.name))
}

/// 0 if the clock went back.
fn micros_between(started: Timestamp, now: Timestamp) -> i64 {
    now.micros().saturating_sub(started.micros()).max(0)
}
