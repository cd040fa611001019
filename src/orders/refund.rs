//! Refunds: money that is given back for a paid order, in a record of its own with a number of its own.

use serde::Serialize;
use serde_json::json;

use super::idempotency::{IdempotentRequest, Reply, with_retries};
use super::refund_plan::{RefundLineRequest, plan};
use super::{LONGEST_REASON, LONGEST_REFERENCE, OrderError, Orders, RefundView};
use crate::db::orders::OrderRow;
use crate::db::refunds::{self, RefundItemRow, RefundRow};
use crate::db::{Reader, Tx, audit, number_series, orders, seals};
use crate::domain::{
    Caller, Currency, InvalidField, Money, OrderId, OrderState, PaymentMethod, RefundId, RefundKind, Series, line,
    optional_line,
};
use crate::telemetry::REFUNDS_TOTAL;

/// A refund as a clerk asks for it.
#[derive(Debug, Clone, Serialize)]
pub struct RefundRequest {
    /// Of the money that is given back; must be the order's.
    pub currency: Currency,
    /// How it is given back.
    pub method: PaymentMethod,
    /// What a terminal or provider calls it.
    pub reference: Option<String>,
    /// Why.
    pub reason: String,
    /// What comes back; everything that is left where it is not said.
    pub lines: Option<Vec<RefundLineRequest>>,
}

/// What a record that takes turnover back is made of, beside its number and seal.
pub(super) struct ReversalRecord {
    pub(super) kind: RefundKind,
    pub(super) method: Option<PaymentMethod>,
    pub(super) reference: Option<String>,
    pub(super) reason: String,
    pub(super) items: Vec<RefundItemRow>,
}

impl Orders {
    /// Gives money of a paid order back: what the lines say, or all that is left.
    pub async fn refund(
        &self,
        caller: &Caller,
        id: OrderId,
        request: RefundRequest,
        key: &str,
    ) -> Result<Reply, OrderError> {
        let request = RefundRequest {
            reason: line("reason", &request.reason, LONGEST_REASON)?,
            reference: optional_line("reference", request.reference.as_deref(), LONGEST_REFERENCE)?,
            ..request
        };
        if request.lines.as_ref().is_some_and(Vec::is_empty) {
            let message = "is empty; leave it out to refund everything that is left";
            return Err(InvalidField::new("lines", message).into());
        }
        let once = IdempotentRequest::new("refund", caller, key, &json!([id, request]).to_string());
        with_retries(async || self.refund_once(caller, id, &request, &once).await).await
    }

    async fn refund_once(
        &self,
        caller: &Caller,
        id: OrderId,
        request: &RefundRequest,
        once: &IdempotentRequest,
    ) -> Result<Reply, OrderError> {
        let mut tx = self.db.begin().await?;
        let order = self.hold(&mut tx, caller, id).await?;
        if let Some(kept) = once.kept(&mut tx).await? {
            return Ok(kept);
        }
        let standing = orders::find_balance(&mut tx, id).await?.ok_or(OrderError::NotFound(id))?;
        match standing.state {
            OrderState::Paid | OrderState::PartlyRefunded | OrderState::Refunded => {}
            OrderState::Confirmed => return Err(OrderError::NotPaid(id)),
            OrderState::Voided => return Err(OrderError::Voided(id)),
        }
        if request.currency != order.currency {
            return Err(OrderError::WrongCurrency { given: request.currency, due: order.currency });
        }
        let items = orders::list_items(&mut tx, id).await?;
        let taken_back = refunds::list_refunded_quantities(&mut tx, id).await?;
        let included = order.prices_include_tax;
        let planned = match plan(&items, included, &taken_back, request.lines.as_deref()) {
            Err(OrderError::TooMuch { .. }) if plan(&items, included, &taken_back, None)?.is_empty() => Vec::new(),
            planned => planned?,
        };
        if planned.is_empty() {
            let money = |amount| Money { amount, currency: order.currency };
            let (paid, refunded) = (money(standing.paid), money(standing.refunded));
            return Err(OrderError::NothingLeft { id, paid, refunded });
        }
        let (wanted, left) = (sum(&planned), standing.paid - standing.refunded);
        if wanted > left {
            return Err(OrderError::TooMuch { what: "the order, minor units".to_owned(), wanted, left });
        }
        let counter = ReversalRecord {
            kind: RefundKind::Refund,
            method: Some(request.method),
            reference: request.reference.clone(),
            reason: request.reason.clone(),
            items: planned,
        };
        let reply = self.take_back(&mut tx, caller, order, counter, once).await?;
        tx.commit().await?;
        metrics::counter!(REFUNDS_TOTAL, "kind" => RefundKind::Refund.as_str()).increment(1);
        Ok(reply)
    }

    /// As [`Orders::refuse_unless_unpaid`], and tells an order that was paid and given back from one that is paid.
    pub(super) async fn refuse_unless_due(&self, reader: &mut Reader, order: &OrderRow) -> Result<(), OrderError> {
        let refused = self.refuse_unless_unpaid(reader, order.id).await;
        if let Err(OrderError::AlreadyPaid(id)) = refused {
            let standing = orders::find_balance(reader, id).await?.ok_or(OrderError::NotFound(id))?;
            if standing.state == OrderState::Refunded {
                let money = |amount| Money { amount, currency: order.currency };
                let (paid, refunded) = (money(standing.paid), money(standing.refunded));
                return Err(OrderError::PaidAndRefunded { id, paid, refunded });
            }
        }
        refused
    }

    /// Writes a refund or void with the store's next number, keeps the reply and the audit record.
    pub(super) async fn take_back(
        &self,
        tx: &mut Tx,
        caller: &Caller,
        order: OrderRow,
        counter: ReversalRecord,
        once: &IdempotentRequest,
    ) -> Result<Reply, OrderError> {
        let taken = number_series::take_next_number(tx, order.store_id, Series::Refund).await?;
        let now = self.clock.now();
        let mut row = RefundRow {
            id: RefundId::at(now),
            store_id: order.store_id,
            number: taken.number,
            kind: counter.kind,
            order_id: order.id,
            amount: sum(&counter.items),
            tax: counter.items.iter().map(|item| item.tax).sum(),
            currency: order.currency,
            method: counter.method,
            reference: counter.reference,
            reason: counter.reason,
            made_by: caller.actor.label(),
            created_at: now,
            previous_hash: taken.previous_hash,
            hash: Vec::new(),
        };
        row.hash = seals::seal_refund(&row, &counter.items);
        refunds::insert(tx, &row, &counter.items).await?;
        number_series::set_last_hash(tx, order.store_id, Series::Refund, &row.hash).await?;
        let action = match counter.kind {
            RefundKind::Refund => "order.refund",
            RefundKind::Void => "order.void",
        };
        let details = json!({"receipt_number": order.number, "refund_number": row.number, "amount": row.amount,
            "currency": row.currency, "method": row.method, "reason": row.reason});
        let subject = order.id.to_string();
        let reply = once.keep(tx, &RefundView::new(row, counter.items), now).await?;
        audit::append(tx, audit::AuditEntry { at: now, caller, action, subject, details }).await?;
        Ok(reply)
    }
}

fn sum(items: &[RefundItemRow]) -> i64 {
    items.iter().map(|item| item.amount).sum()
}
