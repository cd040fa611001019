//! Why a snapshot of the index cannot be used or written.

use super::FollowError;
use crate::db::DatabaseError;
use crate::index::SnapshotError;

/// Why a snapshot cannot be used or written.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotFault {
    /// The file cannot be read or written, or is damaged.
    #[error(transparent)]
    File(#[from] SnapshotError),
    /// The snapshot has changes that the database does not have.
    #[error("it is at change {snapshot}, but the catalog ends at {head}")]
    DatabaseBehind { snapshot: i64, head: i64 },
    /// The stamp differs.
    #[error("it is of another model or another catalog")]
    Foreign,
    /// The changes since the snapshot cannot be applied.
    #[error("the changes since cannot be applied: {0}")]
    LogUnusable(#[from] FollowError),
    /// The snapshot has other photos than the database.
    #[error("with the changes since, it has {found} photos, but {embedded} are on sale and embedded")]
    Incomplete { found: usize, embedded: i64 },
    /// The index may differ from the database, so it is not written.
    #[error("the index cannot be trusted: {0}")]
    Untrusted(String),
    #[error("the database does not answer: {0}")]
    Database(#[from] DatabaseError),
    /// The thread that reads or writes the file failed.
    #[error("a thread failed: {0}")]
    Thread(#[from] tokio::task::JoinError),
}

impl SnapshotFault {
    /// Whether something is wrong with the snapshot, as opposed to a failure to read it.
    pub(super) fn is_finding(&self) -> bool {
        match self {
            Self::File(error) => !matches!(error, SnapshotError::Io(_)),
            Self::LogUnusable(error) => error.is_finding(),
            Self::DatabaseBehind { .. } | Self::Foreign | Self::Incomplete { .. } | Self::Untrusted(_) => true,
            Self::Database(_) | Self::Thread(_) => false,
        }
    }

    /// The label `reason` of the metric.
    pub(super) fn metric_label(&self) -> &'static str {
        match self {
            Self::File(_) => "damaged",
            Self::DatabaseBehind { .. } => "ahead",
            Self::Foreign => "other",
            Self::Incomplete { .. } => "incomplete",
            Self::LogUnusable(_) | Self::Untrusted(_) | Self::Database(_) | Self::Thread(_) => "failed",
        }
    }
}
