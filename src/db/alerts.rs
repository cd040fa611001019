//! Alerts: what is or was wrong, since when, and who knows of it.

use super::column_types::if_readable;
use super::{DatabaseError, Reader, Tx, on};
use crate::domain::{AlertId, AlertRule, AlertSeverity, AlertState, PageRequest, StoreId, Timestamp};

/// One time that something began to be wrong.
#[derive(Debug, Clone, PartialEq, sqlx::FromRow)]
pub struct AlertRow {
    /// Its identifier.
    pub id: AlertId,
    /// The rule and what it is about.
    pub key: String,
    pub rule: AlertRule,
    /// The store; [`StoreId::NIL`] where none can be named.
    pub store_id: StoreId,
    pub severity: AlertSeverity,
    /// Firing, also when acknowledged, or resolved.
    pub state: AlertState,
    /// What is wrong, for people.
    pub message: String,
    /// What was measured last.
    pub value: f64,
    /// What it may be at most.
    pub threshold: f64,
    /// When it began.
    pub fired_at: Timestamp,
    /// When it was found to be so last.
    pub seen_at: Timestamp,
    /// When the sinks were told of it first.
    pub told_at: Option<Timestamp>,
    /// When somebody said that they see to it.
    pub acknowledged_at: Option<Timestamp>,
    /// [`crate::domain::Actor::label`] of who said so.
    pub acknowledged_by: Option<String>,
    /// How often it was escalated.
    pub escalations: i64,
    /// When it was escalated last.
    pub escalated_at: Option<Timestamp>,
    /// When it ended.
    pub resolved_at: Option<Timestamp>,
    /// [`crate::domain::Actor::label`] of who ended it.
    pub resolved_by: Option<String>,
}

/// An alert of a list. One that holds a word which only a newer server knows, or that somebody edited by hand, hides none
/// of the others.
#[derive(Debug, Clone)]
pub struct ListedAlert {
    pub id: AlertId,
    pub key: String,
    /// The alert, or which of its values cannot be read.
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
        Ok(Self { id: row.try_get("id")?, key: row.try_get("key")?, row: if_readable(row)? })
    }
}

/// The columns of an [`AlertRow`].
macro_rules! columns {
    () => {
        "id, key, rule, store_id, severity, state, message, value, threshold, fired_at, seen_at, told_at, \
         acknowledged_at, acknowledged_by, escalations, escalated_at, resolved_at, resolved_by"
    };
}

/// Takes the turn to look at the rules where it is due: whether it is the caller's, until `until`. A time further ahead
/// than `furthest` was set by a clock that went wrong and counts as due.
pub async fn claim_turn(
    tx: &mut Tx,
    now: Timestamp,
    until: Timestamp,
    furthest: Timestamp,
) -> Result<bool, DatabaseError> {
    const UPDATE: &str = "UPDATE alert_schedule SET due_at = $2 WHERE id = 1 AND (due_at <= $1 OR due_at > $3)";
    Ok(on!(tx, c => sqlx::query(UPDATE).bind(now).bind(until).bind(furthest).execute(c))? == 1)
}

/// Waits for whoever is changing alerts, and keeps others from it until this transaction ends: first thing of each.
pub async fn hold(tx: &mut Tx) -> Result<(), DatabaseError> {
    const UPDATE: &str = "UPDATE alert_schedule SET due_at = due_at WHERE id = 1";
    on!(tx, c => sqlx::query(UPDATE).execute(c))?;
    Ok(())
}

/// Keeps a new alert. [`DatabaseError::UniqueViolation`] where one of its key is firing.
pub async fn insert(tx: &mut Tx, row: &AlertRow) -> Result<(), DatabaseError> {
    const INSERT: &str = concat!(
        "INSERT INTO alerts (",
        columns!(),
        ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)"
    );
    on!(tx, c => sqlx::query(INSERT)
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

/// Writes what may change of an alert that is firing; whether it was firing still.
pub async fn update(tx: &mut Tx, row: &AlertRow) -> Result<bool, DatabaseError> {
    const UPDATE: &str = "UPDATE alerts SET severity = $2, state = $3, message = $4, value = $5, threshold = $6, \
        seen_at = $7, told_at = $8, escalations = $9, escalated_at = $10, resolved_at = $11, resolved_by = $12 \
        WHERE id = $1 AND state = 'firing'";
    Ok(on!(tx, c => sqlx::query(UPDATE)
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

/// Says that somebody sees to the firing alert of `key`, unless somebody said so before; whether one is firing.
pub async fn acknowledge(tx: &mut Tx, key: &str, at: Timestamp, by: &str) -> Result<bool, DatabaseError> {
    const UPDATE: &str = "UPDATE alerts SET acknowledged_at = COALESCE(acknowledged_at, $2), \
        acknowledged_by = COALESCE(acknowledged_by, $3) WHERE key = $1 AND state = 'firing'";
    Ok(on!(tx, c => sqlx::query(UPDATE).bind(key).bind(at).bind(by).execute(c))? == 1)
}

/// The alerts that are firing, oldest first; `at_most` of them.
pub async fn firing(reader: &mut Reader, at_most: i64) -> Result<Vec<ListedAlert>, DatabaseError> {
    const SELECT: &str = concat!("SELECT ", columns!(), " FROM alerts WHERE state = 'firing' ORDER BY id LIMIT $1");
    on!(reader, c => sqlx::query_as(SELECT).bind(at_most).fetch_all(c))
}

/// The firing alert of `key`.
pub async fn firing_of(reader: &mut Reader, key: &str) -> Result<Option<AlertRow>, DatabaseError> {
    const SELECT: &str = concat!("SELECT ", columns!(), " FROM alerts WHERE key = $1 AND state = 'firing'");
    on!(reader, c => sqlx::query_as(SELECT).bind(key).fetch_optional(c))
}

/// Alerts of all states, newest first.
pub async fn list(reader: &mut Reader, page: PageRequest) -> Result<Vec<ListedAlert>, DatabaseError> {
    const SELECT: &str =
        concat!("SELECT ", columns!(), " FROM alerts WHERE ($1 IS NULL OR id < $1) ORDER BY id DESC LIMIT $2");
    on!(reader, c => sqlx::query_as(SELECT).bind(page.before).bind(page.probe()).fetch_all(c))
}

/// When the sinks were last told of an alert of `key` that began.
pub async fn last_told(reader: &mut Reader, key: &str) -> Result<Option<Timestamp>, DatabaseError> {
    const SELECT: &str = "SELECT told_at FROM alerts WHERE key = $1 AND told_at IS NOT NULL ORDER BY id DESC LIMIT 1";
    let found: Option<(Timestamp,)> = on!(reader, c => sqlx::query_as(SELECT).bind(key).fetch_optional(c))?;
    Ok(found.map(|(at,)| at))
}

/// Removes alerts that ended before `moment`, with what was told of them; gives how many.
pub async fn forget_before(tx: &mut Tx, moment: Timestamp) -> Result<u64, DatabaseError> {
    const DELETE: &str = "DELETE FROM alerts WHERE state = 'resolved' AND resolved_at < $1";
    on!(tx, c => sqlx::query(DELETE).bind(moment).execute(c))
}
