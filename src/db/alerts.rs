//! Alerts: which rules are or were violated, since when, and who acknowledged it.

use super::column_types::decode_or_reason;
use super::{DatabaseError, Reader, Tx, run_query};
use crate::domain::{AlertId, AlertRule, AlertSeverity, AlertState, PageRequest, StoreId, Timestamp};

#[derive(Debug, Clone, PartialEq, sqlx::FromRow)]
pub struct AlertRow {
    pub id: AlertId,
    /// The rule and what it concerns.
    pub key: String,
    pub rule: AlertRule,
    /// [`StoreId::NIL`] if the alert concerns no store.
    pub store_id: StoreId,
    pub severity: AlertSeverity,
    /// Firing, also when acknowledged, or resolved.
    pub state: AlertState,
    /// For people.
    pub message: String,
    /// The value measured last.
    pub value: f64,
    /// The largest value the rule allows.
    pub threshold: f64,
    pub fired_at: Timestamp,
    /// When the rule was last found violated.
    pub seen_at: Timestamp,
    /// When its first message was queued.
    pub told_at: Option<Timestamp>,
    pub acknowledged_at: Option<Timestamp>,
    /// [`crate::domain::Actor::label`].
    pub acknowledged_by: Option<String>,
    pub escalations: i64,
    pub escalated_at: Option<Timestamp>,
    pub resolved_at: Option<Timestamp>,
    /// [`crate::domain::Actor::label`].
    pub resolved_by: Option<String>,
}

/// A listed alert. One with a word that only a newer server knows, or that was edited by hand, must not hide the
/// others.
#[derive(Debug, Clone)]
pub struct ListedAlert {
    pub id: AlertId,
    pub key: String,
    pub row: Result<AlertRow, String>,
}

impl<'r, R> sqlx::FromRow<'r, R> for ListedAlert
where
    R: sqlx::Row,
    AlertRow: sqlx::FromRow<'r, R>,
    AlertId: sqlx::Decode<'r, R::Database> + sqlx::Type<R::Database>,
    String: sqlx::Decode<'r, R::Database> + sqlx::Type<R::Database>,
    &'static str: sqlx::ColumnIndex<R>,
{
    fn from_row(row: &'r R) -> Result<Self, sqlx::Error> {
        Ok(Self { id: row.try_get("id")?, key: row.try_get("key")?, row: decode_or_reason(row)? })
    }
}

macro_rules! columns {
    () => {
        "id, key, rule, store_id, severity, state, message, value, threshold, fired_at, seen_at, told_at, \
         acknowledged_at, acknowledged_by, escalations, escalated_at, resolved_at, resolved_by"
    };
}

/// Claims the evaluation of the rules if it is due, until `until`. A due time after `furthest` was set by a wrong clock
/// and counts as due.
pub async fn claim_evaluation(
    tx: &mut Tx,
    now: Timestamp,
    until: Timestamp,
    furthest: Timestamp,
) -> Result<bool, DatabaseError> {
    const UPDATE: &str = "UPDATE alert_schedule SET due_at = $2 WHERE id = 1 AND (due_at <= $1 OR due_at > $3)";
    Ok(run_query!(tx, c => sqlx::query(UPDATE).bind(now).bind(until).bind(furthest).execute(c))? == 1)
}

/// Serialises transactions that change alerts: call it first in each.
pub async fn lock_alerts(tx: &mut Tx) -> Result<(), DatabaseError> {
    const UPDATE: &str = "UPDATE alert_schedule SET due_at = due_at WHERE id = 1";
    run_query!(tx, c => sqlx::query(UPDATE).execute(c))?;
    Ok(())
}

/// Fails with [`DatabaseError::UniqueViolation`] if an alert of its key is firing.
pub async fn insert(tx: &mut Tx, row: &AlertRow) -> Result<(), DatabaseError> {
    const INSERT: &str = concat!(
        "INSERT INTO alerts (",
        columns!(),
        ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)"
    );
    run_query!(tx, c => sqlx::query(INSERT)
        .bind(row.id)
        .bind(&row.key)
        .bind(row.rule)
        .bind(row.store_id)
        .bind(row.severity)
        .bind(row.state)
        .bind(&row.message)
        .bind(row.value)
        .bind(row.threshold)
        .bind(row.fired_at)
        .bind(row.seen_at)
        .bind(row.told_at)
        .bind(row.acknowledged_at)
        .bind(&row.acknowledged_by)
        .bind(row.escalations)
        .bind(row.escalated_at)
        .bind(row.resolved_at)
        .bind(&row.resolved_by)
        .execute(c))?;
    Ok(())
}

