//! Order statistics: counts every attempt to create an order by minute and store, and reads the counts of all servers.
//!
//! Invariants: counting adds no statement to a confirmation, since counts are kept in memory and written every few seconds.
//! A row belongs to one run of one server and holds all that this run counted in the minute, so writing it twice does no
//! harm. A server that is killed loses what it counted since the last write. Memory is bounded: while the database is
//! unreachable, the oldest minutes are dropped.

mod attempt_counts;
mod stats;
mod trend;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use uuid::Uuid;

use crate::clock::Clock;
use crate::db::order_performance::{self, MinuteRow};
use crate::db::{Database, DatabaseError};
use crate::domain::{StoreId, Timestamp};

use attempt_counts::AttemptCounts;
pub use attempt_counts::{Attempt, AttemptOutcome, Retries};
pub use stats::{StatsView, StorePerformance, Window};
pub use trend::{HourPerformance, TrendError, TrendView};

/// The time between two runs of [`Performance::flush`].
pub const FLUSH_PERIOD: Duration = Duration::from_secs(10);
/// The seconds that one row of the database counts.
const MINUTE_S: i64 = 60;
/// The most rows that are kept in memory, about 20 MiB.
const ROWS_IN_MEMORY_MAX: usize = 1_440;
/// How long rows are kept: a day more than the longest window.
const RETENTION_S: i64 = 8 * 86_400;

/// A row of the database: a minute and a store. Attempts without a known store count for [`StoreId::NIL`].
type RowKey = (Timestamp, StoreId);

/// The order statistics; cheap to clone.
#[derive(Clone)]
pub struct Performance {
    db: Database,
    clock: Clock,
    /// Names this run of this server in the rows it writes.
    server_id: Uuid,
    counts: Arc<Mutex<BTreeMap<RowKey, AttemptCounts>>>,
    /// One flush at a time, so that older counts never overwrite newer ones.
    flushing: Arc<tokio::sync::Mutex<()>>,
}

impl Performance {
    pub fn new(db: Database, clock: Clock) -> Self {
        Self { db, clock, server_id: Uuid::new_v4(), counts: Arc::default(), flushing: Arc::default() }
    }

    /// Counts an attempt.
    pub fn record(&self, attempt: &Attempt) {
        let key = (start_of_minute(self.clock.now()), attempt.store.unwrap_or(StoreId::NIL));
        let mut counts = self.counts();
        counts.entry(key).or_default().add(attempt);
        if counts.len() > ROWS_IN_MEMORY_MAX {
            let written = counts.iter().find(|(_, row)| row.written == row.attempts()).map(|(key, _)| *key);
            match written {
                Some(key) => drop(counts.remove(&key)),
                None => drop(counts.pop_first()),
            }
        }
    }

    /// Writes what was counted since the last flush, and drops past minutes from memory.
    pub async fn flush(&self) -> Result<(), DatabaseError> {
        let _one_at_a_time = self.flushing.lock().await;
        let unwritten = self.unwritten_rows()?;
        if unwritten.is_empty() {
            return Ok(());
        }
        let mut tx = self.db.begin().await?;
        for (row, _) in &unwritten {
            order_performance::upsert(&mut tx, self.server_id, row).await?;
        }
        tx.commit().await?;
        let last_minute = start_of_minute(self.clock.now()).plus_seconds(-MINUTE_S);
        let mut counts = self.counts();
        for (row, attempts) in unwritten {
            let key = (row.minute, row.store_id);
            if let Some(row_counts) = counts.get_mut(&key) {
                row_counts.written = attempts;
                if row.minute < last_minute && row_counts.attempts() == attempts {
                    counts.remove(&key);
                }
            }
        }
        Ok(())
    }

    /// The rows that have changed since they were written, each with its number of attempts.
    fn unwritten_rows(&self) -> Result<Vec<(MinuteRow, i64)>, DatabaseError> {
        let counts = self.counts();
        let unwritten = counts.iter().filter(|(_, row)| row.attempts() != row.written);
        unwritten.map(|((minute, store), row)| Ok((row.to_row(*minute, *store)?, row.attempts()))).collect()
    }

    /// This server's rows after `since` that are still in memory, written or not.
    fn rows_in_memory(
        &self,
        since: Timestamp,
        only_store: Option<StoreId>,
    ) -> Result<BTreeMap<RowKey, MinuteRow>, DatabaseError> {
        let counts = self.counts();
        let rows = counts
            .iter()
            .filter(|((minute, store), _)| *minute > since && only_store.is_none_or(|only_store| only_store == *store));
        rows.map(|(key, row)| Ok((*key, row.to_row(key.0, key.1)?))).collect()
    }

    /// Removes rows older than the retention; returns how many.
    pub async fn remove_old_rows(&self) -> Result<u64, DatabaseError> {
        let mut tx = self.db.begin().await?;
        let oldest = self.clock.now().plus_seconds(-RETENTION_S);
        let removed = order_performance::delete_before(&mut tx, oldest).await?;
        tx.commit().await?;
        Ok(removed)
    }

    fn counts(&self) -> MutexGuard<'_, BTreeMap<RowKey, AttemptCounts>> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn start_of_minute(moment: Timestamp) -> Timestamp {
    let length = MINUTE_S * 1_000_000;
    Timestamp::from_micros(moment.micros().div_euclid(length).saturating_mul(length))
}
