//! A separate database for each test.

use std::path::Path;
use std::sync::Arc;

use secrecy::{ExposeSecret, SecretString};
use sqlx::Connection;
use sqlx::postgres::{PgConnection, PgPool};
use sqlx::sqlite::SqlitePool;
use uuid::Uuid;

/// The URL of the throwaway PostgreSQL of `make test`.
const POSTGRES: &str = "TILLSIGHT_TEST_POSTGRES_URL";

/// An empty database and a folder, both removed after the test. A clone is the same database.
#[derive(Clone)]
pub struct TestDatabase {
    url: SecretString,
    folder: Arc<tempfile::TempDir>,
}

impl TestDatabase {
    /// A file in a temporary folder.
    pub fn sqlite() -> Self {
        let folder = Arc::new(tempfile::tempdir().unwrap());
        let url = format!("sqlite://{}", folder.path().join("test.db").display());
        Self { url: url.into(), folder }
    }

    /// A new database on the throwaway server.
    #[expect(clippy::disallowed_methods, reason = "CREATE DATABASE takes no bound parameters; the name is a UUID")]
    pub async fn postgres() -> Self {
        let server = std::env::var(POSTGRES).unwrap_or_else(|_| {
            panic!("{POSTGRES} is not set: run `make test`, or deploy/throwaway-postgres.sh cargo test …")
        });
        let name = format!("test_{}", Uuid::new_v4().simple());
        let pool = PgPool::connect(&server).await.unwrap();
        sqlx::query(sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}"))).execute(&pool).await.unwrap();
        pool.close().await;
        let (address, _database) = server.rsplit_once('/').unwrap();
        Self { url: format!("{address}/{name}").into(), folder: Arc::new(tempfile::tempdir().unwrap()) }
    }

    /// The empty database at `url`, which the test has made.
    pub fn at(url: &str) -> Self {
        Self { url: url.into(), folder: Arc::new(tempfile::tempdir().unwrap()) }
    }

    /// PostgreSQL only: ends all connections to this database and refuses new ones.
    pub async fn refuse_connections(&self) {
        self.set_connections_allowed(false).await;
    }

    /// Accepts connections again.
    pub async fn accept_connections(&self) {
        self.set_connections_allowed(true).await;
    }

    #[expect(clippy::disallowed_methods, reason = "ALTER DATABASE takes no bound parameters; the name is a UUID")]
    async fn set_connections_allowed(&self, allowed: bool) {
        const CUT: &str = "SELECT COUNT(*) FROM (SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                           WHERE datname = $1) AS cut";
        let (_address, name) = self.url.expose_secret().rsplit_once('/').unwrap();
        let mut server = PgConnection::connect(&std::env::var(POSTGRES).unwrap()).await.unwrap();
        let alter = sqlx::AssertSqlSafe(format!("ALTER DATABASE {name} ALLOW_CONNECTIONS {allowed}"));
        sqlx::query(alter).execute(&mut server).await.unwrap();
        if !allowed {
            sqlx::query_scalar::<_, i64>(CUT).bind(name).fetch_one(&mut server).await.unwrap();
        }
    }

    pub fn url(&self) -> &SecretString {
        &self.url
    }

