//! Opening a database, bringing its tables up to date, beginning transactions.

use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use sqlx::pool::PoolOptions;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Connection, SqlitePool};

use super::group::Groups;
use super::tx::{Held, Inner, on};
use super::{Backend, ChangeListener, DatabaseError, Reader, Tx};

/// How long a use case waits for a connection to PostgreSQL before the client is told 503.
const POSTGRES_ACQUIRE: Duration = Duration::from_secs(3);
/// The same for SQLite's single writer, behind which a burst of writers queues up.
const SQLITE_ACQUIRE: Duration = Duration::from_secs(10);
/// How long SQLite waits for a lock that another process holds (a backup, a shell).
const SQLITE_BUSY: Duration = Duration::from_secs(5);
/// A connection idle for longer is pinged before reuse.
const TRUSTED_FOR: Duration = Duration::from_secs(1);

/// An open database; cheap to clone.
#[derive(Debug, Clone)]
pub struct Database(Pools);

#[derive(Debug, Clone)]
enum Pools {
    /// The connections of `readers` refuse to write.
    Postgres {
        writers: PgPool,
        readers: PgPool,
    },
    Sqlite {
        writer: SqlitePool,
        groups: Arc<Groups>,
        readers: SqlitePool,
    },
}

impl Database {
    /// Opens the database at `url` (`sqlite://PATH` or `postgres://…`) with at most `connections` connections: on SQLite for
    /// reads, beside the one writer; on PostgreSQL half for reads and half for transactions, at least one each. An SQLite
    /// file and its folder are made where missing. Fails with a message that names what was tried and holds no password.
    pub async fn connect(url: &SecretString, connections: u32) -> Result<Self, DatabaseError> {
        let url = url.expose_secret();
        if url.starts_with("sqlite:") {
            Self::open_sqlite(url, connections, true).await
        } else {
            Self::open_postgres(url, connections, false).await
        }
    }

    /// [`Database::connect`] to a database that must be there: a mistyped path is refused and no file is made.
    pub async fn open(url: &SecretString, connections: u32) -> Result<Self, DatabaseError> {
        let url = url.expose_secret();
        if url.starts_with("sqlite:") {
            Self::open_sqlite(url, connections, false).await
        } else {
            Self::open_postgres(url, connections, false).await
        }
    }

    /// As [`Database::connect`], of a database that is there already, for reading alone: whatever would write is refused, and
    /// nothing is made. Safe beside a running server.
    pub async fn connect_to_read(url: &SecretString, connections: u32) -> Result<Self, DatabaseError> {
        let url = url.expose_secret();
        if url.starts_with("sqlite:") {
            let options = sqlite_options(url)?.create_if_missing(false).read_only(true);
            let file = options.get_filename().to_owned();
            let readers = check_connections(SqlitePoolOptions::new())
                .max_connections(connections)
                .acquire_timeout(SQLITE_ACQUIRE);
            let readers = readers.connect_with(options).await.map_err(|error| sqlite_refused(&file, &error))?;
            Ok(Self::of_sqlite(readers.clone(), readers))
        } else {
            Self::open_postgres(url, connections, true).await
        }
    }

    async fn open_postgres(url: &str, connections: u32, read_only: bool) -> Result<Self, DatabaseError> {
        let options = postgres_options(url)?;
        let to_read = options.clone().options([("default_transaction_read_only", "on")]);
        if read_only {
            let readers = connect_postgres(to_read, connections).await?;
            return Ok(Self(Pools::Postgres { writers: readers.clone(), readers }));
        }
        let to_write = options.options([("default_transaction_read_only", "off")]);
        let for_reads = connections.div_ceil(2);
        let for_writes = (connections - for_reads).max(1);
        let writers = connect_postgres(to_write, for_writes).await?;
        let readers = postgres_pool(for_reads).connect_lazy_with(to_read);
        Ok(Self(Pools::Postgres { writers, readers }))
    }

