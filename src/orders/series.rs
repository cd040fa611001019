//! The number series of a store, and the number at which one begins.
//!
//! A shop that moves from another till goes on with its numbers. The first number of a series is set once, before its first record:
//! later the numbers between would be a gap.

use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use super::closing::find_served_store;
use super::{OrderError, Orders};
use crate::db::number_series::{self, SeriesRow};
use crate::db::{audit, number_checks};
use crate::domain::{Caller, InvalidField, Series, StoreId};

/// No shop has printed more, and counters stay far from the largest integer.
const FIRST_NUMBER_MAX: i64 = 1_000_000_000_000;

/// A number series of a store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct SeriesView {
    /// `order`, `payment`, `refund` or `closing`.
    #[schema(value_type = String, examples("order"))]
    pub series: Series,
    /// The number of its first record.
    pub first_number: i64,
    /// The number of its last record; `null` before the first.
    pub last_number: Option<i64>,
    /// The number of its next record.
    pub next_number: i64,
    /// Whether the number at which it begins can still be set.
    pub can_begin: bool,
}

/// The number series of a store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct SeriesList {
    pub data: Vec<SeriesView>,
}

impl SeriesView {
    fn new(series: Series, row: Option<&SeriesRow>) -> Self {
        let (first_number, last_number) = row.map_or((1, 0), |row| (row.first_number, row.last_number));
        Self {
            series,
            first_number,
            last_number: Some(last_number).filter(|last| *last >= first_number),
            next_number: last_number.saturating_add(1),
            can_begin: first_number == 1 && last_number == 0,
        }
    }
}

impl Orders {
    /// For the staff of the store.
    pub async fn list_series(&self, caller: &Caller, store: StoreId) -> Result<SeriesList, OrderError> {
        let mut reader = self.db.read().await?;
        find_served_store(&mut reader, caller, store).await?;
        let rows = number_series::list(&mut reader, store).await?;
        let view = |series| SeriesView::new(series, rows.iter().find(|row| row.series == series));
        Ok(SeriesList { data: Series::ALL.iter().copied().map(view).collect() })
    }

    /// Lets a series without records begin at `first`. For admins.
    pub async fn begin_series(
        &self,
        caller: &Caller,
        id: StoreId,
        series: Series,
        first: i64,
    ) -> Result<SeriesView, OrderError> {
        if !(2..=FIRST_NUMBER_MAX).contains(&first) {
            let message =
                format!("{first} is not between 2 and {FIRST_NUMBER_MAX}; without it, the series begins at 1");
            return Err(InvalidField::new("first_number", message).into());
        }
        let mut tx = self.db.begin().await?;
        let store = find_served_store(&mut tx, caller, id).await?;
        let has_begun = !number_series::set_first_number(&mut tx, id, series, first).await?;
        // The counter's row is locked now: no record can come in between.
        let state = number_checks::read_series_state(&mut tx, id, series).await?;
        if has_begun || state.highest.is_some() || state.closed.is_some_and(|closed| closed > 0) {
            let next = state.last_number().saturating_add(1);
            return Err(OrderError::SeriesBegun { store: store.name, series, first: state.first_number(), next });
        }
        let details = json!({"series": series, "first_number": first});
        let (at, subject) = (self.clock.now(), id.to_string());
        audit::append(&mut tx, audit::AuditEntry { at, caller, action: "store.begin_series", subject, details })
            .await?;
        tx.commit().await?;
        Ok(SeriesView { series, first_number: first, last_number: None, next_number: first, can_begin: false })
    }
}
