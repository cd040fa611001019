//! The schedule of checks, once across all servers, and the metrics of their results.
//!
//! A row of the database says when each check is due. The server that moves this time first runs the check; the new time
//! is a lease, which is extended store by store and replaced by the next interval at the end. If the server dies, the lease
//! runs out and another server starts again. No transaction is open while a check runs.

use std::sync::{MutexGuard, PoisonError};
use std::time::Duration;

use super::finding::FindingKind;
use super::repair::{RepairMethod, RepairRequest};
use super::{Integrity, IntegrityError, ReportRetention, ReportView, STORES_PAGE_SIZE, health, latest_reports};
use crate::db::{DatabaseError, integrity_reports, number_checks};
use crate::domain::{Caller, CheckDepth, IntegrityReportId, Series, StoreId, Timestamp};
use crate::telemetry::{INTEGRITY_HEALTH, ORDER_NUMBER_DUPLICATES, ORDER_NUMBER_GAPS, VOID_PLACEHOLDERS};

/// The time between two runs of [`Integrity::check_due_and_publish`].
pub const SCHEDULE_PERIOD: Duration = Duration::from_secs(30);
/// The longest lease of a check.
const LEASE_S_MAX: i64 = 3_600;
/// `requested_by` of scheduled checks.
const SCHEDULE: &str = "schedule";
/// The metric label of lines that belong to no store.
const NO_STORE: &str = "none";

impl Integrity {
    /// Runs the check that is due, and updates the metrics if there is a new report.
    pub async fn check_due_and_publish(&self) -> Result<(), IntegrityError> {
        let checked = self.run_due_check().await;
        let published = self.publish_new_reports().await;
        checked.and(published)
    }

    /// Runs the check that is due, unless another server runs it; returns its depth. The deep check comes first, since it
    /// includes the quick one.
    pub async fn run_due_check(&self) -> Result<Option<CheckDepth>, IntegrityError> {
        // A requested check is running; the next round comes soon.
        let Ok(_permit) = self.check_permit.try_acquire() else { return Ok(None) };
        for depth in [CheckDepth::Deep, CheckDepth::Quick] {
            if self.claim_check(depth).await? {
                self.run_scheduled_check(depth).await?;
                return Ok(Some(depth));
            }
        }
        Ok(None)
    }

    async fn run_scheduled_check(&self, depth: CheckDepth) -> Result<(), IntegrityError> {
        let started = self.clock.now();
        let mut after = StoreId::NIL;
        let mut failure = None;
        loop {
            let page = number_checks::list_stores(&mut self.db.read().await?, after, STORES_PAGE_SIZE).await?;
            let Some(last) = page.last() else { break };
            after = *last;
            for id in page {
                match self.check_store(depth, id, SCHEDULE, ReportRetention::History).await {
                    Ok(report) => self.repair_automatically(id, &report).await,
                    // A store that cannot be checked must not stop the check of the others.
                    Err(IntegrityError::Database(error)) if !matches!(error, DatabaseError::Unavailable(_)) => {
                        tracing::warn!(store.id = %id, %error, "the integrity of a store could not be checked");
                        failure = Some(error);
                    }
                    Err(error) => return Err(error),
                }
                self.set_due(depth, self.clock.now().plus_seconds(self.lease_s(depth))).await?;
            }
        }
        if depth == CheckDepth::Deep {
            self.check_database(SCHEDULE, ReportRetention::History).await?;
        }
        match failure {
            // The lease runs out, and the check runs again.
            Some(error) => Err(error.into()),
            None => self.set_due(depth, started.plus_seconds(self.interval_s(depth))).await,
        }
    }

    /// If the settings allow it, fills the gaps that a check found and moves counters forward. The report is not changed, so that
    /// people learn of the loss; the alert ends with the next check.
    async fn repair_automatically(&self, store: StoreId, report: &ReportView) {
        if !self.settings.auto_repair {
            return;
        }
        for series in Series::ALL {
            let is_repairable = |kind| matches!(kind, FindingKind::Gap | FindingKind::CounterBehind);
            if !report.findings.iter().any(|finding| finding.series == series && is_repairable(finding.kind)) {
                continue;
            }
            let reason = format!("found by the check of {}", report.started_at);
            let request = RepairRequest { store, series: Some(series), method: RepairMethod::Void, reason };
            match self.repair(&Caller::system(), &request).await {
                Ok(repair) => {
                    tracing::warn!(store.id = %store, changes = ?repair.lines(), "receipt numbers were repaired");
                }
                Err(error) => {
                    tracing::warn!(store.id = %store, %series, %error, "receipt numbers could not be repaired");
                }
            }
        }
    }

