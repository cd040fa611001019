//! The common shortcut: the next number is MAX(number) + 1, read without a lock and then written.
//!
//! Everything else is as in the service, with the same functions of `db`. The unique index refuses what would be a second
//! receipt with one number, and the confirmation is run again until it succeeds.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;
use tillsight::clock::Clock;
use tillsight::db::checkout_sessions::{self, SessionPrecondition};
use tillsight::db::idempotency_keys::{self, StoredReply};
use tillsight::db::orders::{self, OrderItemRow, OrderRow};
use tillsight::db::{Database, DatabaseError, billing_items, number_checks, seals};
use tillsight::domain::{OrderId, Seal, Series, SessionId, SessionStatus, StoreId};
use tokio::runtime::Runtime;

use super::fixture::{Batch, Fixture, TAX_RATE, TOTAL, euro, kiosk, uuid};
use super::load::closed_loop;

#[derive(Debug, Clone, Copy, Default)]
pub struct NaiveResult {
    /// Confirmations per second.
    pub rate: f64,
    /// How often another order had taken the number meanwhile, per order.
    pub collisions: f64,
}

pub fn run(fixture: &Fixture, runtime: &Runtime, batch: Batch, clients: usize) -> NaiveResult {
    let collisions = AtomicUsize::new(0);
    let counter = &collisions;
    let load = closed_loop(runtime, batch, clients, |session| async move {
        loop {
            match confirm(&fixture.db, &fixture.clock, batch.store(session), session).await {
                Ok(()) => return,
                Err(error) if error.is_taken("orders_store_id_series_number") => {
                    counter.fetch_add(1, Ordering::Relaxed);
                }
                Err(DatabaseError::Conflict | DatabaseError::TimedOut(_)) => {}
                Err(error) => panic!("session {session}: {error}"),
            }
        }
    });
    NaiveResult { rate: load.rate, collisions: collisions.into_inner() as f64 / batch.count as f64 }
}

async fn confirm(db: &Database, clock: &Clock, store_number: u64, session: u64) -> Result<(), DatabaseError> {
    let (store_id, id) = (StoreId::from(uuid(store_number)), SessionId::from(uuid(session)));
    let mut reader = db.read().await?;
    let number = number_checks::read_series_state(&mut reader, store_id, Series::Order).await?.highest.unwrap_or(0) + 1;
    let lines = billing_items::list_at_version(&mut reader, id, 1).await?;
    drop(reader);

    let (scope, key, now) = ("naive", format!("bill-{session}"), clock.now());
    let mut tx = db.begin().await?;
    let (active_since, active_until) = (now.plus_seconds(-1_800), now.plus_seconds(1_800));
    let expected = SessionPrecondition { version: Some(1), active_since, active_until };
    checkout_sessions::close(&mut tx, id, SessionStatus::Confirmed, expected, now).await?;
    let item = |(line, of): (i64, billing_items::BillLine)| OrderItemRow {
        line,
        product_id: of.product_id,
        name: of.name,
        sku: of.sku,
        barcode: of.barcode,
        quantity: of.quantity,
        unit_price: of.unit_price.unwrap_or(0),
        line_total: of.unit_price.unwrap_or(0) * of.quantity,
        discount: 0,
        discount_reason: None,
        bill_discount: 0,
        tax_rate: TAX_RATE,
        tax: 0,
        avg_score: None,
    };
    let items: Vec<OrderItemRow> = (1..).zip(lines).map(item).collect();
    let mut order = OrderRow {
        id: OrderId::generate(now),
        store_id,
        number,
        session_id: id,
        kiosk_id: Some(kiosk(store_number)),
        total: TOTAL,
        currency: euro(),
        claim_code: format!("naive {session}"),
        prices_include_tax: true,
        discount_reason: None,
        store_name: None,
        store_address: None,
        store_tax_number: None,
        time_zone: None,
        created_at: now,
        hash_version: seals::ORDER_VERSION,
        previous_hash: Seal::FIRST.to_vec(),
        hash: Vec::new(),
    };
    order.hash = seals::seal_order(&order, &items).expect("a seal");
    orders::insert(&mut tx, &order, &items).await?;
    let reply = StoredReply { request_hash: order.hash.clone(), body: json!({"id": order.id, "number": number}) };
    idempotency_keys::insert(&mut tx, scope, &key, &reply, now).await?;
    tx.commit().await
}
