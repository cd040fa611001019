//! Checkout: the session of one shopper at one kiosk, from the first item to the confirmed order.
//!
//! Invariants: the server owns the bill. Quantities are bounded; prices and totals never come from the client. Every
//! change of the bill raises the session's version, and a change made for an older version is refused. A frame may leave
//! the version out, since it only adds items, and the same photo is added once. Every change keeps its reply under the
//! client's Idempotency-Key. Recognition happens before a transaction begins, never within one. A confirmed session has
//! exactly one order.

mod bill;
mod charges;
mod confirm;
mod discount;
mod error;
mod frames;
mod pricing;
mod view;

use serde::Serialize;
use serde_json::{Value, json};

use crate::clock::Clock;
use crate::config;
use crate::db::checkout_sessions::{self, SessionRow};
use crate::db::{Database, Tx, bill_revisions, billing_items, idempotency_keys, stores};
use crate::domain::{Actor, Caller, InvalidField, ItemId, ProductId, SessionId, SessionStatus, StoreId, UserId};
use crate::idempotency::{IdempotentRequest, Reply, retry_key_race};
use crate::orders::Orders;
use crate::performance::Performance;
use crate::recognition::RecognitionService;

pub use discount::DiscountRequest;
pub use error::{CheckoutError, UnsellableItem};
pub use frames::FrameOptions;
pub use pricing::PriceProblem;
pub use view::{DiscountView, FrameView, ItemView, SessionView};

use pricing::PricedBill;

/// How long the reply to a photo is kept, at least; for an Idempotency-Key it is a setting.
const PHOTO_REPLY_S: i64 = 86_400;

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
#[derive(Debug, Clone, Serialize)]
pub enum ManualItem {
    Product(ProductId),
    Barcode(String),
}

/// A change of the bill of `session`.
#[derive(Debug, Clone, Copy)]
pub struct BillChange<'a> {
    pub caller: &'a Caller,
    pub session: SessionId,
    /// The version that the client has read; `None` if the change does not depend on it.
    pub version: Option<i64>,
    /// The client's Idempotency-Key.
    pub key: Option<&'a str>,
}

