//! Connections kept at hand between statements that need no transaction.
//!
//! Whenever a connection goes back to sqlx's pool, the pool asks whether it still works: for a read of one statement a second
//! way to the database and back, and a task that waits for it. A connection whose last statement was answered needs no such
//! question, so it stays here, outside the pool, for whoever comes next.
//!
//! Invariants: nothing lies here while somebody waits for the pool, since whoever comes takes what lies here first, and what
//! comes back goes to the pool while somebody waits; only connections whose last statement was answered are kept; what lay
//! here for longer than [`TRUSTED_FOR`] is asked before it is used, and where it does not answer soon, it is closed together
//! with all that lay here longer; a connection that is used goes back to the pool every [`KEPT_FOR`], one that is not after
//! [`UNUSED_FOR`], and the pool ends old ones. All use of a pool goes through its one `AtHand`.

use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sqlx::pool::PoolConnection;
use sqlx::{Connection, Database, Pool, SqlSafeStr, Transaction};

/// How long a connection may have been idle to be used without asking first whether it still works. One that was used a
/// moment ago is all but surely good, and where it is not, the use case fails as it would where the database went away a
/// moment later.
pub(super) const TRUSTED_FOR: Duration = Duration::from_secs(1);
/// How long an answer to that question is waited for: it takes no work, and whoever asks has a client waiting.
const ANSWER: Duration = Duration::from_secs(1);
/// How long a connection is kept from the pool, which gives up connections of a certain age when they come back.
const KEPT_FOR: Duration = Duration::from_secs(10 * 60);
/// What nobody has used for so long goes back as well, when another one is laid down: after a burst, the pool decides how many
/// are worth keeping.
const UNUSED_FOR: Duration = Duration::from_secs(60);

/// A pool and those of its connections that lie beside it.
#[derive(Debug)]
pub(super) struct AtHand<DB: Database> {
    pool: Pool<DB>,
    held: Mutex<Held<DB>>,
}

#[derive(Debug)]
struct Held<DB: Database> {
    /// Those used last come last.
    free: Vec<Lying<DB>>,
    /// How many are asking the pool for a connection.
    waiting: usize,
    closed: bool,
}

/// A connection that lies at hand.
#[derive(Debug)]
struct Lying<DB: Database> {
    connection: PoolConnection<DB>,
    /// When the pool gave it.
    given: Instant,
    answered: Instant,
}

/// A connection for statements that need no transaction. Dropped, it stays at hand where its last statement was answered;
/// otherwise it goes to the pool, which asks whether it works.
#[derive(Debug)]
pub(super) struct Lone<DB: Database> {
    /// Nothing once it is dropped.
    connection: Option<PoolConnection<DB>>,
    given: Instant,
    answered: bool,
    home: Arc<AtHand<DB>>,
}

impl<DB: Database> AtHand<DB> {
    pub(super) fn new(pool: Pool<DB>) -> Arc<Self> {
        let held = Held { free: Vec::new(), waiting: 0, closed: false };
        Arc::new(Self { pool, held: Mutex::new(held) })
    }

    /// What the pool connects with.
    pub(super) fn pool(&self) -> &Pool<DB> {
        &self.pool
    }

    /// A connection for statements that need no transaction.
    pub(super) async fn lone(self: &Arc<Self>) -> sqlx::Result<Lone<DB>> {
        let (connection, given) = self.any().await?;
        Ok(Lone { connection: Some(connection), given, answered: true, home: Arc::clone(self) })
    }

