//! Alerts about the storage. They are sent to the receivers directly: the database, which keeps all other alerts, is what
//! fails. So they are in no list and no history, and a restarted server reports a fault that lasts again.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::message::message_body;
use super::{Alerts, DeliveryError};
use crate::db::alerts::AlertRow;
use crate::domain::{AlertEvent, AlertId, AlertRule, AlertState, SinkKind, StoreId, Timestamp};
use crate::storage::{StorageFault, StorageFaultKind};

/// The longest time between two attempts to report.
pub const STORAGE_REPORT_PERIOD: Duration = Duration::from_secs(30);

/// The faults that receivers know or are to know.
#[derive(Debug, Clone, Default)]
pub(super) struct StorageReports(Arc<Mutex<BTreeMap<StorageFaultKind, StorageReport>>>);

#[derive(Debug, Clone)]
struct StorageReport {
    alert: AlertRow,
    /// How often the text has changed: what is known of a fault, and so what is to be done, can change while it lasts.
    revision: u32,
    /// Receivers that accepted a message about the beginning, with the revision that it had.
    told: BTreeMap<SinkKind, u32>,
}

/// A message that a receiver has not accepted yet.
struct PendingMessage {
    kind: StorageFaultKind,
    sink: SinkKind,
    event: AlertEvent,
    revision: u32,
    alert: AlertRow,
}

impl Alerts {
    /// Tells every receiver of faults that began or changed and, if it was told, of their end.
    ///
    /// # Errors
    /// A receiver refused a message; it is sent again at the next call.
    pub async fn report_storage_faults(&self, faults: &[StorageFault]) -> Result<(), DeliveryError> {
        let now = self.clock.now();
        let sinks: Vec<SinkKind> = self.sinks.kinds().collect();
        let pending = self.storage_reports.update(faults, &sinks, now);
        let mut refusal = None;
        for message in pending {
            let PendingMessage { kind, sink, event, revision, alert } = message;
            // Receivers drop a message whose id they have seen.
            let id = match revision {
                0 => format!("{}-{event}", alert.id),
                _ => format!("{}-{event}-{revision}", alert.id),
            };
            let body = message_body(sink, event, &alert, now);
            match self.sinks.send(sink, &id, &body, now).await.refusal {
                None => self.storage_reports.record_told(kind, sink, event, revision),
                Some(reason) => refusal = Some(reason),
            }
        }
        refusal.map_or(Ok(()), |reason| Err(DeliveryError::Refused(reason)))
    }
}

impl StorageReports {
    /// Brings the reports up to date and returns the messages to send.
    fn update(&self, faults: &[StorageFault], sinks: &[SinkKind], now: Timestamp) -> Vec<PendingMessage> {
        let mut reports = self.lock();
        for fault in faults {
            let report = reports.entry(fault.kind).or_insert_with(|| StorageReport {
                alert: new_alert(fault, now),
                revision: 0,
                told: BTreeMap::new(),
            });
            if report.alert.message != fault.text {
                report.alert.message.clone_from(&fault.text);
                report.revision += 1;
            }
            // A fault that came back before its end was told goes on.
            report.alert.resolved_at = None;
            report.alert.state = AlertState::Firing;
        }
        for (kind, report) in reports.iter_mut() {
            if !faults.iter().any(|fault| fault.kind == *kind) {
                report.alert.resolved_at.get_or_insert(now);
                report.alert.state = AlertState::Resolved;
            }
        }
        reports.retain(|_, report| report.alert.resolved_at.is_none() || !report.told.is_empty());
        let mut pending = Vec::new();
        for (kind, report) in reports.iter() {
            for sink in sinks {
                let told = report.told.get(sink);
                let event = match report.alert.resolved_at {
                    None if told != Some(&report.revision) => AlertEvent::Fired,
                    Some(_) if told.is_some() => AlertEvent::Resolved,
                    None | Some(_) => continue,
                };
                let (revision, alert) = (report.revision, report.alert.clone());
                pending.push(PendingMessage { kind: *kind, sink: *sink, event, revision, alert });
            }
        }
        pending
    }

