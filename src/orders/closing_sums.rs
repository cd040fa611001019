//! The sums of a daily closing, one set per currency, from the lines that are stored with it.

use super::closing_view::{CurrencySums, MethodSums, NumberRange, RateSums, RoundingSums, Sums};
use crate::db::z_reports::ZReportLineRow;
use crate::domain::{Currency, PaymentMethod, ZReportSection};

impl NumberRange {
    /// Empty if `last` is below `first`.
    pub(super) fn new(first: i64, last: i64) -> Self {
        let count = (last - first + 1).max(0);
        let is_empty = count == 0;
        Self { first: (!is_empty).then_some(first), last: (!is_empty).then_some(last), count }
    }
}

impl Sums {
    /// Sales less voids and refunds; counts the sales.
    fn less(self, voids: Self, refunds: Self) -> Self {
        Self {
            count: self.count,
            amount: self.amount - voids.amount - refunds.amount,
            tax: self.tax - voids.tax - refunds.tax,
        }
    }
}

impl CurrencySums {
    pub(super) fn from_lines(lines: &[ZReportLineRow]) -> Vec<Self> {
        let mut currencies: Vec<Currency> = Vec::new();
        for line in lines {
            if !currencies.contains(&line.currency) {
                currencies.push(line.currency);
            }
        }
        currencies.into_iter().map(|currency| Self::of_currency(currency, lines)).collect()
    }

    fn of_currency(currency: Currency, lines: &[ZReportLineRow]) -> Self {
        use ZReportSection::{
            Discounts, PaymentRounding, Payments, PayoutRounding, Payouts, Refunds, RefundsByRate, Sales, SalesByRate,
            Unpaid, Voids, VoidsByRate,
        };
        let section_lines = |section: ZReportSection| {
            lines.iter().filter(move |line| line.currency == currency && line.section == section)
        };
        let sums = |section: ZReportSection, rate: Option<i64>| {
            let line = section_lines(section).find(|line| line.tax_rate == rate);
            line.map_or_else(Sums::default, |line| Sums { count: line.records, amount: line.amount, tax: line.tax })
        };
        let method_sums = |section: ZReportSection| {
            let line_sums = |line: &ZReportLineRow| {
                Some(MethodSums { method: line.method?, count: line.records, amount: line.amount })
            };
            section_lines(section).filter_map(line_sums).collect()
        };
        let rounding = |section: ZReportSection| {
            let Sums { count, amount, .. } = sums(section, None);
            RoundingSums { count, amount }
        };
        let cash = |section: ZReportSection| -> i64 {
            let lines = section_lines(section).filter(|line| line.method == Some(PaymentMethod::Cash));
            lines.map(|line| line.amount).sum()
        };
        let (payment_rounding, payout_rounding) = (rounding(PaymentRounding), rounding(PayoutRounding));
        let by_rate = [SalesByRate, VoidsByRate, RefundsByRate];
        let mut rates: Vec<i64> =
            by_rate.into_iter().flat_map(section_lines).filter_map(|line| line.tax_rate).collect();
        rates.sort_unstable();
        rates.dedup();
        let rate_sums = |rate: i64| {
            let [sales, voids, refunds] = by_rate.map(|section| sums(section, Some(rate)));
            RateSums { tax_rate_bp: rate, sales, voids, refunds, net: sales.less(voids, refunds) }
        };
        let [sales, voids, refunds] = [Sales, Voids, Refunds].map(|section| sums(section, None));
        Self {
            currency,
            sales,
            discounts: sums(Discounts, None),
            unpaid: sums(Unpaid, None),
            voids,
            refunds,
            net: sales.less(voids, refunds),
            rates: rates.into_iter().map(rate_sums).collect(),
            payments: method_sums(Payments),
            payouts: method_sums(Payouts),
            payment_rounding,
            payout_rounding,
            cash: cash(Payments) + payment_rounding.amount - cash(Payouts) - payout_rounding.amount,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_range_has_neither_end() {
        assert_eq!(NumberRange::new(8, 7), NumberRange { first: None, last: None, count: 0 });
        assert_eq!(NumberRange::new(8, 9), NumberRange { first: Some(8), last: Some(9), count: 2 });
    }

    #[test]
    fn voids_and_refunds_reduce_the_sales_of_their_rate() {
        let currency = Currency::parse("currency", "EUR").unwrap();
        let line = |section: ZReportSection, tax_rate, amount, tax| ZReportLineRow {
            line: 1,
            section,
            currency,
            method: None,
            tax_rate,
            records: 1,
            amount,
            tax,
        };
        let lines = [
            line(ZReportSection::Sales, None, 300, 40),
            line(ZReportSection::SalesByRate, Some(1_900), 200, 32),
            line(ZReportSection::SalesByRate, Some(700), 100, 8),
            line(ZReportSection::Refunds, None, 119, 19),
            line(ZReportSection::RefundsByRate, Some(1_900), 119, 19),
        ];
        let [sums] = CurrencySums::from_lines(&lines).try_into().unwrap();
        assert_eq!((sums.net.amount, sums.net.tax), (181, 21));
        assert_eq!(sums.rates.iter().map(|rate| rate.net.amount).collect::<Vec<_>>(), [100, 81]);
    }
}
