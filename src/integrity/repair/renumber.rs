//! The method `renumber`: the records of a series get consecutive numbers from its first number on (usually 1) in their present
//! order, and new seals from the first changed record on. Only for stores that are not fiscal, and only for numbers that no closing
//! names.

use std::collections::HashSet;

use uuid::Uuid;

use super::super::finding::{FindingKind, Findings};
use super::super::number_scan;
use super::{CounterMove, RENUMBERED_MAX, RecordRewrite, RepairError, RepairPlan};
use crate::db::number_repairs::{self, NumberedRecordRow};
use crate::db::{DatabaseError, Reader, number_checks, orders, payments, refunds, seals, void_placeholders};
use crate::domain::{OrderId, PaymentId, RefundId, Seal, Series, StoreId};

pub(super) async fn plan_renumbering(
    reader: &mut Reader,
    store: StoreId,
    series: Series,
) -> Result<RepairPlan, RepairError> {
    let state = number_checks::read_series_state(reader, store, series).await?;
    let mut findings = Findings::default();
    number_scan::scan_series_with(reader, store, series, &state, &mut findings).await?;
    let mut plan = RepairPlan::empty(series);
    let findings = findings.finish();
    if findings.is_empty() {
        return Ok(plan);
    }
    let placeholders = void_placeholders::count(reader, store, series, i64::MIN, i64::MAX).await?;
    if placeholders > 0 {
        return Err(RepairError::HasPlaceholders { series, count: placeholders });
    }
    let first_number = state.first_number();
    let has_numbers_below_first = findings.iter().any(|finding| finding.kind == FindingKind::OutOfRange);
    let faults = findings.iter().filter(|finding| matches!(finding.kind, FindingKind::Gap | FindingKind::Duplicate));
    let first_fault = faults.filter_map(|finding| finding.numbers.first()).map(|span| span.first).min();
    // From the first up to this number, each number belongs to exactly one record.
    let intact = match (has_numbers_below_first, first_fault) {
        (true, _) => first_number - 1,
        (false, Some(first)) => first - 1,
        (false, None) => state.highest.unwrap_or(first_number - 1),
    };
    let from = if has_numbers_below_first { i64::MIN } else { intact.saturating_add(1) };
    let rows = number_repairs::list_records(reader, store, series, from, RENUMBERED_MAX + 1).await?;
    if rows.len() as i64 > RENUMBERED_MAX {
        return Err(RepairError::TooManyRecords(series));
    }
    let last = intact + rows.len() as i64;
    let counter = state.counter.unwrap_or(0);
    if counter != last {
        plan.summary.counter = Some(CounterMove { from: counter, to: last });
    }
    refuse_copies(series, &rows)?;
    if let Some(number) = lowest_changed_number(&rows, first_number, intact, plan.summary.counter) {
        refuse_closed_numbers(reader, store, series, number).await?;
    }
    let previous = if intact >= first_number {
        number_repairs::find_last_record(reader, store, series, intact).await?
    } else {
        None
    };
    let previous_seal = previous.map_or_else(|| Seal::FIRST.to_vec(), |row| row.hash);
    let last_seal = plan_rewrites(reader, series, &rows, intact, previous_seal, &mut plan).await?;
    if plan.summary.counter.is_some() || !plan.rewrites.is_empty() {
        plan.counter = Some((last, last_seal));
    }
    Ok(plan)
}

/// A copy has the id of its original, so a statement that changes one of them changes both.
fn refuse_copies(series: Series, rows: &[NumberedRecordRow]) -> Result<(), RepairError> {
    let mut ids = HashSet::with_capacity(rows.len());
    match rows.iter().find(|row| !ids.insert(row.id)) {
        Some(copy) => Err(RepairError::Copied { series, number: copy.number }),
        None => Ok(()),
    }
}

/// The lowest number that gets another record or none.
fn lowest_changed_number(
    rows: &[NumberedRecordRow],
    first_number: i64,
    intact: i64,
    counter: Option<CounterMove>,
) -> Option<i64> {
    let first_moved = with_new_numbers(rows, intact).find(|(row, to)| row.number != *to);
    let first_moved = first_moved.map(|(row, to)| if row.number < first_number { to } else { to.min(row.number) });
    let first_taken_back = counter.filter(|counter| counter.to < counter.from).map(|counter| counter.to + 1);
    first_moved.into_iter().chain(first_taken_back).min()
}

