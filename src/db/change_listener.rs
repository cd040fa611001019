//! Notices of committed catalog changes: PostgreSQL's LISTEN and NOTIFY.
//!
//! A notice says only that there is something new; what it is stands in the log ([`super::catalog_changes`]). Notices are
//! lost while the connection is lost, so a listener must also read the log now and then. SQLite has no notices: there the
//! one server knows of its own changes.

use sqlx::postgres::{PgListener, PgPool, PgPoolOptions};

use super::{Backend, DatabaseError, Tx, run_query};

/// Channels of different databases are separate in PostgreSQL.
const CHANNEL: &str = "tillsight_catalog";

/// Notifies listeners of a catalog change when the transaction commits; nothing on SQLite.
pub(super) async fn notify_listeners(tx: &mut Tx) -> Result<(), DatabaseError> {
    // It returns the type `void`, so it is executed, not fetched.
    const NOTIFY: &str = "SELECT pg_notify($1, '')";
    match tx.backend() {
        Backend::Postgres => run_query!(tx, c => sqlx::query(NOTIFY).bind(CHANNEL).execute(c)).map(|_rows: u64| ()),
        Backend::Sqlite => Ok(()),
    }
}

/// Receives notices over a connection of its own.
#[derive(Debug)]
pub struct ChangeListener(PgListener);

impl ChangeListener {
    /// Listens on the database of `pool` with a connection outside it: a listener occupies one for as long as it lives.
    pub(super) async fn connect(pool: &PgPool) -> Result<Self, DatabaseError> {
        let options = PgPoolOptions::new().max_connections(1).max_lifetime(None).idle_timeout(None);
        let own_pool = options.connect_with((*pool.connect_options()).clone()).await?;
        let mut listener = PgListener::connect_with(&own_pool).await?;
        listener.listen(CHANNEL).await?;
        Ok(Self(listener))
    }

    /// Waits until there may be something new: notices came, or the connection was lost and made again.
    ///
    /// # Errors
    /// The connection was lost and could not be made again; further notices need a new [`ChangeListener`].
    ///
    /// # Cancel safety
    /// Dropping the future may lose a notice.
    pub async fn next(&mut self) -> Result<(), DatabaseError> {
        self.0.try_recv().await?;
        // Further notices that came with it say the same.
        while self.0.next_buffered().is_some() {}
        Ok(())
    }
}
