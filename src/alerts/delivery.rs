//! Telling the sinks: each message until it is taken, a bounded number of times, with longer and longer waits.
//!
//! Whoever moves a message's time first has it; a server that dies leaves one that is due again a little later. So a
//! message may arrive twice, with the same identifier, and never arrives not at all without being marked as failed.

use std::time::Duration;

use super::Alerts;
use super::sink::{DeliveryResponse, SinkKind};
use crate::background::Signal;
use crate::backoff::ALERT_DELIVERY;
use crate::db::DatabaseError;
use crate::db::alert_deliveries::{self, DeliveryRow};
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
        while let Some(delivery) = self.deliver_next(sink).await? {
            refused = delivery.last_error.or(refused);
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

    /// Makes one attempt with the oldest message that is due, if there is one; gives it with the outcome.
    async fn deliver_next(&self, sink: SinkKind) -> Result<Option<DeliveryRow>, DatabaseError> {
        let now = self.clock.now();
        let patience = i64::try_from(self.settings.delivery_timeout_s).unwrap_or(LEASE_S);
        let mut tx = self.db.begin().await?;
        let until = now.plus_seconds(patience.saturating_add(LEASE_S));
        // A time further ahead than any wait was set by a clock that went wrong.
        let furthest = now.plus_seconds(2 * seconds(ALERT_DELIVERY.longest()));
        let Some(mut delivery) = alert_deliveries::claim(&mut tx, sink.as_str(), now, until, furthest).await? else {
            return Ok(None);
        };
        tx.commit().await?;
        let answer = self.sinks.send(sink, &delivery.id.to_string(), &delivery.body, now).await;
        self.note(&mut delivery, answer);
        let mut tx = self.db.begin().await?;
        alert_deliveries::settle(&mut tx, &delivery).await?;
        tx.commit().await?;
        Ok(Some(delivery))
    }

    /// Enters how the attempt went.
    fn note(&self, delivery: &mut DeliveryRow, answer: DeliveryResponse) {
        let wait = u32::try_from(delivery.attempts).ok().and_then(|made| ALERT_DELIVERY.delay_after(made));
        delivery.last_status = answer.status.map(i64::from);
        let now = self.clock.now();
        let stale = now > delivery.created_at.plus_seconds(STALE_S);
        let (outcome, state) = match (&answer.refusal, answer.again_in_s, wait) {
            (None, _, _) => ("delivered", "delivered"),
            (Some(_), Some(again), _) if !stale && answer.status == Some(429) => {
                // It is told too much at once, which is no failed attempt.
                delivery.attempts -= 1;
                delivery.due_at = now.plus_seconds(again.clamp(1, PUT_OFF_S));
                ("refused", "waiting")
            }
            (Some(_), _, Some(wait)) if !stale => {
                delivery.due_at = now.plus_seconds(seconds(wait));
                ("refused", "waiting")
            }
            (Some(_), _, _) => ("given_up", "failed"),
        };
        delivery.state = state.to_owned();
        let sink = delivery.sink.clone();
        metrics::counter!(ALERT_DELIVERIES_TOTAL, "sink" => sink, "outcome" => outcome).increment(1);
        if let Some(refusal) = &answer.refusal {
            let (attempt, of) = (delivery.attempts, ALERT_DELIVERY.max_attempts());
            tracing::warn!(sink = %delivery.sink, delivery.id = %delivery.id, attempt, of, reason = %refusal,
                "an alert could not be told");
        }
        delivery.last_error = answer.refusal;
    }
}

fn seconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_secs()).unwrap_or(i64::MAX)
}
