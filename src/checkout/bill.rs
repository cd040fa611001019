//! The steps of every change of a bill: check and raise the session's version, change items, commit, return the bill.

use super::pricing::PricedBill;
use super::view::SessionView;
use super::{Checkout, CheckoutError, ManualItem};
use crate::db::billing_items::{self, NewBillItem, SellableProduct};
use crate::db::checkout_sessions::{self, SessionPrecondition, SessionRow};
use crate::db::{Reader, Tx};
use crate::domain::{Caller, InvalidField, ItemId, SessionId, SessionStatus, parse_barcode};
use crate::recognition::{RecognitionResult, Verdict};

impl Checkout {
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

    /// Raises the version of an open session and locks its row, or explains the refusal.
    pub(super) async fn advance_session(
        &self,
        tx: &mut Tx,
        caller: &Caller,
        id: SessionId,
        version: Option<i64>,
    ) -> Result<SessionRow, CheckoutError> {
        let advanced = checkout_sessions::advance(tx, id, self.precondition(version), self.clock.now()).await?;
        self.check_advanced(tx, caller, id, version, advanced).await
    }

    /// The advanced session, or the reason for a refusal. Whose session it is can only be checked now that its row is locked; the
    /// change of somebody else is rolled back.
    pub(super) async fn check_advanced(
        &self,
        tx: &mut Tx,
        caller: &Caller,
        id: SessionId,
        version: Option<i64>,
        advanced: Option<SessionRow>,
    ) -> Result<SessionRow, CheckoutError> {
        match advanced {
            Some(session) if caller.actor.serves(session.store_id) => Ok(session),
            Some(_) => Err(CheckoutError::NotFound(id)),
            // Read it again, since another client may just have advanced it.
            None => Err(self.explain_refusal(&self.find_session(tx, caller, id).await?, version)),
        }
    }

    pub(super) fn precondition(&self, version: Option<i64>) -> SessionPrecondition {
        SessionPrecondition { version, active_since: self.clock.now().plus_seconds(-self.rules.idle_s) }
    }

    /// Why a session does not meet the precondition.
    pub(super) fn explain_refusal(&self, session: &SessionRow, version: Option<i64>) -> CheckoutError {
        if session.status != SessionStatus::Open {
            return CheckoutError::Closed(session.status);
        }
        if session.last_active_at < self.precondition(version).active_since {
            return CheckoutError::Idle(self.rules.idle_s);
        }
        CheckoutError::StaleVersion { requested: version.unwrap_or(session.version), current: session.version }
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
            product_id: product.product_id,
            quantity,
            unit_price: product.amount.filter(|_| product.currency == Some(session.currency)),
            score,
            at: now,
        };
        let new_quantity = billing_items::add(tx, &item).await?;
        self.check_quantity(new_quantity)
    }

    /// Adds one of each matched product that is still on sale.
    pub(super) async fn add_recognized_products(
        &self,
        tx: &mut Tx,
        session: &SessionRow,
        recognition: &RecognitionResult,
    ) -> Result<(), CheckoutError> {
        for item in recognition.items.iter().filter(|item| item.verdict == Verdict::Matched) {
            let Some(best) = item.candidates.first() else { continue };
            if let Some(product) = billing_items::find_sellable(tx, best.product_id).await? {
                self.add_product(tx, session, &product, 1, Some(f64::from(best.score))).await?;
            }
        }
        Ok(())
    }

    /// Checks the length of the bill and commits the change.
    pub(super) async fn commit_bill(&self, mut tx: Tx, id: SessionId) -> Result<SessionView, CheckoutError> {
        let view = self.load_view(&mut tx, id).await?;
        let (lines, lines_max) = (view.items.len(), self.rules.items);
        if lines as i64 > lines_max {
            let message = format!("the bill would have {lines} lines; at most {lines_max} are allowed");
            return Err(InvalidField::new("items", message).into());
        }
        tx.commit().await?;
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
