//! `DatabaseError`: the kinds of failure that services tell apart.

use crate::domain::describe_io_error;

/// A failure of the database. A missing row is not one.
#[derive(Debug, Clone, thiserror::Error)]
pub enum DatabaseError {
    /// A unique constraint refused the row. Named `table_column` on both databases, for example `products_sku`.
    #[error("the database already holds such a row ({0})")]
    UniqueViolation(String),
    /// A row that this one refers to does not exist, or others still refer to this row.
    #[error("the row refers to one that does not exist")]
    ForeignKeyViolation,
    /// Another transaction was in the way; running the use case again may succeed.
    #[error("the transaction conflicted with another one")]
    Conflict,
    /// No connection, or none in time.
    #[error("the database cannot be reached: {0}")]
    Unavailable(String),
    /// A statement or a wait for a connection took too long.
    #[error("the database did not answer in time: {0}")]
    TimedOut(String),
    /// The connection was lost or timed out during the commit: only a read tells whether it succeeded.
    #[error("the database did not confirm the commit: {0}")]
    CommitUnknown(String),
    #[error("the database's disk is full")]
    DiskFull,
    /// The database or one of its tables does not exist: it was dropped, exchanged or never migrated.
    #[error("the database or a table of it is missing: {0}")]
    Missing(String),
    /// The file or its pages are not what the database wrote.
    #[error("the database is damaged: {0}")]
    Damaged(String),
    /// A row that cannot be decoded, or a statement the database refused: a defect.
    #[error("unexpected answer of the database: {0}")]
    Unexpected(String),
}

impl DatabaseError {
    /// Whether the unique constraint `name` (`table_column`) was violated.
    pub fn is_taken(&self, name: &str) -> bool {
        matches!(self, Self::UniqueViolation(constraint) if constraint == name)
    }

    /// The error of a commit that failed with this one: without an answer, the transaction may have been committed.
    pub(super) fn at_commit(self) -> Self {
        match self {
            Self::Unavailable(reason) | Self::TimedOut(reason) => Self::CommitUnknown(reason),
            Self::UniqueViolation(_)
            | Self::ForeignKeyViolation
            | Self::Conflict
            | Self::CommitUnknown(_)
            | Self::DiskFull
            | Self::Missing(_)
            | Self::Damaged(_)
            | Self::Unexpected(_) => self,
        }
    }

    /// Whether a record with this number exists already: the counter was set back, or another program takes numbers.
    pub fn is_duplicate_number(&self) -> bool {
        matches!(self, Self::UniqueViolation(constraint) if constraint.ends_with("_store_id_series_number"))
    }
}

impl From<sqlx::Error> for DatabaseError {
    fn from(error: sqlx::Error) -> Self {
        use sqlx::Error;
        if let Error::Database(refusal) = &error {
            return from_database(refusal.as_ref());
        }
        if matches!(error, Error::Io(_) | Error::Tls(_) | Error::PoolClosed | Error::WorkerCrashed) {
            return Self::Unavailable(describe(&error));
        }
        if matches!(error, Error::PoolTimedOut) {
            return Self::TimedOut(describe(&error));
        }
        Self::Unexpected(error.to_string())
    }
}

/// A failure that is no defect, in plain words: an address, a file or a machine is not as it should be.
pub(super) fn describe(error: &sqlx::Error) -> String {
    use sqlx::Error;
    if let Error::Database(refusal) = error {
        return describe_refusal(refusal.as_ref());
    }
    if let Error::Io(reason) = error {
        return describe_io_error(reason);
    }
    if let Error::Tls(reason) = error {
        return format!("no encrypted connection came about: {reason}");
    }
    if matches!(error, Error::PoolTimedOut) {
        return "no connection became free in time".to_owned();
    }
    if matches!(error, Error::PoolClosed | Error::WorkerCrashed) {
        return "its connections are closed".to_owned();
    }
    error.to_string()
}

