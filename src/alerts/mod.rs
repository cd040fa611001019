//! Alerts: a violated rule raises one, its end resolves it, and people are told of both.
//!
//! Invariants: at most one alert of a key is firing, on however many servers. A message to a sink is written in the
//! transaction that changes the alert, so neither exists without the other. No transaction is open while a receiver is
//! called. Addresses and keys of the sinks never reach a log, a reply or the database.

mod delivery;
mod evaluation;
mod message;
mod rule;
mod runbook;
mod sink;
mod storage_faults;
mod task_faults;
mod test_message;
mod transitions;
mod view;

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use crate::clock::Clock;
use crate::config::MonitoringSettings;
use crate::db::alerts::{self, AlertRow};
use crate::db::{Database, DatabaseError, Tx, alert_deliveries, audit};
use crate::domain::{AlertId, AlertRule, AlertSeverity, Caller, Page, PageRequest};
use crate::integrity::Integrity;
use crate::performance::Performance;
use crate::telemetry::ALERTS_FIRING;

pub use delivery::{DELIVERY_PERIOD, DeliveryError};
pub use evaluation::RuleEvaluationError;
pub use runbook::RunbookSection;
pub use sink::SinkError;
pub use storage_faults::STORAGE_REPORT_PERIOD;
pub use test_message::{TestDeliveries, TestDelivery};
pub use view::{AlertView, DeliveryView};

use sink::Sinks;
use storage_faults::StorageReports;
use task_faults::TaskFaults;
use transitions::AlertTransitions;

/// The most alerts that fire at a time. Further violations raise none until others have ended.
const FIRING_MAX: usize = 1_000;
const SECONDS_PER_DAY: i64 = 86_400;

/// A refusal or failure of the alerts service.
#[derive(Debug, thiserror::Error)]
pub enum AlertError {
    #[error("No alert \"{0}\" is firing. GET /api/monitoring/numbering/alerts/active lists the firing alerts.")]
    NotFiring(String),
    #[error("No alert with id {0} exists.")]
    NotFound(AlertId),
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

/// The alerts service; cheap to clone.
#[derive(Clone)]
pub struct Alerts {
    db: Database,
    clock: Clock,
    settings: Arc<MonitoringSettings>,
    integrity: Integrity,
    performance: Performance,
    sinks: Sinks,
    storage_reports: StorageReports,
    task_faults: TaskFaults,
}

impl Alerts {
    pub fn new(
        db: Database,
        clock: Clock,
        integrity: Integrity,
        performance: Performance,
        settings: MonitoringSettings,
    ) -> Result<Self, SinkError> {
        let sinks = Sinks::new(&settings)?;
        let (storage_reports, task_faults) = (StorageReports::default(), TaskFaults::default());
        let settings = Arc::new(settings);
        Ok(Self { db, clock, settings, integrity, performance, sinks, storage_reports, task_faults })
    }

    /// Evaluates the rules if they are due on this server, and updates the metrics.
    pub async fn watch(&self) -> Result<(), RuleEvaluationError> {
        let evaluated = self.evaluate_if_due().await;
        let published = self.publish_metrics().await;
        evaluated?;
        Ok(published?)
    }

    /// The time between two runs of [`Alerts::watch`].
    pub fn watch_period(&self) -> Duration {
        Duration::from_secs(self.settings.look_s.unsigned_abs())
    }

    /// Evaluates the rules if they are due on no other server; returns whether it did.
    async fn evaluate_if_due(&self) -> Result<bool, RuleEvaluationError> {
        let now = self.clock.now();
        let until = now.plus_seconds(self.settings.look_s);
        // The timers of servers differ, so a second early is on time.
        let early = now.plus_seconds(1);
        // A time further ahead was set by a wrong clock.
        let furthest = now.plus_seconds(2 * self.settings.look_s + 60);
        let mut tx = self.db.begin().await?;
        let is_claimed = alerts::claim_evaluation(&mut tx, early, until, furthest).await?;
        tx.commit().await?;
        if is_claimed {
            self.evaluate_rules().await?;
        }
        Ok(is_claimed)
    }

    /// Evaluates the rules now: raises alerts for violations, resolves those that ended, and queues the messages.
    pub async fn evaluate_rules(&self) -> Result<(), RuleEvaluationError> {
        let evaluation = self.collect_violations().await?;
        let mut tx = self.db.begin().await?;
        alerts::lock_alerts(&mut tx).await?;
        let transitions = AlertTransitions { now: self.clock.now(), settings: &self.settings, sinks: &self.sinks };
        transitions.apply(&mut tx, evaluation).await?;
        tx.commit().await?;
        self.sinks.raise_signals();
        Ok(())
    }

    /// The firing alerts, oldest first, each with its last message to each sink.
    pub async fn list_active(&self) -> Result<Vec<AlertView>, AlertError> {
        let mut reader = self.db.read().await?;
        let rows = alerts::list_firing(&mut reader, FIRING_MAX as i64).await?;
        let mut views = Vec::with_capacity(rows.len());
        for row in rows {
            views.extend(view::load_view_if_readable(&mut reader, row).await?);
        }
        Ok(views)
    }

