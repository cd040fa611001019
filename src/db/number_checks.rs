//! The queries of a check of numbers and hash chains: numbers, counters, and records that do not match each other.
//!
//! Everything is read in pages by number. Nothing here relies on a constraint: a database that was copied or edited by hand
//! may have lost its unique indexes and foreign keys. An unreadable value affects only the record that has it.

use uuid::Uuid;

use super::orders::OrderItemRow;
use super::refunds::RefundItemRow;
use super::z_reports::{ZReportLineRow, ZReportRow};
use super::{DatabaseError, Reader, run_query};
use crate::domain::{OrderId, RefundId, Series, StoreId, ZReportId};

/// The text with the table of a series between `$before` and `$after`.
macro_rules! for_series {
    ($series:expr, $before:literal, $after:literal) => {
        match $series {
            Series::Order => concat!($before, "orders", $after),
            Series::Payment => concat!($before, "payments", $after),
            Series::Refund => concat!($before, "refunds", $after),
            Series::Closing => concat!($before, "z_reports", $after),
        }
    };
}
pub(super) use for_series;

/// The state of a series at one moment.
#[derive(Debug, Clone, Default, sqlx::FromRow)]
pub struct SeriesState {
    /// The last number according to the counter; `None` without a counter.
    pub counter: Option<i64>,
    /// The seal of that number's record according to the counter.
    pub counter_hash: Option<Vec<u8>>,
    /// The highest number of a record or void placeholder.
    pub highest: Option<i64>,
    /// The highest number that a closing names, or that is known from outside the database.
    pub closed: Option<i64>,
    /// The number at which the series begins; `None` without a counter.
    pub first: Option<i64>,
}

impl SeriesState {
    /// The number of the first record.
    pub fn first_number(&self) -> i64 {
        self.first.unwrap_or(1)
    }

    /// The highest number that was given out.
    pub fn last_number(&self) -> i64 {
        self.counter.max(self.highest).max(self.closed).unwrap_or(0)
    }
}

/// How many records and placeholders have a number.
#[derive(Debug, Clone, Copy)]
pub struct NumberRow {
    pub number: i64,
    /// Records and void placeholders with this number; 1 if nothing is wrong.
    pub copies: i64,
    /// How many of them are placeholders.
    pub placeholders: i64,
}

/// An inclusive range of numbers of one store.
#[derive(Debug, Clone, Copy)]
pub struct RecordRange {
    pub store: StoreId,
    pub first: i64,
    pub last: i64,
}

