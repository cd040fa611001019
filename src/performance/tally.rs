//! Attempts to make an order, and what is counted of them.

use std::time::Duration;

use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Deserializer, Serializer, V2Serializer};

use crate::db::DatabaseError;
use crate::db::order_performance::MinuteRow;
use crate::domain::{StoreId, Timestamp};

/// The longest time that is told apart, in microseconds: ten minutes. A confirm gives up long before.
const LONGEST_US: u64 = 600_000_000;
/// Decimal digits that times are kept to: percentiles are right to within 1 %.
const DIGITS: u8 = 2;

/// How an attempt to make an order ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// With an order.
    Succeeded,
    /// Refused for the till's reasons: the bill had changed, was empty, could not be sold.
    Refused,
    /// It could not be made for the server's or the database's reasons.
    Failed,
}

/// Transactions of one attempt that met another one or were run again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Retries {
    /// Met another one over a number, or found the number there already.
    pub conflicts: i64,
    /// Run again after a conflict.
    pub after_conflict: i64,
    /// Run again after the database did not answer in time.
    pub after_timeout: i64,
    /// Run again after a lost connection.
    pub after_error: i64,
}

/// One attempt to make an order.
#[derive(Debug, Clone, Copy)]
pub struct Attempt {
    /// The store, where it got so far as to know.
    pub store: Option<StoreId>,
    /// How it ended.
    pub outcome: Outcome,
    /// What it took besides.
    pub retries: Retries,
    /// How long it took.
    pub took: Duration,
}

/// Attempts of one store, counted.
#[derive(Debug, Clone)]
pub(super) struct AttemptCounts {
    pub succeeded: i64,
    pub refused: i64,
    pub failed: i64,
    pub retries: Retries,
    /// Microseconds of each that was not refused: how fast a stale bill is refused says nothing of how long an order takes.
    pub latencies: Histogram<u32>,
    /// How many attempts the database knows of.
    pub written: i64,
}

impl Default for AttemptCounts {
    fn default() -> Self {
        // The bounds are constants that the crate accepts; were they wrong, one that grows by itself would do.
        let latencies = Histogram::new_with_bounds(1, LONGEST_US, DIGITS).unwrap_or_else(|_| growing());
        Self { succeeded: 0, refused: 0, failed: 0, retries: Retries::default(), latencies, written: 0 }
    }
}

#[expect(clippy::unwrap_used, reason = "a constant between 0 and 5, which is all that it can refuse")]
fn growing() -> Histogram<u32> {
    Histogram::new(DIGITS).unwrap()
}

impl AttemptCounts {
    /// How many attempts.
    pub fn attempts(&self) -> i64 {
        self.ours() + self.refused
    }

    /// How many that were not at fault themselves: they made an order or failed for the server's reasons.
    pub fn ours(&self) -> i64 {
        self.succeeded + self.failed
    }

    pub fn add(&mut self, attempt: &Attempt) {
        match attempt.outcome {
            Outcome::Succeeded => self.succeeded += 1,
            Outcome::Refused => self.refused += 1,
            Outcome::Failed => self.failed += 1,
        }
        self.add_retries(attempt.retries);
        if attempt.outcome == Outcome::Refused {
            return;
        }
        let micros = u64::try_from(attempt.took.as_micros()).unwrap_or(LONGEST_US);
        self.latencies.saturating_record(micros.clamp(1, LONGEST_US));
    }

    fn add_retries(&mut self, more: Retries) {
        self.retries.conflicts += more.conflicts;
        self.retries.after_conflict += more.after_conflict;
        self.retries.after_timeout += more.after_timeout;
        self.retries.after_error += more.after_error;
    }

    /// Adds what a row counted.
    pub fn add_row(&mut self, row: &MinuteRow) -> Result<(), DatabaseError> {
        let strange = |what: String| {
            DatabaseError::Unexpected(format!("order_performance of store {} at {}: {what}", row.store_id, row.minute))
        };
        let latencies: Histogram<u32> = Deserializer::new()
            .deserialize(&mut row.latencies.as_slice())
            .map_err(|error| strange(format!("{error:?}")))?;
        self.latencies.add(&latencies).map_err(|error| strange(error.to_string()))?;
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

    /// As the database keeps it.
    pub fn row(&self, minute: Timestamp, store: StoreId) -> Result<MinuteRow, DatabaseError> {
        let mut latencies = Vec::new();
        V2Serializer::new()
            .serialize(&self.latencies, &mut latencies)
            .map_err(|error| DatabaseError::Unexpected(format!("times of orders: {error:?}")))?;
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

    fn attempt(outcome: Outcome, millis: u64) -> Attempt {
        let retries = Retries { conflicts: 1, after_conflict: 1, ..Retries::default() };
        Attempt { store: None, outcome, retries, took: Duration::from_millis(millis) }
    }

    #[test]
    fn what_is_written_is_what_is_read() {
        let mut tally = AttemptCounts::default();
        for millis in 1..=100 {
            tally.add(&attempt(if millis % 10 == 0 { Outcome::Failed } else { Outcome::Succeeded }, millis));
        }
        tally.add(&attempt(Outcome::Failed, 700_000));
        tally.add(&attempt(Outcome::Refused, 1));
        let row = tally.row(Timestamp::from_micros(0), StoreId::NIL).unwrap();
        let mut read = AttemptCounts::default();
        read.add_row(&row).unwrap();
        read.add_row(&row).unwrap();
        assert_eq!((read.succeeded, read.failed, read.refused, read.attempts()), (180, 22, 2, 204));
        assert_eq!((read.retries.conflicts, read.retries.after_conflict), (204, 204));
        assert_eq!((read.latencies.len(), read.ours()), (202, 202), "refusals have no time");
        let median = read.latencies.value_at_quantile(0.5) as f64;
        assert!((median - 51_000.0).abs() < 0.02 * 51_000.0, "{median}");
        // Longer than what is told apart counts as the longest.
        assert!(read.latencies.max() as f64 > 0.98 * LONGEST_US as f64, "{}", read.latencies.max());
    }

    #[test]
    fn a_row_that_was_tampered_with_is_named() {
        let mut row = AttemptCounts::default().row(Timestamp::from_micros(0), StoreId::NIL).unwrap();
        row.latencies.truncate(7);
        let error = AttemptCounts::default().add_row(&row).unwrap_err().to_string();
        assert!(error.contains("order_performance"), "{error}");
    }
}
