//! Short transactions on SQLite that follow each other at once are committed together.
//!
//! SQLite has one writer, and each commit waits for the disk, so many tills at once would stand behind as many waits. Here
//! a use case that is done hands the open transaction on to the next one that waits, and both hear that they are
//! durable when the last of the group has committed. Nobody waits for company: where no one else is there, the commit
//! follows at once.
//!
//! A [`Turn`] is free, or held by one use case and without a transaction, or held with the group's transaction open; from
//! there it goes to the next who waits, with the transaction, or the group ends: committed by a task of its own, after which
//! the turn goes on without one.
//!
//! Invariants: a use case works within a savepoint of its own and undoes nothing but itself; whoever is told "committed"
//! is durable, and so is whatever a use case has seen that asks for [`Turn::rollback`] before it answers; a group whose
//! commit fails fails for each of its members; a group ends after [`MEMBERS`] or [`LONGEST`], so that whoever writes by
//! other ways gets their turn; the turn is handed on by its drop, so that a use case that is dropped anywhere keeps
//! nobody waiting.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use sqlx::{Executor, Sqlite, SqlitePool, Transaction};
use tokio::sync::oneshot;

use super::DatabaseError;

/// Most use cases that are committed together.
const MEMBERS: usize = 32;
/// No further one joins after this long: those before wait for it.
const LONGEST: Duration = Duration::from_millis(10);
/// Most who wait for a turn: it would take them seconds.
const LINE: usize = 1_024;
/// How a group begins: with a savepoint that holds nothing yet, as each member finds it.
const BEGIN: &str = "BEGIN IMMEDIATE; SAVEPOINT member";
/// What a member did becomes the group's, and the next member's savepoint begins. To be run to its end, whatever becomes of
/// the use case: between the two nothing could be undone. Fails where SQLite has given the whole transaction up (a full
/// disk, say), which no member may survive. (Savepoints within one another would need no release; but then SQLite keeps each
/// page that a member changes until the end, which cost a fifth of all confirmations.)
pub(super) const KEEP: &str = "RELEASE member; SAVEPOINT member";
/// Undoes what the member did; the savepoint stays, empty, for the next. Fails as [`KEEP`] does.
const UNDO: &str = "ROLLBACK TO member";

/// What a member hears of the commit of its group.
type Outcome = Result<(), DatabaseError>;

/// Where short transactions queue up for SQLite's writer.
#[derive(Debug)]
pub(super) struct Groups {
    writer: SqlitePool,
    /// How long to wait for a turn.
    patience: Duration,
    line: Mutex<Line>,
}

#[derive(Debug, Default)]
struct Line {
    /// Whether somebody has the turn, who will hand it on.
    taken: bool,
    waiting: VecDeque<oneshot::Sender<Turn>>,
}

impl Groups {
    pub(super) fn new(writer: SqlitePool, patience: Duration) -> Arc<Self> {
        Arc::new(Self { writer, patience, line: Mutex::default() })
    }

    /// Waits for the turn and gives it with a transaction that may write: a new one, or that of those before.
    pub(super) async fn begin(self: &Arc<Self>) -> Result<Turn, DatabaseError> {
        let turn = async {
            let mut turn = match self.queue()? {
                Place::First(turn) => turn,
                Place::Behind(called) => called.await.map_err(|_| gone())?,
            };
            turn.ready().await?;
            Ok(turn)
        };
        let late = |_| Err(DatabaseError::TimedOut(format!("no turn to write within {:?}", self.patience)));
        tokio::time::timeout(self.patience, turn).await.unwrap_or_else(late)
    }

    fn queue(self: &Arc<Self>) -> Result<Place, DatabaseError> {
        let mut line = self.line();
        if !line.taken {
            line.taken = true;
            return Ok(Place::First(Turn { groups: Arc::clone(self), open: None, held: true }));
        }
        if line.waiting.len() >= LINE {
            // Whoever left is only passed over when its turn comes.
            line.waiting.retain(|call| !call.is_closed());
        }
        if line.waiting.len() >= LINE {
            return Err(DatabaseError::TimedOut(format!("{LINE} wait for their turn to write already")));
        }
        let (call, called) = oneshot::channel();
        line.waiting.push_back(call);
        Ok(Place::Behind(called))
    }

