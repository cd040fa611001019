//! Orders: confirmed bills with gap-free receipt numbers, and what happens to them afterwards: payment, refund, void,
//! receipt, daily closing; and who may read them.
//!
//! Invariants: an order takes its number, its items and its seal in one transaction and is never changed afterwards;
//! payments, refunds with voids, and closings are records of their own, numbered and sealed in the same way; where an
//! order stands follows from the records that are linked to it. Numbers of a series are 1, 2, 3 … without gaps or
//! duplicates; each record's seal begins with the seal of the one before it. What is linked to an order is decided while
//! its row is held, so no two decide at once. Knows nothing of kiosks' frames or of the bill's making; `checkout` calls
//! [`Orders::place`].

mod closing;
mod closing_view;
mod error;
pub mod idempotency;
mod payment;
mod read;
mod receipt;
mod refund;
mod refund_plan;
mod view;
mod void;

use crate::clock::Clock;
use crate::db::orders::{OrderBalanceRow, OrderItemRow, OrderRow};
use crate::db::{Database, DatabaseError, Reader, Tx, number_series, orders, seals};
use crate::domain::{
    Caller, Currency, KioskId, OrderId, OrderState, Series, SessionId, StoreId, UserId, readable_code,
};

pub use closing_view::{CurrencySums, MethodSums, NumberRange, RateSums, Sums, ZReportSummary, ZReportView};
pub use error::OrderError;
pub use idempotency::Reply;
pub use payment::Tender;
pub use read::{MonthSpending, OrderSearch};
pub use receipt::{ReceiptTax, ReceiptView};
pub use refund::RefundRequest;
pub use refund_plan::RefundLineRequest;
pub use view::{OrderItemView, OrderSummary, OrderView, PaymentView, RefundItemView, RefundView};

/// Most characters of a reason.
const LONGEST_REASON: usize = 200;
/// Most characters of what a terminal or provider calls a payment.
const LONGEST_REFERENCE: usize = 100;

/// The orders service; cheap to clone.
#[derive(Clone)]
pub struct Orders {
    db: Database,
    clock: Clock,
}

/// A bill that is ready to become an order: checked, priced, in one currency.
#[derive(Debug)]
pub struct OrderDraft {
    /// The session whose bill it is.
    pub session: SessionId,
    /// The store that numbers it.
    pub store: StoreId,
    /// What people call it.
    pub store_name: String,
    /// The kiosk of the session.
    pub kiosk: Option<KioskId>,
    /// The shopper, where known: the order is theirs at once.
    pub shopper: Option<UserId>,
    /// The store's currency.
    pub currency: Currency,
    /// Whether the prices contain the tax.
    pub prices_include_tax: bool,
    /// Why there is a discount on the whole bill.
    pub discount_reason: Option<String>,
    /// The lines, numbered from 1.
    pub items: Vec<OrderItemRow>,
    /// What is due for the lines together.
    pub total: i64,
}

impl Orders {
    /// A service over `store`.
    pub fn new(db: Database, clock: Clock) -> Self {
        idempotency::register();
        Self { db, clock }
    }

    /// Turns a draft into an order with the store's next number, within the caller's transaction: roll it back and the
    /// number is given back too.
    pub async fn place(&self, tx: &mut Tx, draft: OrderDraft) -> Result<OrderView, OrderError> {
        let claim_code = readable_code().map_err(|error| OrderError::Randomness(error.to_string()))?;
        // From here on every other order of the store waits: nothing that can be done before or after is done in between.
        let taken = number_series::take_next_number(tx, draft.store, Series::Order).await?;
        // The time is taken while the number's row is held, so that receipts are dated in the order of their numbers.
        let now = self.clock.now();
        let mut order = OrderRow {
            id: OrderId::at(now),
            store_id: draft.store,
            number: taken.number,
            session_id: draft.session,
            kiosk_id: draft.kiosk,
            total: draft.total,
            currency: draft.currency,
            claim_code,
            prices_include_tax: draft.prices_include_tax,
            discount_reason: draft.discount_reason,
            created_at: now,
            hash_version: seals::ORDER_VERSION,
            previous_hash: taken.previous_hash,
            hash: Vec::new(),
        };
        order.hash = seals::seal_order(&order, &draft.items).ok_or_else(unknown_version)?;
        orders::insert(tx, &order, &draft.items).await?;
        number_series::set_last_hash(tx, draft.store, Series::Order, &order.hash).await?;
        if let Some(shopper) = draft.shopper {
            orders::set_owner(tx, order.id, shopper, now).await?;
        }
        #[cfg(feature = "fail-points")]
        fail::fail_point!(&format!("orders.place.written {}", order.session_id), |_| Err(OrderError::Interrupted));
        let claim_code = Some(order.claim_code.clone());
        let standing = OrderBalanceRow { state: OrderState::Confirmed, paid: 0, refunded: 0 };
        let shown = OrderView::new(order, draft.store_name, draft.items, standing, Vec::new(), Vec::new());
        Ok(OrderView { claim_code, ..shown })
    }

    /// The order, if the caller serves in its store, held until the transaction ends.
    async fn hold(&self, tx: &mut Tx, caller: &Caller, id: OrderId) -> Result<OrderRow, OrderError> {
        let order = orders::find(tx, id, None).await?.filter(|order| caller.actor.serves(order.store_id));
        let order = order.ok_or(OrderError::NotFound(id))?;
        orders::lock(tx, id).await?;
        Ok(order)
    }

    /// An order for which nothing was recorded yet may be paid or voided.
    async fn refuse_unless_unpaid(&self, reader: &mut Reader, id: OrderId) -> Result<(), OrderError> {
        match orders::find_balance(reader, id).await?.ok_or(OrderError::NotFound(id))?.state {
            OrderState::Confirmed => Ok(()),
            OrderState::Voided => Err(OrderError::Voided(id)),
            OrderState::Paid | OrderState::PartlyRefunded | OrderState::Refunded => Err(OrderError::AlreadyPaid(id)),
        }
    }
}

fn unknown_version() -> DatabaseError {
    DatabaseError::Unexpected(format!("no seal of version {} is known", seals::ORDER_VERSION))
}
