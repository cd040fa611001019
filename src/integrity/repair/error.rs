//! Why a repair was refused.

use super::super::finding::series_noun;
use super::{PLACEHOLDERS_MAX, RENUMBERED_MAX};
use crate::db::DatabaseError;
use crate::domain::{InvalidField, Series, StoreId};

/// A refusal or failure of a repair; nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum RepairError {
    #[error(transparent)]
    Invalid(#[from] InvalidField),
    #[error("No store with id {0} exists.")]
    StoreNotFound(StoreId),
    #[error("Store \"{0}\" is fiscal, so its records are never renumbered. Fill gaps with the method \"void\".")]
    Fiscal(String),
    /// That many records are not lost: a number was changed by hand.
    #[error(
        "{} {first} and {} more are missing, but at most {PLACEHOLDERS_MAX} can be filled at once. Somebody probably changed \
         the number of a record or the counter; correct that first.", series_noun(*series, 1), count - 1
    )]
    TooManyMissing { series: Series, first: i64, count: i64 },
    #[error(
        "More than {RENUMBERED_MAX} records of the series \"{0}\" would get new seals, and tills would wait too long. Restore \
         the record from a backup, or fill the gap with the method \"void\"."
    )]
    TooManyRecords(Series),
    #[error(
        "{} {number} cannot be renumbered: daily closings name every number up to {last}. Fill gaps with the method \"void\".",
        series_noun(*series, 1)
    )]
    Closed { series: Series, number: i64, last: i64 },
    #[error(
        "The series \"{series}\" has void placeholders ({count}), which keep their numbers, so its records cannot be \
         renumbered. Fill further gaps with the method \"void\"."
    )]
    HasPlaceholders { series: Series, count: i64 },
    #[error("{} {number} exists more than once with the same id. Delete the copy by hand first.", series_noun(*series, 1))]
    Copied { series: Series, number: i64 },
    #[error("{} {number} cannot get a new seal: {reason}", series_noun(*series, 1))]
    Unsealable { series: Series, number: i64, reason: String },
    #[error(transparent)]
    Database(#[from] DatabaseError),
}