/// SQLite's texts are for programmers. PostgreSQL's are for whoever runs it, and name the user and the database.
fn describe_refusal(refusal: &dyn sqlx::error::DatabaseError) -> String {
    if !is_sqlite(refusal) {
        return refusal.message().to_owned();
    }
    // The lower byte of an extended code is the primary one: https://www.sqlite.org/rescode.html
    let code = refusal.code().and_then(|code| code.parse::<u32>().ok()).unwrap_or_default();
    match code & 0xFF {
        5 | 6 => "another program is writing to it".to_owned(),
        8 => "it may only be read: see that this user may write to the file and its folder".to_owned(),
        10 => "the disk failed to read or write it".to_owned(),
        11 => format!("its contents are damaged ({})", refusal.message()),
        13 => "the disk is full".to_owned(),
        14 => "it cannot be opened: see that its folder exists, and that this user may read and write there".to_owned(),
        26 => "the file is not a database".to_owned(),
        _ => refusal.message().to_owned(),
    }
}

fn is_sqlite(refusal: &dyn sqlx::error::DatabaseError) -> bool {
    refusal.as_error().is::<sqlx::sqlite::SqliteError>()
}

/// SQLSTATE for PostgreSQL, the primary or extended result code for SQLite.
fn from_database(refusal: &dyn sqlx::error::DatabaseError) -> DatabaseError {
    use sqlx::error::ErrorKind;
    if matches!(refusal.kind(), ErrorKind::UniqueViolation) {
        return DatabaseError::UniqueViolation(constraint_name(refusal));
    }
    if matches!(refusal.kind(), ErrorKind::ForeignKeyViolation) {
        return DatabaseError::ForeignKeyViolation;
    }
    match refusal.code().as_deref() {
        // PostgreSQL: serialization failure, deadlock, lock not available. SQLite: busy, busy snapshot, locked.
        Some("40001" | "40P01" | "55P03" | "5" | "517" | "6") => DatabaseError::Conflict,
        // PostgreSQL: statement timeout, transaction left idle for too long.
        Some("57014" | "25P03") => DatabaseError::TimedOut(refusal.message().to_owned()),
        // PostgreSQL: connection exceptions, shutdown in progress, starting up, too many connections; and 55000 (object not in
        // prerequisite state), which our statements only get from a database that allows no connections.
        Some("08000" | "08003" | "08006" | "57P01" | "57P02" | "57P03" | "53300" | "55000") => {
            DatabaseError::Unavailable(describe_refusal(refusal))
        }
        // SQLite: the file cannot be opened, or was moved away.
        Some("14" | "1032") => DatabaseError::Unavailable(describe_refusal(refusal)),
        // PostgreSQL: disk full. SQLite: full, and no room for the index of the write-ahead log.
        Some("53100" | "13" | "4874") => DatabaseError::DiskFull,
        // PostgreSQL: no such table, database or schema.
        Some("42P01" | "3D000" | "3F000") => DatabaseError::Missing(refusal.message().to_owned()),
        // SQLite has one code for all mistakes in a statement.
        Some("1") if refusal.message().starts_with("no such table") => {
            DatabaseError::Missing(refusal.message().to_owned())
        }
        // PostgreSQL: corrupted data or index. SQLite: corrupt (also of a virtual table, a sequence, an index), not a database.
        Some("XX001" | "XX002" | "11" | "267" | "523" | "779" | "26") => {
            DatabaseError::Damaged(refusal.message().to_owned())
        }
        Some(_) | None => DatabaseError::Unexpected(refusal.message().to_owned()),
    }
}

/// PostgreSQL names the index (`products_sku`, `users_username_key`), SQLite the columns
/// (`UNIQUE constraint failed: products.sku`); both become `products_sku`.
fn constraint_name(refusal: &dyn sqlx::error::DatabaseError) -> String {
    if let Some(name) = refusal.constraint() {
        return name.strip_suffix("_key").unwrap_or(name).to_owned();
    }
    let columns = refusal.message().rsplit(": ").next().unwrap_or_default();
    let mut columns = columns.split(", ");
    let first = columns.next().unwrap_or_default().replace('.', "_");
    columns.fold(first, |name, column| format!("{name}_{}", column.rsplit('.').next().unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_that_was_not_answered_may_have_been_made_and_one_that_was_refused_was_not() {
        let text = || "connection reset".to_owned();
        assert!(matches!(DatabaseError::Unavailable(text()).at_commit(), DatabaseError::CommitUnknown(_)));
        assert!(matches!(DatabaseError::TimedOut(text()).at_commit(), DatabaseError::CommitUnknown(_)));
        assert!(matches!(DatabaseError::Conflict.at_commit(), DatabaseError::Conflict));
        assert!(matches!(DatabaseError::DiskFull.at_commit(), DatabaseError::DiskFull));
    }
}
