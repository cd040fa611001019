//! Reading orders: the staff's lists, the shopper's own, claims and spending.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use super::view::listed;
use super::{OrderError, OrderSummary, OrderView, Orders, PaymentView, RefundView};
use crate::db::orders::{ListedOrder, OrderFilter, OrderRow};
use crate::db::{DatabaseError, Reader, orders, payments, refunds, stores};
use crate::domain::{
    Actor, Caller, Currency, GappedPage, InvalidField, OrderId, OrderState, Page, PageRequest, Role, StoreId,
    Timestamp, UserId, tidy_code,
};

/// Most months that a shopper's spending is told of at once.
const MOST_MONTHS: i64 = 36;
/// More than the longest month and a day for the clocks of the world: no month is cut short by it.
const SECONDS_PER_MONTH: i64 = 32 * 86_400;

/// Which orders of a list are wanted.
#[derive(Debug, Clone, Copy, Default)]
pub struct OrderSearch {
    /// Only those of this store.
    pub store: Option<StoreId>,
    /// Only those that stand there.
    pub state: Option<OrderState>,
    /// Only those confirmed at this moment or later.
    pub from: Option<Timestamp>,
    /// Only those confirmed before this moment.
    pub to: Option<Timestamp>,
}

/// What a shopper spent in a month of the calendar.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct MonthSpending {
    /// By the clocks of the store.
    #[schema(examples("2026-01"))]
    pub month: String,
    /// Of the amounts: each currency has a row of its own.
    pub currency: Currency,
    /// Orders confirmed in that month that were not voided.
    pub orders: i64,
    /// Their totals, in minor units.
    pub spent: i64,
    /// What was given back of them, whenever that was.
    pub refunded: i64,
    /// What is left of the first without the second.
    pub net: i64,
}

impl OrderSearch {
    fn check(self) -> Result<OrderFilter, InvalidField> {
        if let (Some(from), Some(to)) = (self.from, self.to)
            && from >= to
        {
            return Err(InvalidField::new("to", format!("{to} is not after from, {from}")));
        }
        Ok(OrderFilter { store: self.store, state: self.state, from: self.from, to: self.to })
    }
}

impl Orders {
    /// Orders that the caller's work is about, newest first: an admin's all, a clerk's store's.
    pub async fn list(
        &self,
        caller: &Caller,
        search: OrderSearch,
        page: PageRequest,
    ) -> Result<GappedPage<OrderSummary>, OrderError> {
        let own = match caller.actor {
            Actor::System | Actor::CommandLine | Actor::Person { role: Role::Admin, .. } => search.store,
            Actor::Kiosk { store: own, .. } | Actor::Person { role: Role::Clerk, store: Some(own), .. } => Some(own),
            Actor::Person { .. } => return Err(OrderError::NoStore),
        };
        if let Some(asked) = search.store.filter(|asked| own != Some(*asked)) {
            return Err(OrderError::StoreNotFound(asked));
        }
        let filter = OrderSearch { store: own, ..search }.check()?;
        let mut reader = self.db.read().await?;
        let rows = orders::list(&mut reader, filter, page).await?;
        Ok(listed(Page::cut(rows, page, |row| row.id.uuid())))
    }

    /// One order, for the staff of its store.
    pub async fn get(&self, caller: &Caller, id: OrderId) -> Result<OrderView, OrderError> {
        let view = self.read(id, None).await?;
        if caller.actor.serves(view.store_id) { Ok(view) } else { Err(OrderError::NotFound(id)) }
    }

    /// The orders of a shopper, newest first.
    pub async fn list_own(
        &self,
        user: UserId,
        search: OrderSearch,
        page: PageRequest,
    ) -> Result<GappedPage<OrderSummary>, OrderError> {
        let filter = search.check()?;
        let mut reader = self.db.read().await?;
        let rows = orders::list_owned(&mut reader, user, filter, page).await?;
        Ok(listed(Page::cut(rows, page, |row| row.id.uuid())))
    }

    /// One order of a shopper. Another's is not found: its existence is nobody's business. Who of the staff did what is not
    /// shown.
    pub async fn get_own(&self, user: UserId, id: OrderId) -> Result<OrderView, OrderError> {
        Ok(self.read(id, Some(user)).await?.without_staff())
    }

