//! What a refund gives back of each line: pieces, money and tax, to the last minor unit.
//!
//! Invariants: over all refunds of a line, pieces, money and tax never exceed what was sold, paid and taxed, and are
//! exactly that once everything came back. Nothing here reads or writes.

use super::OrderError;
use crate::db::orders::OrderItemRow;
use crate::db::refunds::{RefundItemRow, RefundedQuantity};
use crate::domain::InvalidField;

/// What is wanted back of one line.
#[derive(Debug, Clone, Copy, serde::Serialize)]
pub struct RefundLineRequest {
    /// The order's line.
    pub line: i64,
    /// Pieces that come back; 0 where only money is given back.
    pub quantity: i64,
    /// Minor units, where they are not to follow from the pieces.
    pub amount: Option<i64>,
}

/// A line with what is left of it.
struct Line<'a> {
    item: &'a OrderItemRow,
    due: i64,
    quantity_back: i64,
    quantity_left: i64,
    amount_left: i64,
    tax_left: i64,
}

/// The lines of a refund of what is `wanted`, or of everything that is left.
pub(super) fn plan(
    items: &[OrderItemRow],
    prices_include_tax: bool,
    taken_back: &[RefundedQuantity],
    wanted: Option<&[RefundLineRequest]>,
) -> Result<Vec<RefundItemRow>, OrderError> {
    let lines: Vec<Line> = items.iter().map(|item| Line::new(item, prices_include_tax, taken_back)).collect();
    let Some(wanted) = wanted else {
        return Ok(lines.iter().filter(|line| line.is_left()).map(Line::rest).collect());
    };
    let mut planned: Vec<RefundItemRow> = Vec::with_capacity(wanted.len());
    for asked in wanted {
        let line = lines.iter().find(|line| line.item.line == asked.line);
        let line = line.ok_or_else(|| InvalidField::new("line", format!("the order has no line {}", asked.line)))?;
        if planned.iter().any(|other| other.line == asked.line) {
            return Err(InvalidField::new("line", format!("line {} is named twice", asked.line)).into());
        }
        planned.push(line.part(asked)?);
    }
    Ok(planned)
}

/// Everything of an order that was never paid: the lines of a void.
pub(super) fn whole(items: &[OrderItemRow], prices_include_tax: bool) -> Vec<RefundItemRow> {
    items.iter().map(|item| Line::new(item, prices_include_tax, &[]).rest()).collect()
}

impl<'a> Line<'a> {
    fn new(item: &'a OrderItemRow, prices_include_tax: bool, taken_back: &[RefundedQuantity]) -> Self {
        let back = taken_back.iter().find(|back| back.line == item.line).copied().unwrap_or_default();
        let due = item.due(prices_include_tax);
        Self {
            item,
            due,
            quantity_back: back.quantity,
            quantity_left: item.quantity - back.quantity,
            amount_left: due - back.amount,
            tax_left: item.tax - back.tax,
        }
    }

    fn is_left(&self) -> bool {
        self.quantity_left > 0 || self.amount_left > 0
    }

    /// All that is left.
    fn rest(&self) -> RefundItemRow {
        self.row(self.quantity_left, self.amount_left)
    }

    fn part(&self, asked: &RefundLineRequest) -> Result<RefundItemRow, OrderError> {
        if asked.quantity < 0 {
            return Err(InvalidField::new("quantity", format!("{} is negative", asked.quantity)).into());
        }
        if asked.quantity > self.quantity_left {
            return Err(self.too_much("pieces", asked.quantity, self.quantity_left));
        }
        let amount = match asked.amount {
            Some(amount) if amount < 1 => {
                return Err(InvalidField::new("amount", format!("{amount} is not at least 1 minor unit")).into());
            }
            Some(amount) => amount,
            None if asked.quantity == 0 => {
                return Err(InvalidField::new("quantity", "send a quantity of at least 1, or an amount").into());
            }
            None => self.price_of(asked.quantity),
        };
        if amount > self.amount_left {
            return Err(self.too_much("minor units", amount, self.amount_left));
        }
        Ok(self.row(asked.quantity, amount))
    }

