//! Confirmation: the bill becomes an order with a receipt number, exactly once.
//!
//! One transaction closes the session, checks every line, takes the number, writes the order and stores the reply under
//! the client's key. Sending the request again gives the stored reply. A rollback gives the number back.

use std::cell::Cell;
use std::time::Instant;

use super::pricing::{PricedBill, PricedLine};
use super::{BillChange, Checkout, CheckoutError, UnsellableItem};
use crate::db::Tx;
use crate::db::billing_items::{self, BillLine};
use crate::db::checkout_sessions::{self, SessionRow};
use crate::db::orders::OrderItemRow;
use crate::domain::{Actor, Caller, SessionId, SessionStatus, StoreId};
use crate::idempotency::{IdempotentRequest, Reply, retry_transaction_counted};
use crate::orders::OrderDraft;
use crate::performance::{Attempt, AttemptOutcome, Performance, Retries};
use crate::telemetry::{ORDER_CONFLICTS_TOTAL, ORDER_SECONDS, ORDERS_TOTAL};

/// Makes the counters exist at 0.
pub(super) fn register_metrics() {
    for name in [ORDERS_TOTAL, ORDER_CONFLICTS_TOTAL] {
        metrics::counter!(name).increment(0);
    }
}

impl Checkout {
    /// Turns the bill into an order. `key` is the client's Idempotency-Key.
    pub async fn confirm_session(
        &self,
        caller: &Caller,
        id: SessionId,
        version: i64,
        key: &str,
    ) -> Result<Reply, CheckoutError> {
        let request = IdempotentRequest::new("confirm", caller, Some(key), &format!("{id} {version}"));
        let measurement = Measurement::start(&self.performance, caller_store(caller));
        let change = BillChange { caller, session: id, version: Some(version), key: Some(key) };
        let (result, retries) = retry_transaction_counted(async |attempt| {
            let confirmation = Confirmation { change, version, request: &request, attempt, store: &measurement.store };
            self.attempt_confirmation(&confirmation).await
        })
        .await;
        let outcome = attempt_outcome(&result, retries);
        measurement.finish(outcome, retries);
        match &result {
            Ok(_) if outcome == Some(AttemptOutcome::Succeeded) => metrics::counter!(ORDERS_TOTAL).increment(1),
            Err(CheckoutError::StaleVersion { .. } | CheckoutError::Closed(_) | CheckoutError::Confirmed { .. }) => {
                metrics::counter!(ORDER_CONFLICTS_TOTAL).increment(1);
            }
            Ok(_) | Err(_) => {}
        }
        result
    }

    async fn attempt_confirmation(&self, confirmation: &Confirmation<'_>) -> Result<Reply, CheckoutError> {
        let Confirmation { change: BillChange { session: id, .. }, version, .. } = *confirmation;
        // Read before the transaction, so that other tills wait less. A change in between, also of the catalog, has raised
        // the version, and closing the session at its old one is refused.
        let lines = billing_items::list_at_version(&mut self.db.read().await?, id, version).await?;
        let mut tx = self.db.begin().await?;
        #[cfg(feature = "fail-points")]
        tx.enable_failure_injection();
        let reply = self.confirm_within(&mut tx, confirmation, lines).await?;
        if !reply.replayed {
            tx.commit().await?;
        }
        Ok(reply)
    }

    async fn confirm_within(
        &self,
        tx: &mut Tx,
        confirmation: &Confirmation<'_>,
        lines: Vec<BillLine>,
    ) -> Result<Reply, CheckoutError> {
        let &Confirmation { change, version, request, attempt, store } = confirmation;
        let id = change.session;
        // Not in the first attempt: an open session has no reply yet. If another request has used the key, storing the reply
        // fails, and the second attempt finds that reply.
        if attempt > 1
            && let Some(reply) = request.find_reply(tx).await?
        {
            return Ok(reply);
        }
        let (precondition, now) = (self.precondition(Some(version)), self.clock.now());
        let closed = checkout_sessions::close(tx, id, SessionStatus::Confirmed, precondition, now).await?;
        let Some(session) = closed else {
            // The same request may have finished while this one waited for the session's row.
            if let Some(reply) = request.find_reply(tx).await? {
                return Ok(reply);
            }
            let session = self.find_session(tx, change.caller, id).await?;
            store.set(Some(session.store_id));
            return Err(self.explain_refusal(tx, &session, Some(version)).await?);
        };
        store.set(Some(session.store_id));
        let session = self.check_advanced(tx, &change, Some(session)).await?;
        let lines = if lines.is_empty() { billing_items::list(tx, id).await? } else { lines };
        let draft = match draft_order(session, lines) {
            Ok(draft) => draft,
            // Report a reused key first, because correcting the bill would not help.
            Err(refusal) => return request.find_reply(tx).await?.ok_or(refusal),
        };
        let order = self.orders.place_order(tx, draft).await?;
        let reply = request.store_reply(tx, &order, self.clock.now()).await?;
        let (order, store, number) = (order.id, order.store_id, order.receipt_number);
        tracing::info!(order.id = %order, store.id = %store, receipt.number = number, "order written");
        Ok(reply)
    }
}

