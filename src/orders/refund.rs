//! Refunds of paid orders, and the record that refunds and voids share.

use serde::Serialize;
use serde_json::json;

use super::order_state::{check_paid, paid_and_refunded};
use super::payment::find_cash_step;
use super::refund_plan::{RefundLineRequest, RefundableOrder};
use super::{OrderError, Orders, REASON_LENGTH_MAX, REFERENCE_LENGTH_MAX, RefundView};
use crate::db::orders::{self, OrderRow};
use crate::db::refunds::{self, RefundItemRow, RefundRow};
use crate::db::{Tx, audit, number_series, seals};
use crate::domain::{
    Caller, Currency, InvalidField, Money, OrderId, PaymentMethod, RefundId, RefundKind, Series, cash_rounding,
    parse_line, parse_optional_line,
};
use crate::idempotency::{IdempotentRequest, Reply, retry_transaction};
use crate::telemetry::REFUNDS_TOTAL;

/// A refund as a clerk requests it.
#[derive(Debug, Clone, Serialize)]
pub struct RefundRequest {
    /// Must be the order's.
    pub currency: Currency,
    /// How the money is paid back.
    pub method: PaymentMethod,
    /// The terminal's or provider's reference.
    pub reference: Option<String>,
    pub reason: String,
    /// `None`: everything that is left.
    pub lines: Option<Vec<RefundLineRequest>>,
}

/// A refund or void before it has a number and a seal.
pub(super) struct Reversal {
    pub kind: RefundKind,
    pub method: Option<PaymentMethod>,
    pub reference: Option<String>,
    pub reason: String,
    pub items: Vec<RefundItemRow>,
}

impl Orders {
    /// Refunds the requested lines of a paid order, or all that is left.
    pub async fn refund_order(
        &self,
        caller: &Caller,
        id: OrderId,
        refund: RefundRequest,
        key: &str,
    ) -> Result<Reply, OrderError> {
        let refund = RefundRequest {
            reason: parse_line("reason", &refund.reason, REASON_LENGTH_MAX)?,
            reference: parse_optional_line("reference", refund.reference.as_deref(), REFERENCE_LENGTH_MAX)?,
            ..refund
        };
        if refund.lines.as_ref().is_some_and(Vec::is_empty) {
            let message = "is empty; leave it out to refund everything that is left";
            return Err(InvalidField::new("lines", message).into());
        }
        let request = IdempotentRequest::new("refund", caller, Some(key), &json!([id, refund]).to_string());
        retry_transaction(async || self.attempt_refund(caller, id, &refund, &request).await).await
    }

    async fn attempt_refund(
        &self,
        caller: &Caller,
        id: OrderId,
        refund: &RefundRequest,
        request: &IdempotentRequest,
    ) -> Result<Reply, OrderError> {
        let mut tx = self.db.begin().await?;
        let order = self.lock_order(&mut tx, caller, id).await?;
        if let Some(reply) = request.find_reply(&mut tx).await? {
            return Ok(reply);
        }
        let items = self.plan_refund(&mut tx, &order, refund).await?;
        let reversal = Reversal {
            kind: RefundKind::Refund,
            method: Some(refund.method),
            reference: refund.reference.clone(),
            reason: refund.reason.clone(),
            items,
        };
        let reply = self.write_reversal(&mut tx, caller, order, reversal, request).await?;
        tx.commit().await?;
        count_reversal(RefundKind::Refund);
        Ok(reply)
    }

    /// The lines of a refund, if the order is paid and enough of it is left.
    async fn plan_refund(
        &self,
        tx: &mut Tx,
        order: &OrderRow,
        refund: &RefundRequest,
    ) -> Result<Vec<RefundItemRow>, OrderError> {
        let balance = orders::find_balance(tx, order.id).await?.ok_or(OrderError::NotFound(order.id))?;
        check_paid(order, &balance)?;
        if refund.currency != order.currency {
            return Err(OrderError::WrongCurrency { requested: refund.currency, due: order.currency });
        }
        let refundable = RefundableOrder {
            items: &orders::list_items(tx, order.id).await?,
            refunded: &refunds::list_refunded_quantities(tx, order.id).await?,
            prices_include_tax: order.prices_include_tax,
            currency: order.currency,
        };
        let rest = refundable.plan_rest();
        let items = match &refund.lines {
            Some(lines) => match refundable.plan_lines(lines) {
                Err(OrderError::TooManyPieces { .. } | OrderError::LineRefundTooLarge { .. }) if rest.is_empty() => {
                    rest
                }
                planned => planned?,
            },
            None => rest,
        };
        let (paid, refunded) = paid_and_refunded(order, &balance);
        if items.is_empty() {
            return Err(OrderError::NothingLeft { id: order.id, paid, refunded });
        }
        let money = |amount| Money { amount, currency: order.currency };
        let (requested, left) = (sum_amounts(&items), balance.paid - balance.refunded);
        if requested > left {
            return Err(OrderError::RefundTooLarge { requested: money(requested), left: money(left) });
        }
        Ok(items)
    }

    /// Writes a refund or void with the store's next number, the reply and the audit record. Refunds and voids share a series, so
    /// that every reversal of turnover is numbered without gaps.
    pub(super) async fn write_reversal(
        &self,
        tx: &mut Tx,
        caller: &Caller,
        order: OrderRow,
        reversal: Reversal,
        request: &IdempotentRequest,
    ) -> Result<Reply, OrderError> {
        let taken = number_series::take_next_number(tx, order.store_id, Series::Refund).await?;
        let now = self.record_time(order.store_id, taken.previous_at);
        let amount = sum_amounts(&reversal.items);
        let rounding = match reversal.method {
            Some(PaymentMethod::Cash) => {
                cash_rounding(amount, find_cash_step(tx, order.store_id, order.currency).await?)
            }
            Some(_) | None => 0,
        };
        let mut row = RefundRow {
            id: RefundId::generate(now),
            store_id: order.store_id,
            number: taken.number,
            kind: reversal.kind,
            order_id: order.id,
            amount,
            rounding,
            tax: reversal.items.iter().map(|item| item.tax).sum(),
            currency: order.currency,
            method: reversal.method,
            reference: reversal.reference,
            reason: reversal.reason,
            made_by: caller.actor.label(),
            created_at: now,
            previous_hash: taken.previous_hash,
            hash: Vec::new(),
        };
        row.hash = seals::seal_refund(&row, &reversal.items);
        refunds::insert(tx, &row, &reversal.items).await?;
        number_series::set_last_record(tx, order.store_id, Series::Refund, &row.hash, now).await?;
        let action = match row.kind {
            RefundKind::Refund => "order.refund",
            RefundKind::Void => "order.void",
        };
        let details = json!({"receipt_number": order.number, "refund_number": row.number, "amount": row.amount,
            "currency": row.currency, "method": row.method, "reason": row.reason});
        let subject = order.id.to_string();
        let reply = request.store_reply(tx, &RefundView::new(row, reversal.items), now).await?;
        audit::append(tx, audit::AuditEntry { at: now, caller, action, subject, details }).await?;
        Ok(reply)
    }
}

pub(super) fn count_reversal(kind: RefundKind) {
    metrics::counter!(REFUNDS_TOTAL, "kind" => kind.as_str()).increment(1);
}

fn sum_amounts(items: &[RefundItemRow]) -> i64 {
    items.iter().map(|item| item.amount).sum()
}
