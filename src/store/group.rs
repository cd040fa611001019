//! Short transactions on SQLite that follow each other at once are committed together.
//!
//! SQLite has one writer, and each commit waits for the disk, so many tills at once would stand behind as many waits. Here
//! a use case that is done hands the open transaction on to the next one that waits, and both hear that they are
//! durable when the last of the group has committed. Nobody waits for company: where no one else is there, the commit
//! follows at once.
//!
//! Invariants: a use case works within a savepoint of its own and undoes nothing but itself; whoever is told "committed"
//! is durable, and a group whose commit fails fails for each of its members; a group ends after [`MEMBERS`] or
//! [`LONGEST`], so that whoever writes by other ways gets their turn; the right to write is handed on by [`Turn`]'s drop,
//! so that a use case that is dropped anywhere keeps nobody waiting.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use sqlx::{Executor, Sqlite, SqlitePool, Transaction};
use tokio::sync::oneshot;

use super::StoreError;

/// Most use cases that are committed together.
const MEMBERS: usize = 32;
/// No further one joins after this long: those before wait for it.
const LONGEST: Duration = Duration::from_millis(10);
/// Most who wait for a turn; it would take them seconds, and whoever comes then is told so at once.
const LINE: usize = 1_024;
/// How a group begins: with a savepoint that holds nothing yet, as each member finds it.
const BEGIN: &str = "BEGIN IMMEDIATE; SAVEPOINT member";
/// What a member did becomes the group's, and the next member's savepoint begins.
pub(super) const KEEP: &str = "RELEASE member; SAVEPOINT member";
/// Undoes what the member did; the savepoint stays, empty, for the next. Fails where SQLite has given the whole
/// transaction up (a full disk, say), which no member may survive.
const UNDO: &str = "ROLLBACK TO member";

/// What a member hears of the commit of its group.
type Outcome = Result<(), StoreError>;

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
    pub(super) async fn begin(self: &Arc<Self>) -> Result<Turn, StoreError> {
        let mut turn = match self.queue()? {
            Place::First(turn) => turn,
            Place::Behind(called) => {
                let called = tokio::time::timeout(self.patience, called).await;
                let late = || StoreError::TimedOut(format!("no turn to write within {:?}", self.patience));
                called.map_err(|_| late())?.map_err(|_| gone())?
            }
        };
        turn.ready().await?;
        Ok(turn)
    }

    fn queue(self: &Arc<Self>) -> Result<Place, StoreError> {
        let mut line = self.line();
        if !line.taken {
            line.taken = true;
            return Ok(Place::First(Turn { groups: Arc::clone(self), open: None, held: true }));
        }
        if line.waiting.len() >= LINE {
            return Err(StoreError::TimedOut(format!("{LINE} wait for their turn to write already")));
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
}

impl Turn {
    /// The connection to write with.
    pub(super) fn connection(&mut self) -> Option<&mut Transaction<'static, Sqlite>> {
        self.open.as_mut().map(|group| &mut group.transaction)
    }

    /// Sees to a transaction with an empty savepoint.
    async fn ready(&mut self) -> Result<(), StoreError> {
        if let Some(group) = &mut self.open
            && group.soiled
        {
            match group.transaction.execute(UNDO).await {
                Ok(_) => group.soiled = false,
                // What those before did is lost too, and they are told.
                Err(error) => {
                    let failed = StoreError::from(error);
                    if let Some(group) = self.open.take() {
                        group.fail(&failed);
                    }
                }
            }
        }
        if self.open.is_none() {
            let transaction = self.groups.writer.begin_with(BEGIN).await?;
            self.open = Some(Group { transaction, begun: Instant::now(), kept: Vec::new(), soiled: false });
        }
        // From here on its holder writes.
        if let Some(group) = &mut self.open {
            group.soiled = true;
        }
        Ok(())
    }

    /// Makes what its holder did durable, together with what others of the group did. The holder must have run
    /// [`KEEP`].
    pub(super) async fn commit(mut self) -> Outcome {
        let Some(group) = &mut self.open else { return Err(gone()) };
        group.soiled = false;
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
        self.kept.len() < MEMBERS && self.begun.elapsed() < LONGEST
    }

    async fn commit(mut self) {
        if self.soiled
            && let Err(error) = self.transaction.execute(UNDO).await
        {
            return self.fail(&StoreError::from(error));
        }
        let outcome = self.transaction.commit().await.map_err(StoreError::from);
        tell(self.kept, &outcome);
    }

    /// Rolls everything back and says so to all.
    fn fail(self, why: &StoreError) {
        drop(self.transaction);
        tell(self.kept, &Err(why.clone()));
    }
}

fn tell(members: Vec<oneshot::Sender<Outcome>>, outcome: &Outcome) {
    for member in members {
        // Whoever was dropped meanwhile does not listen.
        member.send(outcome.clone()).ok();
    }
}

