//! Daily closings (Z reports): what a store took and gave back since the previous closing. Written once and never changed.
//!
//! A closing is bounded by numbers of the store's series. Counter and record become visible together, in order: a reader that
//! sees the counter at 7 sees the records 1 to 7. What is written meanwhile gets a higher number and belongs to the next
//! closing, so no kiosk waits for a closing.

use super::{DatabaseError, Reader, Tx, run_query};
use crate::domain::{Currency, PageRequest, PaymentMethod, StoreId, TimeZone, Timestamp, ZReportId, ZReportSection};

/// A daily closing. A range without records has a last number one below its first.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct ZReportRow {
    pub id: ZReportId,
    pub store_id: StoreId,
    /// The store at that time; `None` if that was not kept (seal version 1).
    pub store_name: Option<String>,
    pub store_address: Option<String>,
    pub store_tax_number: Option<String>,
    /// Series `closing` of the store.
    pub number: i64,
    /// The store's time zone at that time.
    pub time_zone: TimeZone,
    /// The date in the store's time zone: `2026-01-05`.
    pub business_day: String,
    /// When the previous closing was made; `None` for the first.
    pub opened_at: Option<Timestamp>,
    pub closed_at: Timestamp,
    pub first_order: i64,
    pub last_order: i64,
    pub first_refund: i64,
    pub last_refund: i64,
    pub first_payment: i64,
    pub last_payment: i64,
    /// [`crate::domain::Actor::label`].
    pub made_by: String,
    /// Which fields the seal covers: see [`super::seals::seal_z_report`].
    pub hash_version: i64,
    /// Seal of the closing before it.
    pub previous_hash: Vec<u8>,
    pub hash: Vec<u8>,
}

#[derive(Debug, Clone, sqlx::FromRow)]
pub struct ZReportLineRow {
    /// 1, 2, 3 …
    pub line: i64,
    pub section: ZReportSection,
    pub currency: Currency,
    /// Only for payments and payouts.
    pub method: Option<PaymentMethod>,
    /// Basis points; only for the sections by rate.
    pub tax_rate: Option<i64>,
    pub records: i64,
    /// Minor units.
    pub amount: i64,
    /// Tax contained in the amount; 0 in sections that do not know it.
    pub tax: i64,
}

/// First and last number of each series in a closing.
#[derive(Debug, Clone, Copy)]
pub struct ClosingRange {
    pub orders: (i64, i64),
    pub refunds: (i64, i64),
    pub payments: (i64, i64),
}

