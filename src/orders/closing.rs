//! Daily closings (Z reports): what a store took and gave back since the previous closing, summed, numbered and sealed.
//!
//! Invariants: every order, payment, refund and void of a store is in exactly one closing, or will be in the next one. A
//! closing covers the numbers after the previous closing up to the counters, and all of their records can be read. Tills
//! sell meanwhile.

use serde_json::json;

use super::{ClosingPreview, OrderError, Orders, ZReportSummary, ZReportView};
use crate::db::number_series::SeriesRow;
use crate::db::stores::{SellerRow, StoreRow};
use crate::db::z_reports::{self, ClosingRange, ZReportRow};
use crate::db::{DatabaseError, Reader, audit, number_series, seals, stores, void_placeholders};
use crate::domain::{Caller, Page, PageRequest, Series, StoreId, Timestamp, ZReportId};
use crate::idempotency::{IdempotentRequest, Reply, retry_transaction};

impl Orders {
    /// Closes the day of a store, also if nothing happened since the previous closing.
    pub async fn close_day(&self, caller: &Caller, store: StoreId, key: &str) -> Result<Reply, OrderError> {
        let request = IdempotentRequest::new("close", caller, Some(key), &store.to_string());
        retry_transaction(async || self.attempt_closing(caller, store, &request).await).await
    }

    async fn attempt_closing(
        &self,
        caller: &Caller,
        id: StoreId,
        request: &IdempotentRequest,
    ) -> Result<Reply, OrderError> {
        let mut tx = self.db.begin().await?;
        let store = find_served_store(&mut tx, caller, id).await?;
        // Taking the number locks the series, which serialises concurrent closings.
        let taken = number_series::take_next_number(&mut tx, id, Series::Closing).await?;
        if let Some(reply) = request.find_reply(&mut tx).await? {
            return Ok(reply);
        }
        let counters = number_series::list(&mut tx, id).await?;
        let previous = find_previous_closing(&mut tx, &store, taken.number, &counters).await?;
        let range = closing_range(previous.as_ref(), &counters);
        let lines = z_reports::sum_records(&mut tx, id, range).await?;
        // Not before any record that it covers.
        let last = counters.iter().map(|counter| counter.last_at).fold(taken.previous_at, Timestamp::max);
        let now = self.record_time(id, last);
        let business_day = store.business_days().date_of(now);
        let SellerRow { store_name, store_address, store_tax_number, time_zone, .. } = store.into_seller();
        let mut row = ZReportRow {
            id: ZReportId::generate(now),
            store_id: id,
            store_name: Some(store_name),
            store_address,
            store_tax_number,
            number: taken.number,
            business_day,
            time_zone,
            opened_at: previous.map(|previous| previous.closed_at),
            closed_at: now,
            first_order: range.orders.0,
            last_order: range.orders.1,
            first_refund: range.refunds.0,
            last_refund: range.refunds.1,
            first_payment: range.payments.0,
            last_payment: range.payments.1,
            made_by: caller.actor.label(),
            hash_version: seals::CLOSING_VERSION,
            previous_hash: taken.previous_hash,
            hash: Vec::new(),
        };
        row.hash = seals::seal_z_report(&row, &lines).ok_or_else(super::unknown_seal_version)?;
        z_reports::insert(&mut tx, &row, &lines).await?;
        number_series::set_last_record(&mut tx, id, Series::Closing, &row.hash, now).await?;
        let details = json!({"z_number": row.number, "business_day": row.business_day,
            "receipts": [row.first_order, row.last_order]});
        let subject = id.to_string();
        let reply = request.store_reply(&mut tx, &ZReportView::new(row, &lines), now).await?;
        let entry = audit::AuditEntry { at: now, caller, action: "store.close_day", subject, details };
        audit::append(&mut tx, entry).await?;
        tx.commit().await?;
        Ok(reply)
    }