    /// What a shopper spent in each month and currency, newest month first; the last `months` of the calendar.
    pub async fn spending(&self, user: UserId, months: i64) -> Result<Vec<MonthSpending>, OrderError> {
        if !(1..=MOST_MONTHS).contains(&months) {
            let message = format!("{months} is not between 1 and {MOST_MONTHS}");
            return Err(InvalidField::new("months", message).into());
        }
        let from = self.clock.now().plus_seconds(-months * SECONDS_PER_MONTH);
        let mut reader = self.db.read().await?;
        let rows = orders::list_spending(&mut reader, user, from).await?;
        let mut sums: BTreeMap<(String, &'static str), MonthSpending> = BTreeMap::new();
        for ListedOrder { id, row } in rows {
            // A sum that leaves an order out would be wrong without saying so.
            let row = row.map_err(|reason| OrderError::Unreadable { id, reason })?;
            let month = row.time_zone.month(row.created_at);
            // Counted back from the month that the store's clocks show now.
            if months_between(&month, &row.time_zone.month(self.clock.now())).is_none_or(|ago| ago >= months) {
                continue;
            }
            let key = (month.clone(), row.currency.code());
            let empty = MonthSpending { month, currency: row.currency, orders: 0, spent: 0, refunded: 0, net: 0 };
            let sum = sums.entry(key).or_insert(empty);
            sum.orders += 1;
            sum.spent = sum.spent.saturating_add(row.total);
            sum.refunded = sum.refunded.saturating_add(row.refunded);
            sum.net = sum.spent - sum.refunded;
        }
        Ok(sums.into_values().rev().collect())
    }

    /// Makes the order whose receipt carries `code` the shopper's. Again is no error; another's order is not found.
    pub async fn claim(&self, user: UserId, code: &str) -> Result<OrderView, OrderError> {
        let code = tidy_code(code).ok_or(OrderError::UnknownCode)?;
        let mut tx = self.db.begin().await?;
        let id = orders::find_by_claim_code(&mut tx, &code).await?.ok_or(OrderError::UnknownCode)?;
        if !orders::set_owner(&mut tx, id, user, self.clock.now()).await? {
            return Err(OrderError::UnknownCode);
        }
        tx.commit().await?;
        self.get_own(user, id).await
    }

    async fn read(&self, id: OrderId, owner: Option<UserId>) -> Result<OrderView, OrderError> {
        let mut reader = self.db.snapshot().await?;
        let read = async {
            let order = orders::find(&mut reader, id, owner).await?.ok_or(OrderError::NotFound(id))?;
            assemble(&mut reader, order).await
        };
        read.await.map_err(|error| unreadable(id, error))
    }
}

/// Says of a failure to make a record of what is stored which order that is.
pub(super) fn unreadable(id: OrderId, error: OrderError) -> OrderError {
    if let OrderError::Database(DatabaseError::Unexpected(reason)) = error {
        OrderError::Unreadable { id, reason }
    } else {
        error
    }
}

/// An order with everything that is linked to it.
pub(super) async fn assemble(reader: &mut Reader, order: OrderRow) -> Result<OrderView, OrderError> {
    let items = orders::list_items(reader, order.id).await?;
    let standing = orders::find_balance(reader, order.id).await?.ok_or(OrderError::NotFound(order.id))?;
    let store = stores::find(reader, order.store_id).await?;
    let payments = payments::list_by_order(reader, order.id).await?.into_iter().map(PaymentView::from).collect();
    let mut taken_back = Vec::new();
    for refund in refunds::list_by_order(reader, order.id).await? {
        let lines = refunds::list_items(reader, refund.id).await?;
        taken_back.push(RefundView::new(refund, lines));
    }
    let store_name = store.map(|store| store.name).unwrap_or_default();
    Ok(OrderView::new(order, store_name, items, standing, payments, taken_back))
}

/// Months from `earlier` to `later`, both `YYYY-MM`.
fn months_between(earlier: &str, later: &str) -> Option<i64> {
    let count = |month: &str| {
        let (year, month) = month.split_once('-')?;
        Some(year.parse::<i64>().ok()? * 12 + month.parse::<i64>().ok()?)
    };
    Some(count(later)? - count(earlier)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_are_counted_over_the_turn_of_the_year() {
        assert_eq!(months_between("2025-11", "2026-02"), Some(3));
        assert_eq!(months_between("2026-02", "2026-02"), Some(0));
    }

    #[test]
    fn a_span_that_ends_before_it_begins_is_refused() {
        let at = |micros| Some(Timestamp::from_micros(micros));
        let search = OrderSearch { from: at(2), to: at(1), ..OrderSearch::default() };
        assert_eq!(search.check().unwrap_err().field, "to");
        assert!(OrderSearch { from: at(1), to: at(2), ..OrderSearch::default() }.check().is_ok());
    }
}
