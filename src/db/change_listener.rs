//! Notifications of committed changes, by PostgreSQL's LISTEN and NOTIFY.
//!
//! A notification only says that there is something new: in the log of the catalog ([`super::catalog_changes`]), or in the
//! queue ([`super::task_queue`]). Notifications are lost while the connection is down, so a listener must also poll. SQLite
//! has none: it serves a single server, which knows its own changes.

use std::time::Duration;

use sqlx::postgres::{PgListener, PgPool, PgPoolOptions};

use super::{Backend, DatabaseError, Tx, deadline, run_query};

/// What notifications are about. Channels of different databases are separate in PostgreSQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Channel {
    Catalog,
    /// The queue has a new job, or a task was stopped.
    Tasks,
}

impl Channel {
    const fn name(self) -> &'static str {
        match self {
            Self::Catalog => "tillsight_catalog",
            Self::Tasks => "tillsight_tasks",
        }
    }
}

/// After this time without a notification the connection is checked.
const QUIET_MAX: Duration = Duration::from_secs(30);

/// Notifies listeners of a catalog change when the transaction commits.
pub(super) async fn notify_listeners(tx: &mut Tx) -> Result<(), DatabaseError> {
    notify(tx, Channel::Catalog).await
}

/// Notifies the channel's listeners when the transaction commits. Does nothing on SQLite.
pub(super) async fn notify(tx: &mut Tx, channel: Channel) -> Result<(), DatabaseError> {
    // `pg_notify` returns `void`, so it is executed, not fetched.
    const NOTIFY: &str = "SELECT pg_notify($1, '')";
    match tx.backend() {
        Backend::Postgres => {
            run_query!(tx, c => sqlx::query(NOTIFY).bind(channel.name()).execute(c)).map(|_rows: u64| ())
        }
        Backend::Sqlite => Ok(()),
    }
}

/// Receives notifications over a connection of its own.
#[derive(Debug)]
pub struct ChangeListener(PgListener);

impl ChangeListener {
    /// Connects to the database of `pool`, but outside the pool, because a listener keeps its connection as long as it lives.
    pub(super) async fn connect(pool: &PgPool, channel: Channel) -> Result<Self, DatabaseError> {
        let options = PgPoolOptions::new().max_connections(1).max_lifetime(None).idle_timeout(None);
        let options = options.acquire_timeout(deadline::ACQUIRE);
        let own_pool = options.connect_with((*pool.connect_options()).clone()).await?;
        let mut listener = PgListener::connect_with(&own_pool).await?;
        deadline::within(deadline::STATEMENT, listener.listen(channel.name())).await?;
        Ok(Self(listener))
    }

    /// Waits for notifications, or for a reconnection, after which some may have been lost.
    ///
    /// # Errors
    /// The connection was lost and reconnecting failed. Make a new [`ChangeListener`].
    ///
    /// # Cancel safety
    /// Dropping the future may lose a notification.
    pub async fn next(&mut self) -> Result<(), DatabaseError> {
        while tokio::time::timeout(QUIET_MAX, self.0.try_recv()).await.map_or(Ok(None), |got| got.map(Some))?.is_none()
        {
            // Silence may mean that nothing has changed, or that the connection is dead.
            deadline::within(deadline::PING, sqlx::query("SELECT 1").execute(&mut self.0)).await?;
        }
        // Further notifications say the same.
        while self.0.next_buffered().is_some() {}
        Ok(())
    }
}
