//! The messages to the sinks: a text for Slack, an event for a webhook.

use serde_json::json;

use crate::db::alerts::AlertRow;
use crate::domain::{AlertEvent, SinkKind, StoreId, Timestamp};

/// The body of the request to a sink.
pub(super) fn message_body(sink: SinkKind, event: AlertEvent, alert: &AlertRow, at: Timestamp) -> String {
    match sink {
        SinkKind::Slack => json!({"text": slack_text(event, alert)}).to_string(),
        SinkKind::Webhook => {
            let store = Some(alert.store_id).filter(|id| *id != StoreId::NIL);
            let data = json!({
                "key": alert.key, "rule": alert.rule, "severity": alert.severity, "store_id": store,
                "message": alert.message, "value": alert.value, "threshold": alert.threshold,
                "fired_at": alert.fired_at, "resolved_at": alert.resolved_at, "escalations": alert.escalations,
                "acknowledged_by": alert.acknowledged_by, "runbook": alert.rule.runbook(),
            });
            json!({"type": format!("alert.{event}"), "timestamp": at, "data": data}).to_string()
        }
    }
}

/// For people: without the alert's key and other identifiers, which the webhook's body has. Slack reads `&`, `<` and `>` as markup; escaped, the name of a store cannot notify a channel.
fn slack_text(event: AlertEvent, alert: &AlertRow) -> String {
    let message = alert.message.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let headline = match event {
        AlertEvent::Fired => format!("[{}] {message}", alert.severity),
        AlertEvent::Escalated => {
            let since = Timestamp::from_micros(alert.fired_at.seconds() * 1_000_000);
            format!("[{}] not acknowledged since {since}: {message}", alert.severity)
        }
        AlertEvent::Resolved => format!("[resolved] {message}"),
    };
    format!("{headline}\nWhat to do: /admin/alerts, or {}", alert.rule.runbook())
}