/// A number that a closing names must keep its record. `number` and all above it change.
async fn refuse_closed_numbers(
    reader: &mut Reader,
    store: StoreId,
    series: Series,
    number: i64,
) -> Result<(), RepairError> {
    let last = number_repairs::read_last_closed_number(reader, store, series).await?;
    if number <= last { Err(RepairError::Closed { series, number, last }) } else { Ok(()) }
}

/// The records with their new numbers, which follow the `intact` ones.
fn with_new_numbers(rows: &[NumberedRecordRow], intact: i64) -> impl Iterator<Item = (&NumberedRecordRow, i64)> {
    rows.iter().zip(intact + 1..)
}

/// Plans the rewrites from the first record on whose number changes. `previous_seal` is that of the record with the number
/// `intact`. Returns the seal of the last record.
async fn plan_rewrites(
    reader: &mut Reader,
    series: Series,
    rows: &[NumberedRecordRow],
    intact: i64,
    mut previous_seal: Vec<u8>,
    plan: &mut RepairPlan,
) -> Result<Vec<u8>, RepairError> {
    let mut broken = Findings::default();
    for (row, number) in with_new_numbers(rows, intact) {
        if plan.rewrites.is_empty() && row.number == number {
            previous_seal.clone_from(&row.hash);
            continue;
        }
        let (matches_old_seal, hash) = seal_with_number(reader, series, row, number, &previous_seal).await?;
        if !matches_old_seal {
            broken.add(FindingKind::BrokenSeal, series, row.number);
        }
        if row.number != number {
            plan.summary.add_renumbered(row.number, number);
        }
        plan.summary.resealed_count += 1;
        let previous_hash = std::mem::replace(&mut previous_seal, hash.clone());
        plan.rewrites.push(RecordRewrite { id: row.id, from: row.number, to: number, previous_hash, hash });
    }
    plan.summary.broken_seals = broken.finish().pop();
    Ok(previous_seal)
}

/// Whether the record matches its present seal, and its seal with a new number after `previous_seal`.
async fn seal_with_number(
    reader: &mut Reader,
    series: Series,
    row: &NumberedRecordRow,
    number: i64,
    previous_seal: &[u8],
) -> Result<(bool, Vec<u8>), RepairError> {
    let unsealable = |reason: String| RepairError::Unsealable { series, number: row.number, reason };
    match compute_seals(reader, series, row.id, number, previous_seal).await {
        Ok(Some((old, new))) => Ok((old == row.hash, new)),
        Ok(None) => Err(unsealable("this program does not know its seal's version".to_owned())),
        // A value of the record is unreadable.
        Err(DatabaseError::Unexpected(reason)) => Err(unsealable(reason)),
        Err(error) => Err(error.into()),
    }
}

/// The seals of a record's fields with its present number and link, and with the new ones. `None` for an unknown seal
/// version.
async fn compute_seals(
    reader: &mut Reader,
    series: Series,
    id: Uuid,
    number: i64,
    previous_seal: &[u8],
) -> Result<Option<(Vec<u8>, Vec<u8>)>, DatabaseError> {
    let missing = || DatabaseError::Unexpected(format!("the record {id} is missing"));
    Ok(match series {
        Series::Order => {
            let mut row = orders::find(reader, OrderId::from(id), None).await?.ok_or_else(missing)?;
            let items = orders::list_items(reader, row.id).await?;
            let old = seals::seal_order(&row, &items);
            (row.number, row.previous_hash) = (number, previous_seal.to_vec());
            old.zip(seals::seal_order(&row, &items))
        }
        Series::Payment => {
            let mut row = payments::find(reader, PaymentId::from(id)).await?.ok_or_else(missing)?;
            let old = seals::seal_payment(&row);
            (row.number, row.previous_hash) = (number, previous_seal.to_vec());
            Some((old, seals::seal_payment(&row)))
        }
        Series::Refund => {
            let mut row = refunds::find(reader, RefundId::from(id)).await?.ok_or_else(missing)?;
            let items = refunds::list_items(reader, row.id).await?;
            let old = seals::seal_refund(&row, &items);
            (row.number, row.previous_hash) = (number, previous_seal.to_vec());
            Some((old, seals::seal_refund(&row, &items)))
        }
        // Every closing names its own number, so [`refuse_closed_numbers`] comes first, except for numbers below 1.
        Series::Closing => return Err(DatabaseError::Unexpected("closings are never renumbered".to_owned())),
    })
}
