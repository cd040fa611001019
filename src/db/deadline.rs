//! Deadlines for PostgreSQL on our side.
//!
//! PostgreSQL's own timeouts do not help while its process is stopped or the network is dead. SQLite needs none: it runs in
//! this process.

use std::time::Duration;

use super::DatabaseError;

/// Waiting for a connection: a free one, or a new one including TLS and login.
pub(super) const ACQUIRE: Duration = Duration::from_secs(3);
/// [`ACQUIRE`] and one round trip more, for `BEGIN`.
pub(super) const BEGIN: Duration = Duration::from_secs(5);
/// Longer than [`STATEMENT_TIMEOUT`], whose refusal says more.
pub(super) const STATEMENT: Duration = Duration::from_secs(12);
/// PostgreSQL's own limit of a statement.
pub(super) const STATEMENT_TIMEOUT: &str = "10s";
/// The answer to a ping.
pub(super) const PING: Duration = Duration::from_secs(3);
/// Closing all connections.
pub(super) const CLOSE: Duration = Duration::from_secs(5);
/// A migration is given up when PostgreSQL has not answered pings for this long.
pub(super) const MIGRATION_SILENCE: Duration = Duration::from_secs(30);
/// How long a migration waits for another server's migration, or for a transaction that uses a table. In PostgreSQL's
/// syntax.
pub(super) const MIGRATION_LOCK_TIMEOUT: &str = "10min";

/// The result of `work`, or [`DatabaseError::TimedOut`] after `deadline`.
///
/// `work` is boxed, because connecting over TLS is a large future and would make its callers' futures as large.
pub(super) fn within<T, E: Into<DatabaseError>>(
    deadline: Duration,
    work: impl Future<Output = Result<T, E>>,
) -> impl Future<Output = Result<T, DatabaseError>> {
    let work = Box::pin(work);
    async move {
        match tokio::time::timeout(deadline, work).await {
            Ok(result) => result.map_err(Into::into),
            Err(_elapsed) => {
                Err(DatabaseError::TimedOut(format!("PostgreSQL did not answer within {} s", deadline.as_secs())))
            }
        }
    }
}
