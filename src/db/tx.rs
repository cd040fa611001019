//! `Tx`: a transaction that may write.

use std::ops::{Deref, DerefMut};

use super::reader::{Connection, Reader};
use super::{DatabaseError, deadline};

/// An open transaction. Commit it last; dropping it rolls it back.
#[derive(Debug)]
pub struct Tx(Reader);

impl Deref for Tx {
    type Target = Reader;

    fn deref(&self) -> &Reader {
        &self.0
    }
}

impl DerefMut for Tx {
    fn deref_mut(&mut self) -> &mut Reader {
        &mut self.0
    }
}

impl Tx {
    pub(super) fn new(connection: Connection) -> Self {
        Self(Reader::new(connection))
    }

    /// Lets tests make this transaction fail at any of its statements; see `db::failure_injection`.
    #[cfg(feature = "fail-points")]
    pub fn enable_failure_injection(&mut self) {
        self.injected_failure = super::failure_injection::InjectedFailure::draw();
    }

    /// Makes everything done in this transaction durable.
    ///
    /// # Errors
    /// [`DatabaseError::CommitUnknown`]: no answer came in time; only a read tells whether the commit succeeded.
    ///
    /// # Cancel safety
    /// Not cancel safe: if the future is dropped before it is ready, only a read tells whether the commit succeeded.
    pub async fn commit(self) -> Result<(), DatabaseError> {
        #[cfg(feature = "fail-points")]
        self.injected_failure.before_commit()?;
        let committed = match self.0.connection {
            Connection::PostgresTransaction(transaction) => {
                deadline::within(deadline::STATEMENT, transaction.commit()).await
            }
            Connection::SqliteTransaction(transaction) => transaction.commit().await.map_err(DatabaseError::from),
            // Not reached: `Database::begin` only makes transactions.
            Connection::Postgres(_) | Connection::Sqlite(_) => Ok(()),
        };
        committed.map_err(DatabaseError::at_commit)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::future::poll_fn;
    use std::pin::pin;
    use std::task::Poll;

    use super::Tx;
    use crate::db::{Database, run_query};

    async fn open_database(folder: &tempfile::TempDir) -> Database {
        let url = format!("sqlite://{}/t.db", folder.path().display()).into();
        let db = Database::connect(&url, 2).await.unwrap();
        let mut tx = db.begin().await.unwrap();
        run_query!(tx, c => sqlx::query("CREATE TABLE t (a INTEGER PRIMARY KEY) STRICT").execute(c)).unwrap();
        tx.commit().await.unwrap();
        db
    }

    async fn write(tx: &mut Tx, a: i64) {
        run_query!(tx, c => sqlx::query("INSERT INTO t VALUES ($1)").bind(a).execute(c)).unwrap();
    }

    async fn read_all(db: &Database) -> Vec<i64> {
        let mut reader = db.read().await.unwrap();
        let rows: Result<Vec<(i64,)>, _> =
            run_query!(reader, c => sqlx::query_as("SELECT a FROM t ORDER BY a").fetch_all(c));
        rows.unwrap().into_iter().map(|(a,)| a).collect()
    }

    /// Polls `future` once and drops it, as when a client disconnects.
    async fn poll_once_and_drop<F: Future>(future: F) {
        let mut future = pin!(future);
        poll_fn(|context| {
            drop(future.as_mut().poll(context));
            Poll::Ready(())
        })
        .await;
    }

    #[tokio::test]
    async fn a_transaction_that_sqlite_rolled_back_does_not_break_the_next_one() {
        let folder = tempfile::tempdir().unwrap();
        let db = open_database(&folder).await;
        let mut lost = db.begin().await.unwrap();
        // SQLite does this by itself when the disk is full.
        run_query!(lost, c => sqlx::query("ROLLBACK").execute(c)).unwrap();
        drop(lost);
        let mut next = db.begin().await.unwrap();
        write(&mut next, 1).await;
        next.commit().await.unwrap();
        assert_eq!(read_all(&db).await, [1]);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn committed_rows_stay_while_other_transactions_are_dropped() {
        let folder = tempfile::tempdir().unwrap();
        let db = open_database(&folder).await;
        let use_case = |a: i64| {
            let db = db.clone();
            async move {
                let mut tx = db.begin().await.unwrap();
                write(&mut tx, a).await;
                match a % 5 {
                    0 if a % 2 == 0 => drop(tx),
                    // Dropped during the commit, which may or may not have succeeded.
                    0 => poll_once_and_drop(tx.commit()).await,
                    1 => poll_once_and_drop(write(&mut tx, -a)).await,
                    _ => {
                        write(&mut tx, a + 10_000).await;
                        tx.commit().await.unwrap();
                        return vec![a, a + 10_000];
                    }
                }
                Vec::new()
            }
        };
        let running: Vec<_> = (1..=500).map(|a| tokio::spawn(use_case(a))).collect();
        let mut committed = BTreeSet::new();
        for use_case in running {
            committed.extend(use_case.await.unwrap());
        }
        assert_eq!(committed.len(), 600);
        let stored = read_all(&db).await;
        assert!(committed.is_subset(&stored.iter().copied().collect()));
        assert!(stored.iter().all(|a| committed.contains(a) || a % 10 == 5), "{stored:?}");
    }
}
