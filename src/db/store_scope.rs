//! Which stores, and which span of time, sums are made of. The time zone is a filter and an offset: a unit of local time is
//! `(at + offset) / length`, which both databases compute alike. [`crate::domain::OffsetSpan`] says in which spans that holds.

use crate::domain::{StoreId, TimeZone};

/// Which stores to sum up: those in a time zone, or one of them.
#[derive(Debug, Clone, Copy)]
pub struct StoreScope<'a> {
    pub time_zone: &'a TimeZone,
    pub store: Option<StoreId>,
}

/// Binds `$1` to `$4` of a statement: time zone, store, begin and end.
macro_rules! bind_scope {
    ($query:expr, $scope:expr, $span:expr) => {
        $query.bind($scope.time_zone).bind($scope.store).bind($span.from).bind($span.to)
    };
}
pub(super) use bind_scope;
