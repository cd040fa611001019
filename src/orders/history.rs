//! What happened to an order, oldest first: confirmed, paid, refunded, voided, printed, claimed.

use serde::Serialize;
use utoipa::ToSchema;

use super::queries::{load_records, name_unreadable_order};
use super::{OrderError, Orders};
use crate::db::{Reader, actor_names, orders, receipt_prints, users};
use crate::domain::{Actor, Caller, KioskId, OrderId, PaymentMethod, RefundKind, Timestamp, text_enum};

text_enum! {
    /// What happened to an order.
    OrderEventKind, "an event of an order":
    /// It got its receipt number.
    Confirmed = "confirmed",
    Paid = "paid",
    Refunded = "refunded",
    Voided = "voided",
    /// Its receipt was put on paper.
    Printed = "printed",
    /// A shopper made it their own.
    Claimed = "claimed",
}

/// Something that happened to an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct OrderEvent {
    pub kind: OrderEventKind,
    pub at: Timestamp,
    /// `user:<id>` or `kiosk:<id>`; `null` if it is not kept.
    pub made_by: Option<String>,
    /// The username, or the name of the kiosk.
    pub made_by_name: Option<String>,
    /// The number of the receipt, payment or refund; of a print, 1 is the original.
    pub number: Option<i64>,
    /// In minor units of the order's currency; of cash, what was taken or paid back after rounding.
    pub amount: Option<i64>,
    pub method: Option<PaymentMethod>,
    /// Why it was refunded or voided.
    pub reason: Option<String>,
}

/// What happened to an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct OrderHistory {
    /// Oldest first.
    pub data: Vec<OrderEvent>,
}

impl OrderEvent {
    fn new(kind: OrderEventKind, at: Timestamp, made_by: Option<String>) -> Self {
        Self { kind, at, made_by, made_by_name: None, number: None, amount: None, method: None, reason: None }
    }
}

impl Orders {
    /// For the staff of the order's store.
    pub async fn get_history(&self, caller: &Caller, id: OrderId) -> Result<OrderHistory, OrderError> {
        let mut reader = self.db.snapshot().await?;
        let data = list_events(&mut reader, caller, id).await.map_err(|error| name_unreadable_order(id, error))?;
        Ok(OrderHistory { data })
    }
}

async fn list_events(reader: &mut Reader, caller: &Caller, id: OrderId) -> Result<Vec<OrderEvent>, OrderError> {
    let order = orders::find(reader, id, None).await?.filter(|order| caller.actor.serves(order.store_id));
    let order = order.ok_or(OrderError::NotFound(id))?;
    let kiosk = order.kiosk_id.map(|kiosk: KioskId| Actor::Kiosk { id: kiosk, store: order.store_id }.label());
    let confirmed = OrderEvent {
        number: Some(order.number),
        amount: Some(order.total),
        ..OrderEvent::new(OrderEventKind::Confirmed, order.created_at, kiosk)
    };
    let mut events = vec![confirmed];
    let records = load_records(reader, order).await?;
    for payment in records.payments {
        events.push(OrderEvent {
            number: Some(payment.number),
            amount: Some(payment.amount + payment.rounding),
            method: Some(payment.method),
            ..OrderEvent::new(OrderEventKind::Paid, payment.created_at, Some(payment.made_by))
        });
    }
    for (refund, _) in records.refunds {
        let kind = match refund.kind {
            RefundKind::Refund => OrderEventKind::Refunded,
            RefundKind::Void => OrderEventKind::Voided,
        };
        events.push(OrderEvent {
            number: Some(refund.number),
            amount: Some(refund.amount + refund.rounding),
            method: refund.method,
            reason: Some(refund.reason),
            ..OrderEvent::new(kind, refund.created_at, Some(refund.made_by))
        });
    }
    for print in receipt_prints::list(reader, id).await? {
        events.push(OrderEvent {
            number: Some(print.print),
            ..OrderEvent::new(OrderEventKind::Printed, print.printed_at, Some(print.printed_by))
        });
    }
    if let Some((owner, since)) = orders::find_owner(reader, id).await? {
        let name = users::find(reader, owner).await?.map(|user| user.username);
        let claimed = OrderEvent::new(OrderEventKind::Claimed, since, Some(format!("user:{owner}")));
        events.push(OrderEvent { made_by_name: name, ..claimed });
    }
    events.sort_by_key(|event| event.at);
    let names = actor_names::list(reader, events.iter().filter_map(|event| event.made_by.as_deref())).await?;
    for event in &mut events {
        let name = event.made_by.as_ref().and_then(|label| names.get(label)).cloned();
        event.made_by_name = event.made_by_name.take().or(name);
    }
    Ok(events)
}
