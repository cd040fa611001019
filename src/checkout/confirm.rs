//! Confirmation: the bill becomes an order with a receipt number, once, whatever the network does.
//!
//! One transaction closes the session, checks every line, takes the number, writes the order and keeps the reply under
//! the client's key. A replay with the same key gets the kept reply; the key with another request is an error. Rolling
//! back gives the number back.

use std::cell::Cell;
use std::time::Instant;

use super::totals::{ChargedLine, charge};
use super::view::{discount, price, priced};
use super::{BlockingLine, Checkout, CheckoutError};
use crate::db::billing_items::{self, BillLine};
use crate::db::checkout_sessions::{self, SessionRow};
use crate::db::orders::OrderItemRow;
use crate::db::{Tx, idempotency_keys};
use crate::domain::{Actor, Caller, Currency, Money, SessionId, SessionStatus, StoreId};
use crate::orders::OrderDraft;
use crate::orders::idempotency::{IdempotentRequest, Reply, with_counted_retries};
use crate::performance::{Attempt, Outcome, Performance, Retries};
use crate::telemetry::{ORDER_CONFLICTS_TOTAL, ORDER_SECONDS, ORDERS_TOTAL};

/// Makes the counters of confirms appear at 0 before anything is counted.
pub(super) fn register() {
    for name in [ORDERS_TOTAL, ORDER_CONFLICTS_TOTAL] {
        metrics::counter!(name).increment(0);
    }
}

impl Checkout {
    /// Turns the bill into an order. `key` is the client's Idempotency-Key.
    pub async fn confirm(
        &self,
        caller: &Caller,
        id: SessionId,
        version: i64,
        key: &str,
    ) -> Result<Reply, CheckoutError> {
        let once = IdempotentRequest::new("confirm", caller, key, &format!("{id} {version}"));
        let counting = Counting::begin(&self.performance, own_store(caller));
        let (outcome, retries) = with_counted_retries(async |attempt| {
            let asked = Asked { caller, id, version, once: &once, attempt, store: &counting.store };
            self.confirm_once(&asked).await
        })
        .await;
        let ended = how_it_ended(&outcome, retries);
        counting.end(ended, retries);
        match &outcome {
            Ok(_) if ended == Some(Outcome::Succeeded) => metrics::counter!(ORDERS_TOTAL).increment(1),
            Err(CheckoutError::StaleVersion { .. } | CheckoutError::Closed(_)) => {
                metrics::counter!(ORDER_CONFLICTS_TOTAL).increment(1);
            }
            Ok(_) | Err(_) => {}
        }
        outcome
    }

    async fn confirm_once(&self, asked: &Asked<'_>) -> Result<Reply, CheckoutError> {
        // Read before others are kept waiting; that the bill is still the same is what closing the session at its version
        // says. Products are sold as they are now: one that leaves the sale while this waits for its turn is still sold.
        let seen = billing_items::list_at_version(&mut self.db.read().await?, asked.id, asked.version).await?;
        let mut tx = self.db.begin().await?;
        #[cfg(feature = "fail-points")]
        tx.enable_failure_injection();
        let reply = self.confirm_within(&mut tx, asked, seen).await?;
        if !reply.replayed {
            tx.commit().await?;
        }
        Ok(reply)
    }

    async fn confirm_within(
        &self,
        tx: &mut Tx,
        asked: &Asked<'_>,
        seen: Vec<BillLine>,
    ) -> Result<Reply, CheckoutError> {
        let &Asked { caller, id, version, once, attempt, store } = asked;
        // The first attempt asks for a kept reply only where the session is closed already: with an open one there is
        // none, or the key is another request's and refuses the reply at the end, and the next attempt finds that.
        if attempt > 1
            && let Some(kept) = once.kept(tx).await?
        {
            return Ok(kept);
        }
        let expected = self.expected(Some(version));
        let closed = checkout_sessions::close(tx, id, SessionStatus::Confirmed, expected, self.clock.now()).await?;
        let Some(session) = closed else {
            // The same request may have been answered while this one waited for the session's row.
            if let Some(kept) = once.kept(tx).await? {
                return Ok(kept);
            }
            let session = self.visible(tx, caller, id).await?;
            store.set(Some(session.store_id));
            return Err(self.why_not(&session, Some(version)));
        };
        store.set(Some(session.store_id));
        let session = self.moved(tx, caller, id, Some(version), Some(session)).await?;
        let lines = if seen.is_empty() { billing_items::list(tx, id).await? } else { seen };
        let draft = match draft(session, lines) {
            Ok(draft) => draft,
            // A key that is another request's is to be told first: mending the bill would not help.
            Err(refused) => return once.kept(tx).await?.ok_or(refused),
        };
        let order = self.orders.place(tx, draft).await?;
        let reply = once.keep(tx, &order, self.clock.now()).await?;
        let (order, store, number) = (order.id, order.store_id, order.receipt_number);
        tracing::info!(order.id = %order, store.id = %store, receipt.number = number, "order written");
        Ok(reply)
    }