    /// What a closing would hold now. Nothing is written, and tills sell on: the closing itself may hold more.
    pub async fn preview_closing(&self, caller: &Caller, id: StoreId) -> Result<ClosingPreview, OrderError> {
        let mut reader = self.db.snapshot().await?;
        let store = find_served_store(&mut reader, caller, id).await?;
        let counters = number_series::list(&mut reader, id).await?;
        let number = last_number(&counters, Series::Closing) + 1;
        let previous = find_previous_closing(&mut reader, &store, number, &counters).await?;
        let range = closing_range(previous.as_ref(), &counters);
        let lines = z_reports::sum_records(&mut reader, id, range).await?;
        let business_day = store.business_days().date_of(self.clock.now());
        let opened_at = previous.map(|previous| previous.closed_at);
        Ok(ClosingPreview::new(number, business_day, opened_at, range, &lines))
    }

    /// Newest first.
    pub async fn list_closings(
        &self,
        caller: &Caller,
        store: StoreId,
        page: PageRequest,
    ) -> Result<Page<ZReportSummary>, OrderError> {
        let mut reader = self.db.read().await?;
        find_served_store(&mut reader, caller, store).await?;
        let rows = z_reports::list(&mut reader, store, page).await?;
        Ok(Page::from_rows(rows, page, |row| row.id.uuid()).map(ZReportSummary::from))
    }

    pub async fn get_closing(&self, caller: &Caller, store: StoreId, number: i64) -> Result<ZReportView, OrderError> {
        let mut reader = self.db.read().await?;
        let store = find_served_store(&mut reader, caller, store).await?;
        let row = z_reports::find(&mut reader, store.id, number).await?.ok_or(OrderError::ClosingNotFound(number))?;
        let lines = z_reports::list_lines(&mut reader, row.id).await?;
        Ok(ZReportView::new(row, &lines))
    }
}

pub(super) async fn find_served_store(
    reader: &mut Reader,
    caller: &Caller,
    id: StoreId,
) -> Result<StoreRow, OrderError> {
    let store = stores::find(reader, id).await?.filter(|_| caller.actor.serves(id));
    store.ok_or(OrderError::StoreNotFound(id))
}

/// The closing before `number`. If the closings in between are lost and have void placeholders, it is the last one that
/// exists: the new closing covers the records of the lost ones again.
async fn find_previous_closing(
    reader: &mut Reader,
    store: &StoreRow,
    number: i64,
    counters: &[SeriesRow],
) -> Result<Option<ZReportRow>, OrderError> {
    let previous = z_reports::find_previous(reader, store.id, number).await?;
    let first = previous.as_ref().map_or(first_number(counters, Series::Closing), |row| row.number.saturating_add(1));
    let missing = number.saturating_sub(first);
    if missing > 0 && void_placeholders::count(reader, store.id, Series::Closing, first, number - 1).await? < missing {
        return Err(missing_closing(number - 1, &store.name).into());
    }
    Ok(previous)
}

fn missing_closing(number: i64, store: &str) -> DatabaseError {
    DatabaseError::Unexpected(format!(
        "Closing {number} of store {store} is missing in the database. Restore it from a backup, or fill the gap with \
         `tillsight numbering repair void`."
    ))
}

fn last_number(counters: &[SeriesRow], series: Series) -> i64 {
    counters.iter().find(|row| row.series == series).map_or(0, |row| row.last_number)
}

fn first_number(counters: &[SeriesRow], series: Series) -> i64 {
    counters.iter().find(|row| row.series == series).map_or(1, |row| row.first_number)
}

/// The numbers after the previous closing up to the counters.
fn closing_range(previous: Option<&ZReportRow>, counters: &[SeriesRow]) -> ClosingRange {
    let last = |series: Series| last_number(counters, series);
    // Never below the first number: the series may begin after the first closing.
    let first = |series: Series, last_closed: fn(&ZReportRow) -> i64| {
        previous.map_or(1, |row| last_closed(row) + 1).max(first_number(counters, series))
    };
    ClosingRange {
        orders: (first(Series::Order, |row| row.last_order), last(Series::Order)),
        refunds: (first(Series::Refund, |row| row.last_refund), last(Series::Refund)),
        payments: (first(Series::Payment, |row| row.last_payment), last(Series::Payment)),
    }
}
