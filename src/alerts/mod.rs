//! Alerts: what is wrong raises one, what is right again ends it, and people are told of both.
//!
//! Invariants: of one key at most one alert is firing, on however many servers; what a sink is to be told is written in
//! the transaction that changes the alert, so neither is without the other; no transaction is open while a receiver is
//! waited for. Addresses and keys of the sinks never reach a log, a reply or the database.

mod delivery;
mod message;
mod rule;
mod sink;
mod transitions;
mod view;

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use crate::clock::Clock;
use crate::config::Monitoring;
use crate::db::alerts::{self, AlertRow};
use crate::db::{Database, DatabaseError, audit};
use crate::domain::{AlertRule, AlertSeverity, Caller, Page, PageRequest, StoreId};
use crate::integrity::Integrity;
use crate::performance::Performance;
use crate::telemetry::ALERTS_FIRING;

pub use delivery::{DELIVERY_PERIOD, DeliveryError};
use rule::RuleViolation;
pub use rule::WatchError;
pub use sink::SinkError;
use sink::Sinks;
use transitions::AlertTransitions;
pub use view::{AlertView, DeliveryView};

/// Alerts that are firing at a time at most; what is wrong beyond them raises none until others have ended.
const FIRING: usize = 1_000;
/// Stores that are looked at in one go.
const STORES: i64 = 200;

/// A refusal or failure of the alerts service.
#[derive(Debug, thiserror::Error)]
pub enum AlertError {
    /// Nothing of this key is firing.
    #[error("no alert \"{0}\" is firing; GET /api/monitoring/numbering/alerts/active lists those that are")]
    NotFiring(String),
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

/// The alerts service; cheap to clone.
#[derive(Clone)]
pub struct Alerts {
    db: Database,
    clock: Clock,
    settings: Arc<Monitoring>,
    integrity: Integrity,
    performance: Performance,
    sinks: Sinks,
}

impl Alerts {
    /// Alerts over what `integrity` and `performance` see.
    pub fn new(
        db: Database,
        clock: Clock,
        integrity: Integrity,
        performance: Performance,
        settings: Monitoring,
    ) -> Result<Self, SinkError> {
        let sinks = Sinks::new(&settings)?;
        Ok(Self { db, clock, settings: Arc::new(settings), integrity, performance, sinks })
    }

    /// Looks at the rules if it is this server's turn, and sets the metrics.
    pub async fn watch(&self) -> Result<(), WatchError> {
        let looked = self.look_in_turn().await;
        let published = self.publish().await;
        looked?;
        Ok(published?)
    }

    /// How often [`Alerts::watch`] is to run.
    pub fn watch_period(&self) -> Duration {
        Duration::from_secs(self.settings.look_s.unsigned_abs())
    }

    /// Looks at the rules where it is time to and no other server does; whether it did.
    async fn look_in_turn(&self) -> Result<bool, WatchError> {
        let now = self.clock.now();
        let until = now.plus_seconds(self.settings.look_s);
        let mut tx = self.db.begin().await?;
        // Two servers do not look at the same moment: a little early is in time.
        let early = now.plus_seconds(1);
        let ours =
            alerts::claim_evaluation(&mut tx, early, until, now.plus_seconds(2 * self.settings.look_s + 60)).await?;
        tx.commit().await?;
        if ours {
            self.look().await?;
        }
        Ok(ours)
    }

    /// Looks at the rules now: raises alerts for what is wrong, ends those of what is right again, and writes what the
    /// sinks are to be told.
    pub async fn look(&self) -> Result<(), WatchError> {
        let seen = self.seen().await?;
        let mut tx = self.db.begin().await?;
        alerts::lock(&mut tx).await?;
        let ledger = AlertTransitions { now: self.clock.now(), settings: &self.settings, sinks: &self.sinks };
        ledger.enter(&mut tx, seen).await?;
        tx.commit().await?;
        self.sinks.raise_signals();
        Ok(())
    }

    /// What is wrong now, by all rules. What cannot be read hides nothing else, and ends nothing.
    async fn seen(&self) -> Result<Seen, WatchError> {
        let mut seen = Seen::default();
        match rule::of_performance(&self.performance, &self.settings.rules).await {
            Ok(wrong) => seen.wrong.extend(wrong),
            Err(error) => {
                tracing::warn!(error = %error, "how orders went could not be read");
                seen.unread.push(Scope::Performance);
            }
        }
        match self.integrity.strays().await {
            Ok(report) => seen.wrong.extend(report.map(|report| rule::of_strays(&report.findings)).unwrap_or_default()),
            Err(error) => seen.miss(Scope::Integrity(StoreId::NIL), &error),
        }
        let mut after = StoreId::NIL;
        loop {
            let stores = self.integrity.standings(after, STORES).await?;
            let Some((last, _)) = stores.last() else { break };
            after = *last;
            for (store, standing) in stores {
                match standing {
                    Ok(standing) => seen.wrong.extend(rule::of_integrity(&standing)),
                    Err(error) => seen.miss(Scope::Integrity(store), &error),
                }
            }
        }
        Ok(seen)
    }