    /// The next who waits. Where nobody does, the turn is free, if it may be.
    fn next(&self, may_be_free: bool) -> Option<oneshot::Sender<Turn>> {
        let mut line = self.line();
        let next = line.waiting.pop_front();
        line.taken = next.is_some() || !may_be_free;
        next
    }

    fn line(&self) -> std::sync::MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where somebody who comes stands in the line.
enum Place {
    First(Turn),
    Behind(oneshot::Receiver<Turn>),
}

/// The right to write, and the group that is open. Dropping it undoes what its holder did and hands it on.
#[derive(Debug)]
pub(super) struct Turn {
    groups: Arc<Groups>,
    /// Nothing before the first member.
    open: Option<Group>,
    /// Whether this is still the turn: false once it is free.
    held: bool,
}

/// An open transaction and those who wait for its commit.
#[derive(Debug)]
struct Group {
    transaction: Transaction<'static, Sqlite>,
    begun: Instant,
    /// Told of the commit.
    kept: Vec<oneshot::Sender<Outcome>>,
    /// Whether the savepoint holds what must be undone before the next member begins.
    soiled: bool,
    /// Whether it is to be committed now: its last member began no savepoint for another.
    closing: bool,
}

impl Turn {
    /// The connection to write with.
    pub(super) fn connection(&mut self) -> Option<&mut Transaction<'static, Sqlite>> {
        self.open.as_mut().map(|group| &mut group.transaction)
    }

    /// Sees to a transaction with an empty savepoint.
    async fn ready(&mut self) -> Result<(), DatabaseError> {
        if let Some(group) = &mut self.open
            && group.soiled
        {
            match group.transaction.execute(UNDO).await {
                Ok(_) => group.soiled = false,
                Err(error) => {
                    if let Some(group) = self.open.take() {
                        group.lose(&error);
                    }
                }
            }
        }
        if self.open.is_none() {
            let transaction = self.groups.writer.begin_with(BEGIN).await?;
            self.open =
                Some(Group { transaction, begun: Instant::now(), kept: Vec::new(), soiled: false, closing: false });
        }
        // From here on its holder writes.
        if let Some(group) = &mut self.open {
            group.soiled = true;
        }
        Ok(())
    }

    /// Whether the group ends with its holder: nobody waits, or it is full.
    pub(super) fn is_last(&self) -> bool {
        let full = self.open.as_ref().is_some_and(|group| group.kept.len() + 1 >= MEMBERS || !group.takes_more());
        full || self.groups.line().waiting.is_empty()
    }

    /// Makes what its holder did durable, together with what others of the group did. A holder that is not the last must
    /// have run [`KEEP`].
    pub(super) async fn keep(mut self, is_last: bool) -> Outcome {
        if let Some(group) = &mut self.open {
            (group.soiled, group.closing) = (false, is_last);
        }
        self.settled().await
    }

    /// Undoes what its holder did, and waits until what others of the group did, which it may have seen, is durable. An error
    /// where it never will be.
    pub(super) async fn rollback(self) -> Outcome {
        let has_company = self.open.as_ref().is_some_and(|group| !group.kept.is_empty());
        if has_company { self.settled().await } else { Ok(()) }
    }

    /// Hands the turn on and waits for the end of the group.
    async fn settled(mut self) -> Outcome {
        let Some(group) = &mut self.open else { return Err(gone()) };
        let (told, outcome) = oneshot::channel();
        group.kept.push(told);
        // Hands the turn on, or ends the group in a task of its own: this use case may be dropped while it waits, the others'
        // commit may not.
        drop(self);
        outcome.await.unwrap_or_else(|_| Err(gone()))
    }

    /// Gives the turn to the next who still waits; where nobody does, ends the group, and the turn is free.
    fn hand_on(mut self) {
        while let Some(call) = self.groups.next(self.open.is_none()) {
            match call.send(self) {
                Ok(()) => return,
                Err(back) => self = back,
            }
        }
        match self.open.take() {
            Some(group) => end(self, group),
            None => self.held = false,
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if !std::mem::take(&mut self.held) {
            return;
        }
        // A group of which nothing is to be kept is rolled back here.
        let mut open = self.open.take().filter(|group| !group.kept.is_empty());
        let full = open.take_if(|group| !group.takes_more());
        let turn = Self { groups: Arc::clone(&self.groups), open, held: true };
        match full {
            Some(group) => end(turn, group),
            None => turn.hand_on(),
        }
    }
}

impl Group {
    fn takes_more(&self) -> bool {
        !self.closing && self.kept.len() < MEMBERS && self.begun.elapsed() < LONGEST
    }

