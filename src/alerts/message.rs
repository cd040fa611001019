//! What a sink is told: a text for Slack, an event for a webhook.

use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::rule::Rule;
use super::sink::SinkKind;
use crate::db::alerts::AlertRow;
use crate::domain::{StoreId, Timestamp};

/// What happened to an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Event {
    /// It began.
    Fired,
    /// Nobody has acknowledged it for so long that it is told again.
    Escalated,
    /// It is over.
    Resolved,
}

impl Event {
    /// The word that is stored and sent.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fired => "fired",
            Self::Escalated => "escalated",
            Self::Resolved => "resolved",
        }
    }

    /// Reads the word that is stored.
    pub fn read(word: &str) -> Option<Self> {
        [Self::Fired, Self::Escalated, Self::Resolved].into_iter().find(|event| event.as_str() == word)
    }
}

/// The body of the request, as `sink` wants it.
pub(super) fn body(sink: SinkKind, event: Event, alert: &AlertRow, at: Timestamp) -> String {
    match sink {
        SinkKind::Slack => json!({"text": text(event, alert)}).to_string(),
        SinkKind::Webhook => {
            let store = Some(alert.store_id).filter(|id| *id != StoreId::NIL);
            let data = json!({
                "key": alert.key, "rule": alert.rule, "severity": alert.severity, "store_id": store,
                "message": alert.message, "value": alert.value, "threshold": alert.threshold,
                "fired_at": alert.fired_at, "resolved_at": alert.resolved_at, "escalations": alert.escalations,
                "acknowledged_by": alert.acknowledged_by, "runbook": runbook(alert),
            });
            json!({"type": format!("alert.{}", event.as_str()), "timestamp": at, "data": data}).to_string()
        }
    }
}

/// A few lines for people. Slack reads `&`, `<` and `>` as markup: a store's name must not mention a channel.
fn text(event: Event, alert: &AlertRow) -> String {
    let message = alert.message.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let head = match event {
        Event::Fired => format!("[{}] {message}", alert.severity),
        Event::Escalated => {
            format!("[{}] not acknowledged since {}: {message}", alert.severity, alert.fired_at)
        }
        Event::Resolved => format!("[over] {message}"),
    };
    format!("{head}\n{}\n{}", alert.key, runbook(alert).unwrap_or_default())
}

fn runbook(alert: &AlertRow) -> Option<String> {
    Rule::read(&alert.rule).map(Rule::runbook)
}
