//! Connections kept at hand between statements that need no transaction.
//!
//! Whenever a connection goes back to sqlx's pool, the pool asks whether it still works: for a read of one statement a second
//! way to the database and back, and a task that waits for it. A connection whose last statement was answered needs no such
//! question, so it stays here, outside the pool, for the next [`AtHand::lone`].
//!
//! Invariants: nobody waits for the pool while a connection lies here (one that comes back goes to the pool as soon as
//! somebody waits there, and whoever goes there first sends back what lies here, should the pool have none); only what was
//! handed back with [`Lone::back`], after an answer, is kept; what lay here for longer than [`TRUSTED_FOR`] is asked
//! again before it is used. All use of a pool must go through its one `AtHand`.

use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sqlx::pool::PoolConnection;
use sqlx::{Database, Pool, Transaction};

/// How long a connection may have been idle to be used without asking first whether it still works. One that was used a
/// moment ago is all but surely good, and where it is not, the use case fails as it would where the database went away a
/// moment later.
pub(super) const TRUSTED_FOR: Duration = Duration::from_secs(1);

/// A pool and those of its connections that lie beside it.
#[derive(Debug)]
pub(super) struct AtHand<DB: Database> {
    pool: Pool<DB>,
    held: Mutex<Held<DB>>,
}

#[derive(Debug)]
struct Held<DB: Database> {
    /// With the moment of their last answer, which only grows from one to the next.
    free: Vec<(PoolConnection<DB>, Instant)>,
    /// How many are asking the pool for a connection.
    waiting: usize,
    closed: bool,
}

/// A connection for statements that need no transaction. Dropped, it goes to the pool, which asks whether it works.
#[derive(Debug)]
pub(super) struct Lone<DB: Database> {
    connection: PoolConnection<DB>,
    home: Arc<AtHand<DB>>,
}

impl<DB: Database> AtHand<DB> {
    pub(super) fn new(pool: Pool<DB>) -> Arc<Self> {
        let held = Held { free: Vec::new(), waiting: 0, closed: false };
        Arc::new(Self { pool, held: Mutex::new(held) })
    }

    /// The pool, for what takes no connection from it.
    pub(super) fn pool(&self) -> &Pool<DB> {
        &self.pool
    }

    /// A connection: one that lies here, or one of the pool's.
    pub(super) async fn lone(self: &Arc<Self>) -> sqlx::Result<Lone<DB>> {
        let connection = match self.newest(Instant::now()) {
            Some(connection) => connection,
            None => {
                let _waiting = self.waiting();
                // Boxed, so that whoever reads does not carry its state about, which is large and mostly not needed.
                Box::pin(self.pool.acquire()).await?
            }
        };
        Ok(Lone { connection, home: Arc::clone(self) })
    }

    /// Begins a transaction with `BEGIN`, or with what is to stand in its place. Its connection goes back to the pool.
    pub(super) async fn transaction(&self, begin: Option<&'static str>) -> sqlx::Result<Transaction<'static, DB>> {
        let _waiting = self.waiting();
        match begin {
            Some(begin) => self.pool.begin_with(begin).await,
            None => self.pool.begin().await,
        }
    }

    /// Closes every connection; those in use are waited for.
    pub(super) async fn close(&self) {
        let free = {
            let mut held = self.held();
            held.closed = true;
            std::mem::take(&mut held.free)
        };
        drop(free);
        self.pool.close().await;
    }

    /// The one that was used last, if it may be used unasked. Where it may not, none may: all go to the pool.
    fn newest(&self, now: Instant) -> Option<PoolConnection<DB>> {
        let mut held = self.held();
        match held.free.pop() {
            Some((connection, since)) if now.saturating_duration_since(since) < TRUSTED_FOR => Some(connection),
            Some(_) => {
                held.free.clear();
                None
            }
            None => None,
        }
    }

    /// To be held by whoever asks the pool: from now on connections go back to it, at once one that lies here, should it
    /// have none.
    fn waiting(&self) -> Asking<'_, DB> {
        let mut held = self.held();
        held.waiting += 1;
        if self.pool.num_idle() == 0 {
            held.free.pop();
        }
        Asking(self)
    }

    fn held(&self) -> MutexGuard<'_, Held<DB>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Somebody who asks the pool for a connection, or no longer does.
struct Asking<'a, DB: Database>(&'a AtHand<DB>);

impl<DB: Database> Drop for Asking<'_, DB> {
    fn drop(&mut self) {
        self.0.held().waiting -= 1;
    }
}

