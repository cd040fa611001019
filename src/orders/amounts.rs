//! The amounts that follow from the lines of an order.

use super::receipt::ReceiptTax;
use crate::db::orders::OrderItemRow;

/// What is due for a line, in minor units.
pub(super) fn line_amount(item: &OrderItemRow, prices_include_tax: bool) -> i64 {
    let tax_on_top = if prices_include_tax { 0 } else { item.tax };
    item.line_total - item.discount - item.bill_discount + tax_on_top
}

pub(super) fn tax_total(items: &[OrderItemRow]) -> i64 {
    items.iter().map(|item| item.tax).sum()
}

pub(super) fn discount_total(items: &[OrderItemRow]) -> i64 {
    items.iter().map(|item| item.discount + item.bill_discount).sum()
}

/// The tax by rate, lowest rate first.
pub(super) fn taxes_by_rate(items: &[OrderItemRow], prices_include_tax: bool) -> Vec<ReceiptTax> {
    let mut rates: Vec<i64> = items.iter().map(|item| item.tax_rate).collect();
    rates.sort_unstable();
    rates.dedup();
    let sum_rate = |rate: i64| {
        let items = items.iter().filter(|item| item.tax_rate == rate);
        let (gross, tax) =
            items.fold((0, 0), |(gross, tax), item| (gross + line_amount(item, prices_include_tax), tax + item.tax));
        ReceiptTax { tax_rate_bp: rate, net: gross - tax, tax, gross }
    };
    rates.into_iter().map(sum_rate).collect()
}
