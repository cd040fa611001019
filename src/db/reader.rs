//! `Reader`: a connection, or a snapshot of the database, that can only read.

use sqlx::pool::PoolConnection;
use sqlx::postgres::PgConnection;
use sqlx::sqlite::SqliteConnection;
use sqlx::{Postgres, Sqlite, Transaction};

use super::{Backend, DatabaseError};

/// A connection that can only read, from [`super::Database::read`], or a consistent snapshot, from
/// [`super::Database::snapshot`]. The database refuses to write on it. Dropping it returns the connection.
///
/// A function that only reads takes a `&mut Reader`, one that writes a `&mut Tx`. A [`super::Tx`] can read too:
///
/// ```
/// use tillsight::db::{Database, DatabaseError, catalog_changes};
///
/// async fn read_head(db: &Database) -> Result<i64, DatabaseError> {
///     let mut reader = db.read().await?;
///     catalog_changes::read_head(&mut reader).await?;
///     let mut tx = db.begin().await?;
///     catalog_changes::lock(&mut tx).await?;
///     catalog_changes::read_head(&mut tx).await
/// }
/// ```
///
/// A `Reader` cannot write:
///
/// ```compile_fail,E0308
/// use tillsight::db::{Database, DatabaseError, catalog_changes};
///
/// async fn lock_head(db: &Database) -> Result<i64, DatabaseError> {
///     let mut reader = db.read().await?;
///     catalog_changes::lock(&mut reader).await?;
///     catalog_changes::read_head(&mut reader).await
/// }
/// ```
#[derive(Debug)]
pub struct Reader {
    pub(super) connection: Connection,
    #[cfg(feature = "fail-points")]
    pub(super) injected_failure: super::failure_injection::InjectedFailure,
}

/// A connection of one of the pools, in a transaction or not.
#[derive(Debug)]
pub(super) enum Connection {
    Postgres(PoolConnection<Postgres>),
    PostgresTransaction(Transaction<'static, Postgres>),
    Sqlite(PoolConnection<Sqlite>),
    SqliteTransaction(Transaction<'static, Sqlite>),
}

#[derive(Debug)]
pub(super) enum ConnectionRef<'a> {
    Postgres(&'a mut PgConnection),
    Sqlite(&'a mut SqliteConnection),
}

impl Reader {
    pub(super) fn new(connection: Connection) -> Self {
        Self {
            connection,
            #[cfg(feature = "fail-points")]
            injected_failure: super::failure_injection::InjectedFailure::default(),
        }
    }

    pub fn backend(&self) -> Backend {
        match &self.connection {
            Connection::Postgres(_) | Connection::PostgresTransaction(_) => Backend::Postgres,
            Connection::Sqlite(_) | Connection::SqliteTransaction(_) => Backend::Sqlite,
        }
    }

    /// The connection for the next statement. Fails only if a test injects a failure.
    #[cfg_attr(not(feature = "fail-points"), expect(clippy::unnecessary_wraps, reason = "tests make it fail"))]
    pub(super) fn connection_mut(&mut self) -> Result<ConnectionRef<'_>, DatabaseError> {
        #[cfg(feature = "fail-points")]
        self.injected_failure.before_statement()?;
        Ok(match &mut self.connection {
            Connection::Postgres(connection) => ConnectionRef::Postgres(connection),
            Connection::PostgresTransaction(transaction) => ConnectionRef::Postgres(transaction),
            Connection::Sqlite(connection) => ConnectionRef::Sqlite(connection),
            Connection::SqliteTransaction(transaction) => ConnectionRef::Sqlite(transaction),
        })
    }
}
