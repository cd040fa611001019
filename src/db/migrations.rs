//! The migrations in the program, and how far a database has come with them.

use sqlx::migrate::Migrator;

use super::{Backend, Database, DatabaseError, run_query};
use crate::domain::Timestamp;

pub(super) static POSTGRES: Migrator = sqlx::migrate!("migrations/postgres");
pub(super) static SQLITE: Migrator = sqlx::migrate!("migrations/sqlite");

/// The migrations of a database, compared with those of this program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MigrationState {
    /// Number of the newest applied migration; 0 without tables.
    pub newest: i64,
    /// How many this program would still apply.
    pub pending: usize,
    /// Whether a newer program has applied one that this program does not have.
    pub is_newer: bool,
}

impl Database {
    /// Compares the applied migrations with those of this program, and changes nothing.
    pub async fn migration_state(&self) -> Result<MigrationState, DatabaseError> {
        const SELECT: &str = "SELECT version FROM _sqlx_migrations ORDER BY version";
        let migrator = match self.backend() {
            Backend::Postgres => &POSTGRES,
            Backend::Sqlite => &SQLITE,
        };
        let mut reader = self.read().await?;
        let applied = run_query!(reader, c => sqlx::query_as::<_, (i64,)>(SELECT).fetch_all(c));
        let applied: Vec<i64> = match applied {
            Ok(rows) => rows.into_iter().map(|(version,)| version).collect(),
            Err(DatabaseError::Missing(_)) => Vec::new(),
            Err(error) => return Err(error),
        };
        let known: Vec<i64> = migrator.iter().map(|migration| migration.version).collect();
        Ok(MigrationState {
            newest: applied.last().copied().unwrap_or_default(),
            pending: known.iter().filter(|version| !applied.contains(version)).count(),
            is_newer: applied.iter().any(|version| !known.contains(version)),
        })
    }

    /// The time by the clock of PostgreSQL's machine; `None` on SQLite, which has none of its own.
    pub async fn server_time(&self) -> Result<Option<Timestamp>, DatabaseError> {
        const SELECT: &str = "SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT)";
        Ok(self.ask_postgres(SELECT).await?.map(Timestamp::from_micros))
    }

    /// The most connections that PostgreSQL takes from all its clients; `None` on SQLite.
    pub async fn connections_max(&self) -> Result<Option<i64>, DatabaseError> {
        self.ask_postgres("SELECT CAST(current_setting('max_connections') AS BIGINT)").await
    }

    async fn ask_postgres(&self, query: &'static str) -> Result<Option<i64>, DatabaseError> {
        if self.backend() == Backend::Sqlite {
            return Ok(None);
        }
        let mut reader = self.read().await?;
        let answer = run_query!(reader, c => sqlx::query_as::<_, (i64,)>(query).fetch_one(c))?;
        Ok(Some(answer))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_database_is_behind_or_up_to_date_or_ahead_of_the_program() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}/t.db", folder.path().display()).into();
        let db = Database::connect(&url, 1).await.unwrap();
        let all = SQLITE.iter().count();
        let empty = db.migration_state().await.unwrap();
        assert_eq!(empty, MigrationState { newest: 0, pending: all, is_newer: false });
        db.migrate().await.unwrap();
        let migrated = db.migration_state().await.unwrap();
        assert!(migrated.pending == 0 && !migrated.is_newer && migrated.newest > 0, "{migrated:?}");
        let mut tx = db.begin().await.unwrap();
        let newer = "UPDATE _sqlx_migrations SET version = 9999 WHERE version = 1";
        run_query!(tx, c => sqlx::query(newer).execute(c)).unwrap();
        tx.commit().await.unwrap();
        let changed = db.migration_state().await.unwrap();
        assert_eq!(changed, MigrationState { newest: 9999, pending: 1, is_newer: true });
    }
}
