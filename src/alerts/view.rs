//! Alerts as the API shows them.

use serde::Serialize;
use utoipa::ToSchema;

use crate::db::alert_deliveries::{self, DeliveryRow};
use crate::db::alerts::{AlertRow, ListedAlert};
use crate::db::{DatabaseError, Reader, stores};
use crate::domain::{
    AlertEvent, AlertId, AlertRule, AlertSeverity, AlertState, DeliveryId, DeliveryState, SinkKind, StoreId, Timestamp,
};

/// A message about an alert to one sink.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct DeliveryView {
    /// The receiver sees it too.
    pub id: DeliveryId,
    pub sink: SinkKind,
    pub event: AlertEvent,
    pub state: DeliveryState,
    pub attempts: i64,
    pub created_at: Timestamp,
    /// When it was last tried.
    pub tried_at: Option<Timestamp>,
    /// When it is tried next; `null` if it is not retried.
    pub due_at: Option<Timestamp>,
    /// The HTTP status of the receiver's last response.
    pub last_status: Option<i64>,
    /// Why the last attempt failed.
    pub last_error: Option<String>,
}

/// An alert.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct AlertView {
    pub id: AlertId,
    /// The rule and its subject; `acknowledge` and `resolve` take it.
    pub key: String,
    pub rule: AlertRule,
    pub severity: AlertSeverity,
    pub state: AlertState,
    /// `null` if no store can be named.
    pub store_id: Option<StoreId>,
    pub store_name: Option<String>,
    /// What is wrong.
    pub message: String,
    /// The last measurement: a share of 1, seconds, or a count of numbers.
    pub value: f64,
    /// The largest value that is no violation.
    pub threshold: f64,
    /// When it began.
    pub fired_at: Timestamp,
    /// When the violation was last found.
    pub seen_at: Timestamp,
    /// When the first message was queued; `null` during the cool-down of the previous alert.
    pub told_at: Option<Timestamp>,
    pub acknowledged_at: Option<Timestamp>,
    /// `user:…`
    pub acknowledged_by: Option<String>,
    /// How often it was escalated.
    pub escalations: i64,
    pub resolved_at: Option<Timestamp>,
    /// Who ended it; `null` if it ended by itself.
    pub resolved_by: Option<String>,
    /// The section of the runbook that says what to do.
    pub runbook: String,
    /// The last message to each sink.
    pub deliveries: Vec<DeliveryView>,
}

/// Like [`load_view`]; `None` if the alert or one of its deliveries cannot be read, so that the others are still listed.
pub(super) async fn load_view_if_readable(
    reader: &mut Reader,
    listed: ListedAlert,
) -> Result<Option<AlertView>, DatabaseError> {
    let view = match listed.row {
        Ok(row) => load_view(reader, row).await,
        Err(reason) => Err(DatabaseError::Unexpected(reason)),
    };
    match view {
        Ok(view) => Ok(Some(view)),
        Err(DatabaseError::Unexpected(reason)) => {
            tracing::warn!(alert.id = %listed.id, alert.key = listed.key, reason, "an alert cannot be read and is not listed");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// The alert with the name of its store and its last messages.
pub(super) async fn load_view(reader: &mut Reader, row: AlertRow) -> Result<AlertView, DatabaseError> {
    let deliveries = alert_deliveries::list_newest(reader, row.id).await?;
    let store = match row.store_id {
        StoreId::NIL => None,
        id => stores::find(reader, id).await?,
    };
    Ok(AlertView {
        id: row.id,
        key: row.key,
        rule: row.rule,
        severity: row.severity,
        state: match row.state {
            AlertState::Firing if row.acknowledged_at.is_some() => AlertState::Acknowledged,
            state @ (AlertState::Firing | AlertState::Acknowledged | AlertState::Resolved) => state,
        },
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
        deliveries: deliveries.into_iter().map(DeliveryView::from).collect(),
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
            created_at: row.created_at,
            tried_at: row.tried_at,
            due_at: (row.state == DeliveryState::Waiting).then_some(row.due_at),
            last_status: row.last_status,
            last_error: row.last_error,
        }
    }
}
