//! Checkout: the session of one shopper at one kiosk, from the first item to the confirmed order.
//!
//! Invariants: the server owns the bill. Quantities are bounded; prices and totals never come from the client. Every
//! change of the bill raises the session's version, and a change made for an older version is refused. A frame may leave
//! the version out, since it only adds items. Recognition happens before a transaction begins, never within one. A
//! confirmed session has exactly one order.

mod bill;
mod charges;
mod confirm;
mod discount;
mod error;
mod pricing;
mod view;

use bytes::Bytes;

use crate::clock::Clock;
use crate::config;
use crate::db::checkout_sessions::{self, SessionRow};
use crate::db::{Database, billing_items, idempotency_keys, recognitions, stores};
use crate::domain::{Actor, Caller, InvalidField, ItemId, ProductId, SessionId, SessionStatus, StoreId, UserId};
use crate::orders::Orders;
use crate::performance::Performance;
use crate::recognition::{RecognitionService, RegionMode};

pub use discount::DiscountRequest;
pub use error::{CheckoutError, UnsellableItem};
pub use pricing::PriceProblem;
pub use view::{DiscountView, FrameView, ItemView, SessionView};

use pricing::PricedBill;

/// The checkout service; cheap to clone.
#[derive(Clone)]
pub struct Checkout {
    db: Database,
    clock: Clock,
    recognition: RecognitionService,
    orders: Orders,
    performance: Performance,
    rules: config::CheckoutSettings,
}

/// An item that is added by hand.
#[derive(Debug, Clone)]
pub enum ManualItem {
    Product(ProductId),
    Barcode(String),
}

impl Checkout {
    pub fn new(
        db: Database,
        clock: Clock,
        recognition: RecognitionService,
        orders: Orders,
        performance: Performance,
        rules: config::CheckoutSettings,
    ) -> Self {
        confirm::register_metrics();
        Self { db, clock, recognition, orders, performance, rules }
    }

    /// Opens a session in `store`, or in the caller's own store.
    pub async fn open_session(&self, caller: &Caller, store: Option<StoreId>) -> Result<SessionView, CheckoutError> {
        let own = match caller.actor {
            Actor::Kiosk { store: own, .. } | Actor::Person { store: Some(own), .. } => Some(own),
            Actor::System | Actor::CommandLine | Actor::Person { .. } => None,
        };
        let id = store
            .or(own)
            .ok_or_else(|| InvalidField::new("store_id", "is required, because this account belongs to no store"))?;
        let mut tx = self.db.begin().await?;
        let store = stores::find(&mut tx, id).await?.filter(|_| caller.actor.serves(id));
        let store = store.ok_or(CheckoutError::StoreNotFound(id))?;
        let now = self.clock.now();
        let session = SessionRow {
            id: SessionId::generate(now),
            store_id: store.id,
            currency: store.currency,
            store_name: store.name,
            prices_include_tax: store.prices_include_tax,
            kiosk_id: caller.actor.kiosk_id(),
            shopper_id: None,
            status: SessionStatus::Open,
            version: 1,
            created_at: now,
            last_active_at: now,
            discount_rate: None,
            discount_amount: None,
            discount_reason: None,
        };
        checkout_sessions::insert(&mut tx, &session).await?;
        tx.commit().await?;
        let bill = PricedBill::new(&session, Vec::new());
        Ok(SessionView::new(session, &bill))
    }

    pub async fn get_session(&self, caller: &Caller, id: SessionId) -> Result<SessionView, CheckoutError> {
        let mut reader = self.db.read().await?;
        self.find_session(&mut reader, caller, id).await?;
        self.load_view(&mut reader, id).await
    }

