//! The records of a series as links of a chain: what each says of itself, and what its fields give.

use std::collections::HashMap;
use std::hash::Hash;

use crate::db::number_checks::{self, RecordRange};
use crate::db::orders::{OrderItemRow, OrderRow};
use crate::db::refunds::{RefundItemRow, RefundRow};
use crate::db::{DatabaseError, Reader, orders, payments, refunds, seals};
use crate::domain::Series;

/// One record.
#[derive(Debug)]
pub(super) struct ChainRecord {
    /// Its number.
    pub number: i64,
    /// The seal that it names as the one before.
    pub previous: Vec<u8>,
    /// The seal that is kept with it.
    pub kept: Vec<u8>,
    /// Whether its fields and lines give that seal.
    pub sealed: bool,
    /// Whether its lines add up.
    pub adds_up: bool,
}

/// The records of `stretch`, at most `limit`, by number.
pub(super) async fn read(
    reader: &mut Reader,
    series: Series,
    stretch: RecordRange,
    limit: i64,
) -> Result<Vec<ChainRecord>, DatabaseError> {
    let RecordRange { store, first, .. } = stretch;
    Ok(match series {
        Series::Order => {
            let lines = by_record(number_checks::list_order_items(reader, stretch).await?);
            let rows = orders::list_chain(reader, store, first, limit).await?.into_iter();
            rows.map(|row| {
                let items = lines.get(&row.id).map_or(&[][..], Vec::as_slice);
                let sealed = seals::seal_order(&row, items).as_deref() == Some(row.hash.as_slice());
                let adds_up = order_adds_up(&row, items);
                ChainRecord { number: row.number, previous: row.previous_hash, kept: row.hash, sealed, adds_up }
            })
            .collect()
        }
        Series::Payment => {
            let rows = payments::list_chain(reader, store, first, limit).await?.into_iter();
            rows.map(|row| {
                let sealed = seals::seal_payment(&row) == row.hash;
                let adds_up = row.tendered.is_none_or(|tendered| tendered >= row.amount);
                ChainRecord { number: row.number, previous: row.previous_hash, kept: row.hash, sealed, adds_up }
            })
            .collect()
        }
        Series::Refund => {
            let lines = by_record(number_checks::list_refund_items(reader, stretch).await?);
            let rows = refunds::list_chain(reader, store, first, limit).await?.into_iter();
            rows.map(|row| {
                let items = lines.get(&row.id).map_or(&[][..], Vec::as_slice);
                let sealed = seals::seal_refund(&row, items) == row.hash;
                let adds_up = refund_adds_up(&row, items);
                ChainRecord { number: row.number, previous: row.previous_hash, kept: row.hash, sealed, adds_up }
            })
            .collect()
        }
        Series::Closing => {
            let lines = by_record(number_checks::list_closing_lines(reader, stretch).await?);
            let rows = number_checks::list_closings(reader, stretch, limit).await?.into_iter();
            rows.map(|row| {
                let sums = lines.get(&row.id).map_or(&[][..], Vec::as_slice);
                let sealed = seals::seal_z_report(&row, sums) == row.hash;
                // Its lines are sums of other records and of no total of its own.
                ChainRecord { number: row.number, previous: row.previous_hash, kept: row.hash, sealed, adds_up: true }
            })
            .collect()
        }
    })
}

/// The lines of each record, in the order in which they came.
fn by_record<Id: Eq + Hash, Line>(lines: Vec<(Id, Line)>) -> HashMap<Id, Vec<Line>> {
    let mut records: HashMap<Id, Vec<Line>> = HashMap::new();
    for (record, line) in lines {
        records.entry(record).or_default().push(line);
    }
    records
}

/// Whether each line is its quantity times its price, and what is due for the lines is the total. In 128 bits: amounts that
/// were written by hand may be of any size.
fn order_adds_up(order: &OrderRow, items: &[OrderItemRow]) -> bool {
    let wide = i128::from;
    let due = |item: &OrderItemRow| {
        let on_top = if order.prices_include_tax { 0 } else { wide(item.tax) };
        wide(item.line_total) - wide(item.discount) - wide(item.bill_discount) + on_top
    };
    let lines = items.iter().all(|item| wide(item.line_total) == wide(item.quantity) * wide(item.unit_price));
    lines && items.iter().map(due).sum::<i128>() == wide(order.total)
}

/// Whether amounts and taxes of the lines are those of the record.
fn refund_adds_up(refund: &RefundRow, items: &[RefundItemRow]) -> bool {
    let sum = |of: fn(&RefundItemRow) -> i64| items.iter().map(|item| i128::from(of(item))).sum::<i128>();
    sum(|item| item.amount) == i128::from(refund.amount) && sum(|item| item.tax) == i128::from(refund.tax)
}
