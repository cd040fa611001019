//! What the checks of numbers and chains found, and when the next ones are due.

use serde_json::Value;
use sqlx::types::Json;

use super::{DatabaseError, Reader, Tx, on};
use crate::domain::{CheckDepth, IntegrityReportId, PageRequest, StoreId, Timestamp};

/// What one check found in one store.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct ReportRow {
    /// Its identifier.
    pub id: IntegrityReportId,
    /// The store; [`StoreId::NIL`] for lines whose record is gone, so that no store can be named for them.
    pub store_id: StoreId,
    pub depth: CheckDepth,
    /// [`crate::domain::Actor::label`] of who wanted it.
    pub requested_by: String,
    /// 0 to 100.
    pub health: i64,
    /// Records that were looked at.
    pub records: i64,
    /// Void placeholders among the numbers.
    pub placeholders: i64,
    /// What was found.
    #[sqlx(json)]
    pub findings: Value,
    /// When the check of this store began.
    pub started_at: Timestamp,
    /// How long it took, in microseconds.
    pub duration_us: i64,
}

/// Keeps a report, and no more than the newest `kept` of its store and depth.
pub async fn insert(tx: &mut Tx, row: &ReportRow, kept: i64) -> Result<(), DatabaseError> {
    const INSERT: &str = "INSERT INTO integrity_reports (id, store_id, depth, requested_by, health, records, findings, \
        started_at, duration_us, placeholders) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
    const FORGET: &str = "DELETE FROM integrity_reports WHERE store_id = $1 AND depth = $2 \
        AND id <= (SELECT id FROM integrity_reports WHERE store_id = $1 AND depth = $2 \
          ORDER BY id DESC LIMIT 1 OFFSET $3)";
    on!(tx, c => sqlx::query(INSERT)
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
    on!(tx, c => sqlx::query(FORGET).bind(row.store_id).bind(row.depth).bind(kept).execute(c))?;
    Ok(())
}

/// The newest report of a store; with `depth`, of that depth.
pub async fn newest(
    reader: &mut Reader,
    store: StoreId,
    depth: Option<CheckDepth>,
) -> Result<Option<ReportRow>, DatabaseError> {
    const SELECT: &str = "SELECT id, store_id, depth, requested_by, health, records, placeholders, findings, \
        started_at, duration_us FROM integrity_reports WHERE store_id = $1 AND ($2 IS NULL OR depth = $2) \
        ORDER BY id DESC LIMIT 1";
    on!(reader, c => sqlx::query_as(SELECT).bind(store).bind(depth).fetch_optional(c))
}

/// The reports of a store, newest first.
pub async fn list(reader: &mut Reader, store: StoreId, page: PageRequest) -> Result<Vec<ReportRow>, DatabaseError> {
    const SELECT: &str = "SELECT id, store_id, depth, requested_by, health, records, placeholders, findings, \
        started_at, duration_us FROM integrity_reports WHERE store_id = $1 AND ($2 IS NULL OR id < $2) \
        ORDER BY id DESC LIMIT $3";
    on!(reader, c => sqlx::query_as(SELECT).bind(store).bind(page.before).bind(page.probe()).fetch_all(c))
}

/// The newest report of all, which tells whether there are any that were not seen yet.
pub async fn newest_id(reader: &mut Reader) -> Result<Option<IntegrityReportId>, DatabaseError> {
    const SELECT: &str = "SELECT id FROM integrity_reports ORDER BY id DESC LIMIT 1";
    let found: Option<(IntegrityReportId,)> = on!(reader, c => sqlx::query_as(SELECT).fetch_optional(c))?;
    Ok(found.map(|(id,)| id))
}

/// Takes the check of `depth` where it is due: whether it is the caller's, until `until`. A time further ahead than
/// `furthest` was set by a clock that went wrong and counts as due.
pub async fn claim(
    tx: &mut Tx,
    depth: CheckDepth,
    now: Timestamp,
    until: Timestamp,
    furthest: Timestamp,
) -> Result<bool, DatabaseError> {
    const UPDATE: &str = "UPDATE integrity_schedule SET due_at = $3 WHERE depth = $1 AND (due_at <= $2 OR due_at > $4)";
    Ok(on!(tx, c => sqlx::query(UPDATE).bind(depth).bind(now).bind(until).bind(furthest).execute(c))? == 1)
}

/// Says when the check of `depth` is due next.
pub async fn set_due(tx: &mut Tx, depth: CheckDepth, at: Timestamp) -> Result<(), DatabaseError> {
    const UPDATE: &str = "UPDATE integrity_schedule SET due_at = $2 WHERE depth = $1";
    on!(tx, c => sqlx::query(UPDATE).bind(depth).bind(at).execute(c))?;
    Ok(())
}
