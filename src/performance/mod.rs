//! How the creation of orders goes: every attempt is counted where it is made, minute by minute and store by store, and
//! read back over all servers.
//!
//! Invariants: counting costs a confirm no statement: it is done in memory, and written every few seconds. Each row
//! belongs to one run of one server and is written over with what that run counted of the minute so far, so writing it
//! twice harms nothing; a killed server loses what it counted since it wrote last. Memory is bounded: where the database
//! stays away, the oldest minutes are given up.

mod recent;
mod tally;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use uuid::Uuid;

use crate::clock::Clock;
use crate::db::{Database, DatabaseError, order_performance};
use crate::domain::{StoreId, Timestamp};

pub use recent::{StatsView, StorePerformance, Window};
use tally::AttemptCounts;
pub use tally::{Attempt, Outcome, Retries};

/// How often what was counted is to be written.
pub const FLUSH_PERIOD: Duration = Duration::from_secs(10);
/// Seconds in a row of the database.
const MINUTE_S: i64 = 60;
/// Rows that are kept in memory at most: minutes of stores, about 20 MiB.
const OPEN: usize = 1_440;
/// Seconds that rows are kept: a day more than the longest window.
const KEPT_S: i64 = 8 * 86_400;

/// A minute of a store.
type Place = (Timestamp, StoreId);

/// Counts attempts and reads back what all servers counted; cheap to clone.
#[derive(Clone)]
pub struct Performance {
    db: Database,
    clock: Clock,
    /// This run of this server.
    server: Uuid,
    open: Arc<Mutex<BTreeMap<Place, AttemptCounts>>>,
    /// One flush at a time, so that what is newer is written later.
    flushing: Arc<tokio::sync::Mutex<()>>,
}

impl Performance {
    /// Counts of this server, which reads and writes `store`.
    pub fn new(db: Database, clock: Clock) -> Self {
        Self { db, clock, server: Uuid::new_v4(), open: Arc::default(), flushing: Arc::default() }
    }

    /// Counts an attempt.
    pub fn record(&self, attempt: &Attempt) {
        let place = (minute(self.clock.now()), attempt.store.unwrap_or(StoreId::NIL));
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.entry(place).or_default().add(attempt);
        if open.len() > OPEN {
            let written = open.iter().find(|(_, tally)| tally.written == tally.attempts()).map(|(place, _)| *place);
            match written {
                Some(place) => drop(open.remove(&place)),
                None => drop(open.pop_first()),
            }
        }
    }

    /// Writes what was counted and not written yet, and forgets minutes that are over.
    pub async fn flush(&self) -> Result<(), DatabaseError> {
        let _turn = self.flushing.lock().await;
        let changed = self.changed()?;
        if changed.is_empty() {
            return Ok(());
        }
        let mut tx = self.db.begin().await?;
        for (row, _) in &changed {
            order_performance::put(&mut tx, self.server, row).await?;
        }
        tx.commit().await?;
        let over = minute(self.clock.now()).plus_seconds(-MINUTE_S);
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        for (row, attempts) in changed {
            let place = (row.minute, row.store_id);
            if let Some(tally) = open.get_mut(&place) {
                tally.written = attempts;
                if row.minute < over && tally.attempts() == attempts {
                    open.remove(&place);
                }
            }
        }
        Ok(())
    }

    /// The rows that are to be written, each with how many attempts it counts.
    fn changed(&self) -> Result<Vec<(order_performance::MinuteRow, i64)>, DatabaseError> {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let changed = open.iter().filter(|(_, tally)| tally.attempts() != tally.written);
        changed.map(|((minute, store), tally)| Ok((tally.row(*minute, *store)?, tally.attempts()))).collect()
    }

    /// What this server counts in the minutes after `since` that it still holds, as the database would keep it.
    fn open_rows(
        &self,
        since: Timestamp,
        only: Option<StoreId>,
    ) -> Result<BTreeMap<Place, order_performance::MinuteRow>, DatabaseError> {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let wanted = |(minute, store): &Place| *minute > since && only.is_none_or(|only| only == *store);
        let wanted = open.iter().filter(|(place, _)| wanted(place));
        wanted.map(|(place, tally)| Ok((*place, tally.row(place.0, place.1)?))).collect()
    }

    /// Removes rows that are past their time; gives how many.
    pub async fn forget_old(&self) -> Result<u64, DatabaseError> {
        let mut tx = self.db.begin().await?;
        let moment = self.clock.now().plus_seconds(-KEPT_S);
        let forgotten = order_performance::forget_before(&mut tx, moment).await?;
        tx.commit().await?;
        Ok(forgotten)
    }
}

/// The beginning of the minute that `moment` is in.
fn minute(moment: Timestamp) -> Timestamp {
    let length = MINUTE_S * 1_000_000;
    Timestamp::from_micros(moment.micros().div_euclid(length).saturating_mul(length))
}
