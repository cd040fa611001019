//! Integrity reports as the API and the command line show them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::finding::{Finding, health};
use crate::db::DatabaseError;
use crate::db::integrity_reports::ReportRow;
use crate::domain::{CheckDepth, IntegrityReportId, StoreId, Timestamp};

/// What one check found in one store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ReportView {
    pub id: IntegrityReportId,
    /// `null` in the report on lines whose record is missing, since they name no store.
    pub store_id: Option<StoreId>,
    pub depth: CheckDepth,
    /// `schedule`, `user:…` or `command line`.
    pub requested_by: String,
    /// 0 to 100; 100 without findings. Each finding takes off the weight of its kind times the digits of its count.
    pub health: i64,
    /// Records that were checked.
    pub records: i64,
    /// Numbers with a void placeholder in place of a lost record; no fault.
    pub placeholders: i64,
    pub findings: Vec<Finding>,
    /// When the check of this store began.
    pub started_at: Timestamp,
    /// In microseconds.
    pub duration_us: i64,
}

impl TryFrom<ReportRow> for ReportView {
    type Error = DatabaseError;

    fn try_from(row: ReportRow) -> Result<Self, DatabaseError> {
        let findings = Vec::<Finding>::deserialize(&row.findings)
            .map_err(|error| DatabaseError::Unexpected(format!("findings of integrity report {}: {error}", row.id)))?;
        Ok(Self {
            id: row.id,
            store_id: Some(row.store_id).filter(|id| *id != StoreId::NIL),
            depth: row.depth,
            requested_by: row.requested_by,
            health: row.health,
            records: row.records,
            placeholders: row.placeholders,
            findings,
            started_at: row.started_at,
            duration_us: row.duration_us,
        })
    }
}

/// The newest reports of a store.
#[derive(Debug)]
pub(super) struct LatestReports {
    /// Of any depth.
    pub latest: Option<ReportView>,
    pub latest_deep: Option<ReportView>,
}

impl LatestReports {
    /// The present faults: numbers and counters from the newest report, everything else from the newest deep one.
    pub fn findings(&self) -> Vec<Finding> {
        let findings_of = |report: &Option<ReportView>, quick: bool| {
            let findings = report.iter().flat_map(|report| report.findings.iter());
            findings.filter(|finding| finding.kind.is_quick() == quick).cloned().collect::<Vec<_>>()
        };
        let mut findings = findings_of(&self.latest, true);
        findings.extend(findings_of(&self.latest_deep, false));
        findings
    }

    pub fn into_view(self, store_id: StoreId, store_name: String) -> StoreIntegrityView {
        let findings = self.findings();
        let health = self.latest.as_ref().map(|_| health(&findings));
        let Self { latest, latest_deep } = self;
        StoreIntegrityView { store_id, store_name, health, findings, latest, latest_deep }
    }
}

/// The integrity of a store by its newest reports.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = StandingView)]
pub struct StoreIntegrityView {
    pub store_id: StoreId,
    pub store_name: String,
    /// 0 to 100, computed from `findings`; `null` before the first check.
    pub health: Option<i64>,
    /// Faults of numbers and counters by the newest report, all others by the newest deep one.
    pub findings: Vec<Finding>,
    /// The newest report.
    pub latest: Option<ReportView>,
    /// The newest report of a deep check.
    pub latest_deep: Option<ReportView>,
}

/// The integrity of all stores.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct SummaryView {
    /// Lines in the whole database whose record is missing; `null` before the first deep check.
    #[serde(rename = "strays")]
    pub orphan_lines: Option<ReportView>,
    /// The stores, newest first.
    pub data: Vec<StoreIntegrityView>,
    /// Pass it as `cursor` for the next page; `null` on the last one.
    pub next_cursor: Option<String>,
}

/// The result of a check of one store or all.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = RunView)]
pub struct CheckView {
    pub depth: CheckDepth,
    /// Stores that were checked.
    pub stores: i64,
    /// Reports with findings: of stores, and of lines whose record is missing.
    pub with_findings: i64,
    pub lowest_health: i64,
    /// In microseconds.
    pub duration_us: i64,
    /// The reports with findings; the first 100.
    pub reports: Vec<ReportView>,
}

impl CheckView {
    pub(super) fn new(depth: CheckDepth) -> Self {
        Self { depth, stores: 0, with_findings: 0, lowest_health: 100, duration_us: 0, reports: Vec::new() }
    }

    /// Counts a report, and lists it if it has findings and fewer than `reports_max` are listed.
    pub(super) fn add(&mut self, report: ReportView, reports_max: usize) {
        self.stores += i64::from(report.store_id.is_some());
        self.lowest_health = self.lowest_health.min(report.health);
        if !report.findings.is_empty() {
            self.with_findings += 1;
            if self.reports.len() < reports_max {
                self.reports.push(report);
            }
        }
    }
}