    /// Begins a transaction with `BEGIN`, or with what is to stand in its place. Its connection goes back to the pool.
    pub(super) async fn transaction(&self, begin: Option<&'static str>) -> sqlx::Result<Transaction<'static, DB>> {
        let (connection, _) = self.any().await?;
        // Hidden in sqlx's documentation, but what its own `Pool::begin` calls: the way to a transaction that owns a connection
        // which somebody has already.
        Transaction::begin(connection, begin.map(SqlSafeStr::into_sql_str)).await
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

    /// A connection and when the pool gave it: the one that was used last of those that lie here, or one of the pool's.
    async fn any(&self) -> sqlx::Result<(PoolConnection<DB>, Instant)> {
        loop {
            let mut lying = match self.newest() {
                Ok(lying) => lying,
                Err(asking) => return self.of_pool(asking).await,
            };
            let trusted = lying.answered.elapsed() < TRUSTED_FOR;
            if trusted || matches!(tokio::time::timeout(ANSWER, lying.connection.ping()).await, Ok(Ok(()))) {
                return Ok((lying.connection, lying.given));
            }
            self.close_all(lying);
        }
    }

    /// The one that was used last; where none lies here, the caller is one of those who ask the pool, from this moment on.
    fn newest(&self) -> Result<Lying<DB>, Asking<'_, DB>> {
        let mut held = self.held();
        held.free.pop().ok_or_else(|| {
            held.waiting += 1;
            Asking(self)
        })
    }

    async fn of_pool(&self, _until_given: Asking<'_, DB>) -> sqlx::Result<(PoolConnection<DB>, Instant)> {
        // Boxed, so that whoever reads does not carry its state about, which is large and mostly not needed.
        Ok((Box::pin(self.pool.acquire()).await?, Instant::now()))
    }

    /// Closes one that does not answer, and those that were used before it, in tasks of the pool's that take a while.
    fn close_all(&self, silent: Lying<DB>) {
        let before = std::mem::take(&mut self.held().free);
        for mut lying in before.into_iter().chain([silent]) {
            lying.connection.close_on_drop();
        }
    }

    fn held(&self) -> MutexGuard<'_, Held<DB>> {
        // Nothing panics while it is held.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<DB: Database> Drop for AtHand<DB> {
    /// Without the pool, which would need a runtime to take them back.
    fn drop(&mut self) {
        for lying in std::mem::take(&mut self.held().free) {
            drop(lying.connection.detach());
        }
    }
}

/// Somebody who asks the pool for a connection; when it is dropped, they no longer do.
struct Asking<'a, DB: Database>(&'a AtHand<DB>);

impl<DB: Database> Drop for Asking<'_, DB> {
    fn drop(&mut self) {
        self.0.held().waiting -= 1;
    }
}

impl<DB: Database> Lone<DB> {
    /// To be called when the last statement has been answered to its end, and not with an error.
    pub(super) fn is_answered(&mut self) {
        self.answered = true;
    }

    /// Closes it, where it must not be used again.
    pub(super) async fn close(mut self) -> sqlx::Result<()> {
        match self.connection.take() {
            Some(connection) => connection.close().await,
            None => Ok(()),
        }
    }
}

impl<DB: Database> Drop for Lone<DB> {
    fn drop(&mut self) {
        let Some(connection) = self.connection.take() else { return };
        // Let go of when nothing is held any more.
        let mut unused = Vec::new();
        let mut held = self.home.held();
        if self.answered && held.waiting == 0 && !held.closed && self.given.elapsed() < KEPT_FOR {
            held.free.push(Lying { connection, given: self.given, answered: Instant::now() });
            while held.free[0].answered.elapsed() >= UNUSED_FOR {
                unused.push(held.free.remove(0));
            }
        }
        drop(held);
    }
}

impl<DB: Database> Deref for Lone<DB> {
    type Target = DB::Connection;

    fn deref(&self) -> &Self::Target {
        self.connection.as_ref().expect("it is there until the drop")
    }
}

