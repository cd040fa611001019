//! Reads the records of a series for the chain check: their stored seals, and whether fields and lines match them.

use std::collections::HashMap;
use std::hash::Hash;

use crate::db::number_checks::{self, RecordRange};
use crate::db::orders::{OrderItemRow, OrderRow};
use crate::db::refunds::{RefundItemRow, RefundRow};
use crate::db::{DatabaseError, Reader, orders, payments, refunds, seals};
use crate::domain::Series;

#[derive(Debug)]
pub(super) struct ChainRecord {
    pub number: i64,
    /// The seal that the record names as the previous one.
    pub previous_seal: Vec<u8>,
    /// The seal that is stored with the record.
    pub seal: Vec<u8>,
    /// Whether fields and lines give that seal.
    pub seal_matches: bool,
    /// Whether the lines add up.
    pub sum_matches: bool,
}

/// The records of `range` by number, at most `limit`.
pub(super) async fn read_chain_records(
    reader: &mut Reader,
    series: Series,
    range: RecordRange,
    limit: i64,
) -> Result<Vec<ChainRecord>, DatabaseError> {
    let RecordRange { store, first, .. } = range;
    Ok(match series {
        Series::Order => {
            let lines = group_by_record(number_checks::list_order_items(reader, range).await?);
            let rows = orders::list_chain(reader, store, first, limit).await?.into_iter();
            rows.map(|row| {
                let items = lines.get(&row.id).map_or(&[][..], Vec::as_slice);
                ChainRecord {
                    number: row.number,
                    seal_matches: seals::seal_order(&row, items).as_deref() == Some(row.hash.as_slice()),
                    sum_matches: order_adds_up(&row, items),
                    previous_seal: row.previous_hash,
                    seal: row.hash,
                }
            })
            .collect()
        }
        Series::Payment => {
            let rows = payments::list_chain(reader, store, first, limit).await?.into_iter();
            rows.map(|row| ChainRecord {
                number: row.number,
                seal_matches: seals::seal_payment(&row) == row.hash,
                sum_matches: row
                    .tendered
                    .is_none_or(|tendered| i128::from(tendered) >= i128::from(row.amount) + i128::from(row.rounding)),
                previous_seal: row.previous_hash,
                seal: row.hash,
            })
            .collect()
        }
        Series::Refund => {
            let lines = group_by_record(number_checks::list_refund_items(reader, range).await?);
            let rows = refunds::list_chain(reader, store, first, limit).await?.into_iter();
            rows.map(|row| {
                let items = lines.get(&row.id).map_or(&[][..], Vec::as_slice);
                ChainRecord {
                    number: row.number,
                    seal_matches: seals::seal_refund(&row, items) == row.hash,
                    sum_matches: refund_adds_up(&row, items),
                    previous_seal: row.previous_hash,
                    seal: row.hash,
                }
            })
            .collect()
        }
        Series::Closing => {
            let lines = group_by_record(number_checks::list_closing_lines(reader, range).await?);
            let rows = number_checks::list_closings(reader, range, limit).await?.into_iter();
            rows.map(|row| {
                let lines = lines.get(&row.id).map_or(&[][..], Vec::as_slice);
                ChainRecord {
                    number: row.number,
                    seal_matches: seals::seal_z_report(&row, lines).as_deref() == Some(row.hash.as_slice()),
                    // A closing has no total of its own.
                    sum_matches: true,
                    previous_seal: row.previous_hash,
                    seal: row.hash,
                }
            })
            .collect()
        }
    })
}

fn group_by_record<Id: Eq + Hash, Line>(lines: Vec<(Id, Line)>) -> HashMap<Id, Vec<Line>> {
    let mut records: HashMap<Id, Vec<Line>> = HashMap::new();
    for (record, line) in lines {
        records.entry(record).or_default().push(line);
    }
    records
}

/// Whether each line is quantity × price, and the amounts due add up to the total. In 128 bits, since amounts that were edited
/// by hand can have any size.
fn order_adds_up(order: &OrderRow, items: &[OrderItemRow]) -> bool {
    let wide = i128::from;
    let due = |item: &OrderItemRow| {
        let added_tax = if order.prices_include_tax { 0 } else { wide(item.tax) };
        wide(item.line_total) - wide(item.discount) - wide(item.bill_discount) + added_tax
    };
    let lines_add_up = items.iter().all(|item| wide(item.line_total) == wide(item.quantity) * wide(item.unit_price));
    lines_add_up && items.iter().map(due).sum::<i128>() == wide(order.total)
}

fn refund_adds_up(refund: &RefundRow, items: &[RefundItemRow]) -> bool {
    let sum = |field: fn(&RefundItemRow) -> i64| items.iter().map(|item| i128::from(field(item))).sum::<i128>();
    sum(|item| item.amount) == i128::from(refund.amount) && sum(|item| item.tax) == i128::from(refund.tax)
}
