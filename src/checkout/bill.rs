//! The steps that every change of a bill is made of: see the session, check and raise its version, put items, show it.

use super::view::SessionView;
use super::{Checkout, CheckoutError, ManualItem};
use crate::db::billing_items::{self, NewBillItem, SellableProduct};
use crate::db::checkout_sessions::{self, SessionPrecondition, SessionRow};
use crate::db::{Reader, Tx};
use crate::domain::{Caller, InvalidField, ItemId, SessionId, SessionStatus, barcode};
use crate::recognition::{RecognitionResult, Verdict};

impl Checkout {
    /// The session, if this caller may know of it.
    pub(super) async fn visible(
        &self,
        reader: &mut Reader,
        caller: &Caller,
        id: SessionId,
    ) -> Result<SessionRow, CheckoutError> {
        let session = checkout_sessions::find(reader, id).await?;
        session.filter(|session| caller.actor.serves(session.store_id)).ok_or(CheckoutError::NotFound(id))
    }

    /// Raises the version of an open session, or says why that cannot be.
    pub(super) async fn advance(
        &self,
        tx: &mut Tx,
        caller: &Caller,
        id: SessionId,
        version: Option<i64>,
    ) -> Result<SessionRow, CheckoutError> {
        let moved = checkout_sessions::advance(tx, id, self.expected(version), self.clock.now()).await?;
        self.moved(tx, caller, id, version, moved).await
    }

    /// The session that was moved on, or why it was not. Whose it is, is asked only now that its row is held: moving what
    /// the caller may not know of is undone with the transaction.
    pub(super) async fn moved(
        &self,
        tx: &mut Tx,
        caller: &Caller,
        id: SessionId,
        asked: Option<i64>,
        moved: Option<SessionRow>,
    ) -> Result<SessionRow, CheckoutError> {
        match moved {
            Some(session) if caller.actor.serves(session.store_id) => Ok(session),
            Some(_) => Err(CheckoutError::NotFound(id)),
            // Read again, since another client may have moved it just now.
            None => Err(self.why_not(&self.visible(tx, caller, id).await?, asked)),
        }
    }

    pub(super) fn expected(&self, version: Option<i64>) -> SessionPrecondition {
        SessionPrecondition { version, active_since: self.clock.now().plus_seconds(-self.rules.idle_s) }
    }

    /// Why a session could not be moved on.
    pub(super) fn why_not(&self, session: &SessionRow, asked: Option<i64>) -> CheckoutError {
        if session.status != SessionStatus::Open {
            return CheckoutError::Closed(session.status);
        }
        if session.last_active_at < self.expected(asked).active_since {
            return CheckoutError::Idle(self.rules.idle_s);
        }
        CheckoutError::StaleVersion { asked: asked.unwrap_or(session.version), current: session.version }
    }

    /// Puts `quantity` of an offer on the bill with its price, where that is in the store's currency.
    pub(super) async fn put(
        &self,
        tx: &mut Tx,
        session: &SessionRow,
        offer: &SellableProduct,
        quantity: i64,
        score: Option<f64>,
    ) -> Result<(), CheckoutError> {
        let now = self.clock.now();
        let price = offer.amount.filter(|_| offer.currency == Some(session.currency));
        let item = NewBillItem {
            id: ItemId::at(now),
            session_id: session.id,
            product_id: offer.product_id,
            quantity,
            unit_price: price,
            score,
            at: now,
        };
        let quantity = billing_items::add(tx, &item).await?;
        self.check_quantity(quantity)
    }

    /// Puts one of every product that was matched on the bill. A product that left the sale while the picture was looked
    /// at is left out.
    pub(super) async fn put_sighted(
        &self,
        tx: &mut Tx,
        session: &SessionRow,
        sighting: &RecognitionResult,
    ) -> Result<(), CheckoutError> {
        for item in sighting.items.iter().filter(|item| item.verdict == Verdict::Matched) {
            let Some(best) = item.candidates.first() else { continue };
            if let Some(offer) = billing_items::find_sellable(tx, best.product_id).await? {
                self.put(tx, session, &offer, 1, Some(f64::from(best.score))).await?;
            }
        }
        Ok(())
    }

    /// Checks the length of the bill, commits, and shows it.
    pub(super) async fn finish(&self, mut tx: Tx, id: SessionId) -> Result<SessionView, CheckoutError> {
        let view = self.view(&mut tx, id).await?;
        if view.items.len() as i64 > self.rules.items {
            let message =
                format!("the bill would have {} lines; at most {} are allowed", view.items.len(), self.rules.items);
            return Err(InvalidField::new("items", message).into());
        }
        tx.commit().await?;
        Ok(view)
    }

    pub(super) async fn view(&self, reader: &mut Reader, id: SessionId) -> Result<SessionView, CheckoutError> {
        let session = checkout_sessions::find(reader, id).await?.ok_or(CheckoutError::NotFound(id))?;
        let lines = billing_items::list(reader, id).await?;
        Ok(SessionView::new(session, &lines))
    }

    pub(super) fn check_quantity(&self, quantity: i64) -> Result<(), CheckoutError> {
        if (1..=self.rules.quantity).contains(&quantity) {
            return Ok(());
        }
        let message =
            format!("{quantity} is not between 1 and {}; DELETE the item to take it off", self.rules.quantity);
        Err(InvalidField::new("quantity", message).into())
    }
}

/// What the till asks for, if it is on sale.
pub(super) async fn find_offer(reader: &mut Reader, wanted: &ManualItem) -> Result<SellableProduct, CheckoutError> {
    match wanted {
        ManualItem::Product(id) => {
            let missing = CheckoutError::NotOnSale { by: "id", value: id.to_string() };
            billing_items::find_sellable(reader, *id).await?.ok_or(missing)
        }
        ManualItem::Barcode(code) => {
            let code = barcode("barcode", code)?;
            let offer = billing_items::find_sellable_by_barcode(reader, &code).await?;
            offer.ok_or(CheckoutError::NotOnSale { by: "barcode", value: code })
        }
    }
}