    /// Alerts of all states, newest first.
    pub async fn list_history(&self, page: PageRequest) -> Result<Page<AlertView>, AlertError> {
        let mut reader = self.db.read().await?;
        let rows = Page::from_rows(alerts::list(&mut reader, page).await?, page, |listed| listed.id.uuid());
        let mut data = Vec::with_capacity(rows.data.len());
        for row in rows.data {
            data.extend(view::load_view_if_readable(&mut reader, row).await?);
        }
        Ok(Page { data, next_cursor: rows.next_cursor })
    }

    /// One alert, firing or not.
    pub async fn get_alert(&self, id: AlertId) -> Result<AlertView, AlertError> {
        let mut reader = self.db.read().await?;
        let row = alerts::find(&mut reader, id).await?.ok_or(AlertError::NotFound(id))?;
        Ok(view::load_view(&mut reader, row).await?)
    }

    /// All messages about an alert, newest first.
    pub async fn list_deliveries(&self, id: AlertId) -> Result<Vec<DeliveryView>, AlertError> {
        let mut reader = self.db.read().await?;
        alerts::find(&mut reader, id).await?.ok_or(AlertError::NotFound(id))?;
        let rows = alert_deliveries::list(&mut reader, id).await?;
        Ok(rows.into_iter().map(DeliveryView::from).collect())
    }

    /// Records that the caller handles a firing alert, so that it is no longer escalated. The first caller counts.
    pub async fn acknowledge_alert(&self, caller: &Caller, key: &str) -> Result<AlertView, AlertError> {
        let now = self.clock.now();
        check_key(key)?;
        let mut tx = self.db.begin().await?;
        alerts::lock_alerts(&mut tx).await?;
        let is_first = alerts::acknowledge(&mut tx, key, now, &caller.actor.label()).await?;
        let row = find_firing(&mut tx, key).await?;
        if is_first {
            let (subject, details) = (row.id.to_string(), json!({"key": key}));
            let entry = audit::AuditEntry { at: now, caller, action: "alert.acknowledge", subject, details };
            audit::append(&mut tx, entry).await?;
        }
        let view = view::load_view(&mut tx, row).await?;
        tx.commit().await?;
        Ok(view)
    }

    /// Ends a firing alert by hand. If the rule is still violated, the next evaluation raises it again.
    pub async fn resolve_alert(&self, caller: &Caller, key: &str) -> Result<AlertView, AlertError> {
        let now = self.clock.now();
        check_key(key)?;
        let mut tx = self.db.begin().await?;
        alerts::lock_alerts(&mut tx).await?;
        let row = find_firing(&mut tx, key).await?;
        let transitions = AlertTransitions { now, settings: &self.settings, sinks: &self.sinks };
        let resolved = transitions.resolve_alert(&mut tx, row, Some(caller.actor.label())).await?;
        let row = resolved.ok_or_else(|| not_firing(key))?;
        let (subject, details) = (row.id.to_string(), json!({"key": key}));
        let entry = audit::AuditEntry { at: now, caller, action: "alert.resolve", subject, details };
        audit::append(&mut tx, entry).await?;
        let view = view::load_view(&mut tx, row).await?;
        tx.commit().await?;
        self.sinks.raise_signals();
        Ok(view)
    }

    /// Deletes alerts that were resolved too long ago; returns their number.
    pub async fn delete_expired(&self) -> Result<u64, AlertError> {
        let expired_before = self.clock.now().plus_seconds(-self.settings.alerts_kept_days * SECONDS_PER_DAY);
        let mut tx = self.db.begin().await?;
        let deleted = alerts::delete_resolved_before(&mut tx, expired_before).await?;
        tx.commit().await?;
        Ok(deleted)
    }

    /// Sets the number of firing alerts by rule and severity.
    async fn publish_metrics(&self) -> Result<(), DatabaseError> {
        let listed = alerts::list_firing(&mut self.db.read().await?, FIRING_MAX as i64).await?;
        let rows: Vec<AlertRow> = listed.into_iter().filter_map(|listed| listed.row.ok()).collect();
        for rule in AlertRule::ALL {
            for severity in AlertSeverity::ALL {
                let count = rows.iter().filter(|row| row.rule == rule && row.severity == severity).count();
                let (rule, severity) = (rule.as_str(), severity.as_str());
                metrics::gauge!(ALERTS_FIRING, "rule" => rule, "severity" => severity).set(count as f64);
            }
        }
        Ok(())
    }
}

async fn find_firing(tx: &mut Tx, key: &str) -> Result<AlertRow, AlertError> {
    alerts::find_firing(tx, key).await?.ok_or_else(|| not_firing(key))
}

fn not_firing(key: &str) -> AlertError {
    AlertError::NotFiring(key.to_owned())
}

/// No alert has a key with control characters, and PostgreSQL refuses some of them.
fn check_key(key: &str) -> Result<(), AlertError> {
    if key.chars().any(char::is_control) { Err(not_firing(&key.escape_debug().to_string())) } else { Ok(()) }
}
