//! Voids: an order without a payment is cancelled by a record that reverses its turnover.

use serde_json::json;

use super::order_state::check_unpaid;
use super::refund::{Reversal, count_reversal};
use super::refund_plan::RefundableOrder;
use super::{OrderError, Orders, REASON_LENGTH_MAX};
use crate::db::orders;
use crate::domain::{Caller, OrderId, RefundKind, parse_line};
use crate::idempotency::{IdempotentRequest, Reply, retry_transaction};

impl Orders {
    /// A paid order is refunded instead, so that the books show both the money taken and the money given back.
    pub async fn void_order(&self, caller: &Caller, id: OrderId, reason: &str, key: &str) -> Result<Reply, OrderError> {
        let reason = parse_line("reason", reason, REASON_LENGTH_MAX)?;
        let request = IdempotentRequest::new("void", caller, Some(key), &json!([id, reason]).to_string());
        retry_transaction(async || self.attempt_void(caller, id, &reason, &request).await).await
    }

    async fn attempt_void(
        &self,
        caller: &Caller,
        id: OrderId,
        reason: &str,
        request: &IdempotentRequest,
    ) -> Result<Reply, OrderError> {
        let mut tx = self.db.begin().await?;
        let order = self.lock_order(&mut tx, caller, id).await?;
        if let Some(reply) = request.find_reply(&mut tx).await? {
            return Ok(reply);
        }
        let balance = orders::find_balance(&mut tx, id).await?.ok_or(OrderError::NotFound(id))?;
        check_unpaid(&order, &balance)?;
        let items = orders::list_items(&mut tx, id).await?;
        let whole = RefundableOrder {
            items: &items,
            refunded: &[],
            prices_include_tax: order.prices_include_tax,
            currency: order.currency,
        };
        let reversal = Reversal {
            kind: RefundKind::Void,
            method: None,
            reference: None,
            reason: reason.to_owned(),
            items: whole.plan_rest(),
        };
        let reply = self.write_reversal(&mut tx, caller, order, reversal, request).await?;
        tx.commit().await?;
        count_reversal(RefundKind::Void);
        Ok(reply)
    }
}