/// One attempt to confirm a session.
struct Confirmation<'a> {
    change: BillChange<'a>,
    version: i64,
    request: &'a IdempotentRequest,
    /// From 1.
    attempt: u32,
    /// Set to the session's store as soon as it is known.
    store: &'a Cell<Option<StoreId>>,
}

/// The caller's own store: the best guess until the session is read.
fn caller_store(caller: &Caller) -> Option<StoreId> {
    match caller.actor {
        Actor::Kiosk { store, .. } => Some(store),
        Actor::Person { store, .. } => store,
        Actor::System | Actor::CommandLine => None,
    }
}

/// Measures a confirmation. It counts as failed if the client disconnects before the end, because it took too long.
struct Measurement<'a> {
    performance: &'a Performance,
    store: Cell<Option<StoreId>>,
    started: Instant,
    finished: bool,
}

impl<'a> Measurement<'a> {
    fn start(performance: &'a Performance, store: Option<StoreId>) -> Self {
        Self { performance, store: Cell::new(store), started: Instant::now(), finished: false }
    }

    /// Without an outcome, only records the time.
    fn finish(mut self, outcome: Option<AttemptOutcome>, retries: Retries) {
        self.finished = true;
        self.record(outcome, retries);
    }

    fn record(&self, outcome: Option<AttemptOutcome>, retries: Retries) {
        let duration = self.started.elapsed();
        metrics::histogram!(ORDER_SECONDS).record(duration.as_secs_f64());
        if let Some(outcome) = outcome {
            self.performance.record(&Attempt { store: self.store.get(), outcome, retries, duration });
        }
    }
}

impl Drop for Measurement<'_> {
    fn drop(&mut self) {
        if !self.finished {
            self.record(Some(AttemptOutcome::Failed), Retries::default());
        }
    }
}

/// `None` for a replay. A reply found after a retry is this request's own: the previous attempt did commit.
fn attempt_outcome(result: &Result<Reply, CheckoutError>, retries: Retries) -> Option<AttemptOutcome> {
    match result {
        Ok(reply) => (!reply.replayed || retries != Retries::default()).then_some(AttemptOutcome::Succeeded),
        Err(error) if error.is_server_fault() => Some(AttemptOutcome::Failed),
        Err(_) => Some(AttemptOutcome::Refused),
    }
}

/// The order that a bill becomes, if every line can be sold.
fn draft_order(session: SessionRow, lines: Vec<BillLine>) -> Result<OrderDraft, CheckoutError> {
    if lines.is_empty() {
        return Err(CheckoutError::Empty);
    }
    let bill = PricedBill::new(&session, lines);
    let unsellable: Vec<UnsellableItem> = bill.lines.iter().filter_map(unsellable_item).collect();
    if !unsellable.is_empty() {
        return Err(CheckoutError::UnsellableItems(unsellable));
    }
    if !bill.is_sellable() || !bill.is_chargeable() {
        return Err(CheckoutError::TotalTooLarge);
    }
    let total = bill.total;
    let items: Option<Vec<OrderItemRow>> =
        bill.lines.into_iter().zip(1..).map(|(line, place)| order_item(line, place)).collect();
    Ok(OrderDraft {
        session: session.id,
        store: session.store_id,
        seller: session.seller,
        kiosk: session.kiosk_id,
        shopper: session.shopper_id,
        currency: session.currency,
        prices_include_tax: session.prices_include_tax,
        discount_reason: session.discount_reason,
        items: items.ok_or(CheckoutError::TotalTooLarge)?,
        total,
    })
}

fn unsellable_item(line: &PricedLine) -> Option<UnsellableItem> {
    let problem = line.unit_price.err()?;
    Some(UnsellableItem { id: line.row.id, product_name: line.row.name.clone(), problem })
}

fn order_item(line: PricedLine, number: i64) -> Option<OrderItemRow> {
    let PricedLine { row, unit_price, line_total, charge } = line;
    let charge = charge?;
    Some(OrderItemRow {
        line: number,
        product_id: row.product_id,
        name: row.name,
        sku: row.sku,
        barcode: row.barcode,
        quantity: row.quantity,
        unit_price: unit_price.ok()?.amount,
        line_total: line_total?,
        discount: charge.discount,
        discount_reason: row.discount_reason,
        bill_discount: charge.bill_discount,
        tax_rate: row.tax_rate,
        tax: charge.tax,
        avg_score: row.avg_score,
    })
}