    fn record_told(&self, kind: StorageFaultKind, sink: SinkKind, event: AlertEvent, revision: u32) {
        if let Some(report) = self.lock().get_mut(&kind) {
            match event {
                AlertEvent::Fired => report.told.insert(sink, revision),
                AlertEvent::Resolved | AlertEvent::Escalated => report.told.remove(&sink),
            };
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<StorageFaultKind, StorageReport>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn new_alert(fault: &StorageFault, now: Timestamp) -> AlertRow {
    let rule = AlertRule::Storage;
    AlertRow {
        id: AlertId::generate(now),
        key: format!("{rule}:{}", fault.kind.as_str()),
        rule,
        store_id: StoreId::NIL,
        severity: rule.severity(),
        state: AlertState::Firing,
        message: fault.text.clone(),
        value: 1.0,
        threshold: 0.0,
        fired_at: now,
        seen_at: now,
        told_at: Some(now),
        acknowledged_at: None,
        acknowledged_by: None,
        escalations: 0,
        escalated_at: None,
        resolved_at: None,
        resolved_by: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_receiver_is_told_of_the_beginning_and_the_end_until_it_accepts() {
        let (reports, sinks) = (StorageReports::default(), [SinkKind::Slack, SinkKind::Webhook]);
        let at = Timestamp::from_micros;
        let full = [StorageFault { kind: StorageFaultKind::DiskFull, text: "full".to_owned() }];
        let events = |faults: &[StorageFault], micros| -> Vec<(SinkKind, AlertEvent)> {
            reports
                .update(faults, &sinks, at(micros))
                .into_iter()
                .map(|message| (message.sink, message.event))
                .collect()
        };
        assert_eq!(events(&full, 1), [(SinkKind::Slack, AlertEvent::Fired), (SinkKind::Webhook, AlertEvent::Fired)]);
        reports.record_told(StorageFaultKind::DiskFull, SinkKind::Slack, AlertEvent::Fired, 0);
        assert_eq!(events(&full, 2), [(SinkKind::Webhook, AlertEvent::Fired)], "the refused message is sent again");
        assert_eq!(
            events(&[], 3),
            [(SinkKind::Slack, AlertEvent::Resolved)],
            "who was not told is not told of the end"
        );
        assert_eq!(events(&[], 4), [(SinkKind::Slack, AlertEvent::Resolved)]);
        reports.record_told(StorageFaultKind::DiskFull, SinkKind::Slack, AlertEvent::Resolved, 0);
        assert_eq!(events(&[], 5), []);
        assert_eq!(events(&full, 6).len(), 2, "a new fault");
    }

    #[test]
    fn a_fault_is_told_again_when_what_is_to_be_done_changes() {
        let (reports, sinks) = (StorageReports::default(), [SinkKind::Webhook]);
        let lost = |text: &str| [StorageFault { kind: StorageFaultKind::DatabaseLost, text: text.to_owned() }];
        let tell = |faults: &[StorageFault]| -> Vec<(String, AlertEvent)> {
            let pending = reports.update(faults, &sinks, Timestamp::from_micros(1));
            for message in &pending {
                reports.record_told(message.kind, message.sink, message.event, message.revision);
            }
            pending.into_iter().map(|message| (message.alert.message, message.event)).collect()
        };
        assert_eq!(tell(&lost("wait")), [("wait".to_owned(), AlertEvent::Fired)]);
        assert_eq!(tell(&lost("wait")), []);
        assert_eq!(tell(&lost("restore")), [("restore".to_owned(), AlertEvent::Fired)]);
        assert_eq!(tell(&[]), [("restore".to_owned(), AlertEvent::Resolved)]);
        assert_eq!(tell(&[]), []);
    }
}
