//! The state changes of alerts after an evaluation, and the messages about them.
//!
//! The beginning of an alert is reported unless the previous alert of its key was reported within the cool-down; then it is
//! reported when the cool-down ends, if it still fires. An alert that nobody acknowledges is escalated: it becomes critical
//! and is reported again. The end is reported if the beginning was.

use std::collections::BTreeMap;

use super::FIRING_MAX;
use super::evaluation::RuleEvaluation;
use super::message::message_body;
use super::rule::RuleViolation;
use super::sink::Sinks;
use crate::config::MonitoringSettings;
use crate::db::alert_deliveries::{self, DeliveryRow};
use crate::db::alerts::{self, AlertRow, ListedAlert};
use crate::db::{DatabaseError, Reader, Tx};
use crate::domain::{AlertEvent, AlertId, AlertSeverity, AlertState, DeliveryId, DeliveryState, StoreId, Timestamp};

/// The largest difference between the clocks of servers.
const CLOCK_DIFFERENCE_S_MAX: i64 = 300;

/// Changes alerts at one moment.
pub(super) struct AlertTransitions<'a> {
    pub now: Timestamp,
    pub settings: &'a MonitoringSettings,
    pub sinks: &'a Sinks,
}

impl AlertTransitions<'_> {
    /// Raises, updates and resolves alerts so that they match the evaluation.
    pub async fn apply(&self, tx: &mut Tx, evaluation: RuleEvaluation) -> Result<(), DatabaseError> {
        let mut new: BTreeMap<&str, &RuleViolation> =
            evaluation.violations.iter().map(|violation| (violation.key.as_str(), violation)).collect();
        let mut firing = 0;
        for ListedAlert { key, row, .. } in alerts::list_firing(tx, FIRING_MAX as i64).await? {
            firing += 1;
            let violation = new.remove(key.as_str());
            // An unreadable alert belongs to a newer server: keep it, and raise no second one of its key.
            let Ok(row) = row else { continue };
            match violation {
                Some(violation) => self.update_alert(tx, row, violation).await?,
                None if evaluation.is_unknown(&row) => {}
                None => {
                    self.resolve_alert(tx, row, None).await?;
                }
            }
        }
        let free = FIRING_MAX.saturating_sub(firing);
        if new.len() > free {
            tracing::error!(violations = new.len(), free, "too many alerts are firing; some violations raise none");
        }
        // In the order of the evaluation, which begins with the order statistics.
        let violations = evaluation.violations.iter().filter(|violation| new.contains_key(violation.key.as_str()));
        for violation in violations.take(free) {
            self.fire_alert(tx, violation).await?;
        }
        Ok(())
    }

    async fn fire_alert(&self, tx: &mut Tx, violation: &RuleViolation) -> Result<(), DatabaseError> {
        let is_reported = self.is_cool_down_over(tx, &violation.key).await?;
        let row = AlertRow {
            id: AlertId::generate(self.now),
            key: violation.key.clone(),
            rule: violation.rule,
            store_id: violation.store.unwrap_or(StoreId::NIL),
            severity: violation.rule.severity(),
            state: AlertState::Firing,
            message: violation.message.clone(),
            value: violation.value,
            threshold: violation.threshold,
            fired_at: self.now,
            seen_at: self.now,
            told_at: is_reported.then_some(self.now),
            acknowledged_at: None,
            acknowledged_by: None,
            escalations: 0,
            escalated_at: None,
            resolved_at: None,
            resolved_by: None,
        };
        alerts::insert(tx, &row).await?;
        tracing::warn!(alert.key = %row.key, alert.severity = %row.severity, alert.message = %row.message, "alert fired");
        if is_reported { self.queue_messages(tx, &row, AlertEvent::Fired).await } else { Ok(()) }
    }

    async fn update_alert(
        &self,
        tx: &mut Tx,
        mut row: AlertRow,
        violation: &RuleViolation,
    ) -> Result<(), DatabaseError> {
        row.message.clone_from(&violation.message);
        (row.value, row.threshold, row.seen_at) = (violation.value, violation.threshold, self.now);
        let event = match row.told_at {
            None if self.is_cool_down_over(tx, &row.key).await? => {
                row.told_at = Some(self.now);
                Some(AlertEvent::Fired)
            }
            Some(told_at) if self.is_escalation_due(&row, told_at) => {
                row.severity = AlertSeverity::Critical;
                row.escalations += 1;
                row.escalated_at = Some(self.now);
                tracing::warn!(alert.key = %row.key, alert.escalations = row.escalations, "alert escalated");
                Some(AlertEvent::Escalated)
            }
            None | Some(_) => None,
        };
        if alerts::update(tx, &row).await?
            && let Some(event) = event
        {
            self.queue_messages(tx, &row, event).await?;
        }
        Ok(())
    }

    /// Ends an alert, by itself or by `resolved_by`. `None` if it had already ended.
    pub async fn resolve_alert(
        &self,
        tx: &mut Tx,
        mut row: AlertRow,
        resolved_by: Option<String>,
    ) -> Result<Option<AlertRow>, DatabaseError> {
        row.state = AlertState::Resolved;
        row.resolved_at = Some(self.now);
        row.resolved_by = resolved_by;
        if !alerts::update(tx, &row).await? {
            return Ok(None);
        }
        tracing::info!(alert.key = %row.key, "alert resolved");
        if row.told_at.is_some() {
            self.queue_messages(tx, &row, AlertEvent::Resolved).await?;
        }
        Ok(Some(row))
    }

    /// Whether the cool-down after the previous alert of the key is over.
    async fn is_cool_down_over(&self, reader: &mut Reader, key: &str) -> Result<bool, DatabaseError> {
        let Some(last) = alerts::find_last_told_at(reader, key).await? else { return Ok(true) };
        // A time in the future was set by a wrong clock.
        let is_in_future = last > self.now.plus_seconds(CLOCK_DIFFERENCE_S_MAX);
        Ok(is_in_future || self.now >= last.plus_seconds(self.settings.cool_down_s))
    }

    fn is_escalation_due(&self, row: &AlertRow, told_at: Timestamp) -> bool {
        let last = row.escalated_at.unwrap_or(told_at);
        row.acknowledged_at.is_none()
            && row.escalations < self.settings.escalations
            && self.now >= last.plus_seconds(self.settings.escalate_s)
    }

    /// Queues a message to each sink.
    async fn queue_messages(&self, tx: &mut Tx, row: &AlertRow, event: AlertEvent) -> Result<(), DatabaseError> {
        for sink in self.sinks.kinds() {
            let delivery = DeliveryRow {
                id: DeliveryId::generate(self.now),
                alert_id: row.id,
                sink,
                event,
                body: message_body(sink, event, row, self.now),
                state: DeliveryState::Waiting,
                attempts: 0,
                due_at: self.now,
                created_at: self.now,
                tried_at: None,
                last_status: None,
                last_error: None,
            };
            alert_deliveries::insert(tx, &delivery).await?;
        }
        Ok(())
    }
}
