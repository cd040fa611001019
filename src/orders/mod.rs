//! Orders: confirmed bills with gap-free receipt numbers, and who may read them.
//!
//! Invariants: an order takes its number, its items and its seal in one transaction and is never changed afterwards;
//! numbers of a store are 1, 2, 3 … without gaps or duplicates; each order's seal begins with the seal of the order
//! before it. Knows nothing of kiosks' frames or of the bill's making; `checkout` calls [`Orders::place`].

mod error;
mod view;

use crate::clock::Clock;
use crate::domain::{
    Actor, Caller, Currency, KioskId, OrderId, Page, PageRequest, Role, Seal, SessionId, StoreId, UserId,
    readable_code, tidy_code,
};
use crate::store::orders::{OrderItemRow, OrderRow};
use crate::store::{Store, Tx, number_series, orders, stores};

pub use error::OrderError;
pub use view::{OrderItemView, OrderSummary, OrderView};

/// The series that orders are numbered in.
const SERIES: &str = "order";

/// The orders service; cheap to clone.
#[derive(Clone)]
pub struct Orders {
    store: Store,
    clock: Clock,
}

/// A bill that is ready to become an order: checked, priced, in one currency.
#[derive(Debug)]
pub struct Draft {
    /// The session whose bill it is.
    pub session: SessionId,
    /// The store that numbers it.
    pub store: StoreId,
    /// The kiosk of the session.
    pub kiosk: Option<KioskId>,
    /// The shopper, where known: the order is theirs at once.
    pub shopper: Option<UserId>,
    /// The store's currency.
    pub currency: Currency,
    /// The lines, numbered from 1.
    pub items: Vec<OrderItemRow>,
    /// Sum of the lines.
    pub total: i64,
}

impl Orders {
    /// A service over `store`.
    pub fn new(store: Store, clock: Clock) -> Self {
        Self { store, clock }
    }

    /// Turns a draft into an order with the store's next number, within the caller's transaction: roll it back and the
    /// number is given back too.
    pub async fn place(&self, tx: &mut Tx, draft: Draft) -> Result<OrderView, OrderError> {
        let claim_code = readable_code().map_err(|error| OrderError::Randomness(error.to_string()))?;
        let taken = number_series::take(tx, draft.store, SERIES).await?;
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
            created_at: now,
            previous_hash: taken.previous_hash,
            hash: Vec::new(),
        };
        order.hash = seal(&order, &draft.items);
        orders::insert(tx, &order, &draft.items).await?;
        number_series::set_hash(tx, draft.store, SERIES, &order.hash).await?;
        if let Some(shopper) = draft.shopper {
            orders::own(tx, order.id, shopper, now).await?;
        }
        #[cfg(feature = "fail-points")]
        fail::fail_point!(&format!("orders.place.written {}", order.session_id), |_| Err(OrderError::Interrupted));
        let store = stores::find(tx, order.store_id).await?;
        let claim_code = Some(order.claim_code.clone());
        let shown = OrderView::new(order, store.map(|store| store.name).unwrap_or_default(), draft.items);
        Ok(OrderView { claim_code, ..shown })
    }

    /// Orders that the caller's work is about, newest first: an admin's all, a clerk's store's.
    pub async fn list(
        &self,
        caller: &Caller,
        store: Option<StoreId>,
        page: PageRequest,
    ) -> Result<Page<OrderSummary>, OrderError> {
        let own = match caller.actor {
            Actor::System | Actor::Person { role: Role::Admin, .. } => store,
            Actor::Kiosk { store: own, .. } | Actor::Person { role: Role::Clerk, store: Some(own), .. } => Some(own),
            Actor::Person { .. } => return Err(OrderError::NoStore),
        };
        if let Some(asked) = store.filter(|asked| own != Some(*asked)) {
            return Err(OrderError::StoreNotFound(asked));
        }
        let mut tx = self.store.read().await?;
        let rows = orders::list(&mut tx, own, page).await?;
        Ok(Page::cut(rows, page, |row| row.id.uuid()).map(OrderSummary::from))
    }

    /// One order, for the staff of its store.
    pub async fn get(&self, caller: &Caller, id: OrderId) -> Result<OrderView, OrderError> {
        let view = self.read(id, None).await?;
        if caller.actor.serves(view.store_id) { Ok(view) } else { Err(OrderError::NotFound(id)) }
    }

    /// The orders of a shopper, newest first.
    pub async fn list_own(&self, user: UserId, page: PageRequest) -> Result<Page<OrderSummary>, OrderError> {
        let mut tx = self.store.read().await?;
        let rows = orders::list_owned(&mut tx, user, page).await?;
        Ok(Page::cut(rows, page, |row| row.id.uuid()).map(OrderSummary::from))
    }

    /// One order of a shopper. Another's is not found: its existence is nobody's business.
    pub async fn get_own(&self, user: UserId, id: OrderId) -> Result<OrderView, OrderError> {
        self.read(id, Some(user)).await
    }

    /// Makes the order whose receipt carries `code` the shopper's. Again is no error; another's order is not found.
    pub async fn claim(&self, user: UserId, code: &str) -> Result<OrderView, OrderError> {
        let code = tidy_code(code).ok_or(OrderError::UnknownCode)?;
        let mut tx = self.store.begin().await?;
        let id = orders::find_by_claim_code(&mut tx, &code).await?.ok_or(OrderError::UnknownCode)?;
        if !orders::own(&mut tx, id, user, self.clock.now()).await? {
            return Err(OrderError::UnknownCode);
        }
        tx.commit().await?;
        self.get_own(user, id).await
    }

    async fn read(&self, id: OrderId, owner: Option<UserId>) -> Result<OrderView, OrderError> {
        let mut tx = self.store.read().await?;
        let order = orders::find(&mut tx, id, owner).await?.ok_or(OrderError::NotFound(id))?;
        let items = orders::items(&mut tx, id).await?;
        let store = stores::find(&mut tx, order.store_id).await?;
        Ok(OrderView::new(order, store.map(|store| store.name).unwrap_or_default(), items))
    }
}

/// The seal of an order: over every field that the receipt shows and every line. An integrity check recomputes it from
/// the stored rows, so the fields and their order must stay as they are for as long as there are orders.
pub fn seal(order: &OrderRow, items: &[OrderItemRow]) -> Vec<u8> {
    let head = Seal::after(&order.previous_hash)
        .field(order.id.uuid())
        .field(order.store_id.uuid())
        .field(SERIES)
        .number(order.number)
        .field(order.session_id.uuid())
        .optional(order.kiosk_id.map(|kiosk| kiosk.uuid()))
        .number(order.total)
        .field(order.currency.code())
        .field(&order.claim_code)
        .number(order.created_at.micros())
        .number(items.len() as i64);
    let lines = items.iter().fold(head, |seal, item| {
        seal.number(item.line)
            .field(item.product_id.uuid())
            .field(&item.name)
            .optional(item.sku.as_deref())
            .optional(item.barcode.as_deref())
            .number(item.quantity)
            .number(item.unit_price)
            .number(item.line_total)
            .optional(item.avg_score.map(|score| score.to_bits().to_be_bytes()))
    });
    lines.finish()
}
