//! `void`: missing numbers get placeholders, and a counter that stands behind goes forward. No record is touched.

use super::super::finding::{FindingKind, Findings, LISTED};
use super::super::number_scan;
use super::{CounterMove, MOST_PLACEHOLDERS, Plan, RepairError, SeriesRepair};
use crate::db::{Reader, number_checks, number_repairs};
use crate::domain::{Seal, Series, StoreId};

/// What filling the gaps of a series changes.
pub(super) async fn plan(reader: &mut Reader, store: StoreId, series: Series) -> Result<Plan, RepairError> {
    let stand = number_checks::read_series_state(reader, store, series).await?;
    let mut findings = Findings::listing(MOST_PLACEHOLDERS as usize);
    number_scan::check_within(reader, store, series, &stand, &mut findings).await?;
    let mut plan = Plan::nothing(SeriesRepair::of(series));
    for mut finding in findings.finish() {
        match finding.kind {
            FindingKind::Gap if finding.count > MOST_PLACEHOLDERS => {
                let first = finding.numbers.first().map_or(1, |span| span.first);
                return Err(RepairError::TooManyMissing { series, first, count: finding.count });
            }
            FindingKind::Gap => {
                plan.shown.placeholder_count = finding.count;
                plan.shown.placeholders = finding.numbers;
            }
            // Its numbers are among the missing ones. The counter keeps the seal of the lost record, which the next one
            // will name.
            FindingKind::CounterAhead => {}
            FindingKind::CounterBehind => {
                let to = stand.highest.max(stand.closed).unwrap_or(0);
                let last = number_repairs::find_last_record(reader, store, series, to).await?;
                plan.shown.counter = Some(CounterMove { from: stand.counter.unwrap_or(0), to });
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
            | FindingKind::StrayLines => {
                finding.numbers.truncate(LISTED);
                plan.shown.left.push(finding);
            }
        }
    }
    Ok(plan)
}
