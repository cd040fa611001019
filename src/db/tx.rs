//! What reads and what writes on either database, and the macro that writes a query once for both.

use std::ops::{Deref, DerefMut};

use sqlx::pool::PoolConnection;
use sqlx::{Executor, Postgres, Sqlite, SqliteConnection, Transaction};

use super::DatabaseError;
use super::group::{KEEP, Turn};

/// Which database is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    /// A PostgreSQL server.
    Postgres,
    /// The embedded SQLite.
    Sqlite,
}

/// What can be read with: a connection of [`super::Database::read`], or the one state of the database that
/// [`super::Database::snapshot`] sees. The database itself refuses whatever would write on it. Dropping it ends it.
///
/// A function that only reads takes a `&mut Reader`, one that writes a `&mut Tx`. A [`Tx`] reads too:
///
/// ```
/// use tillsight::db::{Database, DatabaseError, catalog_changes};
///
/// async fn read_head(db: &Database) -> Result<i64, DatabaseError> {
///     let mut reader = db.read().await?;
///     catalog_changes::head(&mut reader).await?;
///     let mut tx = db.begin().await?;
///     catalog_changes::lock(&mut tx).await?;
///     catalog_changes::head(&mut tx).await
/// }
/// ```
///
/// A `Reader` does not write:
///
/// ```compile_fail,E0308
/// use tillsight::db::{Database, DatabaseError, catalog_changes};
///
/// async fn lock_head(db: &Database) -> Result<i64, DatabaseError> {
///     let mut reader = db.read().await?;
///     catalog_changes::lock(&mut reader).await?;
///     catalog_changes::head(&mut reader).await
/// }
/// ```
#[derive(Debug)]
pub struct Reader {
    pub(super) inner: Inner,
    #[cfg(feature = "fail-points")]
    injected_failure: super::failure_injection::InjectedFailure,
}

/// One open transaction that may write. Commit it last; dropping it undoes everything.
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

#[derive(Debug)]
pub(super) enum Inner {
    Postgres(Held<Postgres>),
    Sqlite(HeldSqlite),
}

/// How a connection to SQLite is held.
#[derive(Debug)]
pub(super) enum HeldSqlite {
    Own(Held<Sqlite>),
    /// One of a group of transactions that are committed together.
    Turn(Turn),
}

impl HeldSqlite {
    pub(super) fn connection(&mut self) -> Result<&mut SqliteConnection, DatabaseError> {
        match self {
            Self::Own(held) => Ok(&mut *held),
            Self::Turn(turn) => turn.connection().map(|tx| &mut **tx).ok_or_else(ended),
        }
    }

    async fn commit(self) -> Result<(), DatabaseError> {
        match self {
            Self::Own(held) => held.commit().await.map_err(|error| DatabaseError::from(error).at_commit()),
            // In a task of its own, so that a client who hangs up now cannot stop it half way.
            Self::Turn(turn) => tokio::spawn(commit_turn(turn)).await.unwrap_or_else(|_| Err(ended())),
        }
    }

    async fn rollback(self) -> Result<(), DatabaseError> {
        match self {
            Self::Own(held) => Ok(held.rollback().await?),
            Self::Turn(turn) => turn.rollback().await,
        }
    }
}

async fn commit_turn(mut turn: Turn) -> Result<(), DatabaseError> {
    let is_last = turn.is_last();
    if !is_last && let Some(transaction) = turn.connection() {
        transaction.execute(KEEP).await?;
    }
    turn.keep(is_last).await.map_err(DatabaseError::at_commit)
}

impl From<Held<Sqlite>> for Inner {
    fn from(held: Held<Sqlite>) -> Self {
        Self::Sqlite(HeldSqlite::Own(held))
    }
}

impl From<Turn> for Inner {
    fn from(turn: Turn) -> Self {
        Self::Sqlite(HeldSqlite::Turn(turn))
    }
}

fn ended() -> DatabaseError {
    DatabaseError::Unexpected("a statement after the transaction's end".to_owned())
}

/// A connection, in a transaction or not.
#[derive(Debug)]
pub(super) enum Held<DB: sqlx::Database> {
    Transaction(Transaction<'static, DB>),
    Connection(PoolConnection<DB>),
}

impl<DB: sqlx::Database> Held<DB> {
    async fn commit(self) -> sqlx::Result<()> {
        match self {
            Self::Transaction(tx) => tx.commit().await,
            Self::Connection(_) => Ok(()),
        }
    }

    async fn rollback(self) -> sqlx::Result<()> {
        match self {
            Self::Transaction(tx) => tx.rollback().await,
            Self::Connection(_) => Ok(()),
        }
    }
}

impl<DB: sqlx::Database> Deref for Held<DB> {
    type Target = DB::Connection;

