//! What a check of numbers and chains reads: numbers, counters, and the records that do not fit each other.
//!
//! Everything is read in pages by number. Nothing here trusts a constraint: a database that somebody copied or edited by
//! hand may have lost its unique indexes and foreign keys. Rows are read as plainly as possible, so that a value which
//! this program cannot read spoils no more than the record that has it.

use uuid::Uuid;

use super::orders::OrderItemRow;
use super::refunds::RefundItemRow;
use super::z_reports::{ZReportLineRow, ZReportRow};
use super::{DatabaseError, Reader, on};
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

/// Where a series stands, all of one moment.
#[derive(Debug, Clone, Default, sqlx::FromRow)]
pub struct SeriesState {
    /// The last number that was taken, as the counter has it; nothing without a counter.
    pub counter: Option<i64>,
    /// The seal that the counter keeps of the record with that number.
    pub counter_hash: Option<Vec<u8>>,
    /// The highest number of a record or void placeholder.
    pub highest: Option<i64>,
    /// The highest number that a closing names.
    pub closed: Option<i64>,
}

/// A number and what carries it.
#[derive(Debug, Clone, Copy)]
pub struct NumberRow {
    /// The number.
    pub number: i64,
    /// Records and void placeholders: 1, where all is well.
    pub copies: i64,
    /// The placeholders among them.
    pub placeholders: i64,
}

/// An inclusive range of numbers of one store, for whoever reads records page by page.
#[derive(Debug, Clone, Copy)]
pub struct RecordRange {
    /// The store.
    pub store: StoreId,
    /// First number.
    pub first: i64,
    /// Last number.
    pub last: i64,
}