/// The lines of a closing, numbered from 1.
pub async fn sum_records(
    reader: &mut Reader,
    store: StoreId,
    span: ClosingRange,
) -> Result<Vec<ZReportLineRow>, DatabaseError> {
    const SALES: &str = "SELECT CAST(0 AS BIGINT) AS line, 'sales' AS section, \
        o.currency, CAST(NULL AS TEXT) AS method, \
        CAST(NULL AS BIGINT) AS tax_rate, COUNT(*) AS records, CAST(SUM(o.total) AS BIGINT) AS amount, \
        CAST(SUM((SELECT COALESCE(SUM(i.tax), 0) FROM order_items i WHERE i.order_id = o.id)) AS BIGINT) AS tax \
        FROM orders o WHERE o.store_id = $1 AND o.series = 'order' AND o.number BETWEEN $2 AND $3 \
        GROUP BY o.currency ORDER BY o.currency";
    const SALES_BY_RATE: &str = "SELECT CAST(0 AS BIGINT) AS line, 'sales_by_rate' AS section, \
        o.currency, CAST(NULL AS TEXT) AS method, \
        i.tax_rate, COUNT(DISTINCT o.id) AS records, CAST(SUM(i.line_total - i.discount - i.bill_discount \
        + CASE WHEN o.prices_include_tax THEN 0 ELSE i.tax END) AS BIGINT) AS amount, CAST(SUM(i.tax) AS BIGINT) AS tax \
        FROM orders o JOIN order_items i ON i.order_id = o.id \
        WHERE o.store_id = $1 AND o.series = 'order' AND o.number BETWEEN $2 AND $3 \
        GROUP BY o.currency, i.tax_rate ORDER BY o.currency, i.tax_rate";
    const DISCOUNTS: &str = "SELECT CAST(0 AS BIGINT) AS line, 'discounts' AS section, \
        o.currency, CAST(NULL AS TEXT) AS method, \
        CAST(NULL AS BIGINT) AS tax_rate, COUNT(DISTINCT o.id) AS records, \
        CAST(SUM(i.discount + i.bill_discount) AS BIGINT) AS amount, CAST(0 AS BIGINT) AS tax \
        FROM orders o JOIN order_items i ON i.order_id = o.id \
        WHERE o.store_id = $1 AND o.series = 'order' AND o.number BETWEEN $2 AND $3 \
        AND i.discount + i.bill_discount > 0 GROUP BY o.currency ORDER BY o.currency";
    const UNPAID: &str = "SELECT CAST(0 AS BIGINT) AS line, 'unpaid' AS section, \
        o.currency, CAST(NULL AS TEXT) AS method, \
        CAST(NULL AS BIGINT) AS tax_rate, COUNT(*) AS records, CAST(SUM(o.total) AS BIGINT) AS amount, \
        CAST(0 AS BIGINT) AS tax FROM orders o \
        WHERE o.store_id = $1 AND o.series = 'order' AND o.number BETWEEN $2 AND $3 \
        AND NOT EXISTS (SELECT 1 FROM payments p WHERE p.order_id = o.id AND p.number <= $4) \
        AND NOT EXISTS (SELECT 1 FROM refunds r WHERE r.order_id = o.id AND r.kind = 'void' AND r.number <= $5) \
        GROUP BY o.currency ORDER BY o.currency";
    const PAYMENTS: &str = "SELECT CAST(0 AS BIGINT) AS line, 'payments' AS section, \
        p.currency, p.method, \
        CAST(NULL AS BIGINT) AS tax_rate, COUNT(*) AS records, CAST(SUM(p.amount) AS BIGINT) AS amount, \
        CAST(0 AS BIGINT) AS tax FROM payments p \
        WHERE p.store_id = $1 AND p.series = 'payment' AND p.number BETWEEN $2 AND $3 \
        GROUP BY p.currency, p.method ORDER BY p.currency, p.method";
    const REFUNDS: &str = "SELECT CAST(0 AS BIGINT) AS line, \
        CASE r.kind WHEN 'void' THEN 'voids' ELSE 'refunds' END AS section, \
        r.currency, CAST(NULL AS TEXT) AS method, CAST(NULL AS BIGINT) AS tax_rate, COUNT(*) AS records, \
        CAST(SUM(r.amount) AS BIGINT) AS amount, CAST(SUM(r.tax) AS BIGINT) AS tax FROM refunds r \
        WHERE r.store_id = $1 AND r.series = 'refund' AND r.number BETWEEN $2 AND $3 \
        GROUP BY r.kind, r.currency ORDER BY r.kind, r.currency";
    const REFUNDS_BY_RATE: &str = "SELECT CAST(0 AS BIGINT) AS line, \
        CASE r.kind WHEN 'void' THEN 'voids_by_rate' ELSE 'refunds_by_rate' END AS section, \
        r.currency, CAST(NULL AS TEXT) AS method, i.tax_rate, COUNT(DISTINCT r.id) AS records, \
        CAST(SUM(i.amount) AS BIGINT) AS amount, CAST(SUM(i.tax) AS BIGINT) AS tax \
        FROM refunds r JOIN refund_items i ON i.refund_id = r.id \
        WHERE r.store_id = $1 AND r.series = 'refund' AND r.number BETWEEN $2 AND $3 \
        GROUP BY r.kind, r.currency, i.tax_rate ORDER BY r.kind, r.currency, i.tax_rate";
    const PAYOUTS: &str = "SELECT CAST(0 AS BIGINT) AS line, 'payouts' AS section, \
        r.currency, r.method, \
        CAST(NULL AS BIGINT) AS tax_rate, COUNT(*) AS records, CAST(SUM(r.amount) AS BIGINT) AS amount, \
        CAST(0 AS BIGINT) AS tax FROM refunds r \
        WHERE r.store_id = $1 AND r.series = 'refund' AND r.number BETWEEN $2 AND $3 AND r.kind = 'refund' \
        GROUP BY r.currency, r.method ORDER BY r.currency, r.method";
    const PAYMENT_ROUNDING: &str = "SELECT CAST(0 AS BIGINT) AS line, 'payment_rounding' AS section, \
        p.currency, CAST(NULL AS TEXT) AS method, \
        CAST(NULL AS BIGINT) AS tax_rate, COUNT(*) AS records, CAST(SUM(p.rounding) AS BIGINT) AS amount, \
        CAST(0 AS BIGINT) AS tax FROM payments p \
        WHERE p.store_id = $1 AND p.series = 'payment' AND p.number BETWEEN $2 AND $3 AND p.rounding <> 0 \
        GROUP BY p.currency ORDER BY p.currency";
    const PAYOUT_ROUNDING: &str = "SELECT CAST(0 AS BIGINT) AS line, 'payout_rounding' AS section, \
        r.currency, CAST(NULL AS TEXT) AS method, \
        CAST(NULL AS BIGINT) AS tax_rate, COUNT(*) AS records, CAST(SUM(r.rounding) AS BIGINT) AS amount, \
        CAST(0 AS BIGINT) AS tax FROM refunds r \
        WHERE r.store_id = $1 AND r.series = 'refund' AND r.number BETWEEN $2 AND $3 AND r.rounding <> 0 \
        GROUP BY r.currency ORDER BY r.currency";
    let queries = [
        (SALES, span.orders),
        (SALES_BY_RATE, span.orders),
        (DISCOUNTS, span.orders),
        (PAYMENTS, span.payments),
        (REFUNDS, span.refunds),
        (REFUNDS_BY_RATE, span.refunds),
        (PAYOUTS, span.refunds),
        (PAYMENT_ROUNDING, span.payments),
        (PAYOUT_ROUNDING, span.refunds),
    ];
    // An order that was paid or voided after the counters were read is unpaid here and paid in the next closing.
    let mut lines: Vec<ZReportLineRow> = run_query!(reader, c => sqlx::query_as(UNPAID)
        .bind(store)
        .bind(span.orders.0)
        .bind(span.orders.1)
        .bind(span.payments.1)
        .bind(span.refunds.1)
        .fetch_all(c))?;
    for (query, (first, last)) in queries {
        let more: Vec<ZReportLineRow> =
            run_query!(reader, c => sqlx::query_as(query).bind(store).bind(first).bind(last).fetch_all(c))?;
        lines.extend(more);
    }
    for (line, number) in lines.iter_mut().zip(1..) {
        line.line = number;
    }
    Ok(lines)
}

