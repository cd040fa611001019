//! Voids: an order that was never paid is cancelled, by a record of its own that takes its whole turnover back.

use serde_json::json;

use super::idempotency::{IdempotentRequest, Reply, with_retries};
use super::refund::ReversalRecord;
use super::refund_plan::whole;
use super::{LONGEST_REASON, OrderError, Orders};
use crate::db::orders;
use crate::domain::{Caller, OrderId, RefundKind, line};
use crate::telemetry::REFUNDS_TOTAL;

impl Orders {
    /// Cancels an order of which no payment is recorded. One that was paid is refunded instead, so that the money that
    /// was taken and the money that was given back both stand in the books.
    pub async fn void(&self, caller: &Caller, id: OrderId, reason: &str, key: &str) -> Result<Reply, OrderError> {
        let reason = line("reason", reason, LONGEST_REASON)?;
        let once = IdempotentRequest::new("void", caller, key, &json!([id, reason]).to_string());
        with_retries(async || self.void_once(caller, id, &reason, &once).await).await
    }

    async fn void_once(
        &self,
        caller: &Caller,
        id: OrderId,
        reason: &str,
        once: &IdempotentRequest,
    ) -> Result<Reply, OrderError> {
        let mut tx = self.db.begin().await?;
        let order = self.hold(&mut tx, caller, id).await?;
        if let Some(kept) = once.kept(&mut tx).await? {
            return Ok(kept);
        }
        self.refuse_unless_due(&mut tx, &order).await?;
        let items = whole(&orders::list_items(&mut tx, id).await?, order.prices_include_tax);
        let counter =
            ReversalRecord { kind: RefundKind::Void, method: None, reference: None, reason: reason.to_owned(), items };
        let reply = self.take_back(&mut tx, caller, order, counter, once).await?;
        tx.commit().await?;
        metrics::counter!(REFUNDS_TOTAL, "kind" => RefundKind::Void.as_str()).increment(1);
        Ok(reply)
    }
}
