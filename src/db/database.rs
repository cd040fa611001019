//! `Database`: opens and migrates a database, and starts reads and transactions.

use std::time::{Duration, Instant};

use secrecy::{ExposeSecret, SecretString};
use sqlx::migrate::MigrateError;
use sqlx::postgres::PgPool;

use super::pools::{OpenMode, Pools};
use super::query::run_query;
use super::reader::Connection;
use super::{ChangeListener, Channel, DatabaseError, Reader, Tx, deadline, migrations};

/// An open database; cheap to clone.
#[derive(Debug, Clone)]
pub struct Database(Pools);

/// Which database is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    Postgres,
    Sqlite,
}

impl Database {
    /// Opens the database at `url` (`sqlite://PATH` or `postgres://…`). A missing SQLite file and its folder are created.
    ///
    /// `connections` is the most connections: on SQLite for reads, in addition to the one writer; on PostgreSQL half for reads
    /// and half for transactions, at least one each. The error names the address without its password.
    pub async fn connect(url: &SecretString, connections: u32) -> Result<Self, DatabaseError> {
        Box::pin(Pools::open(url.expose_secret(), connections, OpenMode::Create)).await.map(Self)
    }

    /// Like [`Database::connect`], but the database must exist: a mistyped path is refused and creates no file.
    pub async fn open(url: &SecretString, connections: u32) -> Result<Self, DatabaseError> {
        Box::pin(Pools::open(url.expose_secret(), connections, OpenMode::Existing)).await.map(Self)
    }

    /// Like [`Database::open`], but the database refuses every write. Safe while a server runs.
    pub async fn connect_to_read(url: &SecretString, connections: u32) -> Result<Self, DatabaseError> {
        Box::pin(Pools::open(url.expose_secret(), connections, OpenMode::ReadOnly)).await.map(Self)
    }

    /// Migrates the tables to this version. Several servers may run it at once, and again after one was killed.
    pub async fn migrate(&self) -> Result<(), DatabaseError> {
        match &self.0 {
            // A migration may take however long it takes, as long as PostgreSQL answers.
            Pools::Postgres { writers, .. } => tokio::select! {
                result = migrate_postgres(writers) => result,
                () = self.wait_until_silent(deadline::MIGRATION_SILENCE) => {
                    let seconds = deadline::MIGRATION_SILENCE.as_secs();
                    let reason = format!("PostgreSQL has not answered for {seconds} s during the migration, which is rolled back");
                    Err(DatabaseError::TimedOut(reason))
                }
            },
            Pools::Sqlite { writer, .. } => {
                let mut connection = writer.acquire().await?;
                migrations::SQLITE.run(&mut *connection).await.map_err(migration_error)
            }
        }
    }

    /// Returns when pings have failed for `silence`: for work that may take long, as long as the database answers.
    pub async fn wait_until_silent(&self, silence: Duration) {
        let mut last_answer = Instant::now();
        while last_answer.elapsed() < silence {
            tokio::time::sleep(deadline::PING).await;
            if self.ping().await.is_ok() {
                last_answer = Instant::now();
            }
        }
    }

    /// Begins a transaction that may write.
    pub async fn begin(&self) -> Result<Tx, DatabaseError> {
        Ok(Tx::new(match &self.0 {
            Pools::Postgres { writers, .. } => {
                Connection::PostgresTransaction(deadline::within(deadline::BEGIN, writers.begin()).await?)
            }
            // A deferred transaction that reads before it writes fails if another one has written meanwhile.
            Pools::Sqlite { writer, .. } => Connection::SqliteTransaction(writer.begin_with("BEGIN IMMEDIATE").await?),
        }))
    }

    /// A connection for reading, which never waits for a writer. It begins no transaction, which would take two more round
    /// trips: each statement sees what was committed when it began. Use [`Database::snapshot`] if several statements must
    /// see the same state.
    pub async fn read(&self) -> Result<Reader, DatabaseError> {
        Ok(Reader::new(match &self.0 {
            Pools::Postgres { readers, .. } => Connection::Postgres(Box::pin(readers.acquire()).await?),
            Pools::Sqlite { readers, .. } => Connection::Sqlite(readers.acquire().await?),
        }))
    }

    /// A connection for reading whose statements all see the same state of the database.
    pub async fn snapshot(&self) -> Result<Reader, DatabaseError> {
        const BEGIN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY";
        Ok(Reader::new(match &self.0 {
            Pools::Postgres { readers, .. } => {
                Connection::PostgresTransaction(deadline::within(deadline::BEGIN, readers.begin_with(BEGIN)).await?)
            }
            Pools::Sqlite { readers, .. } => Connection::SqliteTransaction(readers.begin().await?),
        }))
    }

    /// Whether the database answers.
    pub async fn ping(&self) -> Result<(), DatabaseError> {
        deadline::within(deadline::PING, async {
            let mut reader = self.read().await?;
            run_query!(reader, c => sqlx::query("SELECT 1").execute(c)).map(|_rows: u64| ())
        })
        .await
    }

