//! Checkout: one shopper at one kiosk, from the first item to the receipt.
//!
//! Invariants: the server owns the cart; quantities are bounded, prices and totals never come from the client. Every
//! change of the bill raises the session's version; whoever changes a line or confirms names the version it was made
//! for, and a stale one is refused. A frame may leave it out, since it only adds; giving a session up and joining it do not
//! look at the bill. Looking at a picture
//! happens before a transaction begins, never within one. A confirmed session has exactly one order.

mod bill;
mod confirm;
mod discount;
mod error;
mod totals;
mod view;

use bytes::Bytes;

use crate::clock::Clock;
use crate::config;
use crate::db::checkout_sessions::{self, SessionRow};
use crate::db::{Database, billing_items, recognitions, stores};
use crate::domain::{Actor, Caller, InvalidField, ItemId, ProductId, SessionId, SessionStatus, StoreId, UserId};
use crate::orders::Orders;
use crate::performance::Performance;
use crate::recognition::RecognitionService;

pub use discount::DiscountRequest;
pub use error::{BlockingLine, CheckoutError};
pub use view::{DiscountView, FrameView, ItemView, SessionView};

/// The checkout service; cheap to clone.
#[derive(Clone)]
pub struct Checkout {
    db: Database,
    clock: Clock,
    recognition: RecognitionService,
    orders: Orders,
    performance: Performance,
    rules: config::Checkout,
}

/// What is put on the bill by hand.
#[derive(Debug, Clone)]
pub enum ManualItem {
    /// The product with this id.
    Product(ProductId),
    /// The product with this barcode.
    Barcode(String),
}

impl Checkout {
    /// A service over `store` that looks at pictures with `recognition`, makes orders with `orders` and tells
    /// `performance` how that went.
    pub fn new(
        db: Database,
        clock: Clock,
        recognition: RecognitionService,
        orders: Orders,
        performance: Performance,
        rules: config::Checkout,
    ) -> Self {
        confirm::register();
        Self { db, clock, recognition, orders, performance, rules }
    }

    /// Opens a session: at a kiosk in its own store, otherwise in `store`.
    pub async fn open(&self, caller: &Caller, store: Option<StoreId>) -> Result<SessionView, CheckoutError> {
        let own = match caller.actor {
            Actor::Kiosk { store: own, .. } | Actor::Person { store: Some(own), .. } => Some(own),
            Actor::System | Actor::CommandLine | Actor::Person { .. } => None,
        };
        let wanted = store
            .or(own)
            .ok_or_else(|| InvalidField::new("store_id", "is needed: this account belongs to no store"))?;
        let mut tx = self.db.begin().await?;
        let found = stores::find(&mut tx, wanted).await?.filter(|_| caller.actor.serves(wanted));
        let found = found.ok_or(CheckoutError::StoreNotFound(wanted))?;
        let now = self.clock.now();
        let session = SessionRow {
            id: SessionId::at(now),
            store_id: found.id,
            currency: found.currency,
            store_name: found.name,
            prices_include_tax: found.prices_include_tax,
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
        Ok(SessionView::new(session, &[]))
    }

    /// A session and its bill.
    pub async fn get(&self, caller: &Caller, id: SessionId) -> Result<SessionView, CheckoutError> {
        let mut reader = self.db.read().await?;
        self.visible(&mut reader, caller, id).await?;
        self.view(&mut reader, id).await
    }

    /// Makes a signed-in shopper the session's shopper. They know its id from the kiosk's screen.
    pub async fn join(&self, shopper: UserId, id: SessionId) -> Result<SessionView, CheckoutError> {
        let mut tx = self.db.begin().await?;
        if !checkout_sessions::set_shopper(&mut tx, id, shopper, self.expected(None).active_since).await? {
            let session = checkout_sessions::find(&mut tx, id).await?.ok_or(CheckoutError::NotFound(id))?;
            let joined = session.shopper_id.is_some_and(|other| other != shopper);
            return Err(if joined { CheckoutError::Joined } else { self.why_not(&session, None) });
        }
        let view = self.view(&mut tx, id).await?;
        tx.commit().await?;
        Ok(view)
    }

    /// Puts `quantity` more of something on the bill.
    pub async fn add_item(
        &self,
        caller: &Caller,
        id: SessionId,
        version: i64,
        wanted: &ManualItem,
        quantity: i64,
    ) -> Result<SessionView, CheckoutError> {
        self.check_quantity(quantity)?;
        let mut tx = self.db.begin().await?;
        let session = self.advance(&mut tx, caller, id, Some(version)).await?;
        let offer = bill::find_offer(&mut tx, wanted).await?;
        self.put(&mut tx, &session, &offer, quantity, None).await?;
        self.finish(tx, id).await
    }

    /// Sets the quantity of a line.
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
        self.advance(&mut tx, caller, id, Some(version)).await?;
        if !billing_items::set_quantity(&mut tx, id, item, quantity).await? {
            return Err(CheckoutError::ItemNotFound(item));
        }
        self.finish(tx, id).await
    }

    /// Takes a line off the bill.
    pub async fn remove_item(
        &self,
        caller: &Caller,
        id: SessionId,
        version: i64,
        item: ItemId,
    ) -> Result<SessionView, CheckoutError> {
        let mut tx = self.db.begin().await?;
        self.advance(&mut tx, caller, id, Some(version)).await?;
        if !billing_items::remove(&mut tx, id, item).await? {
            return Err(CheckoutError::ItemNotFound(item));
        }
        self.finish(tx, id).await
    }

    /// Looks at a picture and puts one of every matched product on the bill. Ambiguous and unknown regions change
    /// nothing: the kiosk asks the shopper. The version is checked where given; a camera may leave it out.
    pub async fn frame(
        &self,
        caller: &Caller,
        id: SessionId,
        version: Option<i64>,
        picture: Bytes,
    ) -> Result<FrameView, CheckoutError> {
        self.visible(&mut self.db.read().await?, caller, id).await?;
        let sighting = self.recognition.recognize_picture(picture).await?;
        let mut tx = self.db.begin().await?;
        let session = self.advance(&mut tx, caller, id, version).await?;
        self.put_sighted(&mut tx, &session, &sighting).await?;
        let evidence = self.recognition.evidence(caller, Some(id), &sighting);
        recognitions::insert(&mut tx, &evidence).await?;
        let session = self.finish(tx, id).await?;
        Ok(FrameView { recognition: sighting.into_view(evidence.id), session })
    }

    /// Gives a session up.
    pub async fn cancel(&self, caller: &Caller, id: SessionId) -> Result<(), CheckoutError> {
        let mut tx = self.db.begin().await?;
        let expected = self.expected(None);
        let closed =
            checkout_sessions::close(&mut tx, id, SessionStatus::Cancelled, expected, self.clock.now()).await?;
        self.moved(&mut tx, caller, id, None, closed).await?;
        tx.commit().await?;
        Ok(())
    }
}
