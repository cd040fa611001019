//! Since when, and why, the index cannot follow the catalog: for whoever watches over the server.

use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use utoipa::ToSchema;

use super::FollowError;
use crate::domain::Timestamp;

/// A row of failures that has not ended: the index cannot learn of changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = NotFollowing)]
pub struct IndexOutage {
    /// The first of them.
    pub since: Timestamp,
    /// What the last one was, in words that may be shown to anybody.
    pub reason: String,
}

/// The row of failures that goes on now, if one does.
#[derive(Debug, Default)]
pub(crate) struct FollowFailures(Mutex<Option<IndexOutage>>);

impl FollowFailures {
    /// The index has just followed the catalog, or could not.
    pub(crate) fn note<T>(&self, now: Timestamp, followed: &Result<T, FollowError>) {
        let mut held = self.held();
        *held = followed.as_ref().err().map(|error| {
            let since = held.as_ref().map_or(now, |before| before.since);
            IndexOutage { since, reason: error.for_anybody() }
        });
    }

    /// What goes on now.
    pub(crate) fn now(&self) -> Option<IndexOutage> {
        self.held().clone()
    }

    fn held(&self) -> MutexGuard<'_, Option<IndexOutage>> {
        // Nothing panics while it is held.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl FollowError {
    /// What a database or a row says of itself is for the log alone.
    fn for_anybody(&self) -> String {
        match self {
            Self::Database(_) => {
                "the log of the catalog cannot be read from the database; the server's log says why".to_owned()
            }
            Self::Unreadable { seq, .. } => format!("change {seq} of the catalog's log cannot be read"),
            Self::Hole { .. }
            | Self::Another { .. }
            | Self::Ahead { .. }
            | Self::Counter { .. }
            | Self::Short { .. }
            | Self::Embedder(_)
            | Self::Index(_) => self.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::DatabaseError;

    #[test]
    fn the_first_failure_counts_until_the_index_follows_again() {
        let failures = FollowFailures::default();
        let at = Timestamp::from_micros;
        failures.note(at(1), &Ok(7));
        assert_eq!(failures.now(), None);
        let secret = DatabaseError::Unexpected("column \"x\" of host db-7".to_owned());
        failures.note::<i64>(at(2), &Err(FollowError::Database(secret)));
        failures.note::<i64>(at(3), &Err(FollowError::Database(DatabaseError::Full)));
        let now = failures.now().unwrap();
        assert_eq!(now.since, at(2));
        assert!(!now.reason.contains("db-7"), "{}", now.reason);
        failures.note(at(4), &Ok(8));
        failures.note::<i64>(at(5), &Err(FollowError::Hole { expected: 9, found: None }));
        let now = failures.now().unwrap();
        assert!(now.since == at(5) && now.reason.contains("change 9"), "{now:?}");
    }
}
