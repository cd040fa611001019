//! A database of its own for each test.

use std::path::Path;

use secrecy::SecretString;
use sqlx::postgres::PgPool;
use uuid::Uuid;

/// Where `make test` says that its throwaway PostgreSQL is.
const POSTGRES: &str = "TILLSIGHT_TEST_POSTGRES_URL";

/// An empty database and a folder, both gone when the test is over.
pub struct Database {
    url: SecretString,
    folder: tempfile::TempDir,
}

impl Database {
    /// A file in a temporary folder.
    pub fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", folder.path().join("test.db").display());
        Self { url: url.into(), folder }
    }

    /// A new database of the throwaway server.
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
        Self { url: format!("{address}/{name}").into(), folder: tempfile::tempdir().unwrap() }
    }

    pub fn url(&self) -> &SecretString {
        &self.url
    }

    /// The test's folder.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}