    /// Notifications of changes that any server commits; `None` on SQLite.
    pub async fn listen_for_changes(&self, channel: Channel) -> Result<Option<ChangeListener>, DatabaseError> {
        match &self.0 {
            Pools::Postgres { readers, .. } => Box::pin(ChangeListener::connect(readers, channel)).await.map(Some),
            Pools::Sqlite { .. } => Ok(None),
        }
    }

    pub(super) fn pools(&self) -> &Pools {
        &self.0
    }

    pub fn backend(&self) -> Backend {
        match &self.0 {
            Pools::Postgres { .. } => Backend::Postgres,
            Pools::Sqlite { .. } => Backend::Sqlite,
        }
    }

    /// Call it when the HTTP workers have ended: connections that they opened have ended with their runtimes, and are replaced
    /// before they are used.
    pub fn distrust_connections(&self) {
        if let Pools::Postgres { reuse, .. } = &self.0 {
            reuse.ping_always();
        }
    }

    /// Waits for open transactions and closes every connection; does not wait for a PostgreSQL that does not answer.
    pub async fn close(&self) {
        self.0.close().await;
    }
}

async fn migrate_postgres(writers: &PgPool) -> Result<(), DatabaseError> {
    let mut connection = Box::pin(writers.acquire()).await?;
    // If several servers start at once, one migrates and the others wait for the lock.
    let timeouts = "SELECT set_config('statement_timeout', '0', false), set_config('lock_timeout', $1, false)";
    let set = sqlx::query(timeouts).bind(deadline::MIGRATION_LOCK_TIMEOUT).execute(&mut *connection);
    deadline::within(deadline::STATEMENT, set).await?;
    let result = migrations::POSTGRES.run(&mut *connection).await;
    deadline::within(deadline::CLOSE, connection.close()).await?;
    result.map_err(migration_error)
}

fn migration_error(error: MigrateError) -> DatabaseError {
    DatabaseError::Unexpected(format!("migration: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn assert_refuses_to_write(mut reader: Reader) {
        let written = run_query!(reader, c => sqlx::query("CREATE TABLE refused (a INTEGER)").execute(c));
        let refused = written.unwrap_err().to_string();
        assert!(refused.contains("read-only") || refused.contains("readonly"), "{refused}");
    }

    async fn assert_only_transactions_write(url: &SecretString) {
        let db = Database::connect(url, 4).await.unwrap();
        assert_refuses_to_write(db.read().await.unwrap()).await;
        assert_refuses_to_write(db.snapshot().await.unwrap()).await;
        let mut tx = db.begin().await.unwrap();
        run_query!(tx, c => sqlx::query("CREATE TABLE written (a INTEGER)").execute(c)).unwrap();
        drop(tx);
        let to_read = Database::connect_to_read(url, 4).await.unwrap();
        assert_refuses_to_write(to_read.read().await.unwrap()).await;
        let mut tx = to_read.begin().await;
        if let Ok(tx) = &mut tx {
            run_query!(tx, c => sqlx::query("CREATE TABLE refused (a INTEGER)").execute(c)).unwrap_err();
        }
    }

    #[tokio::test]
    async fn sqlite_refuses_to_write_on_a_reader() {
        let folder = tempfile::tempdir().unwrap();
        assert_only_transactions_write(&format!("sqlite://{}/t.db", folder.path().display()).into()).await;
    }

    /// Needs a PostgreSQL server, which `make test` and deploy/test.sh start.
    #[tokio::test]
    async fn postgres_refuses_to_write_on_a_reader() {
        if let Ok(server) = std::env::var("TILLSIGHT_TEST_POSTGRES_URL") {
            assert_only_transactions_write(&server.into()).await;
        }
    }

    /// PostgreSQL's types and their names in SQLite's strict tables.
    const SQLITE_TYPES: [(&str, &str); 6] = [
        ("UUID", "BLOB"),
        ("BIGINT", "INTEGER"),
        ("BYTEA", "BLOB"),
        ("JSONB", "TEXT"),
        ("BOOLEAN", "INTEGER"),
        ("DOUBLE PRECISION", "REAL"),
    ];

    #[test]
    fn the_migrations_of_both_databases_are_equal() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
        let mut compared = 0;
        for entry in std::fs::read_dir(root.join("postgres")).unwrap() {
            let name = entry.unwrap().file_name();
            let postgres = statements(&root.join("postgres").join(&name));
            let sqlite = statements(&root.join("sqlite").join(&name));
            let translated = SQLITE_TYPES.iter().fold(postgres, |text, (from, to)| text.replace(from, to));
            assert_eq!(translated, sqlite.replace(") STRICT;", ");").replace("x''", "''"), "{name:?}");
            compared += 1;
        }
        assert_eq!(compared, std::fs::read_dir(root.join("sqlite")).unwrap().count());
    }

    /// The file's text without comments.
    fn statements(path: &std::path::Path) -> String {
        let text = std::fs::read_to_string(path).unwrap();
        text.lines().filter(|line| !line.trim_start().starts_with("--")).collect::<Vec<_>>().join("\n")
    }
}
