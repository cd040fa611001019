//! Delivers messages to the sinks: retries each one with growing delays, a bounded number of times.
//!
//! A server claims a message by moving its due time. If that server dies, the message becomes due again. So a message may
//! arrive twice, with the same id, but none is lost without being marked as failed.

use std::time::Duration;

use super::Alerts;
use super::sink::DeliveryResponse;
use crate::background::Signal;
use crate::backoff::ALERT_DELIVERY;
use crate::db::DatabaseError;
use crate::db::alert_deliveries::{self, AttemptResult, ClaimedDelivery};
use crate::domain::{DeliveryState, SinkKind, Timestamp};
use crate::telemetry::ALERT_DELIVERIES_TOTAL;

/// The longest time between two runs of [`Alerts::deliver_to`].
pub const DELIVERY_PERIOD: Duration = Duration::from_secs(5);
/// Older messages are not retried.
const MESSAGE_AGE_S_MAX: i64 = 86_400;
/// The longest delay that a receiver may ask for.
const RETRY_AFTER_S_MAX: i64 = 600;
/// Added to the receiver's timeout. A message that is claimed for longer is due again, because its server died.
const LEASE_S: i64 = 30;
const STATUS_TOO_MANY_REQUESTS: u16 = 429;

/// Why messages could not be delivered.
#[derive(Debug, thiserror::Error)]
pub enum DeliveryError {
    /// The message is retried later.
    #[error("the receiver refused an alert: {0}")]
    Refused(String),
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl Alerts {
    /// The configured receivers, each with the signal that starts its deliveries.
    pub fn receivers(&self) -> Vec<(SinkKind, Signal)> {
        self.sinks.kinds().map(|kind| (kind, self.sinks.signal(kind).clone())).collect()
    }

    /// Sends all due messages to `sink`.
    ///
    /// # Errors
    /// The database failed, or the receiver refused messages: the error is that of the last one.
    pub async fn deliver_to(&self, sink: SinkKind) -> Result<(), DeliveryError> {
        let mut refusal = None;
        while let Some(attempt) = self.deliver_next(sink).await? {
            refusal = attempt.last_error.or(refusal);
        }
        refusal.map_or(Ok(()), |reason| Err(DeliveryError::Refused(reason)))
    }

    /// Sends all due messages to every sink; returns the number of attempts.
    pub async fn deliver_due(&self) -> Result<usize, DatabaseError> {
        let mut attempts = 0;
        for sink in self.sinks.kinds() {
            while self.deliver_next(sink).await?.is_some() {
                attempts += 1;
            }
        }
        Ok(attempts)
    }

    /// Sends `body`, which is no alert, to the webhook; does nothing without one. The receiver recognises a repetition by `id`.
    ///
    /// # Errors
    /// What the webhook answered, as the end of a sentence.
    pub async fn send_to_webhook(&self, id: &str, body: &str) -> Result<(), String> {
        if !self.sinks.kinds().any(|kind| kind == SinkKind::Webhook) {
            return Ok(());
        }
        let response = self.sinks.send(SinkKind::Webhook, id, body, self.clock.now()).await;
        response.refusal.map_or(Ok(()), Err)
    }

    /// Tries to send the oldest due message, if there is one.
    async fn deliver_next(&self, sink: SinkKind) -> Result<Option<AttemptResult>, DatabaseError> {
        let now = self.clock.now();
        let timeout_s = i64::try_from(self.settings.delivery_timeout_s).unwrap_or(LEASE_S);
        let until = now.plus_seconds(timeout_s.saturating_add(LEASE_S));
        // A time further ahead than any delay was set by a wrong clock.
        let furthest = now.plus_seconds(2 * whole_seconds(ALERT_DELIVERY.longest()));
        let mut tx = self.db.begin().await?;
        let Some(delivery) = alert_deliveries::claim(&mut tx, sink, now, until, furthest).await? else {
            return Ok(None);
        };
        tx.commit().await?;
        let response = self.sinks.send(sink, &delivery.id.to_string(), &delivery.body, now).await;
        let result = judge_response(sink, &delivery, response, self.clock.now());
        let mut tx = self.db.begin().await?;
        alert_deliveries::record_attempt(&mut tx, delivery.id, &result).await?;
        tx.commit().await?;
        Ok(Some(result))
    }
}

/// The new state of a message after the receiver's response.
fn judge_response(
    sink: SinkKind,
    delivery: &ClaimedDelivery,
    response: DeliveryResponse,
    now: Timestamp,
) -> AttemptResult {
    let delay = u32::try_from(delivery.attempts).ok().and_then(|attempts| ALERT_DELIVERY.delay_after(attempts));
    let is_too_old = now > delivery.created_at.plus_seconds(MESSAGE_AGE_S_MAX);
    let mut attempts = delivery.attempts;
    let (outcome, state, due_at) = match (&response.refusal, response.retry_after_s, delay) {
        (None, _, _) => ("delivered", DeliveryState::Delivered, now),
        (Some(_), Some(seconds), _) if !is_too_old && response.status == Some(STATUS_TOO_MANY_REQUESTS) => {
            // An overloaded receiver does not count as a failed attempt.
            attempts -= 1;
            ("refused", DeliveryState::Waiting, now.plus_seconds(seconds.clamp(1, RETRY_AFTER_S_MAX)))
        }
        (Some(_), _, Some(delay)) if !is_too_old => {
            ("refused", DeliveryState::Waiting, now.plus_seconds(whole_seconds(delay)))
        }
        (Some(_), _, _) => ("given_up", DeliveryState::Failed, now),
    };
    metrics::counter!(ALERT_DELIVERIES_TOTAL, "sink" => sink.as_str(), "outcome" => outcome).increment(1);
    if let Some(refusal) = &response.refusal {
        let attempts_max = ALERT_DELIVERY.max_attempts();
        tracing::warn!(%sink, delivery.id = %delivery.id, attempts, attempts_max, reason = refusal,
            "a receiver refused an alert");
    }
    AttemptResult { state, attempts, due_at, last_status: response.status.map(i64::from), last_error: response.refusal }
}

fn whole_seconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_secs()).unwrap_or(i64::MAX)
}