    /// Forgets kept replies that are past their time; gives how many.
    pub async fn forget_old_replies(&self) -> Result<u64, CheckoutError> {
        let mut tx = self.db.begin().await?;
        let moment = self.clock.now().plus_seconds(-self.rules.idempotency_s);
        let forgotten = idempotency_keys::delete_before(&mut tx, moment).await?;
        tx.commit().await?;
        Ok(forgotten)
    }
}

/// One attempt at what is asked for.
struct Asked<'a> {
    caller: &'a Caller,
    id: SessionId,
    version: i64,
    once: &'a IdempotentRequest,
    /// From 1.
    attempt: u32,
    /// Learns the session's store.
    store: &'a Cell<Option<StoreId>>,
}

/// The store that whoever asks belongs to: the order's, where the database cannot even be asked for the session.
fn own_store(caller: &Caller) -> Option<StoreId> {
    match caller.actor {
        Actor::Kiosk { store, .. } => Some(store),
        Actor::Person { store, .. } => store,
        Actor::System | Actor::CommandLine => None,
    }
}

/// An attempt that is counted when it ends, and as a failure where nobody waits for its end: a till that hangs up has waited
/// too long.
struct Counting<'a> {
    performance: &'a Performance,
    store: Cell<Option<StoreId>>,
    started: Instant,
    ended: bool,
}

impl<'a> Counting<'a> {
    fn begin(performance: &'a Performance, store: Option<StoreId>) -> Self {
        Self { performance, store: Cell::new(store), started: Instant::now(), ended: false }
    }

    /// Nothing is counted where a reply was only given again.
    fn end(mut self, outcome: Option<Outcome>, retries: Retries) {
        self.ended = true;
        self.count(outcome, retries);
    }

    fn count(&self, outcome: Option<Outcome>, retries: Retries) {
        let duration = self.started.elapsed();
        metrics::histogram!(ORDER_SECONDS).record(duration.as_secs_f64());
        if let Some(outcome) = outcome {
            self.performance.record(&Attempt { store: self.store.get(), outcome, retries, duration });
        }
    }
}

impl Drop for Counting<'_> {
    fn drop(&mut self) {
        if !self.ended {
            self.count(Some(Outcome::Failed), Retries::default());
        }
    }
}

/// Whether there is an order now, and whose fault it is if not; nothing where a reply was only given again. A reply that was
/// found after a try whose outcome was lost is this attempt's own.
fn how_it_ended(outcome: &Result<Reply, CheckoutError>, retries: Retries) -> Option<Outcome> {
    match outcome {
        Ok(reply) => (!reply.replayed || retries != Retries::default()).then_some(Outcome::Succeeded),
        Err(error) if error.is_ours() => Some(Outcome::Failed),
        Err(_) => Some(Outcome::Refused),
    }
}

/// The bill as a draft of an order, if every line can be sold.
fn draft(session: SessionRow, lines: Vec<BillLine>) -> Result<OrderDraft, CheckoutError> {
    if lines.is_empty() {
        return Err(CheckoutError::Empty);
    }
    let unsellable: Vec<BlockingLine> = lines.iter().filter_map(|line| blocked(line, session.currency)).collect();
    if !unsellable.is_empty() {
        return Err(CheckoutError::BlockingLine(unsellable));
    }
    let priced: Option<Vec<_>> = lines.iter().map(|line| priced(line, session.currency)).collect();
    let priced = priced.ok_or(CheckoutError::TotalTooLarge)?;
    // Before anything is taken off or comes on top, the prices alone must be money.
    let prices = priced.iter().fold(0_i64, |sum, line| sum.saturating_add(line.line_total));
    let charged = charge(&priced, discount(&session), session.prices_include_tax);
    let total = charged.iter().fold(0_i64, |sum, line| sum.saturating_add(line.amount));
    if prices.max(total) > Money::LARGEST {
        return Err(CheckoutError::TotalTooLarge);
    }
    let mut items = Vec::with_capacity(lines.len());
    for ((line, charged), place) in lines.into_iter().zip(charged).zip(1..) {
        items.push(order_item(line, charged, place, session.currency).ok_or(CheckoutError::TotalTooLarge)?);
    }
    Ok(OrderDraft {
        session: session.id,
        store: session.store_id,
        store_name: session.store_name,
        kiosk: session.kiosk_id,
        shopper: session.shopper_id,
        currency: session.currency,
        prices_include_tax: session.prices_include_tax,
        discount_reason: session.discount_reason,
        items,
        total,
    })
}

fn blocked(line: &BillLine, currency: Currency) -> Option<BlockingLine> {
    let reason = price(line, currency).err()?;
    Some(BlockingLine { item: line.id, product_name: line.name.clone(), reason })
}

fn order_item(line: BillLine, charged: ChargedLine, place: i64, currency: Currency) -> Option<OrderItemRow> {
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
        discount: charged.discount,
        discount_reason: line.discount_reason,
        bill_discount: charged.bill_discount,
        tax_rate: line.tax_rate,
        tax: charged.tax,
        avg_score: line.avg_score,
    })
}
