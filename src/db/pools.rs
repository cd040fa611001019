//! Connection pools: on each database one for transactions and one for reads, whose connections the database does not let
//! write.

use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use sqlx::Connection;
use sqlx::pool::PoolOptions;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};

use super::DatabaseError;
use super::private_folder::make_private_folder;

/// How long a use case waits for a connection to PostgreSQL before the client is told 503.
const POSTGRES_ACQUIRE: Duration = Duration::from_secs(3);
/// The same for SQLite's single writer, behind which a burst of writers queues up.
const SQLITE_ACQUIRE: Duration = Duration::from_secs(10);
/// How long SQLite waits for a lock that another process holds (a backup, a shell).
const SQLITE_BUSY: Duration = Duration::from_secs(5);
/// A connection that was idle for longer is pinged before reuse.
const TRUSTED_FOR: Duration = Duration::from_secs(1);

#[derive(Debug, Clone)]
pub(super) enum Pools {
    Postgres { writers: PgPool, readers: PgPool },
    Sqlite { writer: SqlitePool, readers: SqlitePool },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OpenMode {
    /// An SQLite file and its folder are made if missing.
    Create,
    Existing,
    /// The database must exist, and even transactions cannot write.
    ReadOnly,
}

impl Pools {
    /// Opens the pools for `url` with at most `connections` connections; on SQLite the writer is one more.
    pub(super) async fn open(url: &str, connections: u32, mode: OpenMode) -> Result<Self, DatabaseError> {
        match url.starts_with("sqlite:") {
            true => Self::open_sqlite(url, connections, mode).await,
            false => Self::open_postgres(url, connections, mode).await,
        }
    }

    async fn open_postgres(url: &str, connections: u32, mode: OpenMode) -> Result<Self, DatabaseError> {
        let options = postgres_options(url)?;
        let to_read = options.clone().options([("default_transaction_read_only", "on")]);
        if mode == OpenMode::ReadOnly {
            let readers = connect_postgres(to_read, connections).await?;
            return Ok(Self::Postgres { writers: readers.clone(), readers });
        }
        let to_write = options.options([("default_transaction_read_only", "off")]);
        let for_reads = connections.div_ceil(2);
        let writers = connect_postgres(to_write, (connections - for_reads).max(1)).await?;
        let readers = postgres_pool(for_reads).connect_lazy_with(to_read);
        Ok(Self::Postgres { writers, readers })
    }

    async fn open_sqlite(url: &str, connections: u32, mode: OpenMode) -> Result<Self, DatabaseError> {
        let options = sqlite_options(url)?.create_if_missing(mode == OpenMode::Create);
        let to_read = options.clone().read_only(true);
        if mode == OpenMode::ReadOnly {
            let readers = connect_sqlite(to_read, connections).await?;
            return Ok(Self::Sqlite { writer: readers.clone(), readers });
        }
        if let Some(folder) = options.get_filename().parent().filter(|folder| !folder.as_os_str().is_empty())
            && mode == OpenMode::Create
        {
            make_private_folder(folder)
                .map_err(|error| DatabaseError::Unavailable(format!("folder {}: {error}", folder.display())))?;
        }
        // The journal's mode is a property of the file, so only the writer sets it.
        let writer = connect_sqlite(options.journal_mode(SqliteJournalMode::Wal), 1).await?;
        let readers = connect_sqlite(to_read, connections).await?;
        Ok(Self::Sqlite { writer, readers })
    }

    /// Closes every connection; open transactions are waited for.
    pub(super) async fn close(&self) {
        match self {
            Self::Postgres { writers, readers } => {
                readers.close().await;
                writers.close().await;
            }
            Self::Sqlite { writer, readers } => {
                readers.close().await;
                writer.close().await;
            }
        }
    }
}

fn postgres_options(url: &str) -> Result<PgConnectOptions, DatabaseError> {
    let options = PgConnectOptions::from_str(url)
        .map_err(|error| DatabaseError::Unavailable(format!("the PostgreSQL address does not parse: {error}")))?;
    Ok(options.application_name("tillsight").options([
        ("statement_timeout", "10s"),
        ("idle_in_transaction_session_timeout", "30s"),
        ("synchronous_commit", "on"),
    ]))
}

fn postgres_pool(connections: u32) -> PgPoolOptions {
    check_connections(PgPoolOptions::new()).max_connections(connections).acquire_timeout(POSTGRES_ACQUIRE)
}

/// A pool with its first connection.
async fn connect_postgres(options: PgConnectOptions, connections: u32) -> Result<PgPool, DatabaseError> {
    let place = format!("{}:{}/{}", options.get_host(), options.get_port(), options.get_database().unwrap_or(""));
    let failed = |error: sqlx::Error| DatabaseError::Unavailable(format!("PostgreSQL at {place}: {error}"));
    match postgres_pool(connections).connect_with(options.clone()).await {
        Ok(pool) => Ok(pool),
        // The pool has tried until its time was up and does not say why; one connection does.
        Err(sqlx::Error::PoolTimedOut) => {
            let alone = tokio::time::timeout(POSTGRES_ACQUIRE, PgConnection::connect_with(&options)).await;
            Err(match alone {
                Ok(Err(reason)) => failed(reason),
                Ok(Ok(_)) | Err(_) => failed(sqlx::Error::PoolTimedOut),
            })
        }
        Err(error) => Err(failed(error)),
    }
}

fn sqlite_options(url: &str) -> Result<SqliteConnectOptions, DatabaseError> {
    let options = SqliteConnectOptions::from_str(url)
        .map_err(|error| DatabaseError::Unavailable(format!("the SQLite address \"{url}\" does not parse: {error}")))?;
    Ok(options.foreign_keys(true).synchronous(SqliteSynchronous::Full).busy_timeout(SQLITE_BUSY))
}

/// A pool with its first connection.
async fn connect_sqlite(options: SqliteConnectOptions, connections: u32) -> Result<SqlitePool, DatabaseError> {
    let file = options.get_filename().to_owned();
    let pool = check_connections(SqlitePoolOptions::new()).max_connections(connections).acquire_timeout(SQLITE_ACQUIRE);
    pool.connect_with(options).await.map_err(|error| sqlite_refused(&file, &error))
}

fn sqlite_refused(file: &Path, error: &sqlx::Error) -> DatabaseError {
    DatabaseError::Unavailable(format!("SQLite file {}: {error}", file.display()))
}

/// Replaces a connection that does not answer a ping after [`TRUSTED_FOR`], and one that believes itself in a transaction:
/// SQLite has given that up by itself (a full disk).
fn check_connections<DB: sqlx::Database>(options: PoolOptions<DB>) -> PoolOptions<DB> {
    options.test_before_acquire(false).before_acquire(|connection, meta| {
        Box::pin(async move {
            let usable = !connection.is_in_transaction();
            Ok(usable && (meta.idle_for < TRUSTED_FOR || connection.ping().await.is_ok()))
        })
    })
}
