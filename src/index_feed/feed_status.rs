//! Whether the index follows the catalog, as `/readyz` shows it.

use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use utoipa::ToSchema;

use super::{FollowError, IndexFeed};
use crate::db::DatabaseError;
use crate::domain::Timestamp;

/// A period in which the index cannot follow the catalog.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = NotFollowing)]
pub struct IndexOutage {
    /// Time of the first failure.
    pub since: Timestamp,
    /// The latest failure, without internal details.
    pub reason: String,
}

/// The state of the index.
#[derive(Debug, Clone)]
pub struct FeedStatus {
    /// The active model.
    pub model: String,
    /// The last catalog change that the index has applied.
    pub index_revision: i64,
    /// Embeddings that can be found.
    pub embeddings: usize,
    /// Photos on sale that cannot be found because embedding them failed; they are retried.
    pub unsearchable: u64,
    pub outage: Option<IndexOutage>,
}

/// Why the index cannot serve.
#[derive(Debug, thiserror::Error)]
pub enum StatusError {
    /// The index has lost its place in the log and refuses searches.
    #[error("the index cannot be trusted until the server is restarted: {reason}")]
    Untrusted { reason: String, outage: Option<IndexOutage> },
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl IndexFeed {
    /// The state of the index. Fails if the database does not answer or the index cannot be trusted.
    pub async fn status(&self) -> Result<FeedStatus, StatusError> {
        self.db.ping().await?;
        let active = self.active.current();
        let stats = active.index.stats().await;
        let outage = self.outage.current();
        if let Some(reason) = active.index.untrusted_reason() {
            return Err(StatusError::Untrusted { reason: reason.to_owned(), outage });
        }
        Ok(FeedStatus {
            model: active.embedder.model_id().to_string(),
            index_revision: stats.revision,
            embeddings: stats.rows,
            unsearchable: self.unsearchable.count(),
            outage,
        })
    }
}

/// Records since when the index cannot follow the catalog.
#[derive(Debug, Default)]
pub(super) struct OutageTracker(Mutex<Option<IndexOutage>>);

impl OutageTracker {
    /// Records the outcome of an attempt to follow the catalog.
    pub(super) fn record<T>(&self, now: Timestamp, outcome: &Result<T, FollowError>) {
        let mut outage = self.lock();
        *outage = outcome.as_ref().err().map(|error| {
            let since = outage.as_ref().map_or(now, |outage| outage.since);
            IndexOutage { since, reason: error.public_reason() }
        });
    }

    pub(super) fn current(&self) -> Option<IndexOutage> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Option<IndexOutage>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_lasts_from_the_first_failure_to_the_next_success() {
        let outage = OutageTracker::default();
        let at = Timestamp::from_micros;
        outage.record(at(1), &Ok(7));
        assert_eq!(outage.current(), None);
        let secret = DatabaseError::Unexpected("column \"x\" of host db-7".to_owned());
        outage.record::<i64>(at(2), &Err(FollowError::Database(secret)));
        outage.record::<i64>(at(3), &Err(FollowError::Database(DatabaseError::DiskFull)));
        let now = outage.current().unwrap();
        assert_eq!(now.since, at(2));
        assert!(!now.reason.contains("db-7"), "{}", now.reason);
        outage.record(at(4), &Ok(8));
        outage.record::<i64>(at(5), &Err(FollowError::MissingChange { expected: 9, found: None }));
        let now = outage.current().unwrap();
        assert!(now.since == at(5) && now.reason.contains("change 9"), "{now:?}");
    }
}