    /// `sqlite` or `postgres`: the module that `on_both_databases!` puts the test in.
    pub fn kind(&self) -> &'static str {
        if self.url.expose_secret().starts_with("sqlite:") { "sqlite" } else { "postgres" }
    }

    /// Runs a statement directly on the database, unnoticed by the server.
    pub async fn execute(&self, sql: &'static str) {
        let url = self.url.expose_secret();
        if url.starts_with("sqlite:") {
            let pool = SqlitePool::connect(url).await.unwrap();
            sqlx::query(sql).execute(&pool).await.unwrap();
            pool.close().await;
        } else {
            let pool = PgPool::connect(url).await.unwrap();
            sqlx::query(sql).execute(&pool).await.unwrap();
            pool.close().await;
        }
    }

    /// Like [`TestDatabase::execute`], with a text for `$1`.
    pub async fn execute_with(&self, sql: &'static str, text: &str) {
        let url = self.url.expose_secret();
        if url.starts_with("sqlite:") {
            let pool = SqlitePool::connect(url).await.unwrap();
            sqlx::query(sql).bind(text).execute(&pool).await.unwrap();
            pool.close().await;
        } else {
            let pool = PgPool::connect(url).await.unwrap();
            sqlx::query(sql).bind(text).execute(&pool).await.unwrap();
            pool.close().await;
        }
    }

    /// Runs the script for this kind of database.
    pub async fn run_script(&self, sqlite: &'static str, postgres: &'static str) {
        let url = self.url.expose_secret();
        if url.starts_with("sqlite:") {
            let pool = SqlitePool::connect(url).await.unwrap();
            sqlx::raw_sql(sqlite).execute(&pool).await.unwrap();
            pool.close().await;
        } else {
            let pool = PgPool::connect(url).await.unwrap();
            sqlx::raw_sql(postgres).execute(&pool).await.unwrap();
            pool.close().await;
        }
    }

    /// Runs a query that returns one number.
    pub async fn count(&self, sql: &'static str) -> i64 {
        let url = self.url.expose_secret();
        if url.starts_with("sqlite:") {
            let pool = SqlitePool::connect(url).await.unwrap();
            sqlx::query_scalar(sql).fetch_one(&pool).await.unwrap()
        } else {
            let pool = PgPool::connect(url).await.unwrap();
            sqlx::query_scalar(sql).fetch_one(&pool).await.unwrap()
        }
    }

    /// The texts of a query with one column.
    pub async fn texts(&self, sql: &'static str) -> Vec<String> {
        let url = self.url.expose_secret();
        if url.starts_with("sqlite:") {
            let pool = SqlitePool::connect(url).await.unwrap();
            sqlx::query_scalar(sql).fetch_all(&pool).await.unwrap()
        } else {
            let pool = PgPool::connect(url).await.unwrap();
            sqlx::query_scalar(sql).fetch_all(&pool).await.unwrap()
        }
    }

    /// Every row of every table, except `order_performance`, which the server writes periodically.
    #[expect(
        clippy::disallowed_methods,
        reason = "names of tables and columns take no bound parameters; they are ours"
    )]
    pub async fn dump_rows(&self) -> Vec<String> {
        let url = self.url.expose_secret();
        let mut rows = Vec::new();
        if url.starts_with("sqlite:") {
            let pool = SqlitePool::connect(url).await.unwrap();
            let tables = "SELECT name, (SELECT group_concat('quote(' || name || ')', ' || '' '' || ') \
                FROM pragma_table_info(t.name)) FROM sqlite_master t WHERE type = 'table' AND name <> 'order_performance'";
            let tables: Vec<(String, String)> = sqlx::query_as(tables).fetch_all(&pool).await.unwrap();
            for (table, columns) in tables {
                let query = sqlx::AssertSqlSafe(format!("SELECT '{table} ' || {columns} FROM \"{table}\""));
                rows.extend(sqlx::query_scalar::<_, String>(query).fetch_all(&pool).await.unwrap());
            }
            pool.close().await;
        } else {
            let pool = PgPool::connect(url).await.unwrap();
            let tables = "SELECT tablename::text FROM pg_tables WHERE schemaname = 'public' \
                AND tablename <> 'order_performance'";
            let tables: Vec<(String,)> = sqlx::query_as(tables).fetch_all(&pool).await.unwrap();
            for (table,) in tables {
                let query = sqlx::AssertSqlSafe(format!("SELECT '{table} ' || t::text FROM \"{table}\" t"));
                rows.extend(sqlx::query_scalar::<_, String>(query).fetch_all(&pool).await.unwrap());
            }
            pool.close().await;
        }
        assert!(rows.len() > 10, "{rows:?}");
        rows.sort_unstable();
        rows
    }

    /// The test's folder.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}
