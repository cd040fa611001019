//! Copies of the database for back-ups, and what tells whether a database holds a shop.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::pools::Pools;
use super::{Database, DatabaseError, Reader, run_query};

impl Database {
    /// Writes a copy of an SQLite database to `path`, which must not exist: the state of one moment, while servers go on
    /// writing. The copy is complete in one file and is not synced yet.
    ///
    /// # Errors
    /// [`DatabaseError::Unexpected`] on PostgreSQL.
    pub async fn write_sqlite_copy(&self, path: &Path) -> Result<(), DatabaseError> {
        const COPY: &str = "VACUUM INTO $1";
        let Pools::Sqlite { readers, .. } = self.pools() else {
            return Err(DatabaseError::Unexpected("only SQLite is copied into a file".to_owned()));
        };
        sqlx::query(COPY).bind(path.to_string_lossy().into_owned()).execute(readers).await?;
        // SQLite makes the file with the umask's mode, and it holds the hashes of passwords.
        std::fs::set_permissions(path, Permissions::from_mode(0o600))
            .map_err(|error| DatabaseError::Unexpected(format!("{}: {error}", path.display())))
    }

    /// What SQLite finds wrong with the pages and indexes of the file; `None` if nothing.
    pub async fn find_damage(&self) -> Result<Option<String>, DatabaseError> {
        let Pools::Sqlite { readers, .. } = self.pools() else { return Ok(None) };
        let mut connection = readers.acquire().await?;
        // Pages in memory say nothing about the file.
        sqlx::query("PRAGMA shrink_memory").execute(&mut *connection).await?;
        let found = sqlx::query_as("PRAGMA integrity_check(10)").fetch_all(&mut *connection).await;
        let found: Vec<(String,)> = match found.map_err(DatabaseError::from) {
            Err(DatabaseError::Damaged(reason)) => return Ok(Some(reason)),
            found => found?,
        };
        let lines: Vec<String> = found.into_iter().map(|(line,)| line).filter(|line| line != "ok").collect();
        Ok((!lines.is_empty()).then(|| lines.join("; ")))
    }

    /// Whether the database has no tables at all.
    pub async fn is_empty(&self) -> Result<bool, DatabaseError> {
        const SQLITE: &str = "SELECT COUNT(*) FROM sqlite_master";
        const POSTGRES: &str = "SELECT COUNT(*) FROM pg_catalog.pg_tables WHERE schemaname = current_schema()";
        let mut reader = self.read().await?;
        let query = match reader.backend() {
            super::Backend::Sqlite => SQLITE,
            super::Backend::Postgres => POSTGRES,
        };
        let tables = run_query!(reader, c => sqlx::query_as::<_, (i64,)>(query).fetch_one(c))?;
        Ok(tables == 0)
    }
}

/// Lets another PostgreSQL session read the state that this snapshot sees, as long as it lives. Returns its name.
pub async fn export_snapshot(snapshot: &mut Reader) -> Result<String, DatabaseError> {
    run_query!(snapshot, c => sqlx::query_as::<_, (String,)>("SELECT pg_export_snapshot()").fetch_one(c))
}
