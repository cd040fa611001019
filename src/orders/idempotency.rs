//! What makes a repeated request harmless: replies kept under the client's key, and a few more tries where the database
//! says that the transaction lost.
//!
//! Invariants: a reply is kept in the transaction of the work that it tells of, so neither exists without the other; a
//! transaction is run again only where running it again cannot do the work twice, since each attempt first looks for the
//! reply of the one before. A retry begins only within [`PATIENCE`], so that a client hears of an outage in time.

use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::OrderError;
use crate::backoff;
use crate::db::idempotency_keys::{self, StoredReply};
use crate::db::{DatabaseError, Reader, Tx};
use crate::domain::{Caller, Timestamp};
use crate::performance::Retries;
use crate::telemetry::{ORDER_NUMBER_CONFLICTS_TOTAL, ORDER_NUMBER_RETRIES_TOTAL};

/// No attempt begins later than this after the first: a client is to hear of an outage within three seconds.
const PATIENCE: Duration = Duration::from_secs(2);

/// The reply to a request that is answered once.
#[derive(Debug, Clone)]
pub struct Reply {
    /// As JSON: as it was shown the first time, however often it is asked for.
    pub body: Value,
    /// Whether this is the kept reply of an earlier request.
    pub replayed: bool,
}

/// A request with the key that its client chose.
#[derive(Debug, Clone)]
pub struct IdempotentRequest {
    scope: String,
    key: String,
    request_hash: Vec<u8>,
}

impl IdempotentRequest {
    /// `act` names the use case, `request` says everything that two requests with one key must agree in.
    pub fn new(act: &'static str, caller: &Caller, key: &str, request: &str) -> Self {
        let scope = format!("{act} {}", caller.actor.label());
        Self { scope, key: key.to_owned(), request_hash: Sha256::digest(request).to_vec() }
    }

    /// The reply that is kept under the key, if there is one. Look once whatever the request has to wait for is held.
    pub async fn kept(&self, reader: &mut Reader) -> Result<Option<Reply>, OrderError> {
        match idempotency_keys::find(reader, &self.scope, &self.key).await? {
            None => Ok(None),
            Some(kept) if kept.request_hash == self.request_hash => Ok(Some(Reply { body: kept.body, replayed: true })),
            Some(_) => Err(OrderError::KeyReused),
        }
    }

    /// Keeps `shown` as the reply, in the transaction of the work.
    pub async fn keep(&self, tx: &mut Tx, shown: &impl Serialize, now: Timestamp) -> Result<Reply, OrderError> {
        let body = serde_json::to_value(shown).map_err(|error| DatabaseError::Unexpected(error.to_string()))?;
        let reply = StoredReply { request_hash: self.request_hash.clone(), body: body.clone() };
        idempotency_keys::insert(tx, &self.scope, &self.key, &reply, now).await?;
        Ok(Reply { body, replayed: false })
    }
}

/// An error that may come of what the database said.
pub trait FromDatabase {
    /// What the database said, where that is the cause.
    fn database_error(&self) -> Option<&DatabaseError>;
}

/// Runs a use case, and again where it lost against another one, timed out or lost its connection.
pub async fn with_retries<T, E: FromDatabase>(mut run: impl AsyncFnMut() -> Result<T, E>) -> Result<T, E> {
    with_counted_retries(async |_| run().await).await.0
}

/// Like [`with_retries`]; tells the use case which attempt it is, from 1, and in the end what it met and how often it ran
/// again.
pub async fn with_counted_retries<T, E: FromDatabase>(
    mut run: impl AsyncFnMut(u32) -> Result<T, E>,
) -> (Result<T, E>, Retries) {
    let started = Instant::now();
    let mut retries = Retries::default();
    let mut delays = backoff::TRANSACTION.delays();
    let mut attempt = 1;
    loop {
        let outcome = run(attempt).await;
        let Err(Some(error)) = outcome.as_ref().map_err(FromDatabase::database_error) else {
            return (outcome, retries);
        };
        if is_conflict(error) {
            metrics::counter!(ORDER_NUMBER_CONFLICTS_TOTAL).increment(1);
            retries.conflicts += 1;
        }
        let Some(reason) = reason(error) else { return (outcome, retries) };
        let delay = delays.next().filter(|_| started.elapsed() < PATIENCE);
        let Some(delay) = delay else { return (outcome, retries) };
        *reason.counted_in(&mut retries) += 1;
        let reason = reason.as_str();
        metrics::counter!(ORDER_NUMBER_RETRIES_TOTAL, "reason" => reason).increment(1);
        tracing::info!(reason, attempt, error = %error, "running a transaction again");
        tokio::time::sleep(delay).await;
        attempt += 1;
    }
}