pub async fn insert(tx: &mut Tx, row: &ZReportRow, lines: &[ZReportLineRow]) -> Result<(), DatabaseError> {
    const REPORT: &str = "INSERT INTO z_reports (id, store_id, series, number, time_zone, business_day, opened_at, \
        closed_at, first_order, last_order, first_refund, last_refund, first_payment, last_payment, made_by, \
        previous_hash, hash, hash_version, store_name, store_address, store_tax_number) \
        VALUES ($1, $2, 'closing', $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20)";
    const LINE: &str = "INSERT INTO z_report_lines (report_id, line, section, currency, method, tax_rate, records, amount, \
        tax) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    run_query!(tx, c => sqlx::query(REPORT)
        .bind(row.id)
        .bind(row.store_id)
        .bind(row.number)
        .bind(&row.time_zone)
        .bind(&row.business_day)
        .bind(row.opened_at)
        .bind(row.closed_at)
        .bind(row.first_order)
        .bind(row.last_order)
        .bind(row.first_refund)
        .bind(row.last_refund)
        .bind(row.first_payment)
        .bind(row.last_payment)
        .bind(&row.made_by)
        .bind(&row.previous_hash)
        .bind(&row.hash)
        .bind(row.hash_version)
        .bind(&row.store_name)
        .bind(&row.store_address)
        .bind(&row.store_tax_number)
        .execute(c))?;
    for line in lines {
        run_query!(tx, c => sqlx::query(LINE)
            .bind(row.id)
            .bind(line.line)
            .bind(line.section)
            .bind(line.currency)
            .bind(line.method)
            .bind(line.tax_rate)
            .bind(line.records)
            .bind(line.amount)
            .bind(line.tax)
            .execute(c))?;
    }
    Ok(())
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, store_id, store_name, store_address, store_tax_number, number, time_zone, business_day, ",
            "opened_at, closed_at, first_order, last_order, first_refund, last_refund, first_payment, last_payment, ",
            "made_by, hash_version, previous_hash, hash FROM z_reports ",
            $rest
        )
    };
}

pub async fn find(reader: &mut Reader, store: StoreId, number: i64) -> Result<Option<ZReportRow>, DatabaseError> {
    const SELECT: &str = select!("WHERE store_id = $1 AND series = 'closing' AND number = $2");
    run_query!(reader, c => sqlx::query_as(SELECT).bind(store).bind(number).fetch_optional(c))
}

/// Newest first: by number, which is their order whatever the clock said.
pub async fn list(reader: &mut Reader, store: StoreId, page: PageRequest) -> Result<Vec<ZReportRow>, DatabaseError> {
    const SELECT: &str = select!(
        "WHERE store_id = $1 AND series = 'closing' AND ($2 IS NULL OR number < \
         (SELECT c.number FROM z_reports c WHERE c.id = $2)) ORDER BY number DESC LIMIT $3"
    );
    run_query!(reader, c => sqlx::query_as(SELECT).bind(store).bind(page.before).bind(page.fetch_limit()).fetch_all(c))
}

/// The closing with the highest number below `number`.
pub async fn find_previous(
    reader: &mut Reader,
    store: StoreId,
    number: i64,
) -> Result<Option<ZReportRow>, DatabaseError> {
    const SELECT: &str =
        select!("WHERE store_id = $1 AND series = 'closing' AND number < $2 ORDER BY number DESC LIMIT 1");
    run_query!(reader, c => sqlx::query_as(SELECT).bind(store).bind(number).fetch_optional(c))
}

pub async fn exists(reader: &mut Reader, store: StoreId) -> Result<bool, DatabaseError> {
    const SELECT: &str = "SELECT number FROM z_reports WHERE store_id = $1 LIMIT 1";
    let found: Option<(i64,)> = run_query!(reader, c => sqlx::query_as(SELECT).bind(store).fetch_optional(c))?;
    Ok(found.is_some())
}

pub async fn list_lines(reader: &mut Reader, id: ZReportId) -> Result<Vec<ZReportLineRow>, DatabaseError> {
    const SELECT: &str = "SELECT line, section, currency, method, tax_rate, records, amount, tax FROM z_report_lines \
        WHERE report_id = $1 ORDER BY line";
    run_query!(reader, c => sqlx::query_as(SELECT).bind(id).fetch_all(c))
}
