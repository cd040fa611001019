//! Connection pools: for each database one for transactions and one for reads, whose connections are read-only.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use secrecy::{ExposeSecret, SecretString};
use sqlx::Connection;
use sqlx::pool::PoolOptions;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool, PgPoolOptions, PgSslMode};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};

use super::private_folder::make_private_folder;
use super::{DatabaseError, deadline, error};
use crate::domain::describe_io_error;

/// Longer than for PostgreSQL, because a burst of writers queues for its single connection.
const SQLITE_ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long SQLite waits for a lock that another process holds (a backup, a shell).
const SQLITE_BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// A connection idle for longer is pinged before reuse.
const TRUSTED_FOR: Duration = Duration::from_secs(1);
/// How long that ping waits. Shorter than the wait for a connection, which then has time to make a new one.
const REUSE_PING_TIMEOUT: Duration = Duration::from_secs(1);

const POSTGRES_ADDRESS_FAULT: &str = "the address of PostgreSQL is not one such as postgres://USER:PASSWORD@HOST:5432/NAME; in the \
                                      password, write %40 for @, %2F for /, %3A for : and %25 for %";

#[derive(Debug, Clone)]
pub(super) enum Pools {
    Postgres { writers: PgPool, readers: PgPool, reuse: ReusePolicy },
    Sqlite { writer: SqlitePool, readers: SqlitePool },
}

/// Which connections are pinged before use, however short they were idle.
#[derive(Debug, Clone, Default)]
pub(super) struct ReusePolicy(Arc<ReuseState>);

#[derive(Debug, Default)]
struct ReuseState {
    pings_always: AtomicBool,
    /// When a connection was last found dead. A restart of PostgreSQL ends all of them at once.
    found_dead_at: Mutex<Option<Instant>>,
}

impl ReusePolicy {
    /// From now on, no connection is trusted.
    pub(super) fn ping_always(&self) {
        self.0.pings_always.store(true, Ordering::Relaxed);
    }

