//! What becomes of alerts when the rules were looked at: which begin, which go on, which are over, and what is told.
//!
//! An alert is told when it begins, unless the one of its key before was told within the cool-down: then it is told when
//! that time is over, should it still fire. One that nobody acknowledges is escalated: critical from then on, and told
//! again. The end is told where the beginning was.

use std::collections::BTreeMap;

use super::Seen;
use super::message::body;
use super::rule::RuleViolation;
use super::sink::Sinks;
use crate::config::Monitoring;
use crate::db::alert_deliveries::{self, DeliveryRow};
use crate::db::alerts::{self, AlertRow, ListedAlert};
use crate::db::{DatabaseError, Reader, Tx};
use crate::domain::{AlertEvent, AlertId, AlertSeverity, AlertState, DeliveryId, DeliveryState, StoreId, Timestamp};

/// How far apart the clocks of servers are at most, in seconds.
const CLOCKS_DIFFER_S: i64 = 300;

/// Writes what was found, at one moment.
pub(super) struct AlertTransitions<'a> {
    pub now: Timestamp,
    pub settings: &'a Monitoring,
    pub sinks: &'a Sinks,
}

impl AlertTransitions<'_> {
    /// Enters what is wrong: everything else that fires and was looked at is over.
    pub async fn enter(&self, tx: &mut Tx, seen: Seen) -> Result<(), DatabaseError> {
        let mut wrong: BTreeMap<&str, &RuleViolation> =
            seen.wrong.iter().map(|wrong| (wrong.key.as_str(), wrong)).collect();
        let mut firing = 0;
        for ListedAlert { key, row, .. } in alerts::list_firing(tx, super::FIRING as i64).await? {
            firing += 1;
            let still = wrong.remove(key.as_str());
            // An alert that cannot be read is a newer server's affair: it stays, and its key is taken.
            let Ok(row) = row else { continue };
            match still {
                Some(still) => self.go_on(tx, row, still).await?,
                None if seen.left_out(&row) => {}
                None => {
                    self.end(tx, row, None).await?;
                }
            }
        }
        let room = super::FIRING.saturating_sub(firing);
        if wrong.len() > room {
            tracing::error!(wrong = wrong.len(), room, "more is wrong than there are alerts");
        }
        // In the order in which it was found: how orders go comes first.
        let begun = seen.wrong.iter().filter(|begun| wrong.contains_key(begun.key.as_str()));
        for begun in begun.take(room) {
            self.begin(tx, begun).await?;
        }
        Ok(())
    }

    async fn begin(&self, tx: &mut Tx, wrong: &RuleViolation) -> Result<(), DatabaseError> {
        let mut row = AlertRow {
            id: AlertId::at(self.now),
            key: wrong.key.clone(),
            rule: wrong.rule,
            store_id: wrong.store.unwrap_or(StoreId::NIL),
            severity: wrong.rule.severity(),
            state: AlertState::Firing,
            message: wrong.message.clone(),
            value: wrong.value,
            threshold: wrong.threshold,
            fired_at: self.now,
            seen_at: self.now,
            told_at: None,
            acknowledged_at: None,
            acknowledged_by: None,
            escalations: 0,
            escalated_at: None,
            resolved_at: None,
            resolved_by: None,
        };
        let tell = self.may_tell(tx, &row.key).await?;
        row.told_at = tell.then_some(self.now);
        alerts::insert(tx, &row).await?;
        tracing::warn!(alert.key = %row.key, alert.severity = %row.severity, alert.message = %row.message, "alert");
        if tell { self.tell(tx, &row, AlertEvent::Fired).await } else { Ok(()) }
    }

    async fn go_on(&self, tx: &mut Tx, mut row: AlertRow, still: &RuleViolation) -> Result<(), DatabaseError> {
        (row.message, row.value, row.threshold, row.seen_at) =
            (still.message.clone(), still.value, still.threshold, self.now);
        let event = match row.told_at {
            None if self.may_tell(tx, &row.key).await? => {
                row.told_at = Some(self.now);
                Some(AlertEvent::Fired)
            }
            Some(told) if self.is_to_be_escalated(&row, told) => {
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
            self.tell(tx, &row, event).await?;
        }
        Ok(())
    }

    /// Ends an alert, by itself or by somebody's hand; the row as it is then, or nothing where it was over already.
    pub async fn end(
        &self,
        tx: &mut Tx,
        mut row: AlertRow,
        by: Option<String>,
    ) -> Result<Option<AlertRow>, DatabaseError> {
        row.state = AlertState::Resolved;
        row.resolved_at = Some(self.now);
        row.resolved_by = by;
        if !alerts::update(tx, &row).await? {
            return Ok(None);
        }
        tracing::info!(alert.key = %row.key, "alert over");
        if row.told_at.is_some() {
            self.tell(tx, &row, AlertEvent::Resolved).await?;
        }
        Ok(Some(row))
    }

    /// Whether the cool-down of the alert before is over.
    async fn may_tell(&self, reader: &mut Reader, key: &str) -> Result<bool, DatabaseError> {
        let last = alerts::find_last_told_at(reader, key).await?;
        // A time that is yet to come was set by a clock that went wrong.
        let over = |last: Timestamp| {
            self.now >= last.plus_seconds(self.settings.cool_down_s) || last > self.now.plus_seconds(CLOCKS_DIFFER_S)
        };
        Ok(last.is_none_or(over))
    }

    fn is_to_be_escalated(&self, row: &AlertRow, told: Timestamp) -> bool {
        let last = row.escalated_at.unwrap_or(told);
        row.acknowledged_at.is_none()
            && row.escalations < self.settings.escalations
            && self.now >= last.plus_seconds(self.settings.escalate_s)
    }

    async fn tell(&self, tx: &mut Tx, row: &AlertRow, event: AlertEvent) -> Result<(), DatabaseError> {
        for sink in self.sinks.kinds() {
            let delivery = DeliveryRow {
                id: DeliveryId::at(self.now),
                alert_id: row.id,
                sink,
                event,
                body: body(sink, event, row, self.now),
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
