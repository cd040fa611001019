//! Counts of verdicts by store and quarter of an hour.

use super::store_scope::{StoreScope, bind_scope};
use super::{DatabaseError, Reader, Tx, run_query};
use crate::domain::{LocalUnit, OffsetSpan, StoreId, Timestamp};

/// How often recognition came to each verdict.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, sqlx::FromRow)]
pub struct VerdictCountsRow {
    pub matched: i64,
    pub ambiguous: i64,
    pub unknown: i64,
}

/// The counts of a unit of local time.
#[derive(Debug, Clone, Copy, sqlx::FromRow)]
pub struct UnitCountsRow {
    /// The number of the unit.
    pub unit: i64,
    #[sqlx(flatten)]
    pub counts: VerdictCountsRow,
}

/// Adds to the counts of a quarter of an hour.
pub async fn add(
    tx: &mut Tx,
    store: StoreId,
    quarter: Timestamp,
    counts: VerdictCountsRow,
) -> Result<(), DatabaseError> {
    const UPSERT: &str = "INSERT INTO recognition_counts (store_id, quarter, matched, ambiguous, unknown) \
        VALUES ($1, $2, $3, $4, $5) ON CONFLICT (store_id, quarter) DO UPDATE SET \
          matched = recognition_counts.matched + excluded.matched, \
          ambiguous = recognition_counts.ambiguous + excluded.ambiguous, \
          unknown = recognition_counts.unknown + excluded.unknown";
    run_query!(tx, c => sqlx::query(UPSERT)
        .bind(store)
        .bind(quarter)
        .bind(counts.matched)
        .bind(counts.ambiguous)
        .bind(counts.unknown)
        .execute(c))?;
    Ok(())
}

pub async fn sum(
    reader: &mut Reader,
    scope: StoreScope<'_>,
    span: OffsetSpan,
    unit: LocalUnit,
) -> Result<Vec<UnitCountsRow>, DatabaseError> {
    const SELECT: &str = "SELECT (c.quarter + $6) / $7 AS unit, CAST(SUM(c.matched) AS BIGINT) AS matched, \
        CAST(SUM(c.ambiguous) AS BIGINT) AS ambiguous, CAST(SUM(c.unknown) AS BIGINT) AS unknown \
        FROM stores t JOIN recognition_counts c ON c.store_id = t.id \
        WHERE t.time_zone = $1 AND t.day_starts_min = $5 \
        AND ($2 IS NULL OR t.id = $2) AND c.quarter >= $3 AND c.quarter < $4 GROUP BY 1";
    run_query!(reader, c => bind_scope!(sqlx::query_as(SELECT), scope, span)
        .bind(span.offset_us)
        .bind(unit.micros())
        .fetch_all(c))
}

/// Returns the number of deleted rows.
pub async fn delete_before(tx: &mut Tx, moment: Timestamp) -> Result<u64, DatabaseError> {
    const DELETE: &str = "DELETE FROM recognition_counts WHERE quarter < $1";
    run_query!(tx, c => sqlx::query(DELETE).bind(moment).execute(c))
}