    /// Makes a signed-in shopper, who knows the id from the kiosk's screen, the session's shopper.
    pub async fn join_session(&self, shopper: UserId, id: SessionId) -> Result<SessionView, CheckoutError> {
        let mut tx = self.db.begin().await?;
        let active_since = self.precondition(None).active_since;
        if !checkout_sessions::set_shopper(&mut tx, id, shopper, active_since).await? {
            let session = checkout_sessions::find(&mut tx, id).await?.ok_or(CheckoutError::NotFound(id))?;
            let has_other_shopper = session.shopper_id.is_some_and(|other| other != shopper);
            return Err(match has_other_shopper {
                true => CheckoutError::HasOtherShopper,
                false => self.explain_refusal(&session, None),
            });
        }
        let view = self.load_view(&mut tx, id).await?;
        tx.commit().await?;
        Ok(view)
    }

    pub async fn add_item(
        &self,
        caller: &Caller,
        id: SessionId,
        version: i64,
        item: &ManualItem,
        quantity: i64,
    ) -> Result<SessionView, CheckoutError> {
        self.check_quantity(quantity)?;
        let mut tx = self.db.begin().await?;
        let session = self.advance_session(&mut tx, caller, id, Some(version)).await?;
        let product = bill::find_sellable_product(&mut tx, item).await?;
        self.add_product(&mut tx, &session, &product, quantity, None).await?;
        self.commit_bill(tx, id).await
    }

    pub async fn set_quantity(
        &self,
        caller: &Caller,
        id: SessionId,
        version: i64,
        item: ItemId,
        quantity: i64,
    ) -> Result<SessionView, CheckoutError> {
        self.check_quantity(quantity)?;
        let mut tx = self.db.begin().await?;
        self.advance_session(&mut tx, caller, id, Some(version)).await?;
        if !billing_items::set_quantity(&mut tx, id, item, quantity).await? {
            return Err(CheckoutError::ItemNotFound(item));
        }
        self.commit_bill(tx, id).await
    }

    pub async fn remove_item(
        &self,
        caller: &Caller,
        id: SessionId,
        version: i64,
        item: ItemId,
    ) -> Result<SessionView, CheckoutError> {
        let mut tx = self.db.begin().await?;
        self.advance_session(&mut tx, caller, id, Some(version)).await?;
        if !billing_items::remove(&mut tx, id, item).await? {
            return Err(CheckoutError::ItemNotFound(item));
        }
        self.commit_bill(tx, id).await
    }

    /// Recognises a picture and adds one of each matched product. Ambiguous and unknown regions change nothing: the kiosk
    /// asks the shopper. The version is checked if it is given.
    pub async fn add_frame(
        &self,
        caller: &Caller,
        id: SessionId,
        version: Option<i64>,
        picture: Bytes,
        regions: RegionMode,
    ) -> Result<FrameView, CheckoutError> {
        self.find_session(&mut self.db.read().await?, caller, id).await?;
        let recognition = self.recognition.recognize_picture(caller, picture, regions).await?;
        let mut tx = self.db.begin().await?;
        let session = self.advance_session(&mut tx, caller, id, version).await?;
        self.add_recognized_products(&mut tx, &session, &recognition).await?;
        let evidence = self.recognition.evidence(caller, Some(id), &recognition);
        recognitions::insert(&mut tx, &evidence).await?;
        let session = self.commit_bill(tx, id).await?;
        Ok(FrameView { recognition: recognition.into_view(evidence.id), session })
    }

    pub async fn cancel_session(&self, caller: &Caller, id: SessionId) -> Result<(), CheckoutError> {
        let mut tx = self.db.begin().await?;
        let precondition = self.precondition(None);
        let now = self.clock.now();
        let closed = checkout_sessions::close(&mut tx, id, SessionStatus::Cancelled, precondition, now).await?;
        self.check_advanced(&mut tx, caller, id, None, closed).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Deletes stored replies whose Idempotency-Key has expired; returns their number.
    pub async fn delete_expired_replies(&self) -> Result<u64, CheckoutError> {
        let mut tx = self.db.begin().await?;
        let expired_before = self.clock.now().plus_seconds(-self.rules.idempotency_s);
        let deleted = idempotency_keys::delete_before(&mut tx, expired_before).await?;
        tx.commit().await?;
        Ok(deleted)
    }
}
