//! Daily closings (Z reports): what a store took and gave back since the closing before, summed by the server, numbered
//! and sealed, never changed.
//!
//! Invariants: every order, payment, refund and void of a store is in exactly one closing, or in the next one: a closing
//! takes what is numbered from one past the closing before to where the counters stand, and all of that is there to be
//! summed. Tills go on meanwhile.

use serde_json::json;

use super::idempotency::{IdempotentRequest, Reply, with_retries};
use super::{OrderError, Orders, ZReportSummary, ZReportView};
use crate::db::number_series::SeriesRow;
use crate::db::stores::StoreRow;
use crate::db::z_reports::{self, ClosingRange, ZReportRow};
use crate::db::{DatabaseError, Reader, audit, number_series, seals, stores, void_placeholders};
use crate::domain::{Caller, Page, PageRequest, Series, StoreId, ZReportId};

impl Orders {
    /// Closes the day of a store: everything since the closing before, be it nothing.
    pub async fn close_day(&self, caller: &Caller, store: StoreId, key: &str) -> Result<Reply, OrderError> {
        let once = IdempotentRequest::new("close", caller, key, &store.to_string());
        with_retries(async || self.close_once(caller, store, &once).await).await
    }

    async fn close_once(&self, caller: &Caller, id: StoreId, once: &IdempotentRequest) -> Result<Reply, OrderError> {
        let mut tx = self.db.begin().await?;
        let store = served(&mut tx, caller, id).await?;
        // Taking the number holds the row: of two closings at once, the second goes on when the first is done.
        let taken = number_series::take_next_number(&mut tx, id, Series::Closing).await?;
        if let Some(kept) = once.kept(&mut tx).await? {
            return Ok(kept);
        }
        let counters = number_series::list(&mut tx, id).await?;
        let previous = before(&mut tx, id, taken.number).await?;
        let span = span(previous.as_ref(), &counters);
        let lines = z_reports::sum_records(&mut tx, id, span).await?;
        let now = self.clock.now();
        let mut row = ZReportRow {
            id: ZReportId::at(now),
            store_id: id,
            number: taken.number,
            business_day: store.time_zone.day(now),
            time_zone: store.time_zone,
            opened_at: previous.map(|previous| previous.closed_at),
            closed_at: now,
            first_order: span.orders.0,
            last_order: span.orders.1,
            first_refund: span.refunds.0,
            last_refund: span.refunds.1,
            first_payment: span.payments.0,
            last_payment: span.payments.1,
            made_by: caller.actor.label(),
            previous_hash: taken.previous_hash,
            hash: Vec::new(),
        };
        row.hash = seals::seal_z_report(&row, &lines);
        z_reports::insert(&mut tx, &row, &lines).await?;
        number_series::set_last_hash(&mut tx, id, Series::Closing, &row.hash).await?;
        let details = json!({"z_number": row.number, "business_day": row.business_day,
            "receipts": [row.first_order, row.last_order]});
        let subject = id.to_string();
        let reply = once.keep(&mut tx, &ZReportView::new(row, store.name, lines), now).await?;
        audit::append(&mut tx, audit::AuditEntry { at: now, caller, action: "store.close_day", subject, details })
            .await?;
        tx.commit().await?;
        Ok(reply)
    }

    /// The closings of a store, newest first.
    pub async fn closings(
        &self,
        caller: &Caller,
        store: StoreId,
        page: PageRequest,
    ) -> Result<Page<ZReportSummary>, OrderError> {
        let mut reader = self.db.read().await?;
        served(&mut reader, caller, store).await?;
        let rows = z_reports::list(&mut reader, store, page).await?;
        Ok(Page::cut(rows, page, |row| row.id.uuid()).map(ZReportSummary::from))
    }

    /// One closing of a store with its sums.
    pub async fn closing(&self, caller: &Caller, store: StoreId, number: i64) -> Result<ZReportView, OrderError> {
        let mut reader = self.db.read().await?;
        let store = served(&mut reader, caller, store).await?;
        let row = z_reports::find(&mut reader, store.id, number).await?.ok_or(OrderError::ClosingNotFound(number))?;
        let lines = z_reports::list_lines(&mut reader, row.id).await?;
        Ok(ZReportView::new(row, store.name, lines))
    }
}

async fn served(reader: &mut Reader, caller: &Caller, id: StoreId) -> Result<StoreRow, OrderError> {
    let store = stores::find(reader, id).await?.filter(|_| caller.actor.serves(id));
    store.ok_or(OrderError::StoreNotFound(id))
}

/// The closing that the one with `number` goes on from. Where the closings in between are lost and void placeholders say so,
/// the last one that is there: what the lost ones had is closed once more.
async fn before(reader: &mut Reader, store: StoreId, number: i64) -> Result<Option<ZReportRow>, OrderError> {
    let previous = z_reports::find_previous(reader, store, number).await?;
    let first = previous.as_ref().map_or(0, |row| row.number).saturating_add(1);
    let missing = number.saturating_sub(first);
    if missing > 0 && void_placeholders::count(reader, store, Series::Closing, first, number - 1).await? < missing {
        return Err(lost(number - 1, store).into());
    }
    Ok(previous)
}

fn lost(number: i64, store: StoreId) -> DatabaseError {
    DatabaseError::Unexpected(format!(
        "closing {number} of store {store} is gone from the database; restore it, or see `tillsight numbering repair`"
    ))
}

/// From one past the closing before to where the counters stand.
fn span(previous: Option<&ZReportRow>, counters: &[SeriesRow]) -> ClosingRange {
    let last = |series: Series| counters.iter().find(|row| row.series == series).map_or(0, |row| row.last_number);
    let first = |of: fn(&ZReportRow) -> i64| previous.map_or(0, of) + 1;
    ClosingRange {
        orders: (first(|row| row.last_order), last(Series::Order)),
        refunds: (first(|row| row.last_refund), last(Series::Refund)),
        payments: (first(|row| row.last_payment), last(Series::Payment)),
    }
}