    async fn open_sqlite(url: &str, connections: u32, create: bool) -> Result<Self, DatabaseError> {
        let options = sqlite_options(url)?.create_if_missing(create).journal_mode(SqliteJournalMode::Wal);
        let file = options.get_filename().to_owned();
        if let Some(folder) = file.parent().filter(|folder| create && !folder.as_os_str().is_empty()) {
            let unmade = |error| DatabaseError::Unavailable(format!("folder {}: {error}", folder.display()));
            make_private_folder(folder).map_err(unmade)?;
        }
        let failed = |error: sqlx::Error| sqlite_refused(&file, &error);
        let one = check_connections(SqlitePoolOptions::new()).max_connections(1).acquire_timeout(SQLITE_ACQUIRE);
        let writer = one.connect_with(options.clone()).await.map_err(failed)?;
        let many =
            check_connections(SqlitePoolOptions::new()).max_connections(connections).acquire_timeout(SQLITE_ACQUIRE);
        let readers = many.connect_with(options.read_only(true)).await.map_err(failed)?;
        Ok(Self::of_sqlite(writer, readers))
    }

    fn of_sqlite(writer: SqlitePool, readers: SqlitePool) -> Self {
        Self(Pools::Sqlite { groups: Groups::new(writer.clone(), SQLITE_ACQUIRE), writer, readers })
    }

    /// Brings the tables up to date. Safe to run by several servers at once, and again after a kill half way.
    pub async fn migrate(&self) -> Result<(), DatabaseError> {
        let done = match &self.0 {
            Pools::Postgres { writers, .. } => {
                // Of several servers that start at once, one migrates and the others wait for it, however long.
                let mut connection = writers.acquire().await?;
                sqlx::query("SET statement_timeout = 0").execute(&mut *connection).await?;
                let done = sqlx::migrate!("migrations/postgres").run(&mut *connection).await;
                connection.close().await?;
                done
            }
            Pools::Sqlite { writer, .. } => {
                let mut connection = writer.acquire().await?;
                sqlx::migrate!("migrations/sqlite").run(&mut *connection).await
            }
        };
        done.map_err(|error| DatabaseError::Unexpected(format!("migration: {error}")))
    }

    /// Begins a transaction that may write.
    pub async fn begin(&self) -> Result<Tx, DatabaseError> {
        Ok(Tx::new(match &self.0 {
            Pools::Postgres { writers, .. } => Inner::Postgres(Held::Transaction(writers.begin().await?)),
            Pools::Sqlite { writer, .. } => Held::Transaction(writer.begin_with("BEGIN IMMEDIATE").await?).into(),
        }))
    }

    /// Like [`Database::begin`], for a transaction of a few quick statements that many clients want at the same time: on SQLite,
    /// those that follow each other at once are committed together (see [`super::group`]).
    pub async fn begin_short(&self) -> Result<Tx, DatabaseError> {
        match &self.0 {
            Pools::Postgres { .. } => self.begin().await,
            Pools::Sqlite { groups, .. } => Ok(Tx::new(groups.begin().await?.into())),
        }
    }

    /// A connection to read with; on SQLite it never waits for the writer. No transaction is begun, which would be two more
    /// ways to the database and back: each statement sees what is committed when it begins. Where several must see one and
    /// the same state, see [`Database::snapshot`].
    pub async fn read(&self) -> Result<Reader, DatabaseError> {
        Ok(Reader::new(match &self.0 {
            Pools::Postgres { readers, .. } => Inner::Postgres(Held::Connection(readers.acquire().await?)),
            Pools::Sqlite { readers, .. } => Held::Connection(readers.acquire().await?).into(),
        }))
    }

    /// A connection to read with whose statements all see one and the same state of the database.
    pub async fn snapshot(&self) -> Result<Reader, DatabaseError> {
        const BEGIN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY";
        Ok(Reader::new(match &self.0 {
            Pools::Postgres { readers, .. } => Inner::Postgres(Held::Transaction(readers.begin_with(BEGIN).await?)),
            Pools::Sqlite { readers, .. } => Held::Transaction(readers.begin().await?).into(),
        }))
    }

    /// Whether the database answers.
    pub async fn ping(&self) -> Result<(), DatabaseError> {
        let mut reader = self.read().await?;
        on!(reader, c => sqlx::query("SELECT 1").execute(c)).map(|_rows: u64| ())
    }

    /// Word of catalog changes made through whichever server, as they are committed; nothing on SQLite.
    pub async fn listen_for_changes(&self) -> Result<Option<ChangeListener>, DatabaseError> {
        match &self.0 {
            Pools::Postgres { readers, .. } => ChangeListener::of(readers).await.map(Some),
            Pools::Sqlite { .. } => Ok(None),
        }
    }