/// The stores after `after`, by identifier, at most `limit`: also those whose row is gone and whose counters are not.
pub async fn stores(reader: &mut Reader, after: StoreId, limit: i64) -> Result<Vec<StoreId>, DatabaseError> {
    const SELECT: &str = "SELECT id FROM (SELECT id FROM stores UNION SELECT store_id AS id FROM number_series) AS s \
                          WHERE id > $1 ORDER BY id LIMIT $2";
    let rows: Vec<(StoreId,)> = on!(reader, c => sqlx::query_as(SELECT).bind(after).bind(limit).fetch_all(c))?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// Where a series of a store stands.
pub async fn stand(reader: &mut Reader, store: StoreId, series: Series) -> Result<SeriesState, DatabaseError> {
    let query = for_series!(
        series,
        "SELECT (SELECT MAX(last_number) FROM number_series WHERE store_id = $1 AND series = $2) AS counter, \
         (SELECT last_hash FROM number_series WHERE store_id = $1 AND series = $2 \
           ORDER BY last_number DESC LIMIT 1) AS counter_hash, \
         (SELECT MAX(n.number) FROM (SELECT MAX(number) AS number FROM ",
        " WHERE store_id = $1 AND series = $2 UNION ALL \
         SELECT MAX(number) AS number FROM void_placeholders WHERE store_id = $1 AND series = $2) AS n) AS highest, \
         (SELECT MAX(CASE $2 WHEN 'order' THEN last_order WHEN 'payment' THEN last_payment WHEN 'refund' THEN last_refund \
           ELSE number END) FROM z_reports WHERE store_id = $1) AS closed"
    );
    let row = on!(reader, c => sqlx::query_as(query).bind(store).bind(series).fetch_optional(c))?;
    Ok(row.unwrap_or_default())
}

/// The numbers of a series in `stretch`, ascending, at most `limit`, each with what carries it.
pub async fn numbers(
    reader: &mut Reader,
    series: Series,
    stretch: RecordRange,
    limit: i64,
) -> Result<Vec<NumberRow>, DatabaseError> {
    let records = for_series!(
        series,
        "SELECT number, COUNT(*) FROM ",
        " WHERE store_id = $1 AND series = $2 AND number BETWEEN $3 AND $4 GROUP BY number ORDER BY number LIMIT $5"
    );
    const PLACEHOLDERS: &str = "SELECT number, COUNT(*) FROM void_placeholders \
        WHERE store_id = $1 AND series = $2 AND number BETWEEN $3 AND $4 GROUP BY number ORDER BY number LIMIT $5";
    let records = counted(reader, records, series, stretch, limit).await?;
    let placeholders = counted(reader, PLACEHOLDERS, series, stretch, limit).await?;
    // The first numbers of either are among the first of both. Placeholders are few: the sort finds two runs.
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

/// Numbers with how often they are there.
async fn counted(
    reader: &mut Reader,
    query: &'static str,
    series: Series,
    stretch: RecordRange,
    limit: i64,
) -> Result<Vec<(i64, i64)>, DatabaseError> {
    on!(reader, c => sqlx::query_as(query)
        .bind(stretch.store)
        .bind(series)
        .bind(stretch.first)
        .bind(stretch.last)
        .bind(limit)
        .fetch_all(c))
}

/// A line together with the record that it belongs to.
#[derive(Debug, Clone, sqlx::FromRow)]
struct Of<Id, Line> {
    record: Id,
    #[sqlx(flatten)]
    line: Line,
}

/// The lines of the orders in `stretch`, each with its order, in the order of the lines.
pub async fn order_items(
    reader: &mut Reader,
    stretch: RecordRange,
) -> Result<Vec<(OrderId, OrderItemRow)>, DatabaseError> {
    const SELECT: &str = "SELECT i.order_id AS record, i.line, i.product_id, i.name, i.sku, i.barcode, i.quantity, \
        i.unit_price, i.line_total, i.discount, i.discount_reason, i.bill_discount, i.tax_rate, i.tax, i.avg_score \
        FROM order_items i WHERE i.order_id IN (SELECT o.id FROM orders o \
        WHERE o.store_id = $1 AND o.series = 'order' AND o.number BETWEEN $2 AND $3) ORDER BY i.line";
    let rows: Vec<Of<OrderId, OrderItemRow>> = on!(reader, c => sqlx::query_as(SELECT)
        .bind(stretch.store)
        .bind(stretch.first)
        .bind(stretch.last)
        .fetch_all(c))?;
    Ok(rows.into_iter().map(|row| (row.record, row.line)).collect())
}

/// The lines of the refunds and voids in `stretch`, each with its record, in the order of the lines.
pub async fn refund_items(
    reader: &mut Reader,
    stretch: RecordRange,
) -> Result<Vec<(RefundId, RefundItemRow)>, DatabaseError> {
    const SELECT: &str = "SELECT i.refund_id AS record, i.line, i.quantity, i.amount, i.tax_rate, i.tax \
        FROM refund_items i WHERE i.refund_id IN (SELECT r.id FROM refunds r \
        WHERE r.store_id = $1 AND r.series = 'refund' AND r.number BETWEEN $2 AND $3) ORDER BY i.line";
    let rows: Vec<Of<RefundId, RefundItemRow>> = on!(reader, c => sqlx::query_as(SELECT)
        .bind(stretch.store)
        .bind(stretch.first)
        .bind(stretch.last)
        .fetch_all(c))?;
    Ok(rows.into_iter().map(|row| (row.record, row.line)).collect())
}

/// The closings in `stretch`, at most `limit`, by number.
pub async fn closings(reader: &mut Reader, stretch: RecordRange, limit: i64) -> Result<Vec<ZReportRow>, DatabaseError> {
    const SELECT: &str = "SELECT id, store_id, number, time_zone, business_day, opened_at, closed_at, first_order, \
        last_order, first_refund, last_refund, first_payment, last_payment, made_by, previous_hash, hash \
        FROM z_reports WHERE store_id = $1 AND series = 'closing' AND number BETWEEN $2 AND $3 ORDER BY number LIMIT $4";
    on!(reader, c => sqlx::query_as(SELECT)
        .bind(stretch.store)
        .bind(stretch.first)
        .bind(stretch.last)
        .bind(limit)
        .fetch_all(c))
}

/// The sums of the closings in `stretch`, each with its closing, in the order of the lines.
pub async fn closing_lines(
    reader: &mut Reader,
    stretch: RecordRange,
) -> Result<Vec<(ZReportId, ZReportLineRow)>, DatabaseError> {
    const SELECT: &str = "SELECT l.report_id AS record, l.line, l.section, l.currency, l.method, l.tax_rate, l.records, \
        l.amount, l.tax FROM z_report_lines l WHERE l.report_id IN (SELECT z.id FROM z_reports z \
        WHERE z.store_id = $1 AND z.series = 'closing' AND z.number BETWEEN $2 AND $3) ORDER BY l.line";
    let rows: Vec<Of<ZReportId, ZReportLineRow>> = on!(reader, c => sqlx::query_as(SELECT)
        .bind(stretch.store)
        .bind(stretch.first)
        .bind(stretch.last)
        .fetch_all(c))?;
    Ok(rows.into_iter().map(|row| (row.record, row.line)).collect())
}

/// An order in whose money something does not fit.
#[derive(Debug, Clone, Copy, sqlx::FromRow)]
pub struct MismatchRow {
    /// Its number.
    pub number: i64,
    /// Something was paid, and not what is due; or it is voided, and something was paid.
    pub payments: bool,
    /// More was given back than was paid.
    pub refunds: bool,
}

/// The orders in `stretch` whose payments are not what is due, or whose refunds are more than was paid.
pub async fn misfit_money(reader: &mut Reader, stretch: RecordRange) -> Result<Vec<MismatchRow>, DatabaseError> {
    const SELECT: &str = "SELECT m.number, m.payments, m.refunds FROM (SELECT o.number, \
        ((s.state IN ('paid', 'partly_refunded', 'refunded') AND s.paid <> o.total) \
          OR (s.state = 'voided' AND s.paid > 0)) AS payments, \
        (s.refunded > s.paid) AS refunds \
        FROM orders o JOIN order_states s ON s.order_id = o.id \
        WHERE o.store_id = $1 AND o.series = 'order' AND o.number BETWEEN $2 AND $3) m \
        WHERE m.payments OR m.refunds ORDER BY m.number";
    on!(reader, c => sqlx::query_as(SELECT).bind(stretch.store).bind(stretch.first).bind(stretch.last).fetch_all(c))
}

/// The payments, or the refunds and voids, in `stretch` whose order is not there, or is another store's or in another
/// currency.
pub async fn without_order(
    reader: &mut Reader,
    series: Series,
    stretch: RecordRange,
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
        // Neither names an order.
        Series::Order | Series::Closing => return Ok(Vec::new()),
    };
    let rows: Vec<(i64,)> = on!(reader, c => sqlx::query_as(query)
        .bind(stretch.store)
        .bind(stretch.first)
        .bind(stretch.last)
        .fetch_all(c))?;
    Ok(rows.into_iter().map(|(number,)| number).collect())
}

/// A record that lines name, and whether it is there.
#[derive(Debug, Clone, Copy, sqlx::FromRow)]
pub struct ReferencedRecordRow {
    /// Its identifier.
    pub record: Uuid,
    /// Whether there is no such record.
    pub missing: bool,
}

/// The records of a series that lines name, after `after`, at most `limit`.
pub async fn named_by_lines(
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
    on!(reader, c => sqlx::query_as(query).bind(after).bind(limit).fetch_all(c))
}
