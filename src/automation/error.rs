//! Why a request about tasks cannot be met.

use crate::db::DatabaseError;
use crate::domain::InvalidField;
use crate::idempotency::{DatabaseCause, IdempotencyError};

#[derive(Debug, thiserror::Error)]
pub enum AutomationError {
    #[error("No {what} with id {id} exists.")]
    NotFound {
        /// `task`, `item` or `schedule`.
        what: &'static str,
        id: String,
    },
    #[error(transparent)]
    Invalid(#[from] InvalidField),
    /// A task that still runs cannot be deleted.
    #[error("Task \"{title}\" is still being worked on. Stop it first.")]
    StillRunning { title: String },
    #[error("Task \"{title}\" has no failed item{which}.")]
    NothingFailed {
        title: String,
        /// ` with this id` or empty.
        which: &'static str,
    },
    /// A file of the task could not be written or read.
    #[error("{0}")]
    File(String),
    #[error("{0}")]
    DiskFull(String),
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl From<IdempotencyError> for AutomationError {
    fn from(error: IdempotencyError) -> Self {
        match error {
            IdempotencyError::Database(error) => Self::Database(error),
            // The key of a form names all that it asks for, and its reply is an id.
            IdempotencyError::KeyReused | IdempotencyError::ReplyNotKept => {
                Self::Database(DatabaseError::Unexpected(error.to_string()))
            }
        }
    }
}

impl DatabaseCause for AutomationError {
    fn database_error(&self) -> Option<&DatabaseError> {
        if let Self::Database(error) = self { Some(error) } else { None }
    }
}
