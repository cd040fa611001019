//! Daily closings as the API shows them.

use serde::Serialize;
use utoipa::ToSchema;

use crate::db::z_reports::{ClosingRange, ZReportLineRow, ZReportRow};
use crate::domain::{Currency, PaymentMethod, StoreId, TimeZone, Timestamp, ZReportId};

/// A closing in a list.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ZReportSummary {
    pub id: ZReportId,
    /// 1, 2, 3 … within the store.
    pub z_number: i64,
    /// The business day of the store in which it was made.
    #[schema(examples("2026-01-05"))]
    pub business_day: String,
    pub closed_at: Timestamp,
    /// The receipts that it covers.
    pub receipts: NumberRange,
}

/// Numbers without gaps, from first to last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct NumberRange {
    /// `null` if there are none.
    pub first: Option<i64>,
    /// `null` if there are none.
    pub last: Option<i64>,
    pub count: i64,
}

/// A daily closing: everything that a store recorded since the previous closing.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ZReportView {
    pub id: ZReportId,
    /// 1, 2, 3 … within the store.
    pub z_number: i64,
    pub store_id: StoreId,
    /// At the closing, like the address and the tax number; `null` if the closing was made before these were kept with it.
    pub store_name: Option<String>,
    /// `null` if the store had none, or the closing was made before it was kept.
    pub store_address: Option<String>,
    /// `null` if the store had none, or the closing was made before it was kept.
    pub store_tax_number: Option<String>,
    /// The store's time zone at the closing.
    pub time_zone: TimeZone,
    /// The business day of the store in which it was made.
    #[schema(examples("2026-01-05"))]
    pub business_day: String,
    /// When the previous closing was made; `null` for the first.
    pub opened_at: Option<Timestamp>,
    pub closed_at: Timestamp,
    /// The receipts that it covers.
    pub receipts: NumberRange,
    /// The refunds and voids that it covers.
    pub refunds: NumberRange,
    /// The payments that it covers.
    pub payments: NumberRange,
    /// The sums of each currency.
    pub currencies: Vec<CurrencySums>,
    /// Who closed the day.
    pub made_by: String,
    /// SHA-256 over its fields and the previous closing's seal, in hexadecimal.
    pub hash: String,
}

/// What a closing would hold if it were made now.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ClosingPreview {
    /// The number that it would get.
    pub z_number: i64,
    /// The present business day of the store.
    #[schema(examples("2026-01-05"))]
    pub business_day: String,
    /// When the previous closing was made; `null` for the first.
    pub opened_at: Option<Timestamp>,
    /// The receipts that it would cover.
    pub receipts: NumberRange,
    /// The refunds and voids that it would cover.
    pub refunds: NumberRange,
    /// The payments that it would cover.
    pub payments: NumberRange,
    /// The sums of each currency.
    pub currencies: Vec<CurrencySums>,
}

impl ClosingPreview {
    pub(super) fn new(
        z_number: i64,
        business_day: String,
        opened_at: Option<Timestamp>,
        range: ClosingRange,
        lines: &[ZReportLineRow],
    ) -> Self {
        let numbers = |(first, last): (i64, i64)| NumberRange::new(first, last);
        Self {
            z_number,
            business_day,
            opened_at,
            receipts: numbers(range.orders),
            refunds: numbers(range.refunds),
            payments: numbers(range.payments),
            currencies: CurrencySums::from_lines(lines),
        }
    }
}

/// A count of records and their amounts in minor units.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Sums {
    pub count: i64,
    pub amount: i64,
    /// The tax in the amount.
    pub tax: i64,
}

/// The sums of a closing in one currency.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct CurrencySums {
    pub currency: Currency,
    /// Confirmed orders, after discounts.
    pub sales: Sums,
    /// Discounts on these orders.
    pub discounts: Sums,
    /// Orders among `sales` that are neither paid nor voided.
    pub unpaid: Sums,
    /// Voids of orders from this or earlier closings.
    pub voids: Sums,
    /// Refunds of orders from this or earlier closings.
    pub refunds: Sums,
    /// Sales less voids and refunds.
    pub net: Sums,
    /// The same by tax rate.
    pub rates: Vec<RateSums>,
    /// Payments by method.
    pub payments: Vec<MethodSums>,
    /// Money paid back, by method.
    pub payouts: Vec<MethodSums>,
    /// What the cash taken is more than the payments, or less, because cash is rounded.
    pub payment_rounding: RoundingSums,
    /// What the cash paid back is more than the payouts, or less, because cash is rounded.
    pub payout_rounding: RoundingSums,
    /// Cash taken less cash paid back, in minor units, after rounding.
    pub cash: i64,
}

/// What cash was rounded by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct RoundingSums {
    /// Records that were rounded.
    pub count: i64,
    /// In minor units; below 0 if more was rounded off than up.
    pub amount: i64,
}

/// The turnover at one tax rate.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct RateSums {
    /// In basis points: 1900 is 19 %.
    pub tax_rate_bp: i64,
    pub sales: Sums,
    pub voids: Sums,
    pub refunds: Sums,
    /// Sales less voids and refunds.
    pub net: Sums,
}

/// The turnover of one payment method.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct MethodSums {
    pub method: PaymentMethod,
    pub count: i64,
    /// In minor units.
    pub amount: i64,
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
    pub(super) fn new(row: ZReportRow, lines: &[ZReportLineRow]) -> Self {
        Self {
            id: row.id,
            z_number: row.number,
            store_id: row.store_id,
            store_name: row.store_name,
            store_address: row.store_address,
            store_tax_number: row.store_tax_number,
            time_zone: row.time_zone,
            business_day: row.business_day,
            opened_at: row.opened_at,
            closed_at: row.closed_at,
            receipts: NumberRange::new(row.first_order, row.last_order),
            refunds: NumberRange::new(row.first_refund, row.last_refund),
            payments: NumberRange::new(row.first_payment, row.last_payment),
            currencies: CurrencySums::from_lines(lines),
            made_by: row.made_by,
            hash: hex::encode(row.hash),
        }
    }
}
