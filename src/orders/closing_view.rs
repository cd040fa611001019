//! Daily closings as they are shown.

use serde::Serialize;
use utoipa::ToSchema;

use crate::db::z_reports::{ZReportLineRow, ZReportRow};
use crate::domain::{Currency, PaymentMethod, StoreId, TimeZone, Timestamp, ZReportId, ZReportSection};

/// A closing in a list.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ZReportSummary {
    /// Its identifier.
    pub id: ZReportId,
    /// 1, 2, 3 … within the store.
    pub z_number: i64,
    /// The day on which it was made, by the clocks of the store.
    #[schema(examples("2026-01-05"))]
    pub business_day: String,
    /// When it was made.
    pub closed_at: Timestamp,
    /// The receipts in it.
    pub receipts: NumberRange,
}

/// Numbers without gaps, from the first to the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct NumberRange {
    /// The first; `null` where there is none.
    pub first: Option<i64>,
    /// The last; `null` where there is none.
    pub last: Option<i64>,
    /// How many.
    pub count: i64,
}

/// A daily closing: everything that a store recorded since the one before.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ZReportView {
    /// Its identifier.
    pub id: ZReportId,
    /// 1, 2, 3 … within the store.
    pub z_number: i64,
    /// The store.
    pub store_id: StoreId,
    /// The store's name now.
    pub store_name: String,
    /// The store's time zone when it was made.
    pub time_zone: TimeZone,
    /// The day there on which it was made.
    #[schema(examples("2026-01-05"))]
    pub business_day: String,
    /// When the closing before was made; `null` for the first.
    pub opened_at: Option<Timestamp>,
    /// When it was made.
    pub closed_at: Timestamp,
    /// The receipts in it.
    pub receipts: NumberRange,
    /// The refunds and voids in it.
    pub refunds: NumberRange,
    /// The payments in it.
    pub payments: NumberRange,
    /// The sums, for each currency.
    pub currencies: Vec<CurrencySums>,
    /// Who made it.
    pub made_by: String,
    /// SHA-256 over its fields and the seal of the closing before it, in hexadecimal.
    pub hash: String,
}

/// How much of something there was.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Sums {
    /// Records.
    pub count: i64,
    /// Minor units.
    pub amount: i64,
    /// The tax among them.
    pub tax: i64,
}

/// The sums of a closing in one currency.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct CurrencySums {
    /// Of all amounts.
    pub currency: Currency,
    /// Orders that were confirmed.
    pub sales: Sums,
    /// What discounts took off them; it is not in `sales` any more.
    pub discounts: Sums,
    /// Orders among `sales` that were neither paid nor voided.
    pub unpaid: Sums,
    /// Orders, of this closing or earlier ones, that were voided.
    pub voids: Sums,
    /// Money of orders, of this closing or earlier ones, that was given back.
    pub refunds: Sums,
    /// Sales without voids and refunds.
    pub net: Sums,
    /// The same by tax rate.
    pub rates: Vec<RateSums>,
    /// What was taken, by method.
    pub payments: Vec<MethodSums>,
    /// What was given back, by method.
    pub payouts: Vec<MethodSums>,
}

/// The turnover at one tax rate.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct RateSums {
    /// In basis points: 1900 is 19 %.
    pub tax_rate_bp: i64,
    /// Sold.
    pub sales: Sums,
    /// Voided.
    pub voids: Sums,
    /// Given back.
    pub refunds: Sums,
    /// Sales without voids and refunds.
    pub net: Sums,
}

/// What went through one method of payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct MethodSums {
    /// How.
    pub method: PaymentMethod,
    /// Records.
    pub count: i64,
    /// Minor units.
    pub amount: i64,
}

impl NumberRange {
    fn new(first: i64, last: i64) -> Self {
        let count = last - first + 1;
        let is_empty = count <= 0;
        Self { first: (!is_empty).then_some(first), last: (!is_empty).then_some(last), count: count.max(0) }
    }
}

