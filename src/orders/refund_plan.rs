//! Plans the lines of a refund: pieces, money and tax, to the last minor unit.
//!
//! Invariants: over all refunds of a line, pieces, money and tax never exceed what was sold, and equal it once everything is
//! refunded. This module does no I/O.

use super::OrderError;
use super::amounts::line_amount;
use crate::db::orders::OrderItemRow;
use crate::db::refunds::{RefundItemRow, RefundedQuantity};
use crate::domain::{Currency, InvalidField, Money};

/// The requested refund of one line.
#[derive(Debug, Clone, Copy, serde::Serialize)]
pub struct RefundLineRequest {
    pub line: i64,
    /// Pieces that come back; 0 if only money is refunded.
    pub quantity: i64,
    /// In minor units; computed from the pieces if absent.
    pub amount: Option<i64>,
}

/// The lines of an order and what was already refunded of them.
pub(super) struct RefundableOrder<'a> {
    pub items: &'a [OrderItemRow],
    pub refunded: &'a [RefundedQuantity],
    pub prices_include_tax: bool,
    pub currency: Currency,
}

/// A line with what is left of it.
struct RefundableLine<'a> {
    item: &'a OrderItemRow,
    currency: Currency,
    amount: i64,
    quantity_refunded: i64,
    quantity_left: i64,
    amount_left: i64,
    tax_left: i64,
}

impl<'a> RefundableOrder<'a> {
    /// The lines of a refund of the requested lines.
    pub fn plan_lines(&self, requests: &[RefundLineRequest]) -> Result<Vec<RefundItemRow>, OrderError> {
        let lines: Vec<RefundableLine> = self.lines().collect();
        let mut planned: Vec<RefundItemRow> = Vec::with_capacity(requests.len());
        for request in requests {
            let line = lines.iter().find(|line| line.item.line == request.line);
            let line =
                line.ok_or_else(|| InvalidField::new("line", format!("the order has no line {}", request.line)))?;
            if planned.iter().any(|other| other.line == request.line) {
                return Err(InvalidField::new("line", format!("line {} appears twice", request.line)).into());
            }
            planned.push(line.refund_part(request)?);
        }
        Ok(planned)
    }

    /// The lines of a refund, or void, of everything that is left.
    pub fn plan_rest(&self) -> Vec<RefundItemRow> {
        self.lines().filter(RefundableLine::has_remainder).map(|line| line.refund_rest()).collect()
    }

    fn lines(&self) -> impl Iterator<Item = RefundableLine<'a>> {
        self.items.iter().map(|item| {
            let refunded = self.refunded.iter().find(|refunded| refunded.line == item.line);
            let refunded = refunded.copied().unwrap_or_default();
            let amount = line_amount(item, self.prices_include_tax);
            RefundableLine {
                item,
                currency: self.currency,
                amount,
                quantity_refunded: refunded.quantity,
                quantity_left: item.quantity - refunded.quantity,
                amount_left: amount - refunded.amount,
                tax_left: item.tax - refunded.tax,
            }
        })
    }
}

impl RefundableLine<'_> {
    fn has_remainder(&self) -> bool {
        self.quantity_left > 0 || self.amount_left > 0
    }

    fn refund_rest(&self) -> RefundItemRow {
        self.refund_row(self.quantity_left, self.amount_left)
    }

    fn refund_part(&self, request: &RefundLineRequest) -> Result<RefundItemRow, OrderError> {
        let RefundLineRequest { line, quantity, amount } = *request;
        if quantity < 0 {
            return Err(InvalidField::new("quantity", format!("{quantity} is negative")).into());
        }
        if quantity > self.quantity_left {
            return Err(OrderError::TooManyPieces { line, requested: quantity, left: self.quantity_left });
        }
        let amount = match amount {
            Some(amount) if amount < 1 => {
                return Err(InvalidField::new("amount", format!("{amount} is less than 1 minor unit")).into());
            }
            Some(amount) => amount,
            None if quantity == 0 => {
                return Err(InvalidField::new("quantity", "send a quantity of at least 1, or an amount").into());
            }
            None => self.amount_of_pieces(quantity),
        };
        if amount > self.amount_left {
            let money = |amount| Money { amount, currency: self.currency };
            let (requested, left) = (money(amount), money(self.amount_left));
            return Err(OrderError::LineRefundTooLarge { line, requested, left });
        }
        Ok(self.refund_row(quantity, amount))
    }

    /// The amount of the next pieces, rounded so that all pieces together come to the amount of the line.
    fn amount_of_pieces(&self, quantity: i64) -> i64 {
        if quantity == self.quantity_left {
            return self.amount_left;
        }
        let amount_of_first = |pieces: i64| share(self.amount, pieces, self.item.quantity, 0);
        let amount = amount_of_first(self.quantity_refunded + quantity) - amount_of_first(self.quantity_refunded);
        amount.min(self.amount_left)
    }

    fn refund_row(&self, quantity: i64, amount: i64) -> RefundItemRow {
        // The refund of the last money also refunds the last tax.
        let tax = match amount == self.amount_left {
            true => self.tax_left,
            false => share(self.item.tax, amount, self.amount, self.amount / 2).min(self.tax_left),
        };
        RefundItemRow { line: self.item.line, quantity, amount, tax_rate: self.item.tax_rate, tax }
    }
}

