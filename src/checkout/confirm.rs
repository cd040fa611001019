//! Confirmation: the bill becomes an order with a receipt number, once, whatever the network does.
//!
//! One transaction closes the session, checks every line, takes the number, writes the order and keeps the reply under
//! the client's key. A replay with the same key gets the kept reply; the key with another request is an error. Rolling
//! back gives the number back.

use std::time::Instant;

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::view::price;
use super::{Checkout, CheckoutError, Unsellable};
use crate::domain::{Caller, Currency, Money, SessionId};
use crate::orders::Draft;
use crate::store::billing_items::{self, BillLine};
use crate::store::checkout_sessions::{self, SessionRow};
use crate::store::idempotency_keys::{self, KeptReply};
use crate::store::orders::OrderItemRow;
use crate::store::{StoreError, Tx};
use crate::telemetry::{ORDER_CONFLICTS_TOTAL, ORDER_SECONDS, ORDERS_TOTAL};

/// Times a confirmation is run where the database says that it lost against another transaction.
const ATTEMPTS: u32 = 3;

/// The reply to a confirmation.
#[derive(Debug, Clone)]
pub struct Confirmed {
    /// The order as JSON: as it was shown the first time, however often it is asked for.
    pub body: Value,
    /// Whether this is the kept reply of an earlier request.
    pub replayed: bool,
}

impl Checkout {
    /// Turns the bill into an order. `key` is the client's Idempotency-Key.
    pub async fn confirm(
        &self,
        caller: &Caller,
        id: SessionId,
        version: i64,
        key: &str,
    ) -> Result<Confirmed, CheckoutError> {
        let started = Instant::now();
        let mut outcome = self.confirm_once(caller, id, version, key).await;
        for _ in 1..ATTEMPTS {
            match &outcome {
                Err(error) if error.is_retryable() || lost_race_for_key(error) => {
                    outcome = self.confirm_once(caller, id, version, key).await;
                }
                Ok(_) | Err(_) => break,
            }
        }
        metrics::histogram!(ORDER_SECONDS).record(started.elapsed().as_secs_f64());
        match &outcome {
            Ok(confirmed) if !confirmed.replayed => metrics::counter!(ORDERS_TOTAL).increment(1),
            Err(CheckoutError::StaleVersion { .. } | CheckoutError::Closed(_)) => {
                metrics::counter!(ORDER_CONFLICTS_TOTAL).increment(1);
            }
            Ok(_) | Err(_) => {}
        }
        outcome
    }

    async fn confirm_once(
        &self,
        caller: &Caller,
        id: SessionId,
        version: i64,
        key: &str,
    ) -> Result<Confirmed, CheckoutError> {
        let scope = format!("confirm {}", caller.actor.label());
        let request_hash = Sha256::digest(format!("{id} {version}")).to_vec();
        let mut tx = self.store.begin().await?;
        if let Some(kept) = kept_reply(&mut tx, &scope, key, &request_hash).await? {
            return Ok(kept);
        }
        self.visible(&mut tx, caller, id).await?;
        let expected = self.expected(Some(version));
        let closed = checkout_sessions::close(&mut tx, id, "confirmed", expected, self.clock.now()).await?;
        if closed.is_none() {
            // The same request may have been answered while this one waited for the session's row.
            return match kept_reply(&mut tx, &scope, key, &request_hash).await? {
                Some(kept) => Ok(kept),
                None => Err(self.refusal(&mut tx, id, Some(version)).await?),
            };
        }
        // Read again now that its row is held: a shopper may have joined since.
        let session = self.visible(&mut tx, caller, id).await?;
        let draft = draft(session, billing_items::list(&mut tx, id).await?)?;
        let order = self.orders.place(&mut tx, draft).await?;
        let body = serde_json::to_value(&order).map_err(|error| StoreError::Unexpected(error.to_string()))?;
        let reply = KeptReply { request_hash, body: body.clone() };
        idempotency_keys::insert(&mut tx, &scope, key, &reply, self.clock.now()).await?;
        tx.commit().await?;
        tracing::info!(order.id = %order.id, store.id = %order.store_id, receipt.number = order.receipt_number, "order confirmed");
        Ok(Confirmed { body, replayed: false })
    }

    /// Forgets kept replies that are past their time; gives how many.
    pub async fn forget_old_replies(&self) -> Result<u64, CheckoutError> {
        let mut tx = self.store.begin().await?;
        let moment = self.clock.now().plus_seconds(-self.rules.idempotency_s);
        let forgotten = idempotency_keys::forget_before(&mut tx, moment).await?;
        tx.commit().await?;
        Ok(forgotten)
    }
}

/// Two requests with one key, both new: the second to write it is told by the unique key, and finds the reply next time.
fn lost_race_for_key(error: &CheckoutError) -> bool {
    matches!(error, CheckoutError::Store(error) if error.is_taken("idempotency_keys_pkey") || error.is_taken("idempotency_keys_scope_key"))
}

async fn kept_reply(
    tx: &mut Tx,
    scope: &str,
    key: &str,
    request_hash: &[u8],
) -> Result<Option<Confirmed>, CheckoutError> {
    match idempotency_keys::find(tx, scope, key).await? {
        None => Ok(None),
        Some(kept) if kept.request_hash == request_hash => Ok(Some(Confirmed { body: kept.body, replayed: true })),
        Some(_) => Err(CheckoutError::KeyReused),
    }
}

/// The bill as a draft of an order, if every line can be sold.
fn draft(session: SessionRow, lines: Vec<BillLine>) -> Result<Draft, CheckoutError> {
    if lines.is_empty() {
        return Err(CheckoutError::Empty);
    }
    let unsellable: Vec<Unsellable> = lines.iter().filter_map(|line| blocked(line, session.currency)).collect();
    if !unsellable.is_empty() {
        return Err(CheckoutError::Unsellable(unsellable));
    }
    let mut items = Vec::with_capacity(lines.len());
    let mut total: i64 = 0;
    for (line, place) in lines.into_iter().zip(1..) {
        let item = order_item(line, place, session.currency).ok_or(CheckoutError::TotalTooLarge)?;
        total = total.saturating_add(item.line_total);
        items.push(item);
    }
    if total > Money::LARGEST {
        return Err(CheckoutError::TotalTooLarge);
    }
    Ok(Draft {
        session: session.id,
        store: session.store_id,
        kiosk: session.kiosk_id,
        shopper: session.shopper_id,
        currency: session.currency,
        items,
        total,
    })
}

fn blocked(line: &BillLine, currency: Currency) -> Option<Unsellable> {
    let reason = price(line, currency).err()?;
    Some(Unsellable { item: line.id, product_name: line.name.clone(), reason })
}

fn order_item(line: BillLine, place: i64, currency: Currency) -> Option<OrderItemRow> {
    let unit = price(&line, currency).ok()?;
    Some(OrderItemRow {
        line: place,
        product_id: line.product_id,
        name: line.name,
        sku: line.sku,
        barcode: line.barcode,
        quantity: line.quantity,
        unit_price: unit.amount,
        line_total: unit.times(line.quantity)?.amount,
        avg_score: line.avg_score,
    })
}