    /// A connection is dead, so those that were last used before now may be too.
    fn report_dead_connection(&self) {
        *self.0.found_dead_at.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    fn trusts(&self, idle_for: Duration) -> bool {
        let found_dead_at = *self.0.found_dead_at.lock().unwrap_or_else(PoisonError::into_inner);
        let used_since = found_dead_at.is_none_or(|moment| moment.elapsed() > idle_for);
        idle_for < TRUSTED_FOR && used_since && !self.0.pings_always.load(Ordering::Relaxed)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OpenMode {
    /// A missing SQLite file and its folder are created.
    Create,
    Existing,
    /// The database must exist, and even transactions cannot write.
    ReadOnly,
}

/// The file of an SQLite database; `None` for PostgreSQL.
pub fn sqlite_file(url: &SecretString) -> Result<Option<PathBuf>, DatabaseError> {
    let url = url.expose_secret();
    if !url.starts_with("sqlite:") {
        return Ok(None);
    }
    Ok(Some(sqlite_options(url)?.get_filename().to_owned()))
}

impl Pools {
    /// Opens the pools for `url` with at most `connections` connections, and one more for SQLite's writer.
    pub(super) async fn open(url: &str, connections: u32, mode: OpenMode) -> Result<Self, DatabaseError> {
        match url.starts_with("sqlite:") {
            true => Self::open_sqlite(url, connections, mode).await,
            false => Box::pin(Self::open_postgres(url, connections, mode)).await,
        }
    }

    async fn open_postgres(url: &str, connections: u32, mode: OpenMode) -> Result<Self, DatabaseError> {
        let options = postgres_options(url)?;
        let reuse = ReusePolicy::default();
        let read_only = options.clone().options([
            ("default_transaction_read_only", "on"),
            // Lists have optional filters (`$1 IS NULL OR …`). A plan that is to fit them all reads every order, in 50 ms instead
            // of 1 ms; a plan for the values at hand is made in 0.1 to 2 ms.
            ("plan_cache_mode", "force_custom_plan"),
        ]);
        if mode == OpenMode::ReadOnly {
            let readers = connect_postgres(read_only, connections, &reuse).await?;
            return Ok(Self::Postgres { writers: readers.clone(), readers, reuse });
        }
        let read_write = options.options([("default_transaction_read_only", "off")]);
        let read_connections = connections.div_ceil(2);
        let writers = connect_postgres(read_write, (connections - read_connections).max(1), &reuse).await?;
        let readers = postgres_pool(read_connections, &reuse).connect_lazy_with(read_only);
        Ok(Self::Postgres { writers, readers, reuse })
    }

    async fn open_sqlite(url: &str, connections: u32, mode: OpenMode) -> Result<Self, DatabaseError> {
        let options = sqlite_options(url)?;
        let read_only = options.clone().read_only(true);
        if mode == OpenMode::ReadOnly {
            let readers = connect_sqlite(read_only, connections).await?;
            return Ok(Self::Sqlite { writer: readers.clone(), readers });
        }
        if let Some(folder) = options.get_filename().parent().filter(|folder| !folder.as_os_str().is_empty())
            && mode == OpenMode::Create
        {
            make_private_folder(folder).map_err(|error| DatabaseError::Unavailable(describe_folder(folder, &error)))?;
        }
        if mode == OpenMode::Create {
            // Only here: a connection that is opened later must not make an empty file in the place of a lost one.
            let first = SqliteConnection::connect_with(&options.clone().create_if_missing(true)).await;
            let first = first.map_err(|error| sqlite_refused(options.get_filename(), error))?;
            first.close().await?;
        }
        // The journal mode is a property of the file, so only the writer sets it.
        let writer = connect_sqlite(options.journal_mode(SqliteJournalMode::Wal), 1).await?;
        let readers = connect_sqlite(read_only, connections).await?;
        Ok(Self::Sqlite { writer, readers })
    }

    /// Waits for open transactions and closes every connection.
    pub(super) async fn close(&self) {
        match self {
            Self::Postgres { writers, readers, .. } => {
                let closing = async { tokio::join!(readers.close(), writers.close()) };
                if tokio::time::timeout(deadline::CLOSE, closing).await.is_err() {
                    tracing::warn!("PostgreSQL did not answer while its connections were closed");
                }
            }
            Self::Sqlite { writer, readers } => {
                readers.close().await;
                writer.close().await;
            }
        }
    }
}

fn postgres_options(url: &str) -> Result<PgConnectOptions, DatabaseError> {
    let options =
        PgConnectOptions::from_str(url).map_err(|_| DatabaseError::Unavailable(POSTGRES_ADDRESS_FAULT.to_owned()))?;
    // sqlx would never try TLS with `allow`, and a server that takes TLS alone would refuse it.
    let is_allow = matches!(options.get_ssl_mode(), PgSslMode::Allow);
    let options = if is_allow { options.ssl_mode(PgSslMode::Prefer) } else { options };
    Ok(options.application_name("tillsight").options([
        ("statement_timeout", deadline::STATEMENT_TIMEOUT),
        ("idle_in_transaction_session_timeout", "30s"),
        ("synchronous_commit", "on"),
    ]))
}

fn postgres_pool(connections: u32, reuse: &ReusePolicy) -> PgPoolOptions {
    let released = reuse.clone();
    check_connections(PgPoolOptions::new(), reuse)
        .max_connections(connections)
        .acquire_timeout(deadline::ACQUIRE)
        // Ends what a dropped future left running. Without a deadline, a dead network would keep the connection's place in
        // the pool for a quarter of an hour.
        .after_release(move |connection, _meta| {
            let released = released.clone();
            Box::pin(async move {
                let answer = tokio::time::timeout(deadline::PING, connection.ping()).await;
                if !matches!(answer, Ok(Ok(()))) {
                    released.report_dead_connection();
                }
                match answer {
                    Ok(answer) => answer.map(|()| true),
                    Err(_elapsed) => Err(sqlx::Error::PoolTimedOut),
                }
            })
        })
}

/// Opens a pool and its first connection, so that a wrong address fails here.
async fn connect_postgres(
    options: PgConnectOptions,
    connections: u32,
    reuse: &ReusePolicy,
) -> Result<PgPool, DatabaseError> {
    let address = format!("{}:{}/{}", options.get_host(), options.get_port(), options.get_database().unwrap_or(""));
    let failed = |error: sqlx::Error| {
        let advice = tls_advice(&error);
        DatabaseError::Unavailable(format!("PostgreSQL at {address}: {}{advice}", error::describe(&error)))
    };
    match postgres_pool(connections, reuse).connect_with(options.clone()).await {
        Ok(pool) => Ok(pool),
        // The pool tried until its timeout and hides the reason, which a single connection gives.
        Err(sqlx::Error::PoolTimedOut) => {
            let single = tokio::time::timeout(deadline::ACQUIRE, PgConnection::connect_with(&options)).await;
            Err(match single {
                Ok(Err(reason)) => failed(reason),
                Ok(Ok(_)) | Err(_) => failed(sqlx::Error::PoolTimedOut),
            })
        }
        Err(error) => Err(failed(error)),
    }
}

/// What to change in the address if TLS is the reason.
fn tls_advice(error: &sqlx::Error) -> &'static str {
    /// `invalid_authorization_specification`: no line of pg_hba.conf admits this connection.
    const NOT_ADMITTED: &str = "28000";
    if let sqlx::Error::Database(refusal) = error {
        let wants_tls = refusal.code().as_deref() == Some(NOT_ADMITTED) && refusal.message().contains("no encryption");
        return if wants_tls { "; if it takes TLS alone, add sslmode=require to the address" } else { "" };
    }
    if is_certificate_error(error) {
        return "; sslrootcert names the file of the authority that signed its certificate, and the certificate must be for this \
                host";
    }
    ""
}

/// rustls names what is wrong with a certificate, but sqlx passes it on as an error of the connection.
fn is_certificate_error(error: &sqlx::Error) -> bool {
    error.to_string().contains("certificate")
}

fn sqlite_options(url: &str) -> Result<SqliteConnectOptions, DatabaseError> {
    let options = SqliteConnectOptions::from_str(url).map_err(|_| {
        DatabaseError::Unavailable(format!("\"{url}\" is not an address such as sqlite://data/tillsight.db"))
    })?;
    Ok(options.foreign_keys(true).synchronous(SqliteSynchronous::Full).busy_timeout(SQLITE_BUSY_TIMEOUT))
}

/// Opens a pool and its first connection, so that a wrong path fails here.
async fn connect_sqlite(options: SqliteConnectOptions, connections: u32) -> Result<SqlitePool, DatabaseError> {
    let file = options.get_filename().to_owned();
    // Connections stay open, so that the write-ahead log is never removed while the server runs.
    let pool = check_connections(SqlitePoolOptions::new(), &ReusePolicy::default())
        .max_connections(connections)
        .acquire_timeout(SQLITE_ACQUIRE_TIMEOUT)
        .idle_timeout(None)
        .max_lifetime(None);
    let opened = read_file_id(&file);
    let path = file.clone();
    // A connection that is opened later must be one to the same file: another may have been put in its place.
    let pool = pool.after_connect(move |_, _| {
        let is_same = read_file_id(&path) == opened;
        let refused = || sqlx::Error::Io(std::io::Error::other("another file is in the place of the database"));
        Box::pin(async move { if is_same { Ok(()) } else { Err(refused()) } })
    });
    pool.connect_with(options).await.map_err(|error| sqlite_refused(&file, error))
}

/// Device and inode; `None` if there is no file.
fn read_file_id(path: &Path) -> Option<(u64, u64)> {
    std::fs::metadata(path).ok().map(|metadata| (metadata.dev(), metadata.ino()))
}

fn describe_folder(folder: &Path, error: &std::io::Error) -> String {
    format!("the folder {} cannot be made: {}", folder.display(), describe_io_error(error))
}

fn sqlite_refused(file: &Path, error: sqlx::Error) -> DatabaseError {
    let text = format!("SQLite file {}: {}", file.display(), error::describe(&error));
    let is_damage = matches!(DatabaseError::from(error), DatabaseError::Damaged(_));
    if is_damage { DatabaseError::Damaged(text) } else { DatabaseError::Unavailable(text) }
}

/// Before reuse, replaces a connection that was idle for [`TRUSTED_FOR`] and does not answer a ping, and one that is still
/// in a transaction according to sqlx: SQLite rolls back by itself when the disk is full, and sqlx does not notice.
fn check_connections<DB: sqlx::Database>(options: PoolOptions<DB>, reuse: &ReusePolicy) -> PoolOptions<DB> {
    let reuse = reuse.clone();
    options.test_before_acquire(false).before_acquire(move |connection, meta| {
        let is_trusted = reuse.trusts(meta.idle_for);
        Box::pin(async move {
            let usable = !connection.is_in_transaction();
            if !usable || is_trusted {
                return Ok(usable);
            }
            match tokio::time::timeout(REUSE_PING_TIMEOUT, connection.ping()).await {
                Ok(answer) => Ok(answer.is_ok()),
                // An error, so that the connection is dropped without a farewell, which could hang as well.
                Err(_elapsed) => Err(sqlx::Error::PoolTimedOut),
            }
        })
    })
}
