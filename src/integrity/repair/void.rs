//! The method `void`: missing numbers get placeholders, and a counter that is behind moves forward. No record changes.

use super::super::finding::{FindingKind, Findings, LISTED_RANGES_MAX};
use super::super::{number_scan, read_series_state};
use super::{CounterMove, PLACEHOLDERS_MAX, RepairError, RepairPlan};
use crate::db::{Reader, number_repairs};
use crate::domain::{GivenNumbers, Seal, Series, StoreId};

pub(super) async fn plan_placeholders(
    reader: &mut Reader,
    store: StoreId,
    series: Series,
    given: &GivenNumbers,
) -> Result<RepairPlan, RepairError> {
    let state = read_series_state(reader, store, series, given).await?;
    let mut findings = Findings::with_ranges(PLACEHOLDERS_MAX as usize);
    number_scan::scan_series_with(reader, store, series, &state, &mut findings).await?;
    let mut plan = RepairPlan::empty(series);
    for mut finding in findings.finish() {
        match finding.kind {
            FindingKind::Gap if finding.count > PLACEHOLDERS_MAX => {
                let first = finding.numbers.first().map_or(1, |span| span.first);
                return Err(RepairError::TooManyMissing { series, first, count: finding.count });
            }
            FindingKind::Gap => {
                plan.summary.placeholder_count = finding.count;
                plan.summary.placeholders = finding.numbers;
            }
            // Its numbers are among the missing ones. The counter holds the seal of the lost record, which the next record
            // will name.
            FindingKind::CounterAhead => {}
            FindingKind::CounterBehind => {
                let to = state.highest.max(state.closed).unwrap_or(0).max(state.first_number() - 1);
                let last = number_repairs::find_last_record(reader, store, series, to).await?;
                plan.summary.counter = Some(CounterMove { from: state.counter.unwrap_or(0), to });
                plan.counter = Some((to, last.map_or_else(|| Seal::FIRST.to_vec(), |row| row.hash)));
            }
            FindingKind::Duplicate
            | FindingKind::OutOfRange
            | FindingKind::Unreadable
            | FindingKind::BrokenSeal
            | FindingKind::BrokenPlaceholder
            | FindingKind::BrokenLink
            | FindingKind::CounterSeal
            | FindingKind::WrongSum
            | FindingKind::WrongPayment
            | FindingKind::Overrefund
            | FindingKind::NoOrder
            | FindingKind::NoStore
            | FindingKind::OrphanLines
            | FindingKind::AuditChanged
            | FindingKind::AuditMissing => {
                finding.numbers.truncate(LISTED_RANGES_MAX);
                plan.summary.unrepaired.push(finding);
            }
        }
    }
    Ok(plan)
}
