//! Statistics for the people who run a shop: sales by hour, day and product, verdicts of recognition.
//!
//! Invariants: days are the business days of the store. A refund or void counts when it was made, as in a daily closing, so
//! figures of past days never change. Amounts of different currencies are never added up.

mod past_days;
mod sales;
mod sales_view;
mod sums;
mod verdicts;

use crate::clock::Clock;
use crate::db::{Database, DatabaseError, Reader, stores};
use crate::domain::{Actor, BusinessDays, Caller, InvalidField, LocalUnit, Role, StoreId, Timestamp};

use past_days::PastDays;
pub use sales_view::{CurrencySales, ProductSales, SalesFigures, SalesPoint, SalesView};
pub use verdicts::{VerdictFigures, VerdictPoint, VerdictsView};

/// A refusal or failure of the statistics.
#[derive(Debug, thiserror::Error)]
pub enum StatisticsError {
    #[error(transparent)]
    Invalid(#[from] InvalidField),
    /// Also for a store that is not the caller's.
    #[error("No store with id {0} exists.")]
    StoreNotFound(StoreId),
    #[error("This account belongs to no store. An admin can assign one with PATCH /api/users/{{id}}.")]
    NoStore,
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

/// The statistics service; cheap to clone.
#[derive(Clone)]
pub struct Statistics {
    db: Database,
    clock: Clock,
    past_days: PastDays,
}

impl Statistics {
    pub fn new(db: Database, clock: Clock) -> Self {
        Self { db, clock, past_days: PastDays::default() }
    }
}

/// A number of days up to today, and as many days before them.
#[derive(Debug, Clone, Copy)]
struct Days(i64);

impl Days {
    fn new(days: i64) -> Result<Self, InvalidField> {
        match days {
            1 | 7 | 30 | 90 => Ok(Self(days)),
            _ => Err(InvalidField::new("days", format!("{days} is none of 1, 7, 30 and 90"))),
        }
    }

    /// What a chart of these days has one point for.
    fn unit(self) -> LocalUnit {
        if self.0 == 1 { LocalUnit::Hour } else { LocalUnit::Day }
    }

    /// From the beginning of the first day to the end of the last one.
    fn current(self, days: &BusinessDays, now: Timestamp) -> (Timestamp, Timestamp) {
        (days.start_of_day(now, 1 - self.0), days.start_of_day(now, 1))
    }

    /// The days before, up to the present time of day, so that half a day is not compared with a whole one.
    fn previous(self, days: &BusinessDays, now: Timestamp) -> (Timestamp, Timestamp) {
        (days.start_of_day(now, 1 - 2 * self.0), days.zone().shift_days(now, -self.0))
    }
}

/// The store to sum up, `None` for all: an admin sees every store, a clerk their own.
async fn find_scope(
    reader: &mut Reader,
    caller: &Caller,
    requested: Option<StoreId>,
) -> Result<Option<StoreId>, StatisticsError> {
    let store = match caller.actor {
        Actor::System | Actor::CommandLine | Actor::Person { role: Role::Admin, .. } => requested,
        Actor::Kiosk { store: own, .. } | Actor::Person { role: Role::Clerk, store: Some(own), .. } => Some(own),
        Actor::Person { .. } => return Err(StatisticsError::NoStore),
    };
    match requested {
        Some(other) if store != Some(other) || stores::find(reader, other).await?.is_none() => {
            Err(StatisticsError::StoreNotFound(other))
        }
        Some(_) | None => Ok(store),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::TimeZone;

    #[test]
    fn half_a_day_is_compared_with_half_a_day() {
        let at = |text: &str| serde_json::from_value::<Timestamp>(serde_json::json!(text)).unwrap();
        let seoul = BusinessDays::new(TimeZone::parse("time_zone", "Asia/Seoul").unwrap(), 0);
        let noon = at("2026-01-05T03:00:00Z");
        let today = Days::new(1).unwrap();
        assert_eq!(today.current(&seoul, noon), (at("2026-01-04T15:00:00Z"), at("2026-01-05T15:00:00Z")));
        assert_eq!(today.previous(&seoul, noon), (at("2026-01-03T15:00:00Z"), at("2026-01-04T03:00:00Z")));
        let week = Days::new(7).unwrap();
        assert_eq!(week.current(&seoul, noon), (at("2025-12-29T15:00:00Z"), at("2026-01-05T15:00:00Z")));
        assert_eq!(week.previous(&seoul, noon), (at("2025-12-22T15:00:00Z"), at("2025-12-29T03:00:00Z")));
        assert_eq!(Days::new(2).unwrap_err().field, "days");
    }
}