/// Writes the changeable fields of a firing alert. False if it is no longer firing.
pub async fn update(tx: &mut Tx, row: &AlertRow) -> Result<bool, DatabaseError> {
    const UPDATE: &str = "UPDATE alerts SET severity = $2, state = $3, message = $4, value = $5, threshold = $6, \
        seen_at = $7, told_at = $8, escalations = $9, escalated_at = $10, resolved_at = $11, resolved_by = $12 \
        WHERE id = $1 AND state = 'firing'";
    Ok(run_query!(tx, c => sqlx::query(UPDATE)
        .bind(row.id)
        .bind(row.severity)
        .bind(row.state)
        .bind(&row.message)
        .bind(row.value)
        .bind(row.threshold)
        .bind(row.seen_at)
        .bind(row.told_at)
        .bind(row.escalations)
        .bind(row.escalated_at)
        .bind(row.resolved_at)
        .bind(&row.resolved_by)
        .execute(c))?
        == 1)
}

/// Acknowledges the firing alert of `key`. False if none is firing, or if it was acknowledged before.
pub async fn acknowledge(tx: &mut Tx, key: &str, at: Timestamp, by: &str) -> Result<bool, DatabaseError> {
    const UPDATE: &str = "UPDATE alerts SET acknowledged_at = $2, acknowledged_by = $3 \
                          WHERE key = $1 AND state = 'firing' AND acknowledged_at IS NULL";
    Ok(run_query!(tx, c => sqlx::query(UPDATE).bind(key).bind(at).bind(by).execute(c))? == 1)
}

/// Oldest first, at most `at_most`.
pub async fn list_firing(reader: &mut Reader, at_most: i64) -> Result<Vec<ListedAlert>, DatabaseError> {
    const SELECT: &str = concat!("SELECT ", columns!(), " FROM alerts WHERE state = 'firing' ORDER BY id LIMIT $1");
    run_query!(reader, c => sqlx::query_as(SELECT).bind(at_most).fetch_all(c))
}

pub async fn find_firing(reader: &mut Reader, key: &str) -> Result<Option<AlertRow>, DatabaseError> {
    const SELECT: &str = concat!("SELECT ", columns!(), " FROM alerts WHERE key = $1 AND state = 'firing'");
    run_query!(reader, c => sqlx::query_as(SELECT).bind(key).fetch_optional(c))
}

pub async fn find(reader: &mut Reader, id: AlertId) -> Result<Option<AlertRow>, DatabaseError> {
    const SELECT: &str = concat!("SELECT ", columns!(), " FROM alerts WHERE id = $1");
    run_query!(reader, c => sqlx::query_as(SELECT).bind(id).fetch_optional(c))
}

/// Newest first.
pub async fn list(reader: &mut Reader, page: PageRequest) -> Result<Vec<ListedAlert>, DatabaseError> {
    const SELECT: &str =
        concat!("SELECT ", columns!(), " FROM alerts WHERE ($1 IS NULL OR id < $1) ORDER BY id DESC LIMIT $2");
    run_query!(reader, c => sqlx::query_as(SELECT).bind(page.before).bind(page.fetch_limit()).fetch_all(c))
}

/// When the first message about an alert of `key` was last queued.
pub async fn find_last_told_at(reader: &mut Reader, key: &str) -> Result<Option<Timestamp>, DatabaseError> {
    const SELECT: &str = "SELECT told_at FROM alerts WHERE key = $1 AND told_at IS NOT NULL ORDER BY id DESC LIMIT 1";
    let found: Option<(Timestamp,)> = run_query!(reader, c => sqlx::query_as(SELECT).bind(key).fetch_optional(c))?;
    Ok(found.map(|(at,)| at))
}

/// Deletes alerts resolved before `moment` and their messages; returns the number of alerts.
pub async fn delete_resolved_before(tx: &mut Tx, moment: Timestamp) -> Result<u64, DatabaseError> {
    const DELETE: &str = "DELETE FROM alerts WHERE state = 'resolved' AND resolved_at < $1";
    run_query!(tx, c => sqlx::query(DELETE).bind(moment).execute(c))
}