/// Makes the counters of this module appear at 0 before anything is counted.
pub(super) fn register() {
    metrics::counter!(ORDER_NUMBER_CONFLICTS_TOTAL).increment(0);
    for reason in [Reason::Conflict, Reason::Timeout, Reason::Error] {
        metrics::counter!(ORDER_NUMBER_RETRIES_TOTAL, "reason" => reason.as_str()).increment(0);
    }
}

/// Why a transaction is run again.
#[derive(Debug, Clone, Copy)]
enum Reason {
    Conflict,
    Timeout,
    Error,
}

impl Reason {
    /// The metric's label.
    fn as_str(self) -> &'static str {
        match self {
            Self::Conflict => "conflict",
            Self::Timeout => "timeout",
            Self::Error => "error",
        }
    }

    fn counted_in(self, retries: &mut Retries) -> &mut i64 {
        match self {
            Self::Conflict => &mut retries.after_conflict,
            Self::Timeout => &mut retries.after_timeout,
            Self::Error => &mut retries.after_error,
        }
    }
}

/// Why to run it again; nothing where that would not help.
fn reason(error: &DatabaseError) -> Option<Reason> {
    match error {
        DatabaseError::Conflict => Some(Reason::Conflict),
        _ if is_key_race(error) => Some(Reason::Conflict),
        DatabaseError::TimedOut(_) => Some(Reason::Timeout),
        // The key tells, the next time, whether it was done.
        DatabaseError::Unavailable(_) | DatabaseError::CommitUnknown(_) => Some(Reason::Error),
        DatabaseError::UniqueViolation(_)
        | DatabaseError::ForeignKeyViolation
        | DatabaseError::DiskFull
        | DatabaseError::Unexpected(_) => None,
    }
}

/// Whether two transactions wanted the same: they met in the database, or a number was there already.
fn is_conflict(error: &DatabaseError) -> bool {
    matches!(error, DatabaseError::Conflict) || error.is_duplicate_number()
}

/// Two requests with one key, both new: the second to write it is told by the unique key, and finds the reply next time.
fn is_key_race(error: &DatabaseError) -> bool {
    error.is_taken("idempotency_keys_pkey") || error.is_taken("idempotency_keys_scope_key")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fails with what `error` makes until attempt `good`; gives the outcome and how often it ran.
    async fn run(good: u32, error: fn() -> DatabaseError) -> (Result<u32, OrderError>, u32) {
        let mut ran = 0;
        let outcome = with_retries(async || {
            ran += 1;
            if ran < good { Err(OrderError::Database(error())) } else { Ok(ran) }
        });
        let outcome = outcome.await;
        (outcome, ran)
    }

    #[tokio::test]
    async fn what_may_pass_is_tried_again_a_bounded_number_of_times() {
        assert!(matches!(run(3, || DatabaseError::Conflict).await, (Ok(3), 3)));
        assert!(matches!(run(2, || DatabaseError::TimedOut("slow".to_owned())).await, (Ok(2), 2)));
        assert!(matches!(run(2, || DatabaseError::Unavailable("gone".to_owned())).await, (Ok(2), 2)));
        let race = || DatabaseError::UniqueViolation("idempotency_keys_scope_key".to_owned());
        assert!(matches!(run(2, race).await, (Ok(2), 2)));
        assert!(matches!(run(99, || DatabaseError::Conflict).await, (Err(_), 4)));
    }

    #[tokio::test]
    async fn what_stays_as_it_is_is_tried_once() {
        assert!(matches!(run(2, || DatabaseError::ForeignKeyViolation).await, (Err(_), 1)));
        let taken = || DatabaseError::UniqueViolation("orders_store_id_series_number".to_owned());
        assert!(is_conflict(&taken()));
        assert!(matches!(run(2, taken).await, (Err(_), 1)));
    }
}
