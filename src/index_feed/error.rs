//! Why the index cannot follow the catalog.

use crate::db::DatabaseError;
use crate::index::IndexError;

/// Why the index could not follow the catalog.
#[derive(Debug, thiserror::Error)]
pub enum FollowError {
    /// The log of changes has a hole: what stood there is unknown, so the index can no longer be trusted.
    #[error(
        "change {expected} is missing from the catalog's log; {}",
        found.map_or("there is none after it either".to_owned(), |found| format!("the next one there is {found}"))
    )]
    Hole {
        /// The change that should come next.
        expected: i64,
        /// The change that does; nothing where the log ends before a change that was counted.
        found: Option<i64>,
    },
    /// A change in the log is damaged: what it was is unknown, so the index can no longer be trusted.
    #[error("change {seq} of the catalog's log cannot be read: {reason}")]
    Unreadable {
        /// Which one.
        seq: i64,
        /// What cannot be read of it.
        reason: String,
    },
    /// The last change that the index has seen is not the one of that number in the log: the database was set back, and
    /// went on otherwise.
    #[error(
        "change {seq} of the catalog's log is not the one that the index has seen; the database was set back and has other \
         changes since"
    )]
    Another {
        /// Its number.
        seq: i64,
    },
    /// The index has seen changes that the database does not have: it is another database, or an older copy.
    #[error("the index has seen {revision} catalog changes, the database has only {head}")]
    Ahead {
        /// What the index has seen.
        revision: i64,
        /// What the database has.
        head: i64,
    },
    /// The counter of changes stands behind the log: one of the two was set back, and the next change would take a number that
    /// is there.
    #[error(
        "the counter of catalog changes (table catalog_head) says {head}, and the log goes on to {last}: one of them was set \
         back. Restore a back-up, or set the counter to the log's last number"
    )]
    Counter {
        /// What the counter says.
        head: i64,
        /// A change in the log.
        last: i64,
    },
    /// The index does not come to a change of our own, although nothing fails.
    #[error("the index stands at change {revision} of the catalog and has not seen change {wanted} yet")]
    Short {
        /// What the index has seen.
        revision: i64,
        /// The change.
        wanted: i64,
    },
    /// A photo has no embedding of this model yet, and the embedder has no room or failed.
    #[error("photos of the change cannot be embedded now: {0}")]
    Embedder(String),
    /// The index refused.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl FollowError {
    /// Whether it is something that was found wrong with the catalog's log, not a failure to read it.
    pub(crate) fn is_finding(&self) -> bool {
        match self {
            Self::Hole { .. }
            | Self::Unreadable { .. }
            | Self::Another { .. }
            | Self::Ahead { .. }
            | Self::Counter { .. } => true,
            Self::Short { .. } | Self::Embedder(_) | Self::Index(_) | Self::Database(_) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::SnapshotFault;
    use super::*;

    #[test]
    fn a_log_that_is_wrong_is_told_from_one_that_cannot_be_read() {
        let gone = || FollowError::Database(DatabaseError::Unavailable("gone".to_owned()));
        assert!(FollowError::Hole { expected: 2, found: Some(3) }.is_finding());
        assert!(FollowError::Ahead { revision: 3, head: 2 }.is_finding());
        assert!(!gone().is_finding());
        assert!(SnapshotFault::Behind(FollowError::Another { seq: 4 }).is_finding());
        assert!(!SnapshotFault::Behind(gone()).is_finding());
    }
}