    async fn claim_check(&self, depth: CheckDepth) -> Result<bool, IntegrityError> {
        let now = self.clock.now();
        let until = now.plus_seconds(self.lease_s(depth));
        // A time further ahead was set by a wrong clock. Twice the interval, since clocks and settings of servers may differ.
        let furthest = now.plus_seconds(2 * self.interval_s(depth));
        let mut tx = self.db.begin().await?;
        let is_claimed = integrity_reports::claim_check(&mut tx, depth, now, until, furthest).await?;
        if is_claimed && depth == CheckDepth::Deep {
            // The deep check includes the quick one, so postpone that.
            let next_quick = now.plus_seconds(self.interval_s(CheckDepth::Quick));
            integrity_reports::set_due(&mut tx, CheckDepth::Quick, next_quick).await?;
        }
        tx.commit().await?;
        Ok(is_claimed)
    }

    async fn set_due(&self, depth: CheckDepth, due: Timestamp) -> Result<(), IntegrityError> {
        let mut tx = self.db.begin().await?;
        integrity_reports::set_due(&mut tx, depth, due).await?;
        tx.commit().await?;
        Ok(())
    }

    fn interval_s(&self, depth: CheckDepth) -> i64 {
        match depth {
            CheckDepth::Quick => self.settings.quick_check_s,
            CheckDepth::Deep => self.settings.deep_check_s,
        }
    }

    fn lease_s(&self, depth: CheckDepth) -> i64 {
        LEASE_S_MAX.min(self.interval_s(depth))
    }

    /// Updates this server's metrics if any server wrote a report since the last time.
    async fn publish_new_reports(&self) -> Result<(), IntegrityError> {
        let newest = integrity_reports::find_newest_id(&mut self.db.read().await?).await?;
        if newest != *self.published() {
            self.publish_metrics().await?;
            *self.published() = newest;
        }
        Ok(())
    }

    fn published(&self) -> MutexGuard<'_, Option<IntegrityReportId>> {
        self.published.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets the metrics of every store from its newest reports. Gaps and duplicates are those of receipts; health covers
    /// all series.
    pub(super) async fn publish_metrics(&self) -> Result<(), IntegrityError> {
        let mut after = StoreId::NIL;
        loop {
            let page = number_checks::list_stores(&mut self.db.read().await?, after, STORES_PAGE_SIZE).await?;
            let Some(last) = page.last() else { break };
            after = *last;
            for id in page {
                let reports = latest_reports(&mut self.db.read().await?, id).await?;
                let Some(latest) = &reports.latest else { continue };
                let findings = reports.findings();
                let count = |kind| {
                    let finding =
                        findings.iter().find(|finding| finding.kind == kind && finding.series == Series::Order);
                    finding.map_or(0, |finding| finding.count) as f64
                };
                let store = id.to_string();
                metrics::gauge!(ORDER_NUMBER_GAPS, "store" => store.clone()).set(count(FindingKind::Gap));
                metrics::gauge!(ORDER_NUMBER_DUPLICATES, "store" => store.clone()).set(count(FindingKind::Duplicate));
                metrics::gauge!(VOID_PLACEHOLDERS, "store" => store.clone()).set(latest.placeholders as f64);
                metrics::gauge!(INTEGRITY_HEALTH, "store" => store).set(health(&findings) as f64);
            }
        }
        let orphan_report = integrity_reports::find_newest(&mut self.db.read().await?, StoreId::NIL, None).await?;
        if let Some(report) = orphan_report {
            metrics::gauge!(INTEGRITY_HEALTH, "store" => NO_STORE).set(report.health as f64);
        }
        Ok(())
    }
}
