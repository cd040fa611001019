//! What a bill comes to: discounts, tax and what is due, for the kiosk's screen and for the order alike.
//!
//! Amounts are whole minor units, rates basis points; every division rounds half up. Discounts come first (a line's own,
//! then its share of the whole bill's), tax is reckoned for each line on what is left of its price. Nothing here reads or
//! writes.

use crate::domain::{Discount, LARGEST_RATE};

/// A line before discounts and tax.
#[derive(Debug, Clone, Copy)]
pub(super) struct PricedLine {
    /// Price of all pieces, minor units.
    pub(super) line_total: i64,
    /// On this line alone.
    pub(super) discount: Option<Discount>,
    /// Basis points.
    pub(super) tax_rate: i64,
}

/// A line as it is charged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ChargedLine {
    /// Taken off by the line's own discount.
    pub(super) discount: i64,
    /// The line's share of the whole bill's discount.
    pub(super) bill_discount: i64,
    /// The tax, contained in `amount`.
    pub(super) tax: i64,
    /// What is due.
    pub(super) amount: i64,
}

/// What each line comes to. Prices contain the tax, or it comes on top.
pub(super) fn charge(lines: &[PricedLine], bill: Option<Discount>, prices_include_tax: bool) -> Vec<ChargedLine> {
    let own: Vec<i64> = lines.iter().map(|line| off(line.line_total, line.discount)).collect();
    let left: Vec<i64> = lines.iter().zip(&own).map(|(line, own)| line.line_total - own).collect();
    let whole = left.iter().fold(0_i64, |sum, amount| sum.saturating_add(*amount));
    let shares = shared_out(off(whole, bill), &left);
    let charged = lines.iter().zip(own).zip(left).zip(shares).map(|(((line, discount), left), bill_discount)| {
        let price = left - bill_discount;
        let rate = line.tax_rate;
        match prices_include_tax {
            true => {
                let tax = rounded(price, rate, LARGEST_RATE + rate);
                ChargedLine { discount, bill_discount, tax, amount: price }
            }
            false => {
                let tax = rounded(price, rate, LARGEST_RATE);
                ChargedLine { discount, bill_discount, tax, amount: price.saturating_add(tax) }
            }
        }
    });
    charged.collect()
}

/// What a discount takes off a price, at most all of it.
fn off(price: i64, discount: Option<Discount>) -> i64 {
    match discount {
        None => 0,
        Some(Discount::Rate(rate)) => rounded(price, rate, LARGEST_RATE),
        Some(Discount::Amount(amount)) => amount.min(price),
    }
}

/// `whole` in parts proportional to `weights`, which together are at least `whole`. Parts are rounded down; what is left
/// goes, one minor unit each, to the lines that lost most by it (largest remainder), the first of equals first.
fn shared_out(whole: i64, weights: &[i64]) -> Vec<i64> {
    let sum: i128 = weights.iter().map(|weight| i128::from(*weight)).sum();
    if whole == 0 || sum == 0 {
        return vec![0; weights.len()];
    }
    let exact = |weight: i64| i128::from(whole) * i128::from(weight);
    let mut parts: Vec<i64> =
        weights.iter().map(|weight| i64::try_from(exact(*weight) / sum).unwrap_or(i64::MAX)).collect();
    let rest = whole - parts.iter().sum::<i64>();
    let mut places: Vec<usize> = (0..weights.len()).collect();
    places.sort_by_key(|place| std::cmp::Reverse(exact(weights[*place]) % sum));
    for place in places.into_iter().take(usize::try_from(rest).unwrap_or(0)) {
        parts[place] += 1;
    }
    parts
}

/// `amount` × `part` ÷ `of`, half up; no amount is negative.
fn rounded(amount: i64, part: i64, of: i64) -> i64 {
    let exact = (i128::from(amount) * i128::from(part) + i128::from(of / 2)) / i128::from(of);
    i64::try_from(exact).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn line(line_total: i64, discount: Option<Discount>, tax_rate: i64) -> PricedLine {
        PricedLine { line_total, discount, tax_rate }
    }

    #[test]
    fn contained_tax_and_tax_on_top() {
        let lines = [line(119, None, 1_900), line(1_000, None, 700)];
        let contained = charge(&lines, None, true);
        assert_eq!((contained[0].tax, contained[0].amount), (19, 119));
        // 1000 × 700 ÷ 10700 = 65.42
        assert_eq!((contained[1].tax, contained[1].amount), (65, 1_000));
        let on_top = charge(&lines, None, false);
        // 119 × 19 % = 22.61
        assert_eq!((on_top[0].tax, on_top[0].amount), (23, 142));
        assert_eq!((on_top[1].tax, on_top[1].amount), (70, 1_070));
    }

    #[test]
    fn a_lines_discount_comes_before_the_bills() {
        let lines = [line(1_000, Some(Discount::Rate(1_000)), 0), line(100, Some(Discount::Amount(500)), 0)];
        let charged = charge(&lines, Some(Discount::Amount(90)), true);
        assert_eq!((charged[0].discount, charged[0].bill_discount, charged[0].amount), (100, 90, 810));
        assert_eq!((charged[1].discount, charged[1].bill_discount, charged[1].amount), (100, 0, 0));
    }

    #[test]
    fn what_cannot_be_divided_goes_to_the_largest_remainders() {
        assert_eq!(shared_out(100, &[1, 1, 1]), [34, 33, 33]);
        assert_eq!(shared_out(5, &[10, 20, 70]), [1, 1, 3]);
        assert_eq!(shared_out(0, &[10]), [0]);
        assert_eq!(shared_out(7, &[0, 7]), [0, 7]);
    }

    proptest! {
        #[test]
        fn shares_add_up_and_no_line_gives_more_than_it_has(
            totals in prop::collection::vec(0_i64..100_000, 1..12), rate in 1_i64..=10_000, tax in 0_i64..=10_000
        ) {
            let lines: Vec<PricedLine> = totals.iter().map(|total| line(*total, None, tax)).collect();
            for included in [true, false] {
                let charged = charge(&lines, Some(Discount::Rate(rate)), included);
                let off: i64 = charged.iter().map(|line| line.bill_discount).sum();
                prop_assert_eq!(off, rounded(totals.iter().sum(), rate, LARGEST_RATE));
                for (line, total) in charged.iter().zip(&totals) {
                    prop_assert!(line.bill_discount <= *total && line.tax >= 0 && line.amount >= line.tax);
                }
            }
        }
    }
}
