//! Alerts as they are shown.

use serde::Serialize;
use utoipa::ToSchema;

use crate::db::alert_deliveries::{self, DeliveryRow};
use crate::db::alerts::{AlertRow, ListedAlert};
use crate::db::{DatabaseError, Reader, stores};
use crate::domain::{
    AlertEvent, AlertId, AlertRule, AlertSeverity, AlertState, DeliveryId, DeliveryState, SinkKind, StoreId, Timestamp,
};

/// The last message about an alert to one sink.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct DeliveryView {
    /// Its identifier, which the receiver sees too.
    pub id: DeliveryId,
    /// Who is told.
    pub sink: SinkKind,
    /// What.
    pub event: AlertEvent,
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
    pub rule: AlertRule,
    /// How urgent it is.
    pub severity: AlertSeverity,
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

/// As [`shown`]; nothing where the alert or a delivery of it cannot be read, which must not hide the others.
pub(super) async fn shown_if_readable(
    reader: &mut Reader,
    listed: ListedAlert,
) -> Result<Option<AlertView>, DatabaseError> {
    let shown = match listed.row {
        Ok(row) => shown(reader, row).await,
        Err(reason) => Err(DatabaseError::Unexpected(reason)),
    };
    match shown {
        Ok(view) => Ok(Some(view)),
        Err(DatabaseError::Unexpected(reason)) => {
            tracing::warn!(alert.id = %listed.id, alert.key = listed.key, reason, "an alert cannot be read and is not listed");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// The alert with its store's name and what the sinks were told last.
pub(super) async fn shown(reader: &mut Reader, row: AlertRow) -> Result<AlertView, DatabaseError> {
    let state = match row.state {
        AlertState::Firing if row.acknowledged_at.is_some() => AlertState::Acknowledged,
        state => state,
    };
    let deliveries = alert_deliveries::list_newest(reader, row.id).await?;
    let deliveries = deliveries.into_iter().map(DeliveryView::from).collect();
    let store = match row.store_id {
        StoreId::NIL => None,
        id => stores::find(reader, id).await?,
    };
    Ok(AlertView {
        id: row.id,
        key: row.key,
        rule: row.rule,
        severity: row.severity,
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
        runbook: row.rule.runbook(),
        deliveries,
    })
}

impl From<DeliveryRow> for DeliveryView {
    fn from(row: DeliveryRow) -> Self {
        Self {
            id: row.id,
            sink: row.sink,
            event: row.event,
            state: row.state,
            attempts: row.attempts,
            tried_at: row.tried_at,
            due_at: (row.state == DeliveryState::Waiting).then_some(row.due_at),
            last_status: row.last_status,
            last_error: row.last_error,
        }
    }
}