    /// The alerts that are firing, oldest first, each with what the sinks were told last.
    pub async fn active(&self) -> Result<Vec<AlertView>, AlertError> {
        let mut reader = self.db.read().await?;
        let rows = alerts::list_firing(&mut reader, FIRING as i64).await?;
        let mut views = Vec::with_capacity(rows.len());
        for row in rows {
            views.extend(view::shown_if_readable(&mut reader, row).await?);
        }
        Ok(views)
    }

    /// Alerts of all states, newest first.
    pub async fn history(&self, page: PageRequest) -> Result<Page<AlertView>, AlertError> {
        let mut reader = self.db.read().await?;
        let rows = Page::cut(alerts::list(&mut reader, page).await?, page, |listed| listed.id.uuid());
        let mut data = Vec::with_capacity(rows.data.len());
        for row in rows.data {
            data.extend(view::shown_if_readable(&mut reader, row).await?);
        }
        Ok(Page { data, next_cursor: rows.next_cursor })
    }

    /// Says that `caller` sees to what fires under `key`: it is not escalated any more.
    pub async fn acknowledge(&self, caller: &Caller, key: &str) -> Result<AlertView, AlertError> {
        let now = self.clock.now();
        refuse_strange(key)?;
        let mut tx = self.db.begin().await?;
        alerts::lock(&mut tx).await?;
        if !alerts::acknowledge(&mut tx, key, now, &caller.actor.label()).await? {
            return Err(AlertError::NotFiring(key.to_owned()));
        }
        let row = alerts::find_firing(&mut tx, key).await?.ok_or_else(|| AlertError::NotFiring(key.to_owned()))?;
        let (subject, details) = (row.id.to_string(), json!({"key": key}));
        audit::append(&mut tx, audit::AuditEntry { at: now, caller, action: "alert.acknowledge", subject, details })
            .await?;
        let shown = view::shown(&mut tx, row).await?;
        tx.commit().await?;
        Ok(shown)
    }

    /// Ends what fires under `key` by hand. Where it is still wrong, the next look raises it anew.
    pub async fn resolve(&self, caller: &Caller, key: &str) -> Result<AlertView, AlertError> {
        let now = self.clock.now();
        refuse_strange(key)?;
        let mut tx = self.db.begin().await?;
        alerts::lock(&mut tx).await?;
        let row = alerts::find_firing(&mut tx, key).await?.ok_or_else(|| AlertError::NotFiring(key.to_owned()))?;
        let ledger = AlertTransitions { now, settings: &self.settings, sinks: &self.sinks };
        let Some(row) = ledger.end(&mut tx, row, Some(caller.actor.label())).await? else {
            return Err(AlertError::NotFiring(key.to_owned()));
        };
        let (subject, details) = (row.id.to_string(), json!({"key": key}));
        audit::append(&mut tx, audit::AuditEntry { at: now, caller, action: "alert.resolve", subject, details })
            .await?;
        let shown = view::shown(&mut tx, row).await?;
        tx.commit().await?;
        self.sinks.raise_signals();
        Ok(shown)
    }

    /// Removes alerts that have been over for longer than they are kept; gives how many.
    pub async fn forget_old(&self) -> Result<u64, AlertError> {
        let moment = self.clock.now().plus_seconds(-self.settings.alerts_kept_days * 86_400);
        let mut tx = self.db.begin().await?;
        let forgotten = alerts::delete_resolved_before(&mut tx, moment).await?;
        tx.commit().await?;
        Ok(forgotten)
    }

    /// Sets this server's metric of how many alerts are firing, by rule and severity.
    async fn publish(&self) -> Result<(), DatabaseError> {
        let rows = alerts::list_firing(&mut self.db.read().await?, FIRING as i64).await?;
        let rows: Vec<AlertRow> = rows.into_iter().filter_map(|listed| listed.row.ok()).collect();
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

/// What no alert is called, and not every database takes.
fn refuse_strange(key: &str) -> Result<(), AlertError> {
    if key.chars().any(char::is_control) { Err(AlertError::NotFiring(key.escape_debug().to_string())) } else { Ok(()) }
}

/// What a look found.
#[derive(Debug, Default)]
struct Seen {
    wrong: Vec<RuleViolation>,
    /// What could not be looked at: alerts about it stay as they are.
    unread: Vec<Scope>,
}

/// What an alert is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scope {
    /// How orders go.
    Performance,
    /// Numbers and chains of a store; [`StoreId::NIL`] for lines without one.
    Integrity(StoreId),
}

impl Seen {
    fn miss(&mut self, scope: Scope, error: &dyn std::fmt::Display) {
        tracing::warn!(error = %error, ?scope, "a report on receipt numbers could not be read");
        self.unread.push(scope);
    }

    /// Whether nothing is known of what the alert is about.
    fn left_out(&self, row: &AlertRow) -> bool {
        let scope = match row.rule {
            AlertRule::NumberingIntegrity => Scope::Integrity(row.store_id),
            AlertRule::OrderFailureRate | AlertRule::OrderConflictRate | AlertRule::OrderSlow => Scope::Performance,
        };
        self.unread.contains(&scope)
    }
}