    /// Which database is open.
    pub fn backend(&self) -> Backend {
        match &self.0 {
            Pools::Postgres { .. } => Backend::Postgres,
            Pools::Sqlite { .. } => Backend::Sqlite,
        }
    }

    /// Closes every connection; open transactions are waited for.
    pub async fn close(&self) {
        match &self.0 {
            Pools::Postgres { writers, readers } => {
                readers.close().await;
                writers.close().await;
            }
            Pools::Sqlite { writer, readers, .. } => {
                readers.close().await;
                writer.close().await;
            }
        }
    }
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
    // The journal's mode is of the file, and is set by whoever may write to it alone.
    let options = options.foreign_keys(true);
    Ok(options.synchronous(SqliteSynchronous::Full).busy_timeout(SQLITE_BUSY))
}

fn sqlite_refused(file: &Path, error: &sqlx::Error) -> DatabaseError {
    DatabaseError::Unavailable(format!("SQLite file {}: {error}", file.display()))
}

/// Makes `folder`, readable by its owner alone where it is new: databases and keys lie in it.
pub(crate) fn make_private_folder(folder: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn assert_refuses_to_write(mut reader: Reader) {
        let written = on!(reader, c => sqlx::query("CREATE TABLE refused (a INTEGER)").execute(c));
        let refused = written.unwrap_err().to_string();
        assert!(refused.contains("read-only") || refused.contains("readonly"), "{refused}");
    }

    async fn assert_only_transactions_write(url: &SecretString) {
        let db = Database::connect(url, 4).await.unwrap();
        assert_refuses_to_write(db.read().await.unwrap()).await;
        assert_refuses_to_write(db.snapshot().await.unwrap()).await;
        let mut tx = db.begin().await.unwrap();
        on!(tx, c => sqlx::query("CREATE TABLE written (a INTEGER)").execute(c)).unwrap();
        drop(tx);
        let to_read = Database::connect_to_read(url, 4).await.unwrap();
        assert_refuses_to_write(to_read.read().await.unwrap()).await;
        let mut tx = to_read.begin().await;
        if let Ok(tx) = &mut tx {
            on!(tx, c => sqlx::query("CREATE TABLE refused (a INTEGER)").execute(c)).unwrap_err();
        }
    }

    #[tokio::test]
    async fn sqlite_refuses_to_write_on_a_reader() {
        let folder = tempfile::tempdir().unwrap();
        assert_only_transactions_write(&format!("sqlite://{}/t.db", folder.path().display()).into()).await;
    }

    /// Needs a server: `make test` and deploy/test.sh start one.
    #[tokio::test]
    async fn postgres_refuses_to_write_on_a_reader() {
        if let Ok(server) = std::env::var("TILLSIGHT_TEST_POSTGRES_URL") {
            assert_only_transactions_write(&server.into()).await;
        }
    }

    /// What a type of PostgreSQL is called in SQLite's strict tables.
    const NAMES: [(&str, &str); 6] = [
        ("UUID", "BLOB"),
        ("BIGINT", "INTEGER"),
        ("BYTEA", "BLOB"),
        ("JSONB", "TEXT"),
        ("BOOLEAN", "INTEGER"),
        ("DOUBLE PRECISION", "REAL"),
    ];

    #[test]
    fn the_migrations_of_both_databases_say_the_same() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
        let mut compared = 0;
        for entry in std::fs::read_dir(root.join("postgres")).unwrap() {
            let name = entry.unwrap().file_name();
            let postgres = statements(&root.join("postgres").join(&name));
            let sqlite = statements(&root.join("sqlite").join(&name));
            let translated = NAMES.iter().fold(postgres, |text, (from, to)| text.replace(from, to));
            assert_eq!(translated, sqlite.replace(") STRICT;", ");").replace("x''", "''"), "{name:?}");
            compared += 1;
        }
        assert_eq!(compared, std::fs::read_dir(root.join("sqlite")).unwrap().count());
    }

    /// The text without comments.
    fn statements(path: &std::path::Path) -> String {
        let text = std::fs::read_to_string(path).unwrap();
        text.lines().filter(|line| !line.trim_start().starts_with("--")).collect::<Vec<_>>().join("\n")
    }
}
