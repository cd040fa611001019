//! Why a snapshot of the index cannot be used or written.

use super::FollowError;
use crate::db::DatabaseError;
use crate::index::SnapshotError;

/// Why a snapshot is not used, or not written.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotFault {
    /// The file cannot be read or written, or is damaged.
    #[error(transparent)]
    File(#[from] SnapshotError),
    /// The snapshot has changes that the database does not have.
    #[error("it stands at change {snapshot}, and the catalog ends at {head}")]
    DatabaseBehind { snapshot: i64, head: i64 },
    /// Its stamp is another one.
    #[error("it was made by another model, or from another catalog")]
    Foreign,
    /// The log cannot be followed from where the snapshot stands.
    #[error("the catalog's log cannot be followed from it: {0}")]
    LogUnusable(#[from] FollowError),
    /// The snapshot lacks photos that are on sale and embedded, or has others.
    #[error("with the changes since it has {found} photos, and {embedded} are on sale and embedded")]
    Incomplete { found: usize, embedded: i64 },
    /// The index may not hold what the database holds, so it is not written.
    #[error("the index is not to be trusted: {0}")]
    Distrusted(String),
    #[error("the database does not answer: {0}")]
    Database(#[from] DatabaseError),
    /// The thread that read or wrote it failed.
    #[error("its thread failed: {0}")]
    Thread(#[from] tokio::task::JoinError),
}

impl SnapshotFault {
    /// Whether something is wrong with the snapshot, as opposed to a failure to read it.
    pub(super) fn is_finding(&self) -> bool {
        match self {
            Self::File(error) => !matches!(error, SnapshotError::Io(_)),
            Self::LogUnusable(error) => error.is_finding(),
            Self::DatabaseBehind { .. } | Self::Foreign | Self::Incomplete { .. } | Self::Distrusted(_) => true,
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
            Self::LogUnusable(_) | Self::Distrusted(_) | Self::Database(_) | Self::Thread(_) => "failed",
        }
    }
}
