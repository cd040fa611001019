//! Connection pools: for each database one for transactions and one for reads, whose connections are read-only.

use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use sqlx::Connection;
use sqlx::pool::PoolOptions;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};

use super::DatabaseError;
use super::private_folder::make_private_folder;

/// How long a use case waits for a connection to PostgreSQL before the client gets 503.
const POSTGRES_ACQUIRE_TIMEOUT: Duration = Duration::from_secs(3);
/// Longer for SQLite, because a burst of writers queues for its single connection.
const SQLITE_ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long SQLite waits for a lock that another process holds (a backup, a shell).
const SQLITE_BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// A connection idle for longer is pinged before reuse.
const TRUSTED_FOR: Duration = Duration::from_secs(1);

#[derive(Debug, Clone)]
pub(super) enum Pools {
    Postgres { writers: PgPool, readers: PgPool },
    Sqlite { writer: SqlitePool, readers: SqlitePool },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OpenMode {
    /// A missing SQLite file and its folder are created.
    Create,
    Existing,
    /// The database must exist, and even transactions cannot write.
    ReadOnly,
}

impl Pools {
    /// Opens the pools for `url` with at most `connections` connections, and one more for SQLite's writer.
    pub(super) async fn open(url: &str, connections: u32, mode: OpenMode) -> Result<Self, DatabaseError> {
        match url.starts_with("sqlite:") {
            true => Self::open_sqlite(url, connections, mode).await,
            false => Self::open_postgres(url, connections, mode).await,
        }
    }

    async fn open_postgres(url: &str, connections: u32, mode: OpenMode) -> Result<Self, DatabaseError> {
        let options = postgres_options(url)?;
        let read_only = options.clone().options([("default_transaction_read_only", "on")]);
        if mode == OpenMode::ReadOnly {
            let readers = connect_postgres(read_only, connections).await?;
            return Ok(Self::Postgres { writers: readers.clone(), readers });
        }
        let read_write = options.options([("default_transaction_read_only", "off")]);
        let read_connections = connections.div_ceil(2);
        let writers = connect_postgres(read_write, (connections - read_connections).max(1)).await?;
        let readers = postgres_pool(read_connections).connect_lazy_with(read_only);
        Ok(Self::Postgres { writers, readers })
    }

    async fn open_sqlite(url: &str, connections: u32, mode: OpenMode) -> Result<Self, DatabaseError> {
        let options = sqlite_options(url)?.create_if_missing(mode == OpenMode::Create);
        let read_only = options.clone().read_only(true);
        if mode == OpenMode::ReadOnly {
            let readers = connect_sqlite(read_only, connections).await?;
            return Ok(Self::Sqlite { writer: readers.clone(), readers });
        }
        if let Some(folder) = options.get_filename().parent().filter(|folder| !folder.as_os_str().is_empty())
            && mode == OpenMode::Create
        {
            make_private_folder(folder)
                .map_err(|error| DatabaseError::Unavailable(format!("folder {}: {error}", folder.display())))?;
        }
        // The journal mode is a property of the file, so only the writer sets it.
        let writer = connect_sqlite(options.journal_mode(SqliteJournalMode::Wal), 1).await?;
        let readers = connect_sqlite(read_only, connections).await?;
        Ok(Self::Sqlite { writer, readers })
    }

    /// Waits for open transactions and closes every connection.
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
        .map_err(|error| DatabaseError::Unavailable(format!("the address of PostgreSQL is malformed: {error}")))?;
    Ok(options.application_name("tillsight").options([
        ("statement_timeout", "10s"),
        ("idle_in_transaction_session_timeout", "30s"),
        ("synchronous_commit", "on"),
    ]))
}

fn postgres_pool(connections: u32) -> PgPoolOptions {
    check_connections(PgPoolOptions::new()).max_connections(connections).acquire_timeout(POSTGRES_ACQUIRE_TIMEOUT)
}

/// Opens a pool and its first connection, so that a wrong address fails here.
async fn connect_postgres(options: PgConnectOptions, connections: u32) -> Result<PgPool, DatabaseError> {
    let address = format!("{}:{}/{}", options.get_host(), options.get_port(), options.get_database().unwrap_or(""));
    let failed = |error: sqlx::Error| DatabaseError::Unavailable(format!("PostgreSQL at {address}: {error}"));
    match postgres_pool(connections).connect_with(options.clone()).await {
        Ok(pool) => Ok(pool),
        // The pool tried until its timeout and hides the reason, which a single connection gives.
        Err(sqlx::Error::PoolTimedOut) => {
            let single = tokio::time::timeout(POSTGRES_ACQUIRE_TIMEOUT, PgConnection::connect_with(&options)).await;
            Err(match single {
                Ok(Err(reason)) => failed(reason),
                Ok(Ok(_)) | Err(_) => failed(sqlx::Error::PoolTimedOut),
            })
        }
        Err(error) => Err(failed(error)),
    }
}

fn sqlite_options(url: &str) -> Result<SqliteConnectOptions, DatabaseError> {
    let options = SqliteConnectOptions::from_str(url)
        .map_err(|error| DatabaseError::Unavailable(format!("the SQLite address \"{url}\" is malformed: {error}")))?;
    Ok(options.foreign_keys(true).synchronous(SqliteSynchronous::Full).busy_timeout(SQLITE_BUSY_TIMEOUT))
}

/// Opens a pool and its first connection, so that a wrong path fails here.
async fn connect_sqlite(options: SqliteConnectOptions, connections: u32) -> Result<SqlitePool, DatabaseError> {
    let file = options.get_filename().to_owned();
    let pool = check_connections(SqlitePoolOptions::new())
        .max_connections(connections)
        .acquire_timeout(SQLITE_ACQUIRE_TIMEOUT);
    pool.connect_with(options).await.map_err(|error| sqlite_refused(&file, &error))
}

fn sqlite_refused(file: &Path, error: &sqlx::Error) -> DatabaseError {
    DatabaseError::Unavailable(format!("SQLite file {}: {error}", file.display()))
}

/// Before reuse, replaces a connection that was idle for [`TRUSTED_FOR`] and does not answer a ping, and one that is still
/// in a transaction according to sqlx: SQLite rolls back by itself when the disk is full, and sqlx does not notice.
fn check_connections<DB: sqlx::Database>(options: PoolOptions<DB>) -> PoolOptions<DB> {
    options.test_before_acquire(false).before_acquire(|connection, meta| {
        Box::pin(async move {
            let usable = !connection.is_in_transaction();
            Ok(usable && (meta.idle_for < TRUSTED_FOR || connection.ping().await.is_ok()))
        })
    })
}