/// `total` × `part` ÷ `whole`, with `rounding` added before the division; 0 if `whole` is 0.
fn share(total: i64, part: i64, whole: i64, rounding: i64) -> i64 {
    if whole == 0 {
        return 0;
    }
    let exact = (i128::from(total) * i128::from(part) + i128::from(rounding)) / i128::from(whole);
    i64::try_from(exact).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::{ProductId, Timestamp};

    fn item(quantity: i64, line_total: i64, tax: i64) -> OrderItemRow {
        OrderItemRow {
            line: 1,
            product_id: ProductId::generate(Timestamp::from_micros(1)),
            name: "Milk".to_owned(),
            sku: None,
            barcode: None,
            quantity,
            unit_price: line_total / quantity,
            line_total,
            discount: 0,
            discount_reason: None,
            bill_discount: 0,
            tax_rate: 1_900,
            tax,
            avg_score: None,
        }
    }

    /// An order whose prices contain the tax, of which `refunds` were made.
    fn order(items: &[OrderItemRow], refunds: &[RefundItemRow], check: impl FnOnce(RefundableOrder)) {
        let refunded = [refunded(refunds)];
        let currency = Currency::parse("currency", "EUR").unwrap();
        check(RefundableOrder { items, refunded: &refunded, prices_include_tax: true, currency });
    }

    fn refunded(refunds: &[RefundItemRow]) -> RefundedQuantity {
        let sum = |field: fn(&RefundItemRow) -> i64| refunds.iter().map(field).sum();
        RefundedQuantity {
            line: 1,
            quantity: sum(|row| row.quantity),
            amount: sum(|row| row.amount),
            tax: sum(|row| row.tax),
        }
    }

    fn request(quantity: i64, amount: Option<i64>) -> RefundLineRequest {
        RefundLineRequest { line: 1, quantity, amount }
    }

    proptest! {
        #[test]
        fn refunding_piece_by_piece_gives_back_exactly_the_amount_and_the_tax(
            quantity in 1_i64..12, total in 0_i64..10_000, tax in 0_i64..2_000
        ) {
            let items = [item(quantity, total, tax.min(total))];
            let mut refunds = Vec::new();
            for _ in 0..quantity {
                let mut next = Vec::new();
                order(&items, &refunds, |order| next = order.plan_lines(&[request(1, None)]).unwrap());
                prop_assert!(next[0].amount >= 0 && next[0].tax >= 0);
                refunds.extend(next);
            }
            let all = refunded(&refunds);
            prop_assert_eq!((all.quantity, all.amount, all.tax), (quantity, total, tax.min(total)));
            order(&items, &refunds, |order| {
                assert!(order.plan_lines(&[request(1, None)]).is_err());
                assert!(order.plan_rest().is_empty());
            });
        }
    }

    #[test]
    fn money_without_pieces_leaves_less_for_the_pieces() {
        let items = [item(3, 300, 48)];
        let mut goodwill = Vec::new();
        order(&items, &[], |order| goodwill = order.plan_lines(&[request(0, Some(50))]).unwrap());
        assert_eq!((goodwill[0].amount, goodwill[0].tax), (50, 8));
        order(&items, &goodwill, |order| {
            let rest = order.plan_rest();
            assert_eq!((rest[0].quantity, rest[0].amount, rest[0].tax), (3, 250, 40));
        });
    }

    #[test]
    fn tax_on_top_is_refunded_with_the_price() {
        order(&[item(2, 200, 38)], &[], |order| {
            let rest = RefundableOrder { prices_include_tax: false, ..order }.plan_rest();
            assert_eq!((rest[0].quantity, rest[0].amount, rest[0].tax), (2, 238, 38));
        });
    }

    #[test]
    fn more_than_is_left_is_refused_with_what_is_left() {
        order(&[item(2, 200, 0)], &[], |order| {
            let refuse = |requests: &[RefundLineRequest]| order.plan_lines(requests).unwrap_err().to_string();
            assert!(refuse(&[request(3, None)]).contains("3 pieces were requested, but only 2"));
            assert!(refuse(&[request(1, Some(201))]).contains("2.01 EUR was requested, but only 2.00 EUR"));
            assert!(refuse(&[request(-1, None)]).starts_with("quantity"));
            assert!(refuse(&[request(0, None)]).starts_with("quantity"));
            assert!(refuse(&[request(0, Some(0))]).starts_with("amount"));
            assert!(refuse(&[RefundLineRequest { line: 7, ..request(1, None) }]).contains("no line 7"));
            assert!(refuse(&[request(1, None), request(1, None)]).contains("appears twice"));
        });
    }
}
