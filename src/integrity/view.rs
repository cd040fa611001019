//! Reports as they are shown.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::finding::{Finding, health};
use crate::db::DatabaseError;
use crate::db::integrity_reports::ReportRow;
use crate::domain::{CheckDepth, IntegrityReportId, StoreId, Timestamp};

/// What one check found in one store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ReportView {
    /// Its identifier.
    pub id: IntegrityReportId,
    /// The store; `null` in the report on lines whose record is gone, since no store can be named for them.
    pub store_id: Option<StoreId>,
    /// How far the check looked.
    pub depth: CheckDepth,
    /// Who wanted it: `schedule`, `user:…`, `command line`.
    pub requested_by: String,
    /// 0 to 100: 100 is nothing found. 100 less, for each finding, its kind's weight times the digits of its count.
    pub health: i64,
    /// Records that were looked at.
    pub records: i64,
    /// Numbers that a void placeholder stands for, since their record is lost; no fault.
    pub placeholders: i64,
    /// What is wrong.
    pub findings: Vec<Finding>,
    /// When the check of this store began.
    pub started_at: Timestamp,
    /// How long it took, in microseconds.
    pub duration_us: i64,
}

impl TryFrom<ReportRow> for ReportView {
    type Error = DatabaseError;

    fn try_from(row: ReportRow) -> Result<Self, DatabaseError> {
        let strange = |what: String| DatabaseError::Unexpected(format!("integrity report {}: {what}", row.id));
        let findings = Vec::<Finding>::deserialize(&row.findings).map_err(|error| strange(error.to_string()))?;
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
    /// Of the deep check.
    pub latest_deep: Option<ReportView>,
}

impl LatestReports {
    /// What is known to be wrong now: of numbers and counters what the newest report says, of all else the newest deep one.
    pub fn findings(&self) -> Vec<Finding> {
        let of = |report: &Option<ReportView>, quick: bool| {
            let found = report.iter().flat_map(|report| report.findings.iter());
            found.filter(|finding| finding.kind.is_quick() == quick).cloned().collect::<Vec<_>>()
        };
        let mut findings = of(&self.latest, true);
        findings.extend(of(&self.latest_deep, false));
        findings
    }

    pub fn of(self, store_id: StoreId, store_name: String) -> StandingView {
        let findings = self.findings();
        let health = self.latest.as_ref().map(|_| health(&findings));
        StandingView { store_id, store_name, health, findings, latest: self.latest, latest_deep: self.latest_deep }
    }
}

/// How a store stands by its newest reports.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct StandingView {
    /// The store.
    pub store_id: StoreId,
    /// Its name.
    pub store_name: String,
    /// 0 to 100, reckoned from `findings`; `null` before the first check.
    pub health: Option<i64>,
    /// What is wrong: of numbers and counters by the newest report, of all else by the newest deep one.
    pub findings: Vec<Finding>,
    /// The newest report.
    pub latest: Option<ReportView>,
    /// The newest report of a deep check.
    pub latest_deep: Option<ReportView>,
}

/// How the stores stand.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct SummaryView {
    /// Lines whose record is gone, in the whole database; `null` before the first deep check.
    pub strays: Option<ReportView>,
    /// The stores, newest first.
    pub data: Vec<StandingView>,
    /// Pass it as `cursor` for the next page; `null` on the last one.
    pub next_cursor: Option<String>,
}

/// What a check of several stores came to.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct RunView {
    /// How far it looked.
    pub depth: CheckDepth,
    /// Stores that were checked.
    pub stores: i64,
    /// Reports with findings: of stores, and of lines whose record is gone.
    pub with_findings: i64,
    /// The lowest health among the reports.
    pub lowest_health: i64,
    /// How long it took, in microseconds.
    pub duration_us: i64,
    /// The reports with findings; the first 100.
    pub reports: Vec<ReportView>,
}

impl RunView {
    /// A run that has seen nothing yet.
    pub(super) fn new(depth: CheckDepth) -> Self {
        Self { depth, stores: 0, with_findings: 0, lowest_health: 100, duration_us: 0, reports: Vec::new() }
    }

    /// Adds a report; shows at most `shown` of those with findings.
    pub(super) fn add(&mut self, report: ReportView, shown: usize) {
        self.stores += i64::from(report.store_id.is_some());
        self.lowest_health = self.lowest_health.min(report.health);
        if !report.findings.is_empty() {
            self.with_findings += 1;
            if self.reports.len() < shown {
                self.reports.push(report);
            }
        }
    }
}
