//! `renumber`: the records of a series get 1, 2, 3 … in the order in which they have numbers, and every seal from the first
//! change on is made anew. For stores that are not fiscal, and only for numbers that no closing names.

use std::collections::HashSet;

use uuid::Uuid;

use super::super::finding::{FindingKind, Findings};
use super::super::number_scan;
use super::{CounterMove, MOST_RENUMBERED, Plan, RepairError, SeriesRepair, Write};
use crate::db::number_repairs::{self, NumberedRecordRow};
use crate::db::{DatabaseError, Reader, number_checks, orders, payments, refunds, seals, void_placeholders};
use crate::domain::{OrderId, PaymentId, RefundId, Seal, Series, StoreId};

/// What numbering the records of a series anew changes.
pub(super) async fn plan(reader: &mut Reader, store: StoreId, series: Series) -> Result<Plan, RepairError> {
    let stand = number_checks::read_series_state(reader, store, series).await?;
    let mut findings = Findings::default();
    number_scan::check_within(reader, store, series, &stand, &mut findings).await?;
    let mut plan = Plan::nothing(SeriesRepair::of(series));
    let found = findings.finish();
    if found.is_empty() {
        return Ok(plan);
    }
    let placeholders = void_placeholders::count(reader, store, series, i64::MIN, i64::MAX).await?;
    if placeholders > 0 {
        return Err(RepairError::HasPlaceholders { series, count: placeholders });
    }
    let below_one = found.iter().any(|finding| finding.kind == FindingKind::OutOfRange);
    let moved = found.iter().filter(|finding| matches!(finding.kind, FindingKind::Gap | FindingKind::Duplicate));
    let first = moved.filter_map(|finding| finding.numbers.first()).map(|span| span.first).min();
    // Up to there every number is carried by one record.
    let whole = match (below_one, first) {
        (true, _) => 0,
        (false, Some(first)) => first - 1,
        (false, None) => stand.highest.unwrap_or(0),
    };
    let from = if below_one { i64::MIN } else { whole.saturating_add(1) };
    let rows = number_repairs::list_records(reader, store, series, from, MOST_RENUMBERED + 1).await?;
    if rows.len() as i64 > MOST_RENUMBERED {
        return Err(RepairError::TooManyRecords(series));
    }
    let last = whole + rows.len() as i64;
    let counter = stand.counter.unwrap_or(0);
    if counter != last {
        plan.shown.counter = Some(CounterMove { from: counter, to: last });
    }
    refuse_copies(series, &rows)?;
    refuse_closed(reader, store, series, &rows, whole, plan.shown.counter).await?;
    let before = if whole > 0 { number_repairs::find_last_record(reader, store, series, whole).await? } else { None };
    let before = before.map_or_else(|| Seal::FIRST.to_vec(), |row| row.hash);
    let hash = seal_anew(reader, series, &rows, whole, before, &mut plan).await?;
    if plan.shown.counter.is_some() || !plan.writes.is_empty() {
        plan.counter = Some((last, hash));
    }
    Ok(plan)
}

/// A copy has its original's identifier: a statement that changes one of them changes both.
fn refuse_copies(series: Series, rows: &[NumberedRecordRow]) -> Result<(), RepairError> {
    let mut seen = HashSet::with_capacity(rows.len());
    match rows.iter().find(|row| !seen.insert(row.id)) {
        Some(copy) => Err(RepairError::Copied { series, number: copy.number }),
        None => Ok(()),
    }
}

/// No number that a closing names is given to another record or taken back.
async fn refuse_closed(
    reader: &mut Reader,
    store: StoreId,
    series: Series,
    rows: &[NumberedRecordRow],
    whole: i64,
    counter: Option<CounterMove>,
) -> Result<(), RepairError> {
    let moved = numbered(rows, whole).find(|(row, to)| row.number != *to);
    let moved = moved.map(|(row, to)| if row.number < 1 { to } else { to.min(row.number) });
    let taken_back = counter.filter(|counter| counter.to < counter.from).map(|counter| counter.to + 1);
    let Some(number) = moved.into_iter().chain(taken_back).min() else { return Ok(()) };
    let last = number_repairs::read_last_closed_number(reader, store, series).await?;
    if number <= last { Err(RepairError::Closed { series, number, last }) } else { Ok(()) }
}

