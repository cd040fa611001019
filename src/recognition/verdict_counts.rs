//! Counts verdicts by store and quarter of an hour, and notes which products were seen: in memory with each picture, in the
//! database twice a minute.
//!
//! A picture of an admin, who stands in no store, is not counted. What could not be written is added to the next write; if a
//! commit was made and not answered, its half minute counts twice.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{RecognitionService, RecognizedItem};
use crate::db::recognition_counts::{self, VerdictCountsRow};
use crate::db::{Database, DatabaseError};
use crate::domain::{Actor, StoreId, Timestamp, Verdict};

const QUARTER_US: i64 = 900_000_000;
/// Twice as long as the longest period that is compared with the one before it.
const KEPT_S: i64 = 2 * 181 * 86_400;
/// Memory is bounded while the database is away: a hundred stores for a day.
const ROWS_MAX: usize = 10_000;

type Counts = BTreeMap<(StoreId, Timestamp), VerdictCountsRow>;

#[derive(Debug, Clone, Default)]
pub(super) struct VerdictCounts(Arc<Mutex<Counts>>);

impl VerdictCounts {
    fn add(&self, store: StoreId, now: Timestamp, items: &[RecognizedItem]) {
        let quarter = Timestamp::from_micros(now.micros().div_euclid(QUARTER_US).saturating_mul(QUARTER_US));
        let mut counts = self.lock();
        if counts.len() >= ROWS_MAX && !counts.contains_key(&(store, quarter)) {
            return;
        }
        let row = counts.entry((store, quarter)).or_default();
        for item in items {
            match item.verdict {
                Verdict::Matched => row.matched += 1,
                Verdict::Ambiguous => row.ambiguous += 1,
                Verdict::Unknown => row.unknown += 1,
            }
        }
    }

    async fn write(&self, db: &Database) -> Result<(), DatabaseError> {
        let unwritten = std::mem::take(&mut *self.lock());
        if unwritten.is_empty() {
            return Ok(());
        }
        let written = write_rows(db, &unwritten).await;
        if written.is_err() {
            let mut newer = self.lock();
            for (key, row) in unwritten {
                let sum = newer.entry(key).or_default();
                sum.matched += row.matched;
                sum.ambiguous += row.ambiguous;
                sum.unknown += row.unknown;
            }
        }
        written
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// In the order of their keys, so that two servers do not wait for each other.
async fn write_rows(db: &Database, rows: &Counts) -> Result<(), DatabaseError> {
    let mut tx = db.begin().await?;
    for ((store, quarter), counts) in rows {
        recognition_counts::add(&mut tx, *store, *quarter, *counts).await?;
    }
    tx.commit().await
}

impl RecognitionService {
    /// Counts what was found in a picture of `actor`.
    pub(super) fn count_verdicts(&self, actor: &Actor, items: &[RecognizedItem]) {
        let now = self.clock.now();
        for item in items.iter().filter(|item| item.verdict == Verdict::Matched) {
            if let Some(product) = item.candidates.first() {
                self.last_seen.note(product.product_id.uuid(), now);
            }
        }
        let store = match actor {
            Actor::Kiosk { store, .. } | Actor::Person { store: Some(store), .. } => *store,
            Actor::Person { store: None, .. } | Actor::System | Actor::CommandLine => return,
        };
        if !items.is_empty() {
            self.verdict_counts.add(store, now, items);
        }
    }

    /// Writes the counts of verdicts, and when products were last seen.
    pub async fn write_counts(&self) -> Result<(), DatabaseError> {
        self.verdict_counts.write(&self.db).await?;
        self.last_seen.write().await
    }

    /// Deletes counts that no statistic shows any more; returns how many.
    pub async fn delete_old_counts(&self) -> Result<u64, DatabaseError> {
        let mut tx = self.db.begin().await?;
        let deleted = recognition_counts::delete_before(&mut tx, self.clock.now().plus_seconds(-KEPT_S)).await?;
        tx.commit().await?;
        Ok(deleted)
    }
}
