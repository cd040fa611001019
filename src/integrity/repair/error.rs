//! Why numbers were not repaired.

use super::{MOST_PLACEHOLDERS, MOST_RENUMBERED};
use crate::db::DatabaseError;
use crate::domain::{InvalidField, Series, StoreId};

/// A refusal or failure of a repair; nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum RepairError {
    /// A value that cannot be taken.
    #[error(transparent)]
    Invalid(#[from] InvalidField),
    /// No such store.
    #[error("there is no store {0}")]
    StoreNotFound(StoreId),
    /// Records of such a store keep their numbers.
    #[error("store {0} is fiscal: its records are never renumbered; \"void\" fills gaps with placeholders")]
    Fiscal(StoreId),
    /// A number was changed, rather than so many records lost.
    #[error(
        "{} {first} and more, {count} numbers in all, are missing, and at most {MOST_PLACEHOLDERS} are filled at once: most \
         likely the number of a record or the counter was changed; mend that first", series.as_str()
    )]
    TooManyMissing {
        /// In this series.
        series: Series,
        /// The first that is missing.
        first: i64,
        /// How many are.
        count: i64,
    },
    /// Tills would wait for too long.
    #[error(
        "more than {MOST_RENUMBERED} records of the series {} would be sealed anew, and tills would wait meanwhile; restore \
         the record from a back-up, or fill the gap with \"void\"", .0.as_str()
    )]
    TooManyRecords(Series),
    /// Somebody may have the closing on paper.
    #[error(
        "{} {number} cannot change: daily closings name every number up to {last}; \"void\" fills gaps with placeholders",
        series.as_str()
    )]
    Closed {
        /// In this series.
        series: Series,
        /// The first number that would change.
        number: i64,
        /// The last that a closing names.
        last: i64,
    },
    /// A placeholder never changes, so its number is taken.
    #[error(
        "{count} numbers of the series {} have void placeholders, which stay: its records are not renumbered any more; \
         \"void\" fills further gaps", series.as_str()
    )]
    HasPlaceholders {
        /// The series.
        series: Series,
        /// How many it has.
        count: i64,
    },
    /// One of them is a copy of the other.
    #[error("{} {number} is there more than once under one identifier: remove the copy by hand first", series.as_str())]
    Copied {
        /// In this series.
        series: Series,
        /// The copy's number.
        number: i64,
    },
    /// A seal can only be made of fields that are understood.
    #[error("{} {number} cannot be sealed anew: {reason}", series.as_str())]
    Unsealable {
        /// In this series.
        series: Series,
        /// The record's number now.
        number: i64,
        /// What is wrong with it.
        reason: String,
    },
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}