impl<DB: Database> DerefMut for Lone<DB> {
    /// For a statement, whose answer is still to come.
    fn deref_mut(&mut self) -> &mut Self::Target {
        self.answered = false;
        self.connection.as_mut().expect("it is there until the drop")
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::pin::{Pin, pin};
    use std::task::Poll;

    use sqlx::Sqlite;
    use sqlx::sqlite::SqlitePoolOptions;

    use super::*;

    /// A pool of `most` connections to databases in memory: each is another one.
    async fn a_pool(most: u32) -> Arc<AtHand<Sqlite>> {
        let options = SqlitePoolOptions::new().max_connections(most).acquire_timeout(Duration::from_secs(5));
        AtHand::new(options.connect("sqlite::memory:").await.unwrap())
    }

    impl Lone<Sqlite> {
        async fn run(&mut self, text: &'static str) -> sqlx::Result<()> {
            sqlx::query(text).execute(&mut **self).await?;
            self.is_answered();
            Ok(())
        }
    }

    impl AtHand<Sqlite> {
        fn lying(&self) -> usize {
            self.held().free.len()
        }

        /// As if what lies here had been used last before `age`.
        fn has_aged(&self, age: Duration) {
            for lying in &mut self.held().free {
                lying.answered -= age;
                lying.given -= age;
            }
        }
    }

    async fn is_pending<T>(future: &mut Pin<&mut impl Future<Output = T>>) -> bool {
        poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx).is_pending())).await
    }

    #[tokio::test]
    async fn only_a_connection_that_was_answered_stays_at_hand() {
        let home = a_pool(2).await;
        home.lone().await.unwrap().run("CREATE TEMP TABLE t (a)").await.unwrap();
        assert_eq!(home.lying(), 1);
        let mut again = home.lone().await.unwrap();
        assert_eq!(home.lying(), 0);
        again.run("INSERT INTO t VALUES (1)").await.expect("it is the same connection");
        again.run("INSERT INTO nothing VALUES (1)").await.unwrap_err();
        drop(again);
        assert_eq!(home.lying(), 0);
        let mut left = home.lone().await.unwrap();
        drop(sqlx::query("CREATE TEMP TABLE u (a)").execute(&mut *left));
        drop(left);
        assert_eq!(home.lying(), 0, "the answer was not waited for");
    }

    #[tokio::test]
    async fn a_transaction_takes_what_lies_at_hand_and_gives_it_to_the_pool() {
        let home = a_pool(1).await;
        drop(home.lone().await.unwrap());
        assert_eq!(home.lying(), 1);
        home.transaction(Some("BEGIN IMMEDIATE")).await.unwrap().commit().await.unwrap();
        home.transaction(None).await.unwrap().rollback().await.unwrap();
        assert_eq!(home.lying(), 0);
        home.lone().await.unwrap().run("SELECT 1").await.unwrap();
        assert_eq!(home.pool.size(), 1);
    }

    #[tokio::test]
    async fn nothing_lies_at_hand_while_somebody_waits() {
        let home = a_pool(2).await;
        let (one, other) = (home.lone().await.unwrap(), home.lone().await.unwrap());
        let mut gives_up = Box::pin(home.lone());
        assert!(is_pending(&mut gives_up.as_mut()).await);
        let mut waits = pin!(home.transaction(None));
        assert!(is_pending(&mut waits).await);
        assert_eq!(home.held().waiting, 2);
        drop(gives_up);
        assert_eq!(home.held().waiting, 1);
        drop(one);
        drop(other);
        assert_eq!(home.lying(), 0, "both went to the pool");
        waits.await.unwrap().rollback().await.unwrap();
        assert_eq!(home.held().waiting, 0);
        drop(home.lone().await.unwrap());
        assert_eq!(home.lying(), 1);
    }

    #[tokio::test]
    async fn what_lay_for_long_is_asked_and_used_where_it_answers() {
        let home = a_pool(2).await;
        let mut one = home.lone().await.unwrap();
        one.run("CREATE TEMP TABLE t (a)").await.unwrap();
        drop((home.lone().await.unwrap(), one));
        home.has_aged(TRUSTED_FOR);
        home.lone().await.unwrap().run("INSERT INTO t VALUES (1)").await.expect("the one that was used last");
        assert_eq!(home.lying(), 2);
        let silent = home.newest().ok().unwrap();
        home.close_all(silent);
        assert_eq!(home.lying(), 0);
        // Both places in the pool are free again.
        drop((home.lone().await.unwrap(), home.lone().await.unwrap()));
    }

    #[tokio::test]
    async fn a_connection_goes_back_to_the_pool_now_and_then() {
        let home = a_pool(1).await;
        drop(home.lone().await.unwrap());
        home.has_aged(KEPT_FOR);
        home.lone().await.unwrap().run("SELECT 1").await.unwrap();
        assert_eq!(home.lying(), 0);
    }

    #[tokio::test]
    async fn what_nobody_uses_any_more_goes_back_to_the_pool() {
        let home = a_pool(2).await;
        let (mut one, mut other) = (home.lone().await.unwrap(), home.lone().await.unwrap());
        one.run("SELECT 1").await.unwrap();
        other.run("SELECT 1").await.unwrap();
        drop((one, other));
        assert_eq!(home.lying(), 2);
        home.has_aged(UNUSED_FOR);
        home.lone().await.unwrap().run("SELECT 1").await.unwrap();
        assert_eq!(home.lying(), 1);
        let both = (home.lone().await.unwrap(), home.lone().await.expect("the pool has it and gives it"));
        assert_eq!(home.pool.size(), 2);
        drop(both);
    }

    #[tokio::test]
    async fn closing_waits_for_nothing_that_lies_at_hand() {
        let home = a_pool(1).await;
        drop(home.lone().await.unwrap());
        tokio::time::timeout(Duration::from_secs(5), home.close()).await.unwrap();
        assert!(home.lone().await.is_err());
    }

    #[test]
    fn the_last_one_can_be_dropped_outside_a_runtime() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let home = runtime.block_on(async {
            let home = a_pool(1).await;
            drop(home.lone().await.unwrap());
            home
        });
        drop(home);
    }
}