/// Commits a group and then hands the turn on. Where no runtime is left to do it in, the group is rolled back and each
/// member finds that nobody answers.
fn end(turn: Turn, group: Group) {
    if let Ok(runtime) = tokio::runtime::Handle::try_current() {
        runtime.spawn(async move {
            group.commit().await;
            turn.hand_on();
        });
    }
}

fn gone() -> StoreError {
    StoreError::Unavailable("the server is stopping".to_owned())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::future::poll_fn;
    use std::pin::pin;
    use std::task::Poll;

    use crate::store::{Store, Tx, later, on};

    async fn a_store(folder: &tempfile::TempDir) -> Store {
        let url = format!("sqlite://{}/t.db", folder.path().display()).into();
        let store = Store::connect(&url, 2).await.unwrap();
        let mut tx = store.begin().await.unwrap();
        on!(tx, c => sqlx::query("CREATE TABLE t (a INTEGER PRIMARY KEY) STRICT").execute(c)).unwrap();
        tx.commit().await.unwrap();
        store
    }

    async fn write(tx: &mut Tx, a: i64) {
        on!(tx, c => sqlx::query("INSERT INTO t VALUES ($1)").bind(a).execute(c)).unwrap();
    }

    async fn written(store: &Store) -> Vec<i64> {
        let mut tx = store.read().await.unwrap();
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
        let store = a_store(&folder).await;
        let mut first = store.begin_short().await.unwrap();
        let (mut second, mut third) = (pin!(store.begin_short()), pin!(store.begin_short()));
        assert!(begun(second.as_mut()).await.is_none() && begun(third.as_mut()).await.is_none());
        write(&mut first, 1).await;
        let first = tokio::spawn(first.commit());
        let mut second = second.await.unwrap();
        write(&mut second, 2).await;
        assert!(written(&store).await.is_empty() && !first.is_finished());
        drop(second);
        let mut third = third.await.unwrap();
        write(&mut third, 3).await;
        third.commit().await.unwrap();
        first.await.unwrap().unwrap();
        assert_eq!(written(&store).await, [1, 3]);
    }

    #[tokio::test]
    async fn nobody_is_told_committed_where_the_transaction_was_given_up() {
        let folder = tempfile::tempdir().unwrap();
        let store = a_store(&folder).await;
        for behind in [false, true] {
            let mut first = store.begin_short().await.unwrap();
            let (mut second, mut third) = (pin!(store.begin_short()), pin!(store.begin_short()));
            assert!(begun(second.as_mut()).await.is_none());
            assert!(!behind || begun(third.as_mut()).await.is_none());
            write(&mut first, 1).await;
            let first = tokio::spawn(first.commit());
            let mut second = second.await.unwrap();
            // As SQLite does by itself where the disk is full.
            on!(second, c => sqlx::query("ROLLBACK").execute(c)).unwrap();
            assert!(second.commit().await.is_err());
            if behind {
                let mut third = third.await.unwrap();
                write(&mut third, 3).await;
                third.commit().await.unwrap();
            }
            assert!(first.await.unwrap().is_err());
            assert_eq!(written(&store).await, if behind { vec![3] } else { vec![] });
        }
    }

    #[tokio::test]
    async fn a_transaction_that_sqlite_gave_up_spoils_none_after_it() {
        let folder = tempfile::tempdir().unwrap();
        let store = a_store(&folder).await;
        let mut lost = store.begin().await.unwrap();
        on!(lost, c => sqlx::query("ROLLBACK").execute(c)).unwrap();
        drop(lost);
        let mut next = store.begin().await.unwrap();
        write(&mut next, 1).await;
        next.commit().await.unwrap();
        assert_eq!(written(&store).await, [1]);
    }

    #[tokio::test]
    async fn what_a_statement_is_refused_for_is_told_by_the_commit() {
        let folder = tempfile::tempdir().unwrap();
        let store = a_store(&folder).await;
        for short in [false, true] {
            let mut tx = if short { store.begin_short().await } else { store.begin().await }.unwrap();
            for a in [7, 8, 7] {
                later!(tx, "INSERT INTO t VALUES ($1)", values => values.bind(a)).unwrap();
            }
            assert!(tx.commit().await.is_err_and(|error| error.is_taken("t_a")));
            assert!(written(&store).await.is_empty());
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn exactly_those_are_there_who_were_told_so_whatever_others_do() {
        let folder = tempfile::tempdir().unwrap();
        let store = a_store(&folder).await;
        let use_case = |a: i64| {
            let store = store.clone();
            async move {
                let mut tx = if a % 11 == 0 { store.begin().await } else { store.begin_short().await }.unwrap();
                write(&mut tx, a).await;
                match a % 5 {
                    0 => drop(tx),
                    1 => tx.rollback().await.unwrap(),
                    // Given up while its statement is on the way, mostly.
                    2 => drop(begun(pin!(write(&mut tx, -a))).await),
                    _ => {
                        later!(tx, "INSERT INTO t VALUES ($1)", values => values.bind(a + 10_000)).unwrap();
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
        assert_eq!(written(&store).await, told.into_iter().collect::<Vec<_>>());
    }
}
