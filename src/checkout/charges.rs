//! The charges of a bill's lines: discounts, tax and amount due. The kiosk's screen and the order share them.
//!
//! Amounts are whole minor units, rates basis points; every division rounds half up. A line's own discount comes first,
//! then its share of the discount on the whole bill. Tax is computed per line on what is left of its price. Nothing here
//! reads or writes.

use crate::domain::{Discount, RATE_BP_MAX};

/// A line before discounts and tax.
#[derive(Debug, Clone, Copy)]
pub(super) struct ChargeableLine {
    /// Price of all pieces.
    pub line_total: i64,
    /// On this line alone.
    pub discount: Option<Discount>,
    pub tax_rate: i64,
}

/// The charges of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LineCharge {
    /// From the line's own discount.
    pub discount: i64,
    /// The line's share of the discount on the whole bill.
    pub bill_discount: i64,
    /// The tax in `amount`.
    pub tax: i64,
    /// The amount due.
    pub amount: i64,
}

/// The charge of each line. Prices contain the tax, or it is added.
pub(super) fn charge_lines(
    lines: &[ChargeableLine],
    bill_discount: Option<Discount>,
    prices_include_tax: bool,
) -> Vec<LineCharge> {
    let discounts: Vec<i64> = lines.iter().map(|line| discount_amount(line.line_total, line.discount)).collect();
    let discounted: Vec<i64> =
        lines.iter().zip(&discounts).map(|(line, discount)| line.line_total - discount).collect();
    let subtotal = discounted.iter().fold(0_i64, |sum, amount| sum.saturating_add(*amount));
    let shares = split_proportionally(discount_amount(subtotal, bill_discount), &discounted);
    let charges = lines.iter().zip(discounts).zip(discounted.iter().zip(shares));
    let charges = charges.map(|((line, discount), (discounted, bill_discount))| {
        let price = discounted - bill_discount;
        let rate = line.tax_rate;
        match prices_include_tax {
            true => {
                let tax = multiply_rounded(price, rate, RATE_BP_MAX + rate);
                LineCharge { discount, bill_discount, tax, amount: price }
            }
            false => {
                let tax = multiply_rounded(price, rate, RATE_BP_MAX);
                LineCharge { discount, bill_discount, tax, amount: price.saturating_add(tax) }
            }
        }
    });
    charges.collect()
}

/// A discount never exceeds the price.
fn discount_amount(price: i64, discount: Option<Discount>) -> i64 {
    match discount {
        None => 0,
        Some(Discount::Rate(rate)) => multiply_rounded(price, rate, RATE_BP_MAX),
        Some(Discount::Amount(amount)) => amount.min(price),
    }
}

/// Splits `total` in proportion to `weights`, whose sum is at least `total`, by the largest remainder method: parts are rounded
/// down, and the rest goes, one minor unit each, to the parts that lost most; of equals, to the first.
fn split_proportionally(total: i64, weights: &[i64]) -> Vec<i64> {
    let sum: i128 = weights.iter().map(|weight| i128::from(*weight)).sum();
    if total == 0 || sum == 0 {
        return vec![0; weights.len()];
    }
    let product = |weight: i64| i128::from(total) * i128::from(weight);
    let mut parts: Vec<i64> =
        weights.iter().map(|weight| i64::try_from(product(*weight) / sum).unwrap_or(i64::MAX)).collect();
    let rest = total - parts.iter().sum::<i64>();
    let mut by_remainder: Vec<usize> = (0..weights.len()).collect();
    by_remainder.sort_by_key(|index| std::cmp::Reverse(product(weights[*index]) % sum));
    for index in by_remainder.into_iter().take(usize::try_from(rest).unwrap_or(0)) {
        parts[index] += 1;
    }
    parts
}

/// `amount` × `numerator` ÷ `denominator`, rounded half up, for non-negative amounts.
fn multiply_rounded(amount: i64, numerator: i64, denominator: i64) -> i64 {
    let product = i128::from(amount) * i128::from(numerator) + i128::from(denominator / 2);
    i64::try_from(product / i128::from(denominator)).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn line(line_total: i64, discount: Option<Discount>, tax_rate: i64) -> ChargeableLine {
        ChargeableLine { line_total, discount, tax_rate }
    }

    #[test]
    fn tax_is_contained_in_the_price_or_added() {
        let lines = [line(119, None, 1_900), line(1_000, None, 700)];
        let contained = charge_lines(&lines, None, true);
        assert_eq!((contained[0].tax, contained[0].amount), (19, 119));
        // 1000 × 700 ÷ 10700 = 65.42
        assert_eq!((contained[1].tax, contained[1].amount), (65, 1_000));
        let added = charge_lines(&lines, None, false);
        // 119 × 19 % = 22.61
        assert_eq!((added[0].tax, added[0].amount), (23, 142));
        assert_eq!((added[1].tax, added[1].amount), (70, 1_070));
    }

    #[test]
    fn the_discount_on_a_line_comes_before_the_one_on_the_bill() {
        let lines = [line(1_000, Some(Discount::Rate(1_000)), 0), line(100, Some(Discount::Amount(500)), 0)];
        let charges = charge_lines(&lines, Some(Discount::Amount(90)), true);
        assert_eq!((charges[0].discount, charges[0].bill_discount, charges[0].amount), (100, 90, 810));
        assert_eq!((charges[1].discount, charges[1].bill_discount, charges[1].amount), (100, 0, 0));
    }

    #[test]
    fn what_cannot_be_divided_goes_to_the_largest_remainders() {
        assert_eq!(split_proportionally(100, &[1, 1, 1]), [34, 33, 33]);
        assert_eq!(split_proportionally(5, &[10, 20, 70]), [1, 1, 3]);
        assert_eq!(split_proportionally(0, &[10]), [0]);
        assert_eq!(split_proportionally(7, &[0, 7]), [0, 7]);
    }

    proptest! {
        #[test]
        fn shares_of_the_bill_discount_add_up_and_never_exceed_their_line(
            totals in prop::collection::vec(0_i64..100_000, 1..12), rate in 1_i64..=10_000, tax in 0_i64..=10_000
        ) {
            let lines: Vec<ChargeableLine> = totals.iter().map(|total| line(*total, None, tax)).collect();
            for prices_include_tax in [true, false] {
                let charges = charge_lines(&lines, Some(Discount::Rate(rate)), prices_include_tax);
                let shares: i64 = charges.iter().map(|charge| charge.bill_discount).sum();
                prop_assert_eq!(shares, multiply_rounded(totals.iter().sum(), rate, RATE_BP_MAX));
                for (charge, total) in charges.iter().zip(&totals) {
                    prop_assert!(charge.bill_discount <= *total && charge.tax >= 0 && charge.amount >= charge.tax);
                }
            }
        }
    }
}
