//! The steps of every change of a bill: check and raise the session's version, change items, keep the reply, commit, return
//! the bill.

use super::pricing::PricedBill;
use super::view::SessionView;
use super::{BillChange, Checkout, CheckoutError, ManualItem};
use crate::db::billing_items::{self, NewBillItem, SellableProduct};
use crate::db::checkout_sessions::{self, SessionPrecondition, SessionRow};
use crate::db::{Reader, Tx, bill_revisions, orders};
use crate::domain::{Caller, InvalidField, ItemId, ProductId, SessionId, SessionStatus, parse_barcode};
use crate::idempotency::{IdempotentRequest, Reply, retry_key_race};
use crate::recognition::{RecognitionResult, Verdict};

impl Checkout {
    /// Makes a change of a bill once: under a known Idempotency-Key it gives the stored reply.
    pub(super) async fn change_bill(
        &self,
        change: &BillChange<'_>,
        request: &IdempotentRequest,
        apply: impl AsyncFn(&mut Tx, &SessionRow) -> Result<(), CheckoutError>,
    ) -> Result<Reply, CheckoutError> {
        retry_key_race(async || {
            let mut tx = self.db.begin().await?;
            let (precondition, now) = (self.precondition(change.version), self.clock.now());
            let advanced = checkout_sessions::advance(&mut tx, change.session, precondition, now).await?;
            // The session's row is locked: whoever sent the same request has finished. Its version is stale by now.
            if let Some(reply) = request.find_reply(&mut tx).await? {
                return Ok(reply);
            }
            let session = self.check_advanced(&mut tx, change, advanced).await?;
            apply(&mut tx, &session).await?;
            let view = self.load_checked_view(&mut tx, change.session).await?;
            let reply = request.store_reply(&mut tx, &view, now).await?;
            tx.commit().await?;
            Ok(reply)
        })
        .await
    }

    /// The session, if it belongs to a store of the caller.
    pub(super) async fn find_session(
        &self,
        reader: &mut Reader,
        caller: &Caller,
        id: SessionId,
    ) -> Result<SessionRow, CheckoutError> {
        let session = checkout_sessions::find(reader, id).await?;
        session.filter(|session| caller.actor.serves(session.store_id)).ok_or(CheckoutError::NotFound(id))
    }

    /// The advanced session, or the reason for a refusal. Whose session it is can only be checked now that its row is locked; the
    /// change of somebody else is rolled back.
    pub(super) async fn check_advanced(
        &self,
        tx: &mut Tx,
        change: &BillChange<'_>,
        advanced: Option<SessionRow>,
    ) -> Result<SessionRow, CheckoutError> {
        match advanced {
            Some(session) if change.caller.actor.serves(session.store_id) => Ok(session),
            Some(_) => Err(CheckoutError::NotFound(change.session)),
            // Read it again, since another client may just have advanced it.
            None => {
                let session = self.find_session(tx, change.caller, change.session).await?;
                Err(self.explain_refusal(tx, &session, change.version).await?)
            }
        }
    }

    pub(super) fn precondition(&self, version: Option<i64>) -> SessionPrecondition {
        let (now, idle_s) = (self.clock.now(), self.rules.idle_s);
        SessionPrecondition { version, active_since: now.plus_seconds(-idle_s), active_until: now.plus_seconds(idle_s) }
    }

    /// Why a session does not meet the precondition.
    pub(super) async fn explain_refusal(
        &self,
        reader: &mut Reader,
        session: &SessionRow,
        version: Option<i64>,
    ) -> Result<CheckoutError, CheckoutError> {
        if session.status == SessionStatus::Confirmed
            && let Some((order, number)) = orders::find_by_session(reader, session.id).await?
        {
            return Ok(CheckoutError::Confirmed { order, receipt_number: number });
        }
        if session.status != SessionStatus::Open {
            return Ok(CheckoutError::Closed(session.status));
        }
        let SessionPrecondition { active_since, active_until, .. } = self.precondition(version);
        if !(active_since..=active_until).contains(&session.last_active_at) {
            return Ok(CheckoutError::Idle(self.rules.idle_s));
        }
        let (requested, current) = (version.unwrap_or(session.version), session.version);
        let revisions = bill_revisions::list_after(reader, session.id, requested).await?;
        Ok(CheckoutError::StaleVersion { requested, current, revisions })
    }

