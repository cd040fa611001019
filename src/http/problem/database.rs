//! Maps errors of the database to problems.

use super::{Problem, ProblemKind};
use crate::db::DatabaseError;

/// Seconds after which a client may try again when the database cannot be reached.
const DATABASE_RETRY_S: u64 = 3;
/// The same when an admin must repair a counter first.
const COUNTER_RETRY_S: u64 = 60;

pub(super) fn disk_full() -> Problem {
    let detail = "The disk is full. Nothing was changed; reading and recognition still work.";
    Problem::new(ProblemKind::DiskFull, detail)
}

impl From<DatabaseError> for Problem {
    fn from(error: DatabaseError) -> Self {
        match error {
            DatabaseError::Unavailable(_) => {
                tracing::error!(%error, "database unavailable");
                let detail = "The database cannot be reached at the moment. Nothing was changed; try again.";
                Self::new(ProblemKind::Unavailable, detail).retry_after(DATABASE_RETRY_S)
            }
            DatabaseError::TimedOut(_) | DatabaseError::Conflict => {
                tracing::error!(%error, "database unavailable");
                let detail = "The database did not answer in time. Nothing was changed; try again.";
                Self::new(ProblemKind::Unavailable, detail).retry_after(DATABASE_RETRY_S)
            }
            DatabaseError::CommitUnknown(_) => {
                tracing::error!(%error, "database lost during a commit");
                let detail = "The connection to the database was lost while the change was saved, so it may or may not have \
                              been made. Check before you repeat it; a request with an Idempotency-Key can be repeated as it \
                              is.";
                Self::new(ProblemKind::Unavailable, detail)
            }
            DatabaseError::DiskFull => {
                tracing::error!(%error, "disk full");
                disk_full()
            }
            DatabaseError::UniqueViolation(_) if error.is_duplicate_number() => {
                tracing::error!(%error, "the counter of a number series is behind its records");
                let detail = "The store's next number is already taken: its counter is behind its records. Nothing was \
                              changed. Ask an admin to run `tillsight numbering check`.";
                Self::new(ProblemKind::Unavailable, detail).retry_after(COUNTER_RETRY_S)
            }
            DatabaseError::UniqueViolation(_) => {
                Self::new(ProblemKind::Taken, "Another request created the same thing at the same time. Read it again.")
            }
            DatabaseError::ForeignKeyViolation => {
                Self::new(ProblemKind::NotFound, "Something that this request refers to no longer exists.")
            }
            DatabaseError::Missing(_) | DatabaseError::Damaged(_) => {
                tracing::error!(%error, "database missing or damaged");
                let detail = "The server's database is missing or damaged. Nothing was changed; tell an admin.";
                Self::new(ProblemKind::Unavailable, detail).retry_after(COUNTER_RETRY_S)
            }
            DatabaseError::Unexpected(_) => Self::internal(&error),
        }
    }
}
