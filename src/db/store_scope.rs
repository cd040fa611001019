//! Which stores, and which span of time, sums are made of. The time zone is a filter and an offset: a unit of local time is
//! `(at + offset) / length`, which both databases compute alike. [`crate::domain::OffsetSpan`] says in which spans that holds.

use crate::domain::{BusinessDays, StoreId};

/// Which stores to sum up: those with these business days, or one of them.
#[derive(Debug, Clone, Copy)]
pub struct StoreScope<'a> {
    pub days: &'a BusinessDays,
    pub store: Option<StoreId>,
}

/// Binds `$1` to `$5` of a statement: time zone, store, begin, end, and when business days begin.
macro_rules! bind_scope {
    ($query:expr, $scope:expr, $span:expr) => {
        $query
            .bind($scope.days.zone())
            .bind($scope.store)
            .bind($span.from)
            .bind($span.to)
            .bind($scope.days.starts_min())
    };
}
pub(super) use bind_scope;