    /// Adds a product to the bill, with its price if that is in the store's currency.
    pub(super) async fn add_product(
        &self,
        tx: &mut Tx,
        session: &SessionRow,
        product: &SellableProduct,
        quantity: i64,
        score: Option<f64>,
    ) -> Result<(), CheckoutError> {
        let now = self.clock.now();
        let item = NewBillItem {
            id: ItemId::generate(now),
            session_id: session.id,
            product,
            quantity,
            unit_price: product.amount.filter(|_| product.currency == Some(session.currency)),
            score,
            at: now,
        };
        let new_quantity = billing_items::add(tx, &item).await?;
        self.check_quantity(new_quantity)
    }

    /// Adds one of each matched product that is still on sale, but for those of `in_view`; returns how many were added.
    pub(super) async fn add_recognized_products(
        &self,
        tx: &mut Tx,
        session: &SessionRow,
        recognition: &RecognitionResult,
        in_view: &[ProductId],
    ) -> Result<usize, CheckoutError> {
        let mut added = 0;
        let mut in_view = in_view.to_vec();
        for item in recognition.items.iter().filter(|item| item.verdict == Verdict::Matched) {
            let Some(best) = item.candidates.first() else { continue };
            // Two pieces lie there and one was billed: the other one is new.
            if let Some(billed) = in_view.iter().position(|product| *product == best.product_id) {
                in_view.swap_remove(billed);
                continue;
            }
            if let Some(product) = billing_items::find_sellable(tx, best.product_id).await? {
                self.add_product(tx, session, &product, 1, best.score.map(f64::from)).await?;
                added += 1;
            }
        }
        Ok(added)
    }

    /// The bill, if it is not too long.
    pub(super) async fn load_checked_view(
        &self,
        reader: &mut Reader,
        id: SessionId,
    ) -> Result<SessionView, CheckoutError> {
        let view = self.load_view(reader, id).await?;
        let (lines, lines_max) = (view.items.len(), self.rules.items);
        if lines as i64 > lines_max {
            let message = format!("the bill would have {lines} lines; at most {lines_max} are allowed");
            return Err(InvalidField::new("items", message).into());
        }
        Ok(view)
    }

    pub(super) async fn load_view(&self, reader: &mut Reader, id: SessionId) -> Result<SessionView, CheckoutError> {
        let session = checkout_sessions::find(reader, id).await?.ok_or(CheckoutError::NotFound(id))?;
        let bill = PricedBill::new(&session, billing_items::list(reader, id).await?);
        Ok(SessionView::new(session, &bill))
    }

    pub(super) fn check_quantity(&self, quantity: i64) -> Result<(), CheckoutError> {
        if (1..=self.rules.quantity).contains(&quantity) {
            return Ok(());
        }
        let message = format!("{quantity} is not between 1 and {}; DELETE the item to remove it", self.rules.quantity);
        Err(InvalidField::new("quantity", message).into())
    }
}

pub(super) async fn find_sellable_product(
    reader: &mut Reader,
    item: &ManualItem,
) -> Result<SellableProduct, CheckoutError> {
    match item {
        ManualItem::Product(id) => {
            let missing = CheckoutError::NotOnSale { by: "id", value: id.to_string() };
            billing_items::find_sellable(reader, *id).await?.ok_or(missing)
        }
        ManualItem::Barcode(code) => {
            let code = parse_barcode("barcode", code)?;
            let product = billing_items::find_sellable_by_barcode(reader, &code).await?;
            product.ok_or(CheckoutError::NotOnSale { by: "barcode", value: code })
        }
    }
}
