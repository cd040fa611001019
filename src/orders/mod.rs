//! Orders: confirmed bills with gap-free receipt numbers, their payments, refunds, voids, receipts and daily closings.
//!
//! Invariants: an order takes its number, its items and its seal in one transaction and never changes afterwards.
//! Payments, refunds, voids and closings are records of their own, numbered and sealed in the same way. The state of an
//! order follows from these records. Each series counts 1, 2, 3 … without gaps or duplicates, and each seal covers the
//! seal before it. The records of a store are dated in the order in which they were made, whatever the clock says. Whatever is added to an order is decided while its row is locked. This module knows nothing of bills:
//! `checkout` calls [`Orders::place_order`].

mod amounts;
mod claim;
mod closing;
mod closing_sums;
mod closing_view;
mod error;
mod history;
mod order_state;
mod payment;
mod queries;
mod receipt;
mod refund;
mod refund_plan;
mod series;
mod spending;
mod view;
mod void;

use crate::clock::Clock;
use crate::db::orders::{OrderBalanceRow, OrderItemRow, OrderRow};
use crate::db::stores::SellerRow;
use crate::db::{Database, DatabaseError, Tx, number_series, orders, seals};
use crate::domain::{
    Caller, Currency, KioskId, OrderId, OrderState, Series, SessionId, StoreId, Timestamp, UserId, generate_code,
};
use crate::idempotency;

pub use closing_view::{
    ClosingPreview, CurrencySums, MethodSums, NumberRange, RateSums, RoundingSums, Sums, ZReportSummary, ZReportView,
};
pub use error::OrderError;
pub use history::{OrderEvent, OrderEventKind, OrderHistory};
pub use payment::Tender;
pub use queries::{OrderSearch, StaffSearch};
pub use receipt::{PrintedReceipt, ReceiptTax, ReceiptView};
pub use refund::RefundRequest;
pub use refund_plan::RefundLineRequest;
pub use series::{SeriesList, SeriesView};
pub use spending::MonthSpending;
pub use view::{OrderItemView, OrderSummary, OrderView, PaymentView, RefundItemView, RefundView};

use view::OrderRecords;

const REASON_LENGTH_MAX: usize = 200;
const REFERENCE_LENGTH_MAX: usize = 100;
/// A clock that is further behind the last record is worth a warning; servers differ by less.
const CLOCK_BEHIND_S_MAX: i64 = 60;

/// The orders service; cheap to clone.
#[derive(Clone)]
pub struct Orders {
    db: Database,
    clock: Clock,
}

/// A bill that can become an order: checked, priced, in one currency.
#[derive(Debug)]
pub struct OrderDraft {
    pub session: SessionId,
    pub store: StoreId,
    /// The store as the receipt names it.
    pub seller: SellerRow,
    pub kiosk: Option<KioskId>,
    /// Becomes the owner of the order.
    pub shopper: Option<UserId>,
    pub currency: Currency,
    pub prices_include_tax: bool,
    /// Reason of the discount on the whole bill.
    pub discount_reason: Option<String>,
    /// Numbered from 1.
    pub items: Vec<OrderItemRow>,
    pub total: i64,
}

impl Orders {
    pub fn new(db: Database, clock: Clock) -> Self {
        idempotency::register_metrics();
        Self { db, clock }
    }

    /// Turns a draft into an order with the store's next number, within the caller's transaction. A rollback gives the
    /// number back.
    pub async fn place_order(&self, tx: &mut Tx, draft: OrderDraft) -> Result<OrderView, OrderError> {
        let cash_step = draft.seller.cash_step(draft.currency);
        let claim_code = generate_code().map_err(|error| OrderError::Randomness(error.to_string()))?;
        // From here on, every other order of the store waits, so only do what needs the number.
        let taken = number_series::take_next_number(tx, draft.store, Series::Order).await?;
        // Read after taking the number, so that receipts are dated in the order of their numbers.
        let now = self.record_time(draft.store, taken.previous_at);
        let mut order = OrderRow {
            id: OrderId::generate(now),
            store_id: draft.store,
            number: taken.number,
            session_id: draft.session,
            kiosk_id: draft.kiosk,
            total: draft.total,
            currency: draft.currency,
            claim_code,
            prices_include_tax: draft.prices_include_tax,
            discount_reason: draft.discount_reason,
            store_name: Some(draft.seller.store_name),
            store_address: draft.seller.store_address,
            store_tax_number: draft.seller.store_tax_number,
            time_zone: Some(draft.seller.time_zone),
            created_at: now,
            hash_version: seals::ORDER_VERSION,
            previous_hash: taken.previous_hash,
            hash: Vec::new(),
        };
        order.hash = seals::seal_order(&order, &draft.items).ok_or_else(unknown_seal_version)?;
        orders::insert(tx, &order, &draft.items).await?;
        number_series::set_last_record(tx, draft.store, Series::Order, &order.hash, now).await?;
        if let Some(shopper) = draft.shopper {
            orders::set_owner(tx, order.id, shopper, now).await?;
        }
        #[cfg(feature = "fail-points")]
        fail::fail_point!(&format!("orders.place.written {}", order.session_id), |_| Err(OrderError::Interrupted));
        let claim_code = Some(order.claim_code.clone());
        let view = OrderView::from(OrderRecords {
            order,
            items: draft.items,
            balance: OrderBalanceRow { state: OrderState::Confirmed, paid: 0, refunded: 0 },
            payments: Vec::new(),
            refunds: Vec::new(),
            cash_step,
        });
        Ok(OrderView { claim_code, ..view })
    }

    /// When a record is made that follows one of `previous`: now, or just after `previous` if the clock was set back. So the records
    /// of a store are dated in their order.
    fn record_time(&self, store: StoreId, previous: Timestamp) -> Timestamp {
        let now = self.clock.now();
        if now.plus_seconds(CLOCK_BEHIND_S_MAX) < previous {
            let (clock, last) = (now.to_string(), previous.to_string());
            tracing::warn!(
                store.id = %store, clock, last,
                "the clock is behind the store's last record, which dates the next ones; check the server's clock"
            );
        }
        now.after(previous)
    }

    /// The order, if it belongs to a store of the caller, locked until the transaction ends.
    async fn lock_order(&self, tx: &mut Tx, caller: &Caller, id: OrderId) -> Result<OrderRow, OrderError> {
        let order = orders::find(tx, id, None).await?.filter(|order| caller.actor.serves(order.store_id));
        let order = order.ok_or(OrderError::NotFound(id))?;
        orders::lock(tx, id).await?;
        Ok(order)
    }
}

fn unknown_seal_version() -> DatabaseError {
    DatabaseError::Unexpected("the seal version of a new record is unknown".to_owned())
}
