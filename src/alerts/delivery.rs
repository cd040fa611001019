//! Telling the sinks: each message until it is taken, a bounded number of times, with longer and longer waits.
//!
//! Whoever moves a message's time first has it; a server that dies leaves one that is due again a little later. So a
//! message may arrive twice, with the same identifier, and never arrives not at all without being marked as failed.

use std::time::Duration;

use super::Alerts;
use super::sink::DeliveryResponse;
use crate::background::Signal;
use crate::backoff::ALERT_DELIVERY;
use crate::db::DatabaseError;
use crate::db::alert_deliveries::{self, AttemptResult, ClaimedDelivery};
use crate::domain::{DeliveryState, SinkKind, Timestamp};
use crate::telemetry::ALERT_DELIVERIES_TOTAL;

/// How often at least is looked for what is due.
pub const DELIVERY_PERIOD: Duration = Duration::from_secs(5);
/// After so many seconds a message is no news any more.
const STALE_S: i64 = 86_400;
/// The longest that a receiver may put a message off, in seconds.
const PUT_OFF_S: i64 = 600;
/// Seconds past a receiver's time after which an attempt is given up: its server died.
const LEASE_S: i64 = 30;

/// Why messages could not be delivered.
#[derive(Debug, thiserror::Error)]
pub enum DeliveryError {
    /// The receiver did not take a message; it is sent again later.
    #[error("the receiver did not take an alert: {0}")]
    Refused(String),
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl Alerts {
    /// The receivers that there are, each with what wakes its deliveries.
    pub fn receivers(&self) -> Vec<(SinkKind, Signal)> {
        self.sinks.kinds().map(|kind| (kind, self.sinks.signal(kind).clone())).collect()
    }

    /// Tells `sink` what is due now.
    ///
    /// # Errors
    /// The database failed, or the receiver refused a message: the last one, if there were several.
    pub async fn deliver_to(&self, sink: SinkKind) -> Result<(), DeliveryError> {
        let mut refused = None;
        while let Some(attempt) = self.deliver_next(sink).await? {
            refused = attempt.last_error.or(refused);
        }
        refused.map_or(Ok(()), |reason| Err(DeliveryError::Refused(reason)))
    }

    /// Tells every sink what is due now; gives how many attempts that took.
    pub async fn deliver_due(&self) -> Result<usize, DatabaseError> {
        let mut attempts = 0;
        for sink in self.sinks.kinds() {
            while self.deliver_next(sink).await?.is_some() {
                attempts += 1;
            }
        }
        Ok(attempts)
    }

    /// Makes one attempt with the oldest message that is due, if there is one; gives how it ended.
    async fn deliver_next(&self, sink: SinkKind) -> Result<Option<AttemptResult>, DatabaseError> {
        let now = self.clock.now();
        let patience = i64::try_from(self.settings.delivery_timeout_s).unwrap_or(LEASE_S);
        let mut tx = self.db.begin().await?;
        let until = now.plus_seconds(patience.saturating_add(LEASE_S));
        // A time further ahead than any wait was set by a clock that went wrong.
        let furthest = now.plus_seconds(2 * seconds(ALERT_DELIVERY.longest()));
        let Some(delivery) = alert_deliveries::claim(&mut tx, sink, now, until, furthest).await? else {
            return Ok(None);
        };
        tx.commit().await?;
        let answer = self.sinks.send(sink, &delivery.id.to_string(), &delivery.body, now).await;
        let result = judge_attempt(sink, &delivery, answer, self.clock.now());
        let mut tx = self.db.begin().await?;
        alert_deliveries::record_attempt(&mut tx, delivery.id, &result).await?;
        tx.commit().await?;
        Ok(Some(result))
    }
}

/// What becomes of a message whose receiver answered `answer` at `now`.
fn judge_attempt(
    sink: SinkKind,
    delivery: &ClaimedDelivery,
    answer: DeliveryResponse,
    now: Timestamp,
) -> AttemptResult {
    let wait = u32::try_from(delivery.attempts).ok().and_then(|made| ALERT_DELIVERY.delay_after(made));
    let stale = now > delivery.created_at.plus_seconds(STALE_S);
    let mut attempts = delivery.attempts;
    let (outcome, state, due_at) = match (&answer.refusal, answer.again_in_s, wait) {
        (None, _, _) => ("delivered", DeliveryState::Delivered, now),
        (Some(_), Some(again), _) if !stale && answer.status == Some(429) => {
            // The receiver gets too much at once, which is no failed attempt.
            attempts -= 1;
            ("refused", DeliveryState::Waiting, now.plus_seconds(again.clamp(1, PUT_OFF_S)))
        }
        (Some(_), _, Some(wait)) if !stale => ("refused", DeliveryState::Waiting, now.plus_seconds(seconds(wait))),
        (Some(_), _, _) => ("given_up", DeliveryState::Failed, now),
    };
    metrics::counter!(ALERT_DELIVERIES_TOTAL, "sink" => sink.as_str(), "outcome" => outcome).increment(1);
    if let Some(refusal) = &answer.refusal {
        tracing::warn!(%sink, delivery.id = %delivery.id, attempt = attempts, of = ALERT_DELIVERY.max_attempts(), reason = %refusal,
            "an alert could not be told");
    }
    AttemptResult { state, attempts, due_at, last_status: answer.status.map(i64::from), last_error: answer.refusal }
}

fn seconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_secs()).unwrap_or(i64::MAX)
}
