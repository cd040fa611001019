//! Attempts to create an order, and the counts of a minute.

use std::time::Duration;

use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Deserializer, Serializer, V2Serializer};

use crate::db::DatabaseError;
use crate::db::order_performance::MinuteRow;
use crate::domain::{StoreId, Timestamp};

/// Longer attempts count as ten minutes. A confirmation gives up long before.
const LATENCY_US_MAX: u64 = 600_000_000;
/// Percentiles are right to within 1 %.
const SIGNIFICANT_DIGITS: u8 = 2;

/// How an attempt to create an order ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttemptOutcome {
    Succeeded,
    /// The bill was the reason: it had changed, was empty or could not be sold.
    Refused,
    /// The server or the database was the reason.
    Failed,
}

/// How often the transaction of an attempt conflicted with another one, and how often it was retried.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Retries {
    /// Conflicts over a receipt number, including a number that was already used.
    pub conflicts: i64,
    pub after_conflict: i64,
    pub after_timeout: i64,
    /// Retries after a lost connection.
    pub after_error: i64,
}

/// One attempt to create an order.
#[derive(Debug, Clone, Copy)]
pub struct Attempt {
    /// `None` if the attempt ended before its store was known.
    pub store: Option<StoreId>,
    pub outcome: AttemptOutcome,
    pub retries: Retries,
    pub duration: Duration,
}

/// The attempts of one store in one minute, or in a longer time.
#[derive(Debug, Clone)]
pub(super) struct AttemptCounts {
    pub succeeded: i64,
    pub refused: i64,
    pub failed: i64,
    pub retries: Retries,
    /// Microseconds of the attempts that were not refused: how fast a stale bill is refused says nothing about orders.
    pub latencies: Histogram<u32>,
    /// How many attempts the database has.
    pub written: i64,
}

impl Default for AttemptCounts {
    fn default() -> Self {
        let latencies =
            Histogram::new_with_bounds(1, LATENCY_US_MAX, SIGNIFICANT_DIGITS).unwrap_or_else(|_| resizing_histogram());
        Self { succeeded: 0, refused: 0, failed: 0, retries: Retries::default(), latencies, written: 0 }
    }
}

#[expect(clippy::unwrap_used, reason = "the constant is between 0 and 5, as the crate asks")]
fn resizing_histogram() -> Histogram<u32> {
    Histogram::new(SIGNIFICANT_DIGITS).unwrap()
}

impl AttemptCounts {
    pub fn attempts(&self) -> i64 {
        self.not_refused() + self.refused
    }

    /// Attempts that succeeded or failed. Rates and times only cover these.
    pub fn not_refused(&self) -> i64 {
        self.succeeded + self.failed
    }

    pub fn add(&mut self, attempt: &Attempt) {
        match attempt.outcome {
            AttemptOutcome::Succeeded => self.succeeded += 1,
            AttemptOutcome::Refused => self.refused += 1,
            AttemptOutcome::Failed => self.failed += 1,
        }
        self.add_retries(attempt.retries);
        if attempt.outcome == AttemptOutcome::Refused {
            return;
        }
        let micros = u64::try_from(attempt.duration.as_micros()).unwrap_or(LATENCY_US_MAX);
        self.latencies.saturating_record(micros.clamp(1, LATENCY_US_MAX));
    }

    fn add_retries(&mut self, more: Retries) {
        self.retries.conflicts += more.conflicts;
        self.retries.after_conflict += more.after_conflict;
        self.retries.after_timeout += more.after_timeout;
        self.retries.after_error += more.after_error;
    }

    /// Adds the counts of a row.
    pub fn add_row(&mut self, row: &MinuteRow) -> Result<(), DatabaseError> {
        let unreadable = |what: String| {
            DatabaseError::Unexpected(format!("order_performance of store {} at {}: {what}", row.store_id, row.minute))
        };
        let latencies: Histogram<u32> = Deserializer::new()
            .deserialize(&mut row.latencies.as_slice())
            .map_err(|error| unreadable(format!("{error:?}")))?;
        self.latencies.add(&latencies).map_err(|error| unreadable(error.to_string()))?;
        self.succeeded += row.succeeded;
        self.refused += row.refused;
        self.failed += row.failed;
        self.add_retries(Retries {
            conflicts: row.conflicts,
            after_conflict: row.retries_conflict,
            after_timeout: row.retries_timeout,
            after_error: row.retries_error,
        });
        Ok(())
    }

    pub fn to_row(&self, minute: Timestamp, store: StoreId) -> Result<MinuteRow, DatabaseError> {
        let mut latencies = Vec::new();
        V2Serializer::new()
            .serialize(&self.latencies, &mut latencies)
            .map_err(|error| DatabaseError::Unexpected(format!("latencies of orders: {error:?}")))?;
        Ok(MinuteRow {
            minute,
            store_id: store,
            succeeded: self.succeeded,
            refused: self.refused,
            failed: self.failed,
            conflicts: self.retries.conflicts,
            retries_conflict: self.retries.after_conflict,
            retries_timeout: self.retries.after_timeout,
            retries_error: self.retries.after_error,
            latencies,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempt(outcome: AttemptOutcome, millis: u64) -> Attempt {
        let retries = Retries { conflicts: 1, after_conflict: 1, ..Retries::default() };
        Attempt { store: None, outcome, retries, duration: Duration::from_millis(millis) }
    }

    #[test]
    fn counts_survive_being_written_and_read() {
        let mut counts = AttemptCounts::default();
        for millis in 1..=100 {
            counts.add(&attempt(
                if millis % 10 == 0 { AttemptOutcome::Failed } else { AttemptOutcome::Succeeded },
                millis,
            ));
        }
        counts.add(&attempt(AttemptOutcome::Failed, 700_000));
        counts.add(&attempt(AttemptOutcome::Refused, 1));
        let row = counts.to_row(Timestamp::from_micros(0), StoreId::NIL).unwrap();
        let mut read = AttemptCounts::default();
        read.add_row(&row).unwrap();
        read.add_row(&row).unwrap();
        assert_eq!((read.succeeded, read.failed, read.refused, read.attempts()), (180, 22, 2, 204));
        assert_eq!((read.retries.conflicts, read.retries.after_conflict), (204, 204));
        assert_eq!((read.latencies.len(), read.not_refused()), (202, 202), "refusals have no time");
        let median = read.latencies.value_at_quantile(0.5) as f64;
        assert!((median - 51_000.0).abs() < 0.02 * 51_000.0, "{median}");
        // A longer attempt counts as the longest.
        assert!(read.latencies.max() as f64 > 0.98 * LATENCY_US_MAX as f64, "{}", read.latencies.max());
    }

    #[test]
    fn an_unreadable_row_is_named_in_the_error() {
        let mut row = AttemptCounts::default().to_row(Timestamp::from_micros(0), StoreId::NIL).unwrap();
        row.latencies.truncate(7);
        let error = AttemptCounts::default().add_row(&row).unwrap_err().to_string();
        assert!(error.contains("order_performance"), "{error}");
    }
}
