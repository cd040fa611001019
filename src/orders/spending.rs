//! A shopper's spending by month and currency.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use super::{OrderError, Orders};
use crate::db::orders::{self, ListedOrder, SpendingRow};
use crate::domain::{Currency, InvalidField, UserId};

const MONTHS_MAX: i64 = 36;
/// More than the longest month plus a day for time zones, so that the first month is complete.
const SECONDS_PER_MONTH: i64 = 32 * 86_400;

/// A shopper's spending in a calendar month, in one currency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct MonthSpending {
    /// In the store's time zone.
    #[schema(examples("2026-01"))]
    pub month: String,
    pub currency: Currency,
    /// Orders confirmed in the month and not voided.
    pub orders: i64,
    /// Total of these orders, in minor units.
    pub spent: i64,
    /// Refunds of these orders, whenever they were made.
    pub refunded: i64,
    /// `spent` without `refunded`.
    pub net: i64,
}

impl MonthSpending {
    fn empty(month: String, currency: Currency) -> Self {
        Self { month, currency, orders: 0, spent: 0, refunded: 0, net: 0 }
    }

    fn add(&mut self, order: &SpendingRow) {
        self.orders += 1;
        self.spent = self.spent.saturating_add(order.total);
        self.refunded = self.refunded.saturating_add(order.refunded);
        self.net = self.spent - self.refunded;
    }
}

impl Orders {
    /// The last `months` calendar months, newest first.
    pub async fn monthly_spending(&self, shopper: UserId, months: i64) -> Result<Vec<MonthSpending>, OrderError> {
        if !(1..=MONTHS_MAX).contains(&months) {
            let message = format!("{months} is not between 1 and {MONTHS_MAX}");
            return Err(InvalidField::new("months", message).into());
        }
        let now = self.clock.now();
        let from = now.plus_seconds(-months * SECONDS_PER_MONTH);
        let rows = orders::list_spending(&mut self.db.read().await?, shopper, from).await?;
        let mut sums: BTreeMap<(String, &'static str), MonthSpending> = BTreeMap::new();
        for ListedOrder { id, row } in rows {
            // A sum that silently leaves out an order would be wrong.
            let row = row.map_err(|reason| OrderError::Unreadable { id, reason })?;
            let month = row.time_zone.month_of(row.created_at);
            let is_recent = months_between(&month, &row.time_zone.month_of(now)).is_some_and(|age| age < months);
            if is_recent {
                let key = (month.clone(), row.currency.code());
                sums.entry(key).or_insert_with(|| MonthSpending::empty(month, row.currency)).add(&row);
            }
        }
        Ok(sums.into_values().rev().collect())
    }
}

/// Both months as `YYYY-MM`.
fn months_between(earlier: &str, later: &str) -> Option<i64> {
    let month_index = |month: &str| {
        let (year, month) = month.split_once('-')?;
        Some(year.parse::<i64>().ok()? * 12 + month.parse::<i64>().ok()?)
    };
    Some(month_index(later)? - month_index(earlier)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_are_counted_across_years() {
        assert_eq!(months_between("2025-11", "2026-02"), Some(3));
        assert_eq!(months_between("2026-02", "2026-02"), Some(0));
    }
}
