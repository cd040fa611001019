//! Lists and lookups of orders, for staff and for shoppers.

use super::payment::find_cash_step;
use super::view::{OrderRecords, page_of_summaries};
use super::{OrderError, OrderSummary, OrderView, Orders};
use crate::db::orders::{OrderFilter, OrderRow};
use crate::db::{DatabaseError, Reader, orders, payments, refunds, stores, users};
use crate::domain::{
    Actor, BusinessDays, Caller, GappedPage, InvalidField, OrderId, OrderState, Page, PageRequest, Role, StoreId,
    Timestamp, UserId, parse_username,
};

/// Filters of a list of orders.
#[derive(Debug, Clone, Copy, Default)]
pub struct OrderSearch {
    pub store: Option<StoreId>,
    pub state: Option<OrderState>,
    pub receipt_number: Option<i64>,
    /// Confirmed at this time or later.
    pub from: Option<Timestamp>,
    /// Confirmed before this time.
    pub to: Option<Timestamp>,
}

/// More filters of a list of orders, for the staff.
#[derive(Debug, Clone, Default)]
pub struct StaffSearch {
    pub orders: OrderSearch,
    /// Confirmed on this business day of the store or stores: `2026-01-05`.
    pub day: Option<String>,
    /// The username of the shopper who owns them.
    pub shopper: Option<String>,
}

impl OrderSearch {
    fn into_filter(self) -> Result<OrderFilter, InvalidField> {
        if let (Some(from), Some(to)) = (self.from, self.to)
            && from >= to
        {
            return Err(InvalidField::new("to", format!("{to} is not after from, {from}")));
        }
        let Self { store, state, receipt_number: number, from, to } = self;
        if let Some(number) = number.filter(|number| *number < 1) {
            return Err(InvalidField::new("receipt_number", format!("{number} is no receipt number; they begin at 1")));
        }
        Ok(OrderFilter { store, state, number, from, to })
    }
}

impl Orders {
    /// Newest first: an admin sees every store, others only their own.
    pub async fn list_orders(
        &self,
        caller: &Caller,
        search: OrderSearch,
        page: PageRequest,
    ) -> Result<GappedPage<OrderSummary>, OrderError> {
        self.search_orders(caller, StaffSearch { orders: search, ..StaffSearch::default() }, page).await
    }

    /// Newest first: an admin sees every store, others only their own. Nothing is found for an unknown shopper.
    pub async fn search_orders(
        &self,
        caller: &Caller,
        StaffSearch { orders: search, day, shopper }: StaffSearch,
        page: PageRequest,
    ) -> Result<GappedPage<OrderSummary>, OrderError> {
        let store = match caller.actor {
            Actor::System | Actor::CommandLine | Actor::Person { role: Role::Admin, .. } => search.store,
            Actor::Kiosk { store: own, .. } | Actor::Person { role: Role::Clerk, store: Some(own), .. } => Some(own),
            Actor::Person { .. } => return Err(OrderError::NoStore),
        };
        if let Some(other) = search.store.filter(|requested| store != Some(*requested)) {
            return Err(OrderError::StoreNotFound(other));
        }
        let mut reader = self.db.read().await?;
        let mut filter = OrderSearch { store, ..search }.into_filter()?;
        if let Some(day) = day {
            let (from, to) = find_day(&mut reader, store, &day).await?;
            filter.from = Some(filter.from.map_or(from, |other| other.max(from)));
            filter.to = Some(filter.to.map_or(to, |other| other.min(to)));
        }
        let rows = match shopper {
            None => orders::list(&mut reader, filter, page).await?,
            Some(name) => match users::find_by_username(&mut reader, &parse_username("shopper", &name)?).await? {
                Some(user) => orders::list_owned(&mut reader, user.id, filter, page).await?,
                None => Vec::new(),
            },
        };
        Ok(page_of_summaries(Page::from_rows(rows, page, |row| row.id.uuid())))
    }

    pub async fn get_order(&self, caller: &Caller, id: OrderId) -> Result<OrderView, OrderError> {
        let view = self.find_order(id, None).await?;
        if caller.actor.serves(view.store_id) { Ok(view) } else { Err(OrderError::NotFound(id)) }
    }

    /// The shopper's own orders, newest first.
    pub async fn list_shopper_orders(
        &self,
        shopper: UserId,
        search: OrderSearch,
        page: PageRequest,
    ) -> Result<GappedPage<OrderSummary>, OrderError> {
        let filter = search.into_filter()?;
        let rows = orders::list_owned(&mut self.db.read().await?, shopper, filter, page).await?;
        Ok(page_of_summaries(Page::from_rows(rows, page, |row| row.id.uuid())))
    }

    /// The shopper's own order, without the names of the staff. Another shopper's order is not found.
    pub async fn get_shopper_order(&self, shopper: UserId, id: OrderId) -> Result<OrderView, OrderError> {
        Ok(self.find_order(id, Some(shopper)).await?.without_staff())
    }

    async fn find_order(&self, id: OrderId, owner: Option<UserId>) -> Result<OrderView, OrderError> {
        let mut reader = self.db.snapshot().await?;
        let records = async {
            let order = orders::find(&mut reader, id, owner).await?.ok_or(OrderError::NotFound(id))?;
            load_records(&mut reader, order).await
        };
        records.await.map(OrderView::from).map_err(|error| name_unreadable_order(id, error))
    }
}

/// The period of a business day that the stores share.
async fn find_day(
    reader: &mut Reader,
    store: Option<StoreId>,
    day: &str,
) -> Result<(Timestamp, Timestamp), OrderError> {
    let calendars = stores::list_business_days(reader, store).await?;
    match calendars.as_slice() {
        [] => Ok(BusinessDays::utc().parse_day("day", day)?),
        [days] => Ok(days.parse_day("day", day)?),
        _ => {
            let reason = "needs store_id, since the days of the stores begin at different times";
            Err(InvalidField::new("day", reason).into())
        }
    }
}

/// Turns a decoding error into one that names the order.
pub(super) fn name_unreadable_order(id: OrderId, error: OrderError) -> OrderError {
    if let OrderError::Database(DatabaseError::Unexpected(reason)) = error {
        OrderError::Unreadable { id, reason }
    } else {
        error
    }
}

pub(super) async fn load_records(reader: &mut Reader, order: OrderRow) -> Result<OrderRecords, OrderError> {
    let id = order.id;
    let items = orders::list_items(reader, id).await?;
    let balance = orders::find_balance(reader, id).await?.ok_or(OrderError::NotFound(id))?;
    let payments = payments::list_by_order(reader, id).await?;
    let mut refunds = Vec::new();
    for refund in refunds::list_by_order(reader, id).await? {
        let items = refunds::list_items(reader, refund.id).await?;
        refunds.push((refund, items));
    }
    let cash_step = find_cash_step(reader, order.store_id, order.currency).await?;
    Ok(OrderRecords { order, items, balance, payments, refunds, cash_step })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_period_must_end_after_it_begins() {
        let at = |micros| Some(Timestamp::from_micros(micros));
        let search = OrderSearch { from: at(2), to: at(1), ..OrderSearch::default() };
        assert_eq!(search.into_filter().unwrap_err().field, "to");
        assert!(OrderSearch { from: at(1), to: at(2), ..OrderSearch::default() }.into_filter().is_ok());
        let refused = OrderSearch { receipt_number: Some(0), ..OrderSearch::default() }.into_filter();
        assert_eq!(refused.unwrap_err().field, "receipt_number");
    }
}
