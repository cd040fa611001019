//! Alerts as they are shown.

use serde::Serialize;
use utoipa::ToSchema;

use super::message::Event;
use super::rule::{Rule, Severity};
use super::sink::SinkKind;
use crate::db::alert_deliveries::{self, DeliveryRow};
use crate::db::alerts::AlertRow;
use crate::db::{DatabaseError, Reader, stores};
use crate::domain::{AlertId, DeliveryId, StoreId, Timestamp};

/// How an alert stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum AlertState {
    /// It is so, and nobody has said that they see to it.
    Firing,
    /// It is so, and somebody sees to it.
    Acknowledged,
    /// It is over.
    Resolved,
}

/// How a message stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum DeliveryState {
    /// It is to be sent, for the first time or again.
    Waiting,
    /// The receiver has taken it.
    Delivered,
    /// It was tried often enough.
    Failed,
}

/// The last message about an alert to one sink.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct DeliveryView {
    /// Its identifier, which the receiver sees too.
    pub id: DeliveryId,
    /// Who is told.
    pub sink: SinkKind,
    /// What.
    pub event: Event,
    /// How it stands.
    pub state: DeliveryState,
    /// How often it was tried.
    pub attempts: i64,
    /// When it was tried last.
    pub tried_at: Option<Timestamp>,
    /// When it is tried next; `null` where it is not.
    pub due_at: Option<Timestamp>,
    /// The HTTP status that the receiver answered last.
    pub last_status: Option<i64>,
    /// Why the last attempt failed.
    pub last_error: Option<String>,
}

/// An alert.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct AlertView {
    /// Its identifier.
    pub id: AlertId,
    /// The rule and what it is about: what `acknowledge` and `resolve` name it by.
    pub key: String,
    /// The rule that raised it.
    pub rule: Rule,
    /// How urgent it is.
    pub severity: Severity,
    /// How it stands.
    pub state: AlertState,
    /// The store; `null` where none can be named.
    pub store_id: Option<StoreId>,
    /// Its name.
    pub store_name: Option<String>,
    /// What is wrong.
    pub message: String,
    /// What was measured last: a share of 1, seconds, or how many numbers are concerned.
    pub value: f64,
    /// What it may be at most.
    pub threshold: f64,
    /// When it began.
    pub fired_at: Timestamp,
    /// When it was found to be so last.
    pub seen_at: Timestamp,
    /// When the sinks were told first; `null` while the cool-down of the one before lasts.
    pub told_at: Option<Timestamp>,
    /// When somebody said that they see to it.
    pub acknowledged_at: Option<Timestamp>,
    /// Who: `user:…`.
    pub acknowledged_by: Option<String>,
    /// How often it was escalated.
    pub escalations: i64,
    /// When it ended.
    pub resolved_at: Option<Timestamp>,
    /// Who ended it; `null` where it ended by itself.
    pub resolved_by: Option<String>,
    /// The section of the runbook that says what to do.
    pub runbook: String,
    /// The last message to each sink.
    pub deliveries: Vec<DeliveryView>,
}

/// As [`shown`]; nothing where a newer server's words cannot be read, which must not hide the others.
pub(super) async fn shown_if_known(reader: &mut Reader, row: AlertRow) -> Result<Option<AlertView>, DatabaseError> {
    match shown(reader, row).await {
        Ok(view) => Ok(Some(view)),
        Err(DatabaseError::Unexpected(what)) => {
            tracing::warn!(what, "an alert is left out");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// The alert with its store's name and what the sinks were told last.
pub(super) async fn shown(reader: &mut Reader, row: AlertRow) -> Result<AlertView, DatabaseError> {
    let strange = |what: &str| DatabaseError::Unexpected(format!("alert {}: {what}", row.id));
    let rule = Rule::read(&row.rule).ok_or_else(|| strange("a rule that this program does not know"))?;
    let severity = Severity::read(&row.severity).ok_or_else(|| strange("a severity that there is not"))?;
    let state = match row.state.as_str() {
        "firing" if row.acknowledged_at.is_some() => AlertState::Acknowledged,
        "firing" => AlertState::Firing,
        "resolved" => AlertState::Resolved,
        _ => return Err(strange("a state that there is not")),
    };
    let deliveries = alert_deliveries::newest(reader, row.id).await?;
    let deliveries = deliveries.into_iter().map(told).collect::<Result<Vec<_>, _>>()?;
    let store = match row.store_id {
        StoreId::NIL => None,
        id => stores::find(reader, id).await?,
    };
    Ok(AlertView {
        id: row.id,
        key: row.key,
        rule,
        severity,
        state,
        store_id: Some(row.store_id).filter(|id| *id != StoreId::NIL),
        store_name: store.map(|store| store.name),
        message: row.message,
        value: row.value,
        threshold: row.threshold,
        fired_at: row.fired_at,
        seen_at: row.seen_at,
        told_at: row.told_at,
        acknowledged_at: row.acknowledged_at,
        acknowledged_by: row.acknowledged_by,
        escalations: row.escalations,
        resolved_at: row.resolved_at,
        resolved_by: row.resolved_by,
        runbook: rule.runbook(),
        deliveries,
    })
}

fn told(row: DeliveryRow) -> Result<DeliveryView, DatabaseError> {
    let strange = |what: &str| DatabaseError::Unexpected(format!("delivery {}: {what}", row.id));
    let state = match row.state.as_str() {
        "waiting" => DeliveryState::Waiting,
        "delivered" => DeliveryState::Delivered,
        "failed" => DeliveryState::Failed,
        _ => return Err(strange("a state that there is not")),
    };
    Ok(DeliveryView {
        id: row.id,
        sink: SinkKind::read(&row.sink).ok_or_else(|| strange("a sink that this program does not know"))?,
        event: Event::read(&row.event).ok_or_else(|| strange("an event that there is not"))?,
        state,
        attempts: row.attempts,
        tried_at: row.tried_at,
        due_at: (state == DeliveryState::Waiting).then_some(row.due_at),
        last_status: row.last_status,
        last_error: row.last_error,
    })
}
