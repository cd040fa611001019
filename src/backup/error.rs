//! Why a back-up or a restore fails, in words for the person who runs it.

use std::path::{Path, PathBuf};

use crate::db::DatabaseError;
use crate::domain::describe_io_error;

#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// What was wrong, and what to do.
    #[error("{0}")]
    Refused(String),
    /// The database has forgotten numbers that were given.
    #[error("{0}")]
    Forgotten(String),
    #[error("{}: {}", path.display(), describe_io_error(error))]
    File { path: PathBuf, error: std::io::Error },
    #[error("database: {0}")]
    Database(#[from] DatabaseError),
    /// `pg_dump` or `pg_restore` could not be run, or failed.
    #[error("{0}")]
    Program(String),
}

impl BackupError {
    pub(super) fn at(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |error| Self::File { path, error }
    }
}
