//! A test message, so that nobody learns during an outage that a receiver's address is wrong.

use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use super::{AlertError, Alerts};
use crate::db::audit;
use crate::domain::{Caller, DeliveryId, SinkKind};

/// What a receiver made of a test message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct TestDelivery {
    pub sink: SinkKind,
    pub delivered: bool,
    /// The HTTP status of the receiver's response.
    pub status: Option<u16>,
    /// Why it was not delivered.
    pub error: Option<String>,
}

/// What each receiver made of a test message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct TestDeliveries {
    /// Empty if the settings name no receiver.
    pub data: Vec<TestDelivery>,
}

impl Alerts {
    /// Sends a test message to every receiver, once and now.
    pub async fn send_test(&self, caller: &Caller) -> Result<TestDeliveries, AlertError> {
        let now = self.clock.now();
        let mut data = Vec::new();
        for sink in self.sinks.kinds() {
            let text = "This is a test of tillsight's alerts. Nothing is wrong.";
            let body = match sink {
                SinkKind::Slack => json!({"text": format!("[test] {text}")}),
                SinkKind::Webhook => json!({"type": "alert.test", "timestamp": now, "data": {"message": text}}),
            };
            let id = DeliveryId::generate(now).to_string();
            let response = self.sinks.send(sink, &id, &body.to_string(), now).await;
            let delivered = response.refusal.is_none();
            data.push(TestDelivery { sink, delivered, status: response.status, error: response.refusal });
        }
        let sent: Vec<_> = data.iter().map(|test| json!({"sink": test.sink, "delivered": test.delivered})).collect();
        let (subject, details) = ("receivers".to_owned(), json!({ "sent": sent }));
        let mut tx = self.db.begin().await?;
        audit::append(&mut tx, audit::AuditEntry { at: now, caller, action: "alert.test", subject, details }).await?;
        tx.commit().await?;
        Ok(TestDeliveries { data })
    }
}
