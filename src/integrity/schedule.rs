//! When checks are made: each at its interval, once across all servers, and what they found as metrics of every server.
//!
//! A row of the database says when a check is due. Whoever moves that time first has the check for as long as a lease
//! lasts, and moves it to the next interval when the check is done. A server that dies leaves a lease that runs out. No
//! transaction stays open while a check goes on.

use std::sync::{MutexGuard, PoisonError};
use std::time::Duration;

use super::repair::{RepairMethod, RepairRequest};
use super::{Integrity, IntegrityError, ReportRetention, ReportView, finding::FindingKind, standing};
use crate::db::{DatabaseError, integrity_reports, number_checks};
use crate::domain::{Caller, CheckDepth, IntegrityReportId, Series, StoreId, Timestamp};
use crate::telemetry::{INTEGRITY_HEALTH, ORDER_NUMBER_DUPLICATES, ORDER_NUMBER_GAPS, VOID_PLACEHOLDERS};

/// How often the schedule is to be looked at.
pub const SCHEDULE_PERIOD: Duration = Duration::from_secs(30);
/// Longest that a check belongs to a server without a sign of life.
const LEASE_S: i64 = 3_600;
/// Who wanted a check that nobody asked for.
const SCHEDULE: &str = "schedule";
/// What the metric calls lines that belong to no store.
const NO_STORE: &str = "none";

impl Integrity {
    /// Makes the check that is due, and sets the metrics where there is a new report.
    pub async fn check_due_and_publish(&self) -> Result<(), IntegrityError> {
        let checked = self.run_due().await;
        let published = self.publish_new().await;
        checked.and(published)
    }

    /// Makes the check that is due, if any is and no other server makes it: the deep one before the quick one, which it
    /// contains. Gives its depth.
    pub async fn run_due(&self) -> Result<Option<CheckDepth>, IntegrityError> {
        // A check that somebody asked for goes on: the next look comes soon.
        let Ok(_turn) = self.turn.try_acquire() else { return Ok(None) };
        for depth in [CheckDepth::Deep, CheckDepth::Quick] {
            if self.claim(depth).await? {
                self.check_as_scheduled(depth).await?;
                return Ok(Some(depth));
            }
        }
        Ok(None)
    }

    async fn check_as_scheduled(&self, depth: CheckDepth) -> Result<(), IntegrityError> {
        let began = self.clock.now();
        let mut after = StoreId::NIL;
        let mut failed = None;
        loop {
            let page = number_checks::list_stores(&mut self.db.read().await?, after, super::STORES).await?;
            let Some(last) = page.last() else { break };
            after = *last;
            for id in page {
                match self.check_store(depth, id, SCHEDULE, ReportRetention::History).await {
                    Ok(report) => self.repair_by_itself(id, &report).await,
                    Err(IntegrityError::Database(error)) if !matches!(error, DatabaseError::Unavailable(_)) => {
                        // One store that cannot be checked keeps no other from it.
                        tracing::warn!(store.id = %id, error = %error, "the store's numbers could not be checked");
                        failed = Some(error);
                    }
                    Err(error) => return Err(error),
                }
                let lease = self.lease_s(depth);
                self.put_off(depth, self.clock.now().plus_seconds(lease)).await?;
            }
        }
        if depth == CheckDepth::Deep {
            self.check_strays(SCHEDULE, ReportRetention::History).await?;
        }
        match failed {
            // The lease runs out, and the check is made again.
            Some(error) => Err(error.into()),
            None => self.put_off(depth, began.plus_seconds(self.interval_s(depth))).await,
        }
    }

    /// Where the settings want it, fills the gaps that a check found and takes counters forward. The report stays as it is,
    /// so that people are told of what was lost; the next check finds it filled, and the alert ends.
    async fn repair_by_itself(&self, store: StoreId, report: &ReportView) {
        if !self.settings.auto_repair {
            return;
        }
        for series in Series::ALL {
            let repairable = |kind| matches!(kind, FindingKind::Gap | FindingKind::CounterBehind);
            if !report.findings.iter().any(|found| found.series == series && repairable(found.kind)) {
                continue;
            }
            let reason = format!("found by the check of {}", report.started_at);
            let request = RepairRequest { store, series: Some(series), method: RepairMethod::Void, reason };
            match self.repair(&Caller::system(), &request).await {
                Ok(repair) => {
                    tracing::warn!(store.id = %store, changes = ?repair.lines(), "receipt numbers were repaired");
                }
                Err(error) => {
                    tracing::warn!(store.id = %store, series = series.as_str(), error = %error,
                        "receipt numbers could not be repaired");
                }
            }
        }
    }

    async fn claim(&self, depth: CheckDepth) -> Result<bool, IntegrityError> {
        let now = self.clock.now();
        let until = now.plus_seconds(self.lease_s(depth));
        // Twice the interval, since the servers' clocks differ a little and their settings may.
        let furthest = now.plus_seconds(2 * self.interval_s(depth));
        let mut tx = self.db.begin().await?;
        let ours = integrity_reports::claim_check(&mut tx, depth, now, until, furthest).await?;
        if ours && depth == CheckDepth::Deep {
            // No other server need make the check that this one contains.
            let quick = now.plus_seconds(self.interval_s(CheckDepth::Quick));
            integrity_reports::set_due(&mut tx, CheckDepth::Quick, quick).await?;
        }
        tx.commit().await?;
        Ok(ours)
    }

    async fn put_off(&self, depth: CheckDepth, due: Timestamp) -> Result<(), IntegrityError> {
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
        LEASE_S.min(self.interval_s(depth))
    }

    /// Sets this server's metrics where there is a report that it has not seen yet, whichever server made it.
    async fn publish_new(&self) -> Result<(), IntegrityError> {
        let newest = integrity_reports::find_newest_id(&mut self.db.read().await?).await?;
        if newest != *self.published() {
            self.publish().await?;
            *self.published() = newest;
        }
        Ok(())
    }

    fn published(&self) -> MutexGuard<'_, Option<IntegrityReportId>> {
        self.published.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets the metrics of every store from its newest reports. Gaps and duplicates are those of receipts; health counts
    /// all series.
    pub(super) async fn publish(&self) -> Result<(), IntegrityError> {
        let mut after = StoreId::NIL;
        loop {
            let page = number_checks::list_stores(&mut self.db.read().await?, after, super::STORES).await?;
            let Some(last) = page.last() else { break };
            after = *last;
            for id in page {
                let newest = standing(&mut self.db.read().await?, id).await?;
                let Some(latest) = &newest.latest else { continue };
                let findings = newest.findings();
                let count = |kind| {
                    let of = findings.iter().find(|found| found.kind == kind && found.series == Series::Order);
                    of.map_or(0, |found| found.count) as f64
                };
                let label = id.to_string();
                metrics::gauge!(ORDER_NUMBER_GAPS, "store" => label.clone()).set(count(FindingKind::Gap));
                metrics::gauge!(ORDER_NUMBER_DUPLICATES, "store" => label.clone()).set(count(FindingKind::Duplicate));
                metrics::gauge!(VOID_PLACEHOLDERS, "store" => label.clone()).set(latest.placeholders as f64);
                metrics::gauge!(INTEGRITY_HEALTH, "store" => label).set(super::health(&findings) as f64);
            }
        }
        let strays = integrity_reports::find_newest(&mut self.db.read().await?, StoreId::NIL, None).await?;
        if let Some(report) = strays {
            metrics::gauge!(INTEGRITY_HEALTH, "store" => NO_STORE).set(report.health as f64);
        }
        Ok(())
    }
}