    fn deref(&self) -> &Self::Target {
        match self {
            Self::Transaction(tx) => tx,
            Self::Connection(connection) => connection,
        }
    }
}

impl<DB: sqlx::Database> DerefMut for Held<DB> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        match self {
            Self::Transaction(tx) => tx,
            Self::Connection(connection) => connection,
        }
    }
}

impl Reader {
    pub(super) fn new(inner: Inner) -> Self {
        Self {
            inner,
            #[cfg(feature = "fail-points")]
            injected_failure: super::failure_injection::InjectedFailure::default(),
        }
    }

    /// Which database this is, for the few statements that differ.
    pub fn backend(&self) -> Backend {
        match &self.inner {
            Inner::Postgres(_) => Backend::Postgres,
            Inner::Sqlite(_) => Backend::Sqlite,
        }
    }

    /// What the next statement runs on; an error only where a test wants this transaction to fail at it.
    #[cfg_attr(not(feature = "fail-points"), expect(clippy::unnecessary_wraps, reason = "tests make it fail"))]
    pub(super) fn for_statement(&mut self) -> Result<&mut Inner, DatabaseError> {
        #[cfg(feature = "fail-points")]
        self.injected_failure.statement()?;
        Ok(&mut self.inner)
    }
}

impl Tx {
    pub(super) fn new(inner: Inner) -> Self {
        Self(Reader::new(inner))
    }

    /// Marks a transaction that tests may make fail at any of its statements; see [`super::failure_injection`].
    #[cfg(feature = "fail-points")]
    pub fn may_fail_on_purpose(&mut self) {
        self.injected_failure = super::failure_injection::InjectedFailure::drawn();
    }

    /// Makes everything done in this transaction durable.
    ///
    /// # Cancel safety
    /// Not cancel safe: where the future is dropped before it is ready, the outcome is unknown until read back.
    pub async fn commit(self) -> Result<(), DatabaseError> {
        #[cfg(feature = "fail-points")]
        self.injected_failure.commit()?;
        match self.0.inner {
            Inner::Postgres(tx) => tx.commit().await.map_err(|error| DatabaseError::from(error).at_commit()),
            Inner::Sqlite(tx) => tx.commit().await,
        }
    }

    /// Undoes everything done in this transaction, and waits until that is so; in a short one also until what it has seen of
    /// others is durable. Whoever answers from what was seen there must wait for it.
    pub async fn rollback(self) -> Result<(), DatabaseError> {
        match self.0.inner {
            Inner::Postgres(tx) => tx.rollback().await?,
            Inner::Sqlite(tx) => tx.rollback().await?,
        }
        Ok(())
    }
}

/// Runs one query on whichever database a [`Reader`] or [`Tx`] is of: `on!(tx, c => sqlx::query(SQL).bind(id).execute(c))`.
///
/// The body is compiled once per database, so one SQL text and one row struct serve both and cannot drift apart.
macro_rules! on {
    ($tx:expr, $conn:ident => $body:expr) => {
        match $tx.for_statement() {
            Err(injected) => Err(injected),
            Ok($crate::db::tx::Inner::Postgres(inner)) => {
                let $conn = &mut **inner;
                $body.await.map(|done| $crate::db::tx::Outcome::plain(done)).map_err($crate::db::DatabaseError::from)
            }
            Ok($crate::db::tx::Inner::Sqlite(inner)) => match inner.connection() {
                Err(refused) => Err(refused),
                Ok($conn) => $body
                    .await
                    .map(|done| $crate::db::tx::Outcome::plain(done))
                    .map_err($crate::db::DatabaseError::from),
            },
        }
    };
}
pub(crate) use on;

/// What a query gives, in a type that no longer names the database: `execute` gives the number of rows it touched,
/// fetches give what they fetched, a single column bare.
pub(crate) trait Outcome {
    type Plain;
    fn plain(self) -> Self::Plain;
}

impl Outcome for sqlx::postgres::PgQueryResult {
    type Plain = u64;
    fn plain(self) -> u64 {
        self.rows_affected()
    }
}

impl Outcome for sqlx::sqlite::SqliteQueryResult {
    type Plain = u64;
    fn plain(self) -> u64 {
        self.rows_affected()
    }
}

/// `fetch_one` of one column.
impl<A> Outcome for (A,) {
    type Plain = A;
    fn plain(self) -> A {
        self.0
    }
}

/// `fetch_one` of two columns.
impl<A, B> Outcome for (A, B) {
    type Plain = Self;
    fn plain(self) -> Self {
        self
    }
}

impl<T> Outcome for Option<T> {
    type Plain = Self;
    fn plain(self) -> Self {
        self
    }
}

impl<T> Outcome for Vec<T> {
    type Plain = Self;
    fn plain(self) -> Self {
        self
    }
}