    /// What so many more pieces were paid with: shares of what was due, rounded so that all pieces together give all of it.
    fn price_of(&self, quantity: i64) -> i64 {
        if quantity == self.quantity_left {
            return self.amount_left;
        }
        let share = |pieces: i64| part_of(self.due, pieces, self.item.quantity, 0);
        (share(self.quantity_back + quantity) - share(self.quantity_back)).min(self.amount_left)
    }

    fn row(&self, quantity: i64, amount: i64) -> RefundItemRow {
        // The last of the money takes the last of the tax.
        let tax = match amount == self.amount_left {
            true => self.tax_left,
            false => part_of(self.item.tax, amount, self.due, self.due / 2).min(self.tax_left),
        };
        RefundItemRow { line: self.item.line, quantity, amount, tax_rate: self.item.tax_rate, tax }
    }

    fn too_much(&self, of_what: &str, wanted: i64, left: i64) -> OrderError {
        OrderError::TooMuch { what: format!("line {}, {of_what}", self.item.line), wanted, left }
    }
}

/// `whole` × `part` ÷ `of`, `rounding` added before the division; 0 of nothing.
fn part_of(whole: i64, part: i64, of: i64, rounding: i64) -> i64 {
    if of == 0 {
        return 0;
    }
    let exact = (i128::from(whole) * i128::from(part) + i128::from(rounding)) / i128::from(of);
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
            product_id: ProductId::at(Timestamp::from_micros(1)),
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

    fn back(rows: &[RefundItemRow]) -> Vec<RefundedQuantity> {
        let sum = |of: fn(&RefundItemRow) -> i64| rows.iter().map(of).sum();
        vec![RefundedQuantity {
            line: 1,
            quantity: sum(|row| row.quantity),
            amount: sum(|row| row.amount),
            tax: sum(|row| row.tax),
        }]
    }

    fn want(quantity: i64, amount: Option<i64>) -> [RefundLineRequest; 1] {
        [RefundLineRequest { line: 1, quantity, amount }]
    }

    proptest! {
        #[test]
        fn piece_by_piece_gives_back_exactly_what_was_paid_and_taxed(
            quantity in 1_i64..12, total in 0_i64..10_000, tax in 0_i64..2_000
        ) {
            let items = [item(quantity, total, tax.min(total))];
            let mut rows = Vec::new();
            for _ in 0..quantity {
                let more = plan(&items, true, &back(&rows), Some(&want(1, None))).unwrap();
                prop_assert!(more[0].amount >= 0 && more[0].tax >= 0);
                rows.extend(more);
            }
            let all = back(&rows)[0];
            prop_assert_eq!((all.quantity, all.amount, all.tax), (quantity, total, tax.min(total)));
            prop_assert!(plan(&items, true, &back(&rows), Some(&want(1, None))).is_err());
            prop_assert!(plan(&items, true, &back(&rows), None).unwrap().is_empty());
        }
    }

    #[test]
    fn money_without_goods_leaves_less_for_the_goods() {
        let items = [item(3, 300, 48)];
        let goodwill = plan(&items, true, &[], Some(&want(0, Some(50)))).unwrap();
        assert_eq!((goodwill[0].amount, goodwill[0].tax), (50, 8));
        let rest = plan(&items, true, &back(&goodwill), None).unwrap();
        assert_eq!((rest[0].quantity, rest[0].amount, rest[0].tax), (3, 250, 40));
    }

    #[test]
    fn tax_on_top_is_given_back_with_the_price() {
        let rows = whole(&[item(2, 200, 38)], false);
        assert_eq!((rows[0].quantity, rows[0].amount, rows[0].tax), (2, 238, 38));
    }

    #[test]
    fn what_is_not_there_is_refused_by_name() {
        let items = [item(2, 200, 0)];
        let refused = |wanted: &[RefundLineRequest]| plan(&items, true, &[], Some(wanted)).unwrap_err().to_string();
        assert!(refused(&want(3, None)).contains("3 wanted back, 2 left"));
        assert!(refused(&want(1, Some(201))).contains("201 wanted back, 200 left"));
        assert!(refused(&want(-1, None)).starts_with("quantity"));
        assert!(refused(&want(0, None)).starts_with("quantity"));
        assert!(refused(&want(0, Some(0))).starts_with("amount"));
        assert!(refused(&[RefundLineRequest { line: 7, quantity: 1, amount: None }]).contains("no line 7"));
        assert!(refused(&[want(1, None)[0], want(1, None)[0]]).contains("named twice"));
    }
}