/// The rows with the numbers that they get behind the first `whole`.
fn numbered(rows: &[NumberedRecordRow], whole: i64) -> impl Iterator<Item = (&NumberedRecordRow, i64)> {
    rows.iter().zip(whole + 1..)
}

/// Plans the writes from the first record that gets another number on; `before` is the seal of the record with the number
/// `whole`. Gives the seal of the last record.
async fn seal_anew(
    reader: &mut Reader,
    series: Series,
    rows: &[NumberedRecordRow],
    whole: i64,
    mut before: Vec<u8>,
    plan: &mut Plan,
) -> Result<Vec<u8>, RepairError> {
    let mut broken = Findings::default();
    for (row, number) in numbered(rows, whole) {
        if plan.writes.is_empty() && row.number == number {
            before.clone_from(&row.hash);
            continue;
        }
        let (fits, hash) = sealed(reader, series, row, number, &before).await?;
        if !fits {
            broken.add(FindingKind::BrokenSeal, series, row.number);
        }
        if row.number != number {
            plan.shown.add_renumbered(row.number, number);
        }
        plan.shown.sealed_anew += 1;
        plan.writes.push(Write { id: row.id, from: row.number, to: number, previous_hash: before, hash: hash.clone() });
        before = hash;
    }
    plan.shown.did_not_fit = broken.finish().pop();
    Ok(before)
}

/// Whether the record fits the seal that it has, and the one that it gets with `number` behind `previous`.
async fn sealed(
    reader: &mut Reader,
    series: Series,
    row: &NumberedRecordRow,
    number: i64,
    previous: &[u8],
) -> Result<(bool, Vec<u8>), RepairError> {
    let unsealable = |reason: String| RepairError::Unsealable { series, number: row.number, reason };
    match seals_of(reader, series, row.id, number, previous).await {
        Ok(Some((old, new))) => Ok((old == row.hash, new)),
        Ok(None) => Err(unsealable("this program does not know the version of its seal".to_owned())),
        // A value that is none of ours.
        Err(DatabaseError::Unexpected(reason)) => Err(unsealable(reason)),
        Err(error) => Err(error.into()),
    }
}

/// The seals that a record's fields give, with its own number and link, and with others; nothing for a version that is
/// not known.
async fn seals_of(
    reader: &mut Reader,
    series: Series,
    id: Uuid,
    number: i64,
    previous: &[u8],
) -> Result<Option<(Vec<u8>, Vec<u8>)>, DatabaseError> {
    let gone = || DatabaseError::Unexpected(format!("the record {id} is gone"));
    Ok(match series {
        Series::Order => {
            let mut row = orders::find(reader, OrderId::from(id), None).await?.ok_or_else(gone)?;
            let items = orders::list_items(reader, row.id).await?;
            let old = seals::seal_order(&row, &items);
            (row.number, row.previous_hash) = (number, previous.to_vec());
            old.zip(seals::seal_order(&row, &items))
        }
        Series::Payment => {
            let mut row = payments::find(reader, PaymentId::from(id)).await?.ok_or_else(gone)?;
            let old = seals::seal_payment(&row);
            (row.number, row.previous_hash) = (number, previous.to_vec());
            Some((old, seals::seal_payment(&row)))
        }
        Series::Refund => {
            let mut row = refunds::find(reader, RefundId::from(id)).await?.ok_or_else(gone)?;
            let items = refunds::list_items(reader, row.id).await?;
            let old = seals::seal_refund(&row, &items);
            (row.number, row.previous_hash) = (number, previous.to_vec());
            Some((old, seals::seal_refund(&row, &items)))
        }
        // Every closing names its own number, so [`refuse_closed`] comes first; a closing below 1 is the exception.
        Series::Closing => return Err(DatabaseError::Unexpected("closings are never renumbered".to_owned())),
    })
}