impl Sums {
    /// What is left of sales once voids and refunds are taken off; it counts the sales.
    fn without(self, voids: Self, refunds: Self) -> Self {
        Self {
            count: self.count,
            amount: self.amount - voids.amount - refunds.amount,
            tax: self.tax - voids.tax - refunds.tax,
        }
    }
}

impl From<ZReportRow> for ZReportSummary {
    fn from(row: ZReportRow) -> Self {
        Self {
            id: row.id,
            z_number: row.number,
            business_day: row.business_day,
            closed_at: row.closed_at,
            receipts: NumberRange::new(row.first_order, row.last_order),
        }
    }
}

impl ZReportView {
    pub(super) fn new(row: ZReportRow, store_name: String, lines: Vec<ZReportLineRow>) -> Self {
        let mut codes: Vec<Currency> = Vec::new();
        for line in &lines {
            if !codes.contains(&line.currency) {
                codes.push(line.currency);
            }
        }
        Self {
            id: row.id,
            z_number: row.number,
            store_id: row.store_id,
            store_name,
            time_zone: row.time_zone,
            business_day: row.business_day,
            opened_at: row.opened_at,
            closed_at: row.closed_at,
            receipts: NumberRange::new(row.first_order, row.last_order),
            refunds: NumberRange::new(row.first_refund, row.last_refund),
            payments: NumberRange::new(row.first_payment, row.last_payment),
            currencies: codes.into_iter().map(|currency| CurrencySums::new(currency, &lines)).collect(),
            made_by: row.made_by,
            hash: hex::encode(row.hash),
        }
    }
}

impl CurrencySums {
    fn new(currency: Currency, lines: &[ZReportLineRow]) -> Self {
        let of = |section: ZReportSection| {
            lines.iter().filter(move |line| line.currency == currency && line.section == section)
        };
        let sums = |section: ZReportSection, rate: Option<i64>| {
            let line = of(section).find(|line| line.tax_rate == rate);
            line.map_or_else(Sums::default, |line| Sums { count: line.records, amount: line.amount, tax: line.tax })
        };
        let methods = |section: ZReportSection| {
            let shown = |line: &ZReportLineRow| {
                Some(MethodSums { method: line.method?, count: line.records, amount: line.amount })
            };
            of(section).filter_map(shown).collect()
        };
        let by_rate = [ZReportSection::SalesByRate, ZReportSection::VoidsByRate, ZReportSection::RefundsByRate];
        let mut rates: Vec<i64> = by_rate.into_iter().flat_map(of).filter_map(|line| line.tax_rate).collect();
        rates.sort_unstable();
        rates.dedup();
        let at_rate = |rate: i64| {
            let [sales, voids, refunds] = by_rate.map(|section| sums(section, Some(rate)));
            RateSums { tax_rate_bp: rate, sales, voids, refunds, net: sales.without(voids, refunds) }
        };
        let [sales, voids, refunds] =
            [ZReportSection::Sales, ZReportSection::Voids, ZReportSection::Refunds].map(|section| sums(section, None));
        Self {
            currency,
            sales,
            discounts: sums(ZReportSection::Discounts, None),
            unpaid: sums(ZReportSection::Unpaid, None),
            voids,
            refunds,
            net: sales.without(voids, refunds),
            rates: rates.into_iter().map(at_rate).collect(),
            payments: methods(ZReportSection::Payments),
            payouts: methods(ZReportSection::Payouts),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_without_records_has_neither_end() {
        assert_eq!(NumberRange::new(8, 7), NumberRange { first: None, last: None, count: 0 });
        assert_eq!(NumberRange::new(8, 9), NumberRange { first: Some(8), last: Some(9), count: 2 });
    }

    #[test]
    fn voids_and_refunds_are_taken_off_at_their_rate() {
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
        let sums = CurrencySums::new(currency, &lines);
        assert_eq!((sums.net.amount, sums.net.tax), (181, 21));
        assert_eq!(sums.rates.iter().map(|rate| rate.net.amount).collect::<Vec<_>>(), [100, 81]);
    }
}
