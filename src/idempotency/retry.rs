//! Retries of transactions that conflicted, timed out or lost their connection.

use std::time::{Duration, Instant};

use crate::backoff;
use crate::db::DatabaseError;
use crate::performance::Retries;
use crate::telemetry::{ORDER_NUMBER_CONFLICTS_TOTAL, ORDER_NUMBER_RETRIES_TOTAL};

/// No attempt begins later, so that a client learns of an outage within three seconds.
const RETRY_WINDOW: Duration = Duration::from_secs(2);

/// An error that a failure of the database may have caused.
pub trait DatabaseCause {
    fn database_error(&self) -> Option<&DatabaseError>;
}

/// Runs `attempt` until it succeeds or another attempt would not help.
pub async fn retry_transaction<T, E: DatabaseCause>(mut attempt: impl AsyncFnMut() -> Result<T, E>) -> Result<T, E> {
    retry_transaction_counted(async |_| attempt().await).await.0
}

/// Like [`retry_transaction`], but passes the number of the attempt, from 1, and also returns the conflicts and retries.
pub async fn retry_transaction_counted<T, E: DatabaseCause>(
    mut attempt: impl AsyncFnMut(u32) -> Result<T, E>,
) -> (Result<T, E>, Retries) {
    let started = Instant::now();
    let mut retries = Retries::default();
    let mut delays = backoff::TRANSACTION.delays();
    let mut number = 1;
    loop {
        let outcome = attempt(number).await;
        let Err(Some(error)) = outcome.as_ref().map_err(DatabaseCause::database_error) else {
            return (outcome, retries);
        };
        if is_conflict(error) {
            metrics::counter!(ORDER_NUMBER_CONFLICTS_TOTAL).increment(1);
            retries.conflicts += 1;
        }
        let Some(reason) = RetryReason::from_error(error) else { return (outcome, retries) };
        let delay = delays.next().filter(|_| started.elapsed() < RETRY_WINDOW);
        let Some(delay) = delay else { return (outcome, retries) };
        *reason.counter_in(&mut retries) += 1;
        let reason = reason.as_str();
        metrics::counter!(ORDER_NUMBER_RETRIES_TOTAL, "reason" => reason).increment(1);
        tracing::info!(reason, attempt = number, error = %error, "retrying a transaction");
        tokio::time::sleep(delay).await;
        number += 1;
    }
}

/// Runs `attempt` once more if another request has stored its reply under the same key meanwhile: the second attempt finds
/// that reply. For changes that take no number, whose other failures the client decides on.
pub async fn retry_key_race<T, E: DatabaseCause>(mut attempt: impl AsyncFnMut() -> Result<T, E>) -> Result<T, E> {
    let outcome = attempt().await;
    match outcome.as_ref().map_err(DatabaseCause::database_error) {
        Err(Some(error)) if is_key_race(error) => attempt().await,
        Ok(_) | Err(_) => outcome,
    }
}

/// Makes the counters exist at 0.
pub fn register_metrics() {
    metrics::counter!(ORDER_NUMBER_CONFLICTS_TOTAL).increment(0);
    for reason in [RetryReason::Conflict, RetryReason::Timeout, RetryReason::Error] {
        metrics::counter!(ORDER_NUMBER_RETRIES_TOTAL, "reason" => reason.as_str()).increment(0);
    }
}

#[derive(Debug, Clone, Copy)]
enum RetryReason {
    Conflict,
    Timeout,
    Error,
}

impl RetryReason {
    /// `None` if a retry would not help.
    fn from_error(error: &DatabaseError) -> Option<Self> {
        match error {
            DatabaseError::Conflict => Some(Self::Conflict),
            _ if is_key_race(error) => Some(Self::Conflict),
            DatabaseError::TimedOut(_) => Some(Self::Timeout),
            // If the commit succeeded after all, the next attempt finds the reply.
            DatabaseError::Unavailable(_) | DatabaseError::CommitUnknown(_) => Some(Self::Error),
            DatabaseError::UniqueViolation(_)
            | DatabaseError::ForeignKeyViolation
            | DatabaseError::DiskFull
            | DatabaseError::Missing(_)
            | DatabaseError::Damaged(_)
            | DatabaseError::Unexpected(_) => None,
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Conflict => "conflict",
            Self::Timeout => "timeout",
            Self::Error => "error",
        }
    }

    fn counter_in(self, retries: &mut Retries) -> &mut i64 {
        match self {
            Self::Conflict => &mut retries.after_conflict,
            Self::Timeout => &mut retries.after_timeout,
            Self::Error => &mut retries.after_error,
        }
    }
}

/// Whether two transactions collided, or the number of a record was already used.
fn is_conflict(error: &DatabaseError) -> bool {
    matches!(error, DatabaseError::Conflict) || error.is_duplicate_number()
}

/// Whether two requests with one key stored their replies at the same time: the second one finds the reply of the first in
/// its next attempt.
fn is_key_race(error: &DatabaseError) -> bool {
    error.is_taken("idempotency_keys_pkey") || error.is_taken("idempotency_keys_scope_key")
}

#[cfg(test)]
mod tests {
    use super::super::IdempotencyError;
    use super::*;

    impl DatabaseCause for IdempotencyError {
        fn database_error(&self) -> Option<&DatabaseError> {
            if let Self::Database(error) = self { Some(error) } else { None }
        }
    }

    /// Fails with `error` until attempt `succeeds_at`; returns the outcome and the number of attempts.
    async fn run_attempts(succeeds_at: u32, error: fn() -> DatabaseError) -> (Result<u32, IdempotencyError>, u32) {
        let mut attempts = 0;
        let outcome = retry_transaction(async || {
            attempts += 1;
            if attempts < succeeds_at { Err(IdempotencyError::Database(error())) } else { Ok(attempts) }
        });
        let outcome = outcome.await;
        (outcome, attempts)
    }

    #[tokio::test]
    async fn temporary_failures_are_retried_a_bounded_number_of_times() {
        assert!(matches!(run_attempts(3, || DatabaseError::Conflict).await, (Ok(3), 3)));
        assert!(matches!(run_attempts(2, || DatabaseError::TimedOut("slow".to_owned())).await, (Ok(2), 2)));
        assert!(matches!(run_attempts(2, || DatabaseError::Unavailable("down".to_owned())).await, (Ok(2), 2)));
        let race = || DatabaseError::UniqueViolation("idempotency_keys_scope_key".to_owned());
        assert!(matches!(run_attempts(2, race).await, (Ok(2), 2)));
        assert!(matches!(run_attempts(99, || DatabaseError::Conflict).await, (Err(_), 4)));
    }

    #[tokio::test]
    async fn lasting_failures_are_not_retried() {
        assert!(matches!(run_attempts(2, || DatabaseError::ForeignKeyViolation).await, (Err(_), 1)));
        let duplicate = || DatabaseError::UniqueViolation("orders_store_id_series_number".to_owned());
        assert!(is_conflict(&duplicate()));
        assert!(matches!(run_attempts(2, duplicate).await, (Err(_), 1)));
    }
}