/// Stores after `after`, ordered by id, including those whose row is missing but whose counters exist.
pub async fn list_stores(reader: &mut Reader, after: StoreId, limit: i64) -> Result<Vec<StoreId>, DatabaseError> {
    const SELECT: &str = "SELECT id FROM (SELECT id FROM stores UNION SELECT store_id AS id FROM number_series) AS s \
                          WHERE id > $1 ORDER BY id LIMIT $2";
    let rows: Vec<(StoreId,)> = run_query!(reader, c => sqlx::query_as(SELECT).bind(after).bind(limit).fetch_all(c))?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

pub async fn read_series_state(
    reader: &mut Reader,
    store: StoreId,
    series: Series,
) -> Result<SeriesState, DatabaseError> {
    let query = for_series!(
        series,
        "SELECT (SELECT MAX(last_number) FROM number_series WHERE store_id = $1 AND series = $2) AS counter, \
         (SELECT last_hash FROM number_series WHERE store_id = $1 AND series = $2 \
           ORDER BY last_number DESC LIMIT 1) AS counter_hash, \
         (SELECT MAX(n.number) FROM (SELECT MAX(number) AS number FROM ",
        " WHERE store_id = $1 AND series = $2 UNION ALL \
         SELECT MAX(number) AS number FROM void_placeholders WHERE store_id = $1 AND series = $2) AS n) AS highest, \
         (SELECT MAX(CASE $2 WHEN 'order' THEN last_order WHEN 'payment' THEN last_payment WHEN 'refund' THEN last_refund \
           ELSE number END) FROM z_reports WHERE store_id = $1) AS closed, \
         (SELECT MIN(first_number) FROM number_series WHERE store_id = $1 AND series = $2) AS first"
    );
    let row = run_query!(reader, c => sqlx::query_as(query).bind(store).bind(series).fetch_optional(c))?;
    Ok(row.unwrap_or_default())
}

/// Numbers of a series in `range`, ascending, at most `limit`, with the records and placeholders that have them.
pub async fn list_numbers(
    reader: &mut Reader,
    series: Series,
    range: RecordRange,
    limit: i64,
) -> Result<Vec<NumberRow>, DatabaseError> {
    let records = for_series!(
        series,
        "SELECT number, COUNT(*) FROM ",
        " WHERE store_id = $1 AND series = $2 AND number BETWEEN $3 AND $4 GROUP BY number ORDER BY number LIMIT $5"
    );
    const PLACEHOLDERS: &str = "SELECT number, COUNT(*) FROM void_placeholders \
        WHERE store_id = $1 AND series = $2 AND number BETWEEN $3 AND $4 GROUP BY number ORDER BY number LIMIT $5";
    let records = count_by_number(reader, records, series, range, limit).await?;
    let placeholders = count_by_number(reader, PLACEHOLDERS, series, range, limit).await?;
    // The first `limit` of each contain the first `limit` of both.
    let mut rows: Vec<_> =
        records.into_iter().map(|(number, copies)| NumberRow { number, copies, placeholders: 0 }).collect();
    rows.extend(placeholders.into_iter().map(|(number, copies)| NumberRow { number, copies, placeholders: copies }));
    rows.sort_by_key(|row| row.number);
    rows.dedup_by(|placeholder, record| {
        let same = placeholder.number == record.number;
        if same {
            record.copies += placeholder.copies;
            record.placeholders += placeholder.placeholders;
        }
        same
    });
    rows.truncate(limit.unsigned_abs() as usize);
    Ok(rows)
}

async fn count_by_number(
    reader: &mut Reader,
    query: &'static str,
    series: Series,
    range: RecordRange,
    limit: i64,
) -> Result<Vec<(i64, i64)>, DatabaseError> {
    run_query!(reader, c => sqlx::query_as(query)
        .bind(range.store)
        .bind(series)
        .bind(range.first)
        .bind(range.last)
        .bind(limit)
        .fetch_all(c))
}

/// A line with the record it belongs to.
#[derive(Debug, Clone, sqlx::FromRow)]
struct LineWithRecord<Id, Line> {
    record: Id,
    #[sqlx(flatten)]
    line: Line,
}

/// Lines of the orders in `range`, each with its order, ordered by line.
pub async fn list_order_items(
    reader: &mut Reader,
    range: RecordRange,
) -> Result<Vec<(OrderId, OrderItemRow)>, DatabaseError> {
    const SELECT: &str = "SELECT i.order_id AS record, i.line, i.product_id, i.name, i.sku, i.barcode, i.quantity, \
        i.unit_price, i.line_total, i.discount, i.discount_reason, i.bill_discount, i.tax_rate, i.tax, i.avg_score \
        FROM order_items i WHERE i.order_id IN (SELECT o.id FROM orders o \
        WHERE o.store_id = $1 AND o.series = 'order' AND o.number BETWEEN $2 AND $3) ORDER BY i.line";
    let rows: Vec<LineWithRecord<OrderId, OrderItemRow>> = run_query!(reader, c => sqlx::query_as(SELECT)
        .bind(range.store)
        .bind(range.first)
        .bind(range.last)
        .fetch_all(c))?;
    Ok(rows.into_iter().map(|row| (row.record, row.line)).collect())
}

/// Lines of the refunds and voids in `range`, each with its record, ordered by line.
pub async fn list_refund_items(
    reader: &mut Reader,
    range: RecordRange,
) -> Result<Vec<(RefundId, RefundItemRow)>, DatabaseError> {
    const SELECT: &str = "SELECT i.refund_id AS record, i.line, i.quantity, i.amount, i.tax_rate, i.tax \
        FROM refund_items i WHERE i.refund_id IN (SELECT r.id FROM refunds r \
        WHERE r.store_id = $1 AND r.series = 'refund' AND r.number BETWEEN $2 AND $3) ORDER BY i.line";
    let rows: Vec<LineWithRecord<RefundId, RefundItemRow>> = run_query!(reader, c => sqlx::query_as(SELECT)
        .bind(range.store)
        .bind(range.first)
        .bind(range.last)
        .fetch_all(c))?;
    Ok(rows.into_iter().map(|row| (row.record, row.line)).collect())
}

/// Closings in `range`, at most `limit`, ordered by number.
pub async fn list_closings(
    reader: &mut Reader,
    range: RecordRange,
    limit: i64,
) -> Result<Vec<ZReportRow>, DatabaseError> {
    const SELECT: &str = "SELECT id, store_id, store_name, store_address, store_tax_number, number, time_zone, \
        business_day, opened_at, closed_at, first_order, last_order, first_refund, last_refund, first_payment, \
        last_payment, made_by, hash_version, previous_hash, hash \
        FROM z_reports WHERE store_id = $1 AND series = 'closing' AND number BETWEEN $2 AND $3 ORDER BY number LIMIT $4";
    run_query!(reader, c => sqlx::query_as(SELECT)
        .bind(range.store)
        .bind(range.first)
        .bind(range.last)
        .bind(limit)
        .fetch_all(c))
}

/// Lines of the closings in `range`, each with its closing, ordered by line.
pub async fn list_closing_lines(
    reader: &mut Reader,
    range: RecordRange,
) -> Result<Vec<(ZReportId, ZReportLineRow)>, DatabaseError> {
    const SELECT: &str = "SELECT l.report_id AS record, l.line, l.section, l.currency, l.method, l.tax_rate, l.records, \
        l.amount, l.tax FROM z_report_lines l WHERE l.report_id IN (SELECT z.id FROM z_reports z \
        WHERE z.store_id = $1 AND z.series = 'closing' AND z.number BETWEEN $2 AND $3) ORDER BY l.line";
    let rows: Vec<LineWithRecord<ZReportId, ZReportLineRow>> = run_query!(reader, c => sqlx::query_as(SELECT)
        .bind(range.store)
        .bind(range.first)
        .bind(range.last)
        .fetch_all(c))?;
    Ok(rows.into_iter().map(|row| (row.record, row.line)).collect())
}

/// An order whose payments or refunds do not match its total.
#[derive(Debug, Clone, Copy, sqlx::FromRow)]
pub struct MismatchRow {
    pub number: i64,
    /// The sum paid is neither zero nor the total, or the order is voided and something was paid.
    pub payments: bool,
    /// More was refunded than was paid.
    pub refunds: bool,
}

/// Orders in `range` whose payments are not the total, or whose refunds exceed the payments.
pub async fn list_money_mismatches(reader: &mut Reader, range: RecordRange) -> Result<Vec<MismatchRow>, DatabaseError> {
    const SELECT: &str = "SELECT m.number, m.payments, m.refunds FROM (SELECT o.number, \
        ((s.state IN ('paid', 'partly_refunded', 'refunded') AND s.paid <> o.total) \
          OR (s.state = 'voided' AND s.paid > 0)) AS payments, \
        (s.refunded > s.paid) AS refunds \
        FROM orders o JOIN order_states s ON s.order_id = o.id \
        WHERE o.store_id = $1 AND o.series = 'order' AND o.number BETWEEN $2 AND $3) m \
        WHERE m.payments OR m.refunds ORDER BY m.number";
    run_query!(reader, c => sqlx::query_as(SELECT).bind(range.store).bind(range.first).bind(range.last).fetch_all(c))
}

/// Numbers of payments or refunds in `range` whose order is missing or has another store or currency.
pub async fn list_numbers_without_order(
    reader: &mut Reader,
    series: Series,
    range: RecordRange,
) -> Result<Vec<i64>, DatabaseError> {
    const PAYMENTS: &str = "SELECT r.number FROM payments r LEFT JOIN orders o ON o.id = r.order_id \
        WHERE r.store_id = $1 AND r.series = 'payment' AND r.number BETWEEN $2 AND $3 \
        AND (o.id IS NULL OR o.store_id <> r.store_id OR o.currency <> r.currency) ORDER BY r.number";
    const REFUNDS: &str = "SELECT r.number FROM refunds r LEFT JOIN orders o ON o.id = r.order_id \
        WHERE r.store_id = $1 AND r.series = 'refund' AND r.number BETWEEN $2 AND $3 \
        AND (o.id IS NULL OR o.store_id <> r.store_id OR o.currency <> r.currency) ORDER BY r.number";
    let query = match series {
        Series::Payment => PAYMENTS,
        Series::Refund => REFUNDS,
        // These records name no order.
        Series::Order | Series::Closing => return Ok(Vec::new()),
    };
    let rows: Vec<(i64,)> = run_query!(reader, c => sqlx::query_as(query)
        .bind(range.store)
        .bind(range.first)
        .bind(range.last)
        .fetch_all(c))?;
    Ok(rows.into_iter().map(|(number,)| number).collect())
}

/// A record that lines refer to.
#[derive(Debug, Clone, Copy, sqlx::FromRow)]
pub struct ReferencedRecordRow {
    pub record: Uuid,
    pub missing: bool,
}

/// Records of a series that lines refer to, after `after`, at most `limit`.
pub async fn list_referenced_records(
    reader: &mut Reader,
    series: Series,
    after: Uuid,
    limit: i64,
) -> Result<Vec<ReferencedRecordRow>, DatabaseError> {
    const ORDERS: &str = "SELECT n.record, (o.id IS NULL) AS missing FROM (SELECT DISTINCT order_id AS record \
        FROM order_items WHERE order_id > $1 ORDER BY order_id LIMIT $2) n \
        LEFT JOIN orders o ON o.id = n.record ORDER BY n.record";
    const REFUNDS: &str = "SELECT n.record, (o.id IS NULL) AS missing FROM (SELECT DISTINCT refund_id AS record \
        FROM refund_items WHERE refund_id > $1 ORDER BY refund_id LIMIT $2) n \
        LEFT JOIN refunds o ON o.id = n.record ORDER BY n.record";
    const CLOSINGS: &str = "SELECT n.record, (o.id IS NULL) AS missing FROM (SELECT DISTINCT report_id AS record \
        FROM z_report_lines WHERE report_id > $1 ORDER BY report_id LIMIT $2) n \
        LEFT JOIN z_reports o ON o.id = n.record ORDER BY n.record";
    let query = match series {
        Series::Order => ORDERS,
        Series::Refund => REFUNDS,
        Series::Closing => CLOSINGS,
        // A payment has no lines.
        Series::Payment => return Ok(Vec::new()),
    };
    run_query!(reader, c => sqlx::query_as(query).bind(after).bind(limit).fetch_all(c))
}