    async fn commit(mut self) {
        if self.soiled
            && let Err(error) = self.transaction.execute(UNDO).await
        {
            return self.lose(&error);
        }
        let outcome = self.transaction.commit().await.map_err(|error| {
            let told = DatabaseError::from(error);
            // There is no transaction any more, or the disk failed in some way: each may try again.
            if let DatabaseError::Unexpected(reason) = &told { lost(reason, self.kept.len()) } else { told }
        });
        tell(self.kept, &outcome);
    }

    /// SQLite has given the transaction up, for a reason that one of the members was told. All that the others did is undone,
    /// and doing it again may succeed.
    fn lose(self, error: &sqlx::Error) {
        let told = lost(&error.to_string(), self.kept.len());
        drop(self.transaction);
        tell(self.kept, &Err(told));
    }
}

fn lost(reason: &str, members: usize) -> DatabaseError {
    tracing::warn!(reason, members, "SQLite gave up a transaction; whoever had a part in it tries again");
    DatabaseError::Contended
}

fn tell(members: Vec<oneshot::Sender<Outcome>>, outcome: &Outcome) {
    for member in members {
        // Whoever was dropped meanwhile does not listen.
        member.send(outcome.clone()).ok();
    }
}

/// Commits a group, in a task of its own, and then hands the turn on.
fn end(turn: Turn, group: Group) {
    tokio::spawn(async move {
        group.commit().await;
        turn.hand_on();
    });
}

fn gone() -> DatabaseError {
    DatabaseError::Unavailable("the server is stopping".to_owned())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::future::poll_fn;
    use std::pin::pin;
    use std::task::Poll;

    use crate::db::{Database, DatabaseError, Tx, on};

    async fn a_store(folder: &tempfile::TempDir) -> Database {
        let url = format!("sqlite://{}/t.db", folder.path().display()).into();
        let db = Database::connect(&url, 2).await.unwrap();
        let mut tx = db.begin().await.unwrap();
        on!(tx, c => sqlx::query("CREATE TABLE t (a INTEGER PRIMARY KEY) STRICT").execute(c)).unwrap();
        tx.commit().await.unwrap();
        db
    }

    async fn write(tx: &mut Tx, a: i64) {
        on!(tx, c => sqlx::query("INSERT INTO t VALUES ($1)").bind(a).execute(c)).unwrap();
    }

    async fn written(db: &Database) -> Vec<i64> {
        let mut tx = db.read().await.unwrap();
        let rows: Result<Vec<(i64,)>, _> = on!(tx, c => sqlx::query_as("SELECT a FROM t ORDER BY a").fetch_all(c));
        rows.unwrap().into_iter().map(|(a,)| a).collect()
    }

    /// Runs `future` until it waits for something; whether it is ready.
    async fn begun<F: Future>(mut future: std::pin::Pin<&mut F>) -> Option<F::Output> {
        poll_fn(|context| match future.as_mut().poll(context) {
            Poll::Ready(done) => Poll::Ready(Some(done)),
            Poll::Pending => Poll::Ready(None),
        })
        .await
    }

    #[tokio::test]
    async fn those_who_follow_at_once_are_committed_together_and_one_undoes_itself_alone() {
        let folder = tempfile::tempdir().unwrap();
        let db = a_store(&folder).await;
        let mut first = db.begin_short().await.unwrap();
        let (mut second, mut third) = (pin!(db.begin_short()), pin!(db.begin_short()));
        assert!(begun(second.as_mut()).await.is_none() && begun(third.as_mut()).await.is_none());
        write(&mut first, 1).await;
        let first = tokio::spawn(first.commit());
        let mut second = second.await.unwrap();
        write(&mut second, 2).await;
        assert!(written(&db).await.is_empty() && !first.is_finished());
        drop(second);
        let mut third = third.await.unwrap();
        write(&mut third, 3).await;
        third.commit().await.unwrap();
        first.await.unwrap().unwrap();
        assert_eq!(written(&db).await, [1, 3]);
    }

    #[tokio::test]
    async fn nobody_is_told_committed_where_the_transaction_was_given_up() {
        let folder = tempfile::tempdir().unwrap();
        let db = a_store(&folder).await;
        for behind in [false, true] {
            let mut first = db.begin_short().await.unwrap();
            let (mut second, mut third) = (pin!(db.begin_short()), pin!(db.begin_short()));
            assert!(begun(second.as_mut()).await.is_none());
            assert!(!behind || begun(third.as_mut()).await.is_none());
            write(&mut first, 1).await;
            let first = tokio::spawn(first.commit());
            let mut second = second.await.unwrap();
            // As SQLite does by itself where the disk is full.
            on!(second, c => sqlx::query("ROLLBACK").execute(c)).unwrap();
            let second = tokio::spawn(second.commit());
            if behind {
                // Finds it out, and begins anew.
                let mut third = third.await.unwrap();
                write(&mut third, 3).await;
                third.commit().await.unwrap();
            }
            assert!(matches!(first.await.unwrap(), Err(DatabaseError::Contended)));
            assert!(second.await.unwrap().is_err());
            assert_eq!(written(&db).await, if behind { vec![3] } else { vec![] });
        }
    }

    #[tokio::test]
    async fn who_has_seen_what_another_wrote_answers_when_that_is_durable() {
        let folder = tempfile::tempdir().unwrap();
        let db = a_store(&folder).await;
        for lost in [false, true] {
            let mut first = db.begin_short().await.unwrap();
            let (mut second, mut third) = (pin!(db.begin_short()), pin!(db.begin_short()));
            assert!(begun(second.as_mut()).await.is_none() && begun(third.as_mut()).await.is_none());
            write(&mut first, 1).await;
            let first = tokio::spawn(first.commit());
            let mut second = second.await.unwrap();
            let seen = on!(second, c => sqlx::query_as::<_, (i64,)>("SELECT COUNT(*) FROM t").fetch_one(c));
            assert_eq!(seen.unwrap(), 1);
            let second = tokio::spawn(second.rollback());
            let mut third = third.await.unwrap();
            assert!(!first.is_finished() && !second.is_finished());
            if lost {
                on!(third, c => sqlx::query("ROLLBACK").execute(c)).unwrap();
            }
            drop(third);
            let heard = [first.await.unwrap(), second.await.unwrap()];
            assert!(heard.iter().all(|heard| heard.is_err() == lost), "{heard:?}");
            assert!(!lost || heard.iter().all(|heard| matches!(heard, Err(DatabaseError::Contended))));
            let mut tx = db.begin().await.unwrap();
            on!(tx, c => sqlx::query("DELETE FROM t").execute(c)).unwrap();
            tx.commit().await.unwrap();
        }
    }

    #[tokio::test]
    async fn a_transaction_that_sqlite_gave_up_spoils_none_after_it() {
        let folder = tempfile::tempdir().unwrap();
        let db = a_store(&folder).await;
        let mut lost = db.begin().await.unwrap();
        on!(lost, c => sqlx::query("ROLLBACK").execute(c)).unwrap();
        drop(lost);
        let mut next = db.begin().await.unwrap();
        write(&mut next, 1).await;
        next.commit().await.unwrap();
        assert_eq!(written(&db).await, [1]);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn exactly_those_are_there_who_were_told_so_whatever_others_do() {
        let folder = tempfile::tempdir().unwrap();
        let db = a_store(&folder).await;
        let use_case = |a: i64| {
            let db = db.clone();
            async move {
                let mut tx = if a % 11 == 0 { db.begin().await } else { db.begin_short().await }.unwrap();
                write(&mut tx, a).await;
                match a % 5 {
                    0 if a % 2 == 0 => drop(tx),
                    // Given up at the commit: whether it is there is nobody's to say.
                    0 => drop(begun(pin!(tx.commit())).await),
                    1 => tx.rollback().await.unwrap(),
                    // Given up while its statement is on the way, mostly.
                    2 => drop(begun(pin!(write(&mut tx, -a))).await),
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
        let mut told = BTreeSet::new();
        for use_case in running {
            told.extend(use_case.await.unwrap());
        }
        assert_eq!(told.len(), 400);
        let there = written(&db).await;
        assert!(told.is_subset(&there.iter().copied().collect()));
        assert!(there.iter().all(|a| told.contains(a) || a % 10 == 5), "{there:?}");
    }
}
