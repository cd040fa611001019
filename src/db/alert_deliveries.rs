//! What the sinks are to be told of alerts, and how that went.

use super::{DatabaseError, Reader, Tx, on};
use crate::domain::{AlertEvent, AlertId, DeliveryId, DeliveryState, SinkKind, Timestamp};

/// One message to one sink.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct DeliveryRow {
    /// Its identifier, which the receiver sees too.
    pub id: DeliveryId,
    /// The alert that it is about.
    pub alert_id: AlertId,
    pub sink: SinkKind,
    pub event: AlertEvent,
    /// What is sent, as it is sent.
    pub body: String,
    pub state: DeliveryState,
    /// How often it was tried.
    pub attempts: i64,
    /// When it is to be tried next, or when the one who tries it now gives it up.
    pub due_at: Timestamp,
    /// When it was written.
    pub created_at: Timestamp,
    /// When it was tried last.
    pub tried_at: Option<Timestamp>,
    /// The HTTP status that the receiver answered last.
    pub last_status: Option<i64>,
    /// Why the last attempt failed.
    pub last_error: Option<String>,
}

/// The columns of a [`DeliveryRow`].
macro_rules! columns {
    () => {
        "id, alert_id, sink, event, body, state, attempts, due_at, created_at, tried_at, last_status, last_error"
    };
}

/// Keeps a message that is to be sent.
pub async fn insert(tx: &mut Tx, row: &DeliveryRow) -> Result<(), DatabaseError> {
    const INSERT: &str = concat!(
        "INSERT INTO alert_deliveries (",
        columns!(),
        ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)"
    );
    on!(tx, c => sqlx::query(INSERT)
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
    /// Including the one that is to be made now.
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

/// Takes the oldest message to `sink` that is due, or due later than `furthest`, until `until`: nobody else tries it before. What is told of one alert
/// goes in its order: nothing is due while an older message of its alert waits. The second condition on `due_at` is looked
/// at again where two servers want the same row, so that only one of them gets it.
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
    on!(tx, c => sqlx::query_as(UPDATE).bind(sink).bind(now).bind(until).bind(furthest).fetch_optional(c))
}

/// Writes how the attempt to send a claimed message ended.
pub async fn record_attempt(tx: &mut Tx, id: DeliveryId, result: &AttemptResult) -> Result<(), DatabaseError> {
    const UPDATE: &str = "UPDATE alert_deliveries SET state = $2, due_at = $3, last_status = $4, last_error = $5, attempts = $6 \
        WHERE id = $1 AND state = 'waiting'";
    on!(tx, c => sqlx::query(UPDATE)
        .bind(id)
        .bind(result.state)
        .bind(result.due_at)
        .bind(result.last_status)
        .bind(&result.last_error)
        .bind(result.attempts)
        .execute(c))?;
    Ok(())
}

/// The newest message to each sink about one alert.
pub async fn newest(reader: &mut Reader, alert: AlertId) -> Result<Vec<DeliveryRow>, DatabaseError> {
    const SELECT: &str = concat!(
        "SELECT ",
        columns!(),
        " FROM alert_deliveries d WHERE alert_id = $1 AND id = (SELECT n.id FROM alert_deliveries n \
           WHERE n.alert_id = d.alert_id AND n.sink = d.sink ORDER BY n.id DESC LIMIT 1) ORDER BY sink"
    );
    on!(reader, c => sqlx::query_as(SELECT).bind(alert).fetch_all(c))
}
