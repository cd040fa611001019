//! Why the index cannot follow the catalog.

use crate::db::DatabaseError;
use crate::index::IndexError;

/// Why the index could not follow the catalog, or could not be filled from it.
#[derive(Debug, thiserror::Error)]
pub enum FollowError {
    /// Nobody knows what the missing change was, so the index can no longer be trusted.
    #[error(
        "change {expected} is missing from the catalog's log; {}",
        found.map_or("there is none after it either".to_owned(), |found| format!("the next one there is {found}"))
    )]
    MissingChange {
        expected: i64,
        /// The next change in the log; `None` if the log ends before a change that was counted.
        found: Option<i64>,
    },
    /// Nobody knows what the change was, so the index can no longer be trusted.
    #[error("change {seq} of the catalog's log cannot be read: {reason}")]
    UnreadableChange { seq: i64, reason: String },
    /// The log has another change under the number of the last one that the index applied.
    #[error(
        "change {seq} of the catalog's log is not the one that the index has seen: an older state of the database was \
         restored, and the catalog has changed since"
    )]
    ReplacedChange { seq: i64 },
    /// The database is another one, or an older copy.
    #[error("the index has applied {revision} catalog changes, but the database has only {head}")]
    DatabaseBehind { revision: i64, head: i64 },
    /// The next change would take a number that is in use.
    #[error(
        "the counter of catalog changes (table catalog_head) says {head}, but the log ends at {last}: one of them was set \
         back. Restore a backup, or set the counter to the log's last number"
    )]
    CounterBehind { head: i64, last: i64 },
    /// Following succeeded, but did not reach this server's own change.
    #[error("the index is at change {revision} of the catalog and has not applied change {target} yet")]
    NotReached { revision: i64, target: i64 },
    /// A photo has no embedding by this model yet, and the embedder is busy or has failed.
    #[error("photos of the change cannot be embedded now: {0}")]
    Embedder(String),
    #[error(transparent)]
    Index(#[from] IndexError),
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl FollowError {
    /// Whether something is wrong with the log, as opposed to a failure to read it.
    pub fn is_finding(&self) -> bool {
        match self {
            Self::MissingChange { .. }
            | Self::UnreadableChange { .. }
            | Self::ReplacedChange { .. }
            | Self::DatabaseBehind { .. }
            | Self::CounterBehind { .. } => true,
            Self::NotReached { .. } | Self::Embedder(_) | Self::Index(_) | Self::Database(_) => false,
        }
    }

    /// Whether no later attempt can succeed, so that the index must be filled again.
    pub fn is_lasting(&self) -> bool {
        let refused = |error: &IndexError| {
            matches!(error, IndexError::Duplicate { .. } | IndexError::InvalidRow { .. } | IndexError::Untrusted { .. })
        };
        self.is_finding() || matches!(self, Self::Index(error) if refused(error))
    }

    /// The label `reason` of the metric.
    pub(super) fn metric_label(&self) -> &'static str {
        match self {
            Self::MissingChange { .. } => "hole",
            Self::UnreadableChange { .. } => "unreadable",
            Self::ReplacedChange { .. } => "another",
            Self::DatabaseBehind { .. } => "ahead",
            Self::CounterBehind { .. } => "counter",
            Self::NotReached { .. } => "short",
            Self::Embedder(_) => "embedder",
            Self::Index(_) => "index",
            // A visible value from before the module was called `db`; it stays.
            Self::Database(_) => "store",
        }
    }

    /// The error without details of the database and its rows, which are only for the log.
    pub(super) fn public_reason(&self) -> String {
        match self {
            Self::Database(_) => {
                "the log of the catalog cannot be read from the database; the server's log says why".to_owned()
            }
            Self::UnreadableChange { seq, .. } => format!("change {seq} of the catalog's log cannot be read"),
            Self::MissingChange { .. }
            | Self::ReplacedChange { .. }
            | Self::DatabaseBehind { .. }
            | Self::CounterBehind { .. }
            | Self::NotReached { .. }
            | Self::Embedder(_)
            | Self::Index(_) => self.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::SnapshotFault;
    use super::*;

    #[test]
    fn a_wrong_log_is_a_finding_and_a_failed_read_is_not() {
        let gone = || FollowError::Database(DatabaseError::Unavailable("gone".to_owned()));
        assert!(FollowError::MissingChange { expected: 2, found: Some(3) }.is_finding());
        assert!(FollowError::DatabaseBehind { revision: 3, head: 2 }.is_finding());
        assert!(!gone().is_finding());
        assert!(SnapshotFault::LogUnusable(FollowError::ReplacedChange { seq: 4 }).is_finding());
        assert!(!SnapshotFault::LogUnusable(gone()).is_finding());
    }
}
