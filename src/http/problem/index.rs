//! Problems of an index that is behind the catalog.

use serde_json::json;

use super::{Problem, ProblemKind};
use crate::index_feed::StatusError;

/// Seconds after which the index has probably caught up.
pub(super) const INDEX_RETRY_S: u64 = 2;
/// The same if somebody must restart the server first.
pub(super) const RESTART_RETRY_S: u64 = 30;

/// The index can no longer be trusted, so this server refuses searches and uploads. The log has the reason.
pub(super) fn index_untrusted() -> Problem {
    let detail = "The index can no longer follow the catalog, so this server has stopped recognising. Tell an admin: its \
                  log says why, and a restart fills the index again.";
    Problem::new(ProblemKind::IndexBehind, detail).retry_after(RESTART_RETRY_S)
}

impl From<StatusError> for Problem {
    fn from(error: StatusError) -> Self {
        match error {
            StatusError::Untrusted { outage, .. } => index_untrusted().with("not_following", json!(outage)),
            StatusError::Database(error) => error.into(),
        }
    }
}