impl<DB: Database> Lone<DB> {
    /// Keeps the connection at hand, unless somebody waits for one. Only after an answer to the last statement.
    pub(super) fn back(self) {
        let mut held = self.home.held();
        if held.waiting == 0 && !held.closed {
            held.free.push((self.connection, Instant::now()));
        }
    }

    /// Closes it, where it must not be used again.
    pub(super) async fn close(self) -> sqlx::Result<()> {
        self.connection.close().await
    }
}

impl<DB: Database> Deref for Lone<DB> {
    type Target = DB::Connection;

    fn deref(&self) -> &Self::Target {
        &self.connection
    }
}

impl<DB: Database> DerefMut for Lone<DB> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.connection
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::pin::pin;
    use std::task::Poll;

    use sqlx::sqlite::{SqlitePoolOptions, SqliteRow};
    use sqlx::{Row, Sqlite};

    use super::*;

    /// A pool of `most` connections to a database in memory, each of which is one of its own.
    async fn a_pool(most: u32) -> Arc<AtHand<Sqlite>> {
        let options = SqlitePoolOptions::new().max_connections(most).acquire_timeout(Duration::from_secs(5));
        AtHand::new(options.connect("sqlite::memory:").await.unwrap())
    }

    async fn mark(lone: &mut Lone<Sqlite>, text: &'static str) {
        sqlx::query(text).execute(&mut **lone).await.unwrap();
    }

    async fn marked(lone: &mut Lone<Sqlite>) -> bool {
        let found: Option<SqliteRow> =
            sqlx::query("SELECT name FROM temp.sqlite_schema").fetch_optional(&mut **lone).await.unwrap();
        found.is_some_and(|row| row.get::<String, _>(0) == "t")
    }

    fn lying(home: &AtHand<Sqlite>) -> usize {
        home.held().free.len()
    }

    #[tokio::test]
    async fn what_was_answered_is_at_hand_for_the_next_and_what_was_dropped_is_not() {
        let home = a_pool(2).await;
        let mut first = home.lone().await.unwrap();
        mark(&mut first, "CREATE TEMP TABLE t (a)").await;
        first.back();
        assert_eq!(lying(&home), 1);
        let mut again = home.lone().await.unwrap();
        assert!(marked(&mut again).await);
        assert_eq!(lying(&home), 0);
        drop(again);
        assert_eq!(lying(&home), 0);
    }

    #[tokio::test]
    async fn a_transaction_gets_the_only_connection_although_it_lies_at_hand() {
        let home = a_pool(1).await;
        home.lone().await.unwrap().back();
        assert_eq!(lying(&home), 1);
        home.transaction(Some("BEGIN IMMEDIATE")).await.unwrap().commit().await.unwrap();
        home.transaction(None).await.unwrap().rollback().await.unwrap();
        assert_eq!(lying(&home), 0);
        home.lone().await.unwrap().back();
    }

    #[tokio::test]
    async fn whoever_waits_gets_what_comes_back_and_whoever_gave_up_waiting_no_longer_counts() {
        let home = a_pool(1).await;
        let held = home.lone().await.unwrap();
        {
            let mut gives_up = pin!(home.lone());
            assert!(poll_fn(|cx| Poll::Ready(gives_up.as_mut().poll(cx).is_pending())).await);
            let mut waits = pin!(home.lone());
            assert!(poll_fn(|cx| Poll::Ready(waits.as_mut().poll(cx).is_pending())).await);
            assert_eq!(home.held().waiting, 2);
            held.back();
            assert_eq!(lying(&home), 0, "it went to the pool");
            drop(gives_up.await.unwrap());
            drop(waits.await.unwrap());
        }
        assert_eq!(home.held().waiting, 0);
        home.lone().await.unwrap().back();
        assert_eq!(lying(&home), 1);
    }

    #[tokio::test]
    async fn what_lay_too_long_is_asked_by_the_pool_before_it_is_used() {
        let home = a_pool(2).await;
        let (one, other) = (home.lone().await.unwrap(), home.lone().await.unwrap());
        one.back();
        other.back();
        assert_eq!(lying(&home), 2);
        let later = Instant::now() + TRUSTED_FOR;
        assert!(home.newest(later).is_none());
        assert_eq!(lying(&home), 0);
        // The pool has both again.
        let all = (home.lone().await.unwrap(), home.lone().await.unwrap());
        drop(all);
    }

    #[tokio::test]
    async fn closing_waits_for_nothing_that_lies_at_hand() {
        let home = a_pool(1).await;
        home.lone().await.unwrap().back();
        let closed = tokio::time::timeout(Duration::from_secs(5), home.close()).await;
        assert!(closed.is_ok());
        assert!(home.lone().await.is_err());
    }
}
