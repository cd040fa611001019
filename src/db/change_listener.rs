//! Word of catalog changes, sent by the database the moment they are committed: PostgreSQL's LISTEN and NOTIFY.
//!
//! A notice says only that there is something to read; what it is stands in the log ([`super::catalog_changes`]). Notices
//! are lost while the connection is, so whoever waits for them must also look at the log now and then. SQLite has none: a
//! store with one server learns of its own changes by itself.

use sqlx::postgres::{PgListener, PgPool, PgPoolOptions};

use super::{Backend, DatabaseError, Tx, run_query};

/// Channels of different databases are separate in PostgreSQL.
const CHANNEL: &str = "tillsight_catalog";

/// Notifies listeners of a catalog change when the transaction commits; nothing on SQLite.
pub(super) async fn notify_listeners(tx: &mut Tx) -> Result<(), DatabaseError> {
    // Its answer is of the type `void`, which stands for no value.
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
    /// Listens on the database of `pool`, beside its connections: a listener needs one for as long as it lives, and the
    /// pool's are for transactions.
    pub(super) async fn connect(pool: &PgPool) -> Result<Self, DatabaseError> {
        let own = PgPoolOptions::new().max_connections(1).max_lifetime(None).idle_timeout(None);
        let own = own.connect_with((*pool.connect_options()).clone()).await?;
        let mut listener = PgListener::connect_with(&own).await?;
        listener.listen(CHANNEL).await?;
        Ok(Self(listener))
    }

    /// Waits until there may be something new: a notice came, several came, or the connection was lost and is there again.
    ///
    /// # Errors
    /// The connection was lost and could not be made again; further notices need a new [`ChangeListener`].
    ///
    /// # Cancel safety
    /// Dropping the future may lose a notice.
    pub async fn next(&mut self) -> Result<(), DatabaseError> {
        self.0.try_recv().await?;
        // Those that came with it say the same.
        while self.0.next_buffered().is_some() {}
        Ok(())
    }
}
