//! Reports of the checks of numbers and hash chains, and when the next checks are due.

use serde_json::Value;
use sqlx::types::Json;

use super::{DatabaseError, Reader, Tx, run_query};
use crate::domain::{CheckDepth, IntegrityReportId, PageRequest, StoreId, Timestamp};

#[derive(Debug, Clone, sqlx::FromRow)]
pub struct ReportRow {
    pub id: IntegrityReportId,
    /// [`StoreId::NIL`] for lines without a record, which belong to no store.
    pub store_id: StoreId,
    pub depth: CheckDepth,
    /// [`crate::domain::Actor::label`] of who asked for the check.
    pub requested_by: String,
    /// 0 to 100.
    pub health: i64,
    pub records: i64,
    pub placeholders: i64,
    #[sqlx(json)]
    pub findings: Value,
    pub started_at: Timestamp,
    pub duration_us: i64,
}

/// Inserts a report and deletes all but the newest `kept` of its store and depth.
pub async fn insert(tx: &mut Tx, row: &ReportRow, kept: i64) -> Result<(), DatabaseError> {
    const INSERT: &str = "INSERT INTO integrity_reports (id, store_id, depth, requested_by, health, records, findings, \
        started_at, duration_us, placeholders) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
    const DELETE_OLD: &str = "DELETE FROM integrity_reports WHERE store_id = $1 AND depth = $2 \
        AND id <= (SELECT id FROM integrity_reports WHERE store_id = $1 AND depth = $2 \
          ORDER BY id DESC LIMIT 1 OFFSET $3)";
    run_query!(tx, c => sqlx::query(INSERT)
        .bind(row.id)
        .bind(row.store_id)
        .bind(row.depth)
        .bind(&row.requested_by)
        .bind(row.health)
        .bind(row.records)
        .bind(Json(&row.findings))
        .bind(row.started_at)
        .bind(row.duration_us)
        .bind(row.placeholders)
        .execute(c))?;
    run_query!(tx, c => sqlx::query(DELETE_OLD).bind(row.store_id).bind(row.depth).bind(kept).execute(c))?;
    Ok(())
}

/// With `depth`, the newest report of that depth.
pub async fn find_newest(
    reader: &mut Reader,
    store: StoreId,
    depth: Option<CheckDepth>,
) -> Result<Option<ReportRow>, DatabaseError> {
    const SELECT: &str = "SELECT id, store_id, depth, requested_by, health, records, placeholders, findings, \
        started_at, duration_us FROM integrity_reports WHERE store_id = $1 AND ($2 IS NULL OR depth = $2) \
        ORDER BY id DESC LIMIT 1";
    run_query!(reader, c => sqlx::query_as(SELECT).bind(store).bind(depth).fetch_optional(c))
}

/// Newest first.
pub async fn list(reader: &mut Reader, store: StoreId, page: PageRequest) -> Result<Vec<ReportRow>, DatabaseError> {
    const SELECT: &str = "SELECT id, store_id, depth, requested_by, health, records, placeholders, findings, \
        started_at, duration_us FROM integrity_reports WHERE store_id = $1 AND ($2 IS NULL OR id < $2) \
        ORDER BY id DESC LIMIT $3";
    run_query!(reader, c => sqlx::query_as(SELECT).bind(store).bind(page.before).bind(page.fetch_limit()).fetch_all(c))
}

/// Id of the newest report of all stores, to notice new ones.
pub async fn find_newest_id(reader: &mut Reader) -> Result<Option<IntegrityReportId>, DatabaseError> {
    const SELECT: &str = "SELECT id FROM integrity_reports ORDER BY id DESC LIMIT 1";
    let found: Option<(IntegrityReportId,)> = run_query!(reader, c => sqlx::query_as(SELECT).fetch_optional(c))?;
    Ok(found.map(|(id,)| id))
}

/// Claims the check of `depth` if it is due, until `until`. A due time after `furthest` was set by a wrong clock and
/// counts as due.
pub async fn claim_check(
    tx: &mut Tx,
    depth: CheckDepth,
    now: Timestamp,
    until: Timestamp,
    furthest: Timestamp,
) -> Result<bool, DatabaseError> {
    const UPDATE: &str = "UPDATE integrity_schedule SET due_at = $3 WHERE depth = $1 AND (due_at <= $2 OR due_at > $4)";
    Ok(run_query!(tx, c => sqlx::query(UPDATE).bind(depth).bind(now).bind(until).bind(furthest).execute(c))? == 1)
}

pub async fn set_due(tx: &mut Tx, depth: CheckDepth, at: Timestamp) -> Result<(), DatabaseError> {
    const UPDATE: &str = "UPDATE integrity_schedule SET due_at = $2 WHERE depth = $1";
    run_query!(tx, c => sqlx::query(UPDATE).bind(depth).bind(at).execute(c))?;
    Ok(())
}