impl BillChange<'_> {
    /// The change as a request that can be repeated; `values` is what distinguishes it from others of its kind.
    fn request(&self, operation: &'static str, values: &Value) -> IdempotentRequest {
        let request = json!([self.session, self.version, values]).to_string();
        IdempotentRequest::new(operation, self.caller, self.key, &request)
    }
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
    pub async fn open_session(
        &self,
        caller: &Caller,
        store: Option<StoreId>,
        key: Option<&str>,
    ) -> Result<Reply, CheckoutError> {
        let own = match caller.actor {
            Actor::Kiosk { store: own, .. } | Actor::Person { store: Some(own), .. } => Some(own),
            Actor::System | Actor::CommandLine | Actor::Person { .. } => None,
        };
        let id = store
            .or(own)
            .ok_or_else(|| InvalidField::new("store_id", "is required, because this account belongs to no store"))?;
        let request = IdempotentRequest::new("session.open", caller, key, &id.to_string());
        retry_key_race(async || {
            let mut tx = self.db.begin().await?;
            if let Some(reply) = request.find_reply(&mut tx).await? {
                return Ok(reply);
            }
            let store = stores::find(&mut tx, id).await?.filter(|_| caller.actor.serves(id));
            let store = store.ok_or(CheckoutError::StoreNotFound(id))?;
            let now = self.clock.now();
            let session = SessionRow {
                id: SessionId::generate(now),
                store_id: store.id,
                currency: store.currency,
                prices_include_tax: store.prices_include_tax,
                seller: store.into_seller(),
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
            let bill = PricedBill::new(&session, Vec::new());
            let reply = request.store_reply(&mut tx, &SessionView::new(session, &bill), now).await?;
            tx.commit().await?;
            Ok(reply)
        })
        .await
    }

    pub async fn get_session(&self, caller: &Caller, id: SessionId) -> Result<SessionView, CheckoutError> {
        let mut reader = self.db.read().await?;
        self.find_session(&mut reader, caller, id).await?;
        self.load_view(&mut reader, id).await
    }

    /// Makes a signed-in shopper, who knows the id from the kiosk's screen, the session's shopper.
    pub async fn join_session(&self, shopper: UserId, change: &BillChange<'_>) -> Result<Reply, CheckoutError> {
        let id = change.session;
        let request = change.request("session.join", &Value::Null);
        retry_key_race(async || {
            let mut tx = self.db.begin().await?;
            let joined = checkout_sessions::set_shopper(&mut tx, id, shopper, &self.precondition(None)).await?;
            if let Some(reply) = request.find_reply(&mut tx).await? {
                return Ok(reply);
            }
            if !joined {
                let session = checkout_sessions::find(&mut tx, id).await?.ok_or(CheckoutError::NotFound(id))?;
                if session.shopper_id.is_some_and(|other| other != shopper) {
                    return Err(CheckoutError::HasOtherShopper);
                }
                return Err(self.explain_refusal(&mut tx, &session, None).await?);
            }
            let view = self.load_view(&mut tx, id).await?;
            let reply = request.store_reply(&mut tx, &view, self.clock.now()).await?;
            tx.commit().await?;
            Ok(reply)
        })
        .await
    }

    pub async fn add_item(
        &self,
        change: &BillChange<'_>,
        item: &ManualItem,
        quantity: i64,
    ) -> Result<Reply, CheckoutError> {
        self.check_quantity(quantity)?;
        let request = change.request("item.add", &json!([item, quantity]));
        let add = async |tx: &mut Tx, session: &SessionRow| {
            let product = bill::find_sellable_product(tx, item).await?;
            self.add_product(tx, session, &product, quantity, None).await
        };
        self.change_bill(change, &request, add).await
    }

    pub async fn set_quantity(
        &self,
        change: &BillChange<'_>,
        item: ItemId,
        quantity: i64,
    ) -> Result<Reply, CheckoutError> {
        self.check_quantity(quantity)?;
        let request = change.request("item.quantity", &json!([item, quantity]));
        let set = async |tx: &mut Tx, session: &SessionRow| {
            let changed = billing_items::set_quantity(tx, session.id, item, quantity).await?;
            if changed { Ok(()) } else { Err(CheckoutError::ItemNotFound(item)) }
        };
        self.change_bill(change, &request, set).await
    }

    pub async fn remove_item(&self, change: &BillChange<'_>, item: ItemId) -> Result<Reply, CheckoutError> {
        let request = change.request("item.remove", &json!(item));
        let remove = async |tx: &mut Tx, session: &SessionRow| {
            let removed = billing_items::remove(tx, session.id, item).await?;
            if removed { Ok(()) } else { Err(CheckoutError::ItemNotFound(item)) }
        };
        self.change_bill(change, &request, remove).await
    }

    pub async fn cancel_session(&self, change: &BillChange<'_>) -> Result<Reply, CheckoutError> {
        let request = change.request("session.cancel", &Value::Null);
        retry_key_race(async || {
            let mut tx = self.db.begin().await?;
            let (precondition, now) = (self.precondition(None), self.clock.now());
            let id = change.session;
            let closed = checkout_sessions::close(&mut tx, id, SessionStatus::Cancelled, precondition, now).await?;
            if let Some(reply) = request.find_reply(&mut tx).await? {
                return Ok(reply);
            }
            self.check_advanced(&mut tx, change, closed).await?;
            let reply = request.store_reply(&mut tx, &Value::Null, now).await?;
            tx.commit().await?;
            Ok(reply)
        })
        .await
    }

    /// Deletes stored replies whose Idempotency-Key has expired, and what the catalog changed on bills that have ended; returns
    /// the number of replies.
    pub async fn delete_expired(&self) -> Result<u64, CheckoutError> {
        let (now, rules) = (self.clock.now(), &self.rules);
        let mut tx = self.db.begin().await?;
        let deleted = idempotency_keys::delete_before(&mut tx, now.plus_seconds(-rules.idempotency_s)).await?;
        // The bill that a photo was added to has ended by then.
        let photos_before = now.plus_seconds(-rules.idle_s.max(PHOTO_REPLY_S));
        idempotency_keys::delete_of_scope_before(&mut tx, frames::PHOTO_SCOPE, photos_before).await?;
        bill_revisions::delete_of_ended_bills(&mut tx, now.plus_seconds(-rules.idle_s)).await?;
        tx.commit().await?;
        Ok(deleted)
    }
}
