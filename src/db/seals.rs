//! Seals of numbered records: hashes over the fields of a record and the seal of the record before it in its series.
//!
//! They are computed here and not in the services, so that a check of the chains needs only the rows. The fields and their order
//! must not change as long as such records exist; other fields need another version.

use super::orders::{OrderItemRow, OrderRow};
use super::payments::PaymentRow;
use super::refunds::{RefundItemRow, RefundRow};
use super::void_placeholders::PlaceholderRow;
use super::z_reports::{ZReportLineRow, ZReportRow};
use crate::domain::{Seal, Series, TimeZone};

/// The seal version of new orders.
pub const ORDER_VERSION: i64 = 3;
/// The seal version of new closings.
pub const CLOSING_VERSION: i64 = 2;

/// Seals an order by the version it was made with: version 1 has neither tax nor discounts, version 2 not what the receipt
/// says of the store. `None` for an unknown version.
pub fn seal_order(order: &OrderRow, items: &[OrderItemRow]) -> Option<Vec<u8>> {
    let head = match order.hash_version {
        1 => Seal::chained_to(&order.previous_hash),
        version @ 2..=ORDER_VERSION => Seal::chained_to(&order.previous_hash).number(version),
        _ => return None,
    };
    let head = head
        .field(order.id.uuid())
        .field(order.store_id.uuid())
        .field(Series::Order.as_str())
        .number(order.number)
        .field(order.session_id.uuid())
        .optional(order.kiosk_id.map(|kiosk| kiosk.uuid()))
        .number(order.total)
        .field(order.currency.code())
        .field(&order.claim_code)
        .number(order.created_at.micros())
        .number(items.len() as i64);
    let has_tax = order.hash_version >= 2;
    let head = match has_tax {
        true => head.number(i64::from(order.prices_include_tax)).optional(order.discount_reason.as_deref()),
        false => head,
    };
    let head = match order.hash_version >= 3 {
        true => head
            .optional(order.store_name.as_deref())
            .optional(order.store_address.as_deref())
            .optional(order.store_tax_number.as_deref())
            .optional(order.time_zone.as_ref().map(TimeZone::name)),
        false => head,
    };
    let lines = items.iter().fold(head, |seal, item| {
        let seal = seal
            .number(item.line)
            .field(item.product_id.uuid())
            .field(&item.name)
            .optional(item.sku.as_deref())
            .optional(item.barcode.as_deref())
            .number(item.quantity)
            .number(item.unit_price)
            .number(item.line_total)
            .optional(item.avg_score.map(|score| score.to_bits().to_be_bytes()));
        if !has_tax {
            return seal;
        }
        seal.number(item.discount)
            .optional(item.discount_reason.as_deref())
            .number(item.bill_discount)
            .number(item.tax_rate)
            .number(item.tax)
    });
    Some(lines.finish())
}

/// A payment that was rounded has its rounding as one more field, so the seals of all others stay what they were.
pub fn seal_payment(row: &PaymentRow) -> Vec<u8> {
    let seal = Seal::chained_to(&row.previous_hash)
        .field(row.id.uuid())
        .field(row.store_id.uuid())
        .field(Series::Payment.as_str())
        .number(row.number)
        .field(row.order_id.uuid())
        .field(row.method.as_str())
        .number(row.amount)
        .optional(row.tendered.map(i64::to_be_bytes))
        .field(row.currency.code())
        .optional(row.reference.as_deref())
        .field(&row.made_by)
        .number(row.created_at.micros());
    with_rounding(seal, row.rounding).finish()
}

fn with_rounding(seal: Seal, rounding: i64) -> Seal {
    if rounding == 0 { seal } else { seal.number(rounding) }
}

/// A refund that was rounded has its rounding as one more field, as a payment has.
pub fn seal_refund(row: &RefundRow, items: &[RefundItemRow]) -> Vec<u8> {
    let head = Seal::chained_to(&row.previous_hash)
        .field(row.id.uuid())
        .field(row.store_id.uuid())
        .field(Series::Refund.as_str())
        .number(row.number)
        .field(row.kind.as_str())
        .field(row.order_id.uuid())
        .number(row.amount)
        .number(row.tax)
        .field(row.currency.code())
        .optional(row.method.map(|method| method.as_str()))
        .optional(row.reference.as_deref())
        .field(&row.reason)
        .field(&row.made_by)
        .number(row.created_at.micros())
        .number(items.len() as i64);
    let lines = items.iter().fold(head, |seal, item| {
        seal.number(item.line).number(item.quantity).number(item.amount).number(item.tax_rate).number(item.tax)
    });
    with_rounding(lines, row.rounding).finish()
}

/// Seals a closing by the version it was made with: version 1 does not name the store. `None` for an unknown version.
pub fn seal_z_report(row: &ZReportRow, lines: &[ZReportLineRow]) -> Option<Vec<u8>> {
    let head = match row.hash_version {
        1 => Seal::chained_to(&row.previous_hash),
        CLOSING_VERSION => Seal::chained_to(&row.previous_hash)
            .number(CLOSING_VERSION)
            .optional(row.store_name.as_deref())
            .optional(row.store_address.as_deref())
            .optional(row.store_tax_number.as_deref()),
        _ => return None,
    };
    let head = head
        .field(row.id.uuid())
        .field(row.store_id.uuid())
        .field(Series::Closing.as_str())
        .number(row.number)
        .field(row.time_zone.name())
        .field(&row.business_day)
        .optional(row.opened_at.map(|moment| moment.micros().to_be_bytes()))
        .number(row.closed_at.micros());
    let ranges =
        [row.first_order, row.last_order, row.first_refund, row.last_refund, row.first_payment, row.last_payment];
    let head = ranges.into_iter().fold(head, Seal::number).field(&row.made_by).number(lines.len() as i64);
    let lines = lines.iter().fold(head, |seal, line| {
        seal.number(line.line)
            .field(line.section.as_str())
            .field(line.currency.code())
            .optional(line.method.map(|method| method.as_str()))
            .optional(line.tax_rate.map(i64::to_be_bytes))
            .number(line.records)
            .number(line.amount)
            .number(line.tax)
    });
    Some(lines.finish())
}

/// Seals a void placeholder. It is not a link of a chain: the record after the missing one names the missing record's
/// seal.
pub fn seal_placeholder(series: Series, row: &PlaceholderRow) -> Vec<u8> {
    Seal::chained_to(&Seal::FIRST)
        .field("void placeholder")
        .field(row.id.uuid())
        .field(row.store_id.uuid())
        .field(series.as_str())
        .number(row.number)
        .field(&row.reason)
        .field(&row.made_by)
        .number(row.created_at.micros())
        .finish()
}
