//! The outbox of alert messages to the sinks, with the result of each attempt to send one.

use super::{DatabaseError, Reader, Tx, run_query};
use crate::domain::{AlertEvent, AlertId, DeliveryId, DeliveryState, SinkKind, Timestamp};

#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct DeliveryRow {
    /// Also sent to the receiver.
    pub id: DeliveryId,
    pub alert_id: AlertId,
    pub sink: SinkKind,
    pub event: AlertEvent,
    /// The body of the request.
    pub body: String,
    pub state: DeliveryState,
    pub attempts: i64,
    /// When the next attempt is due, or when the lease of the current attempt ends.
    pub due_at: Timestamp,
    pub created_at: Timestamp,
    pub tried_at: Option<Timestamp>,
    /// The receiver's last HTTP status.
    pub last_status: Option<i64>,
    pub last_error: Option<String>,
}

macro_rules! columns {
    () => {
        "id, alert_id, sink, event, body, state, attempts, due_at, created_at, tried_at, last_status, last_error"
    };
}

pub async fn insert(tx: &mut Tx, row: &DeliveryRow) -> Result<(), DatabaseError> {
    const INSERT: &str = concat!(
        "INSERT INTO alert_deliveries (",
        columns!(),
        ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)"
    );
    run_query!(tx, c => sqlx::query(INSERT)
        .bind(row.id)
        .bind(row.alert_id)
        .bind(row.sink)
        .bind(row.event)
        .bind(&row.body)
        .bind(row.state)
        .bind(row.attempts)
        .bind(row.due_at)
        .bind(row.created_at)
        .bind(row.tried_at)
        .bind(row.last_status)
        .bind(&row.last_error)
        .execute(c))?;
    Ok(())
}

/// A message that the caller is to send. Only the columns that sending needs: a word that only a newer server knows must
/// not hold up the messages behind it.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct ClaimedDelivery {
    pub id: DeliveryId,
    pub body: String,
    /// Including the attempt to be made now.
    pub attempts: i64,
    pub created_at: Timestamp,
}

/// How an attempt to send a message ended.
#[derive(Debug, Clone)]
pub struct AttemptResult {
    pub state: DeliveryState,
    pub attempts: i64,
    /// When the next attempt is due.
    pub due_at: Timestamp,
    pub last_status: Option<i64>,
    pub last_error: Option<String>,
}

/// Claims the oldest due message to `sink` until `until`. A due time after `furthest` was set by a wrong clock and
/// counts as due. Messages of one alert keep their order: none is due while an older one waits. The outer condition on
/// `due_at` is checked again when two servers want the same row, so that only one of them gets it.
pub async fn claim(
    tx: &mut Tx,
    sink: SinkKind,
    now: Timestamp,
    until: Timestamp,
    furthest: Timestamp,
) -> Result<Option<ClaimedDelivery>, DatabaseError> {
    const UPDATE: &str = "UPDATE alert_deliveries SET due_at = $3, attempts = attempts + 1, tried_at = $2 \
         WHERE id = (SELECT d.id FROM alert_deliveries d WHERE d.sink = $1 AND d.state = 'waiting' \
             AND (d.due_at <= $2 OR d.due_at > $4) \
             AND NOT EXISTS (SELECT 1 FROM alert_deliveries o WHERE o.alert_id = d.alert_id AND o.sink = d.sink \
               AND o.state = 'waiting' AND o.id < d.id) \
             ORDER BY d.due_at, d.id LIMIT 1) \
           AND state = 'waiting' AND (due_at <= $2 OR due_at > $4) \
         RETURNING id, body, attempts, created_at";
    run_query!(tx, c => sqlx::query_as(UPDATE).bind(sink).bind(now).bind(until).bind(furthest).fetch_optional(c))
}

/// Writes how the attempt to send a claimed message ended.
pub async fn record_attempt(tx: &mut Tx, id: DeliveryId, result: &AttemptResult) -> Result<(), DatabaseError> {
    const UPDATE: &str = "UPDATE alert_deliveries SET state = $2, due_at = $3, last_status = $4, last_error = $5, attempts = $6 \
        WHERE id = $1 AND state = 'waiting'";
    run_query!(tx, c => sqlx::query(UPDATE)
        .bind(id)
        .bind(result.state)
        .bind(result.due_at)
        .bind(result.last_status)
        .bind(&result.last_error)
        .bind(result.attempts)
        .execute(c))?;
    Ok(())
}

/// The messages about an alert, newest first. They are bounded, since an alert is escalated a few times.
pub async fn list(reader: &mut Reader, alert: AlertId) -> Result<Vec<DeliveryRow>, DatabaseError> {
    const SELECT: &str =
        concat!("SELECT ", columns!(), " FROM alert_deliveries WHERE alert_id = $1 ORDER BY id DESC LIMIT 200");
    run_query!(reader, c => sqlx::query_as(SELECT).bind(alert).fetch_all(c))
}

/// The newest message of an alert to each sink.
pub async fn list_newest(reader: &mut Reader, alert: AlertId) -> Result<Vec<DeliveryRow>, DatabaseError> {
    const SELECT: &str = concat!(
        "SELECT ",
        columns!(),
        " FROM alert_deliveries d WHERE alert_id = $1 AND id = (SELECT n.id FROM alert_deliveries n \
           WHERE n.alert_id = d.alert_id AND n.sink = d.sink ORDER BY n.id DESC LIMIT 1) ORDER BY sink"
    );
    run_query!(reader, c => sqlx::query_as(SELECT).bind(alert).fetch_all(c))
}
