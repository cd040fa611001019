//! Checkout sessions. Every change goes through [`advance`] or [`close`], which check and raise the version in one
//! statement and thereby hold the session's row until the transaction ends.

use super::{DatabaseError, Reader, Tx, on};
use crate::domain::{Currency, Discount, KioskId, SessionId, SessionStatus, StoreId, Timestamp, UserId};

/// A session and the store it belongs to.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct SessionRow {
    /// Its identifier.
    pub id: SessionId,
    /// The store it is held in.
    pub store_id: StoreId,
    /// The currency of that store.
    pub currency: Currency,
    /// What people call that store.
    pub store_name: String,
    /// Whether that store's prices contain the tax.
    pub prices_include_tax: bool,
    /// The kiosk that opened it, unless a person did.
    pub kiosk_id: Option<KioskId>,
    /// The shopper, once known.
    pub shopper_id: Option<UserId>,
    pub status: SessionStatus,
    /// Raised by every change.
    pub version: i64,
    /// When it was opened.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub last_active_at: Timestamp,
    /// Discount on the whole bill, in basis points; this or the next, or neither.
    pub discount_rate: Option<i64>,
    /// Discount on the whole bill, in minor units.
    pub discount_amount: Option<i64>,
    /// Why it was given.
    pub discount_reason: Option<String>,
}

/// The statement of [`advance`] and [`close`].
pub(super) const MOVE: &str = "UPDATE checkout_sessions \
    SET status = $2, version = version + 1, last_active_at = $3 \
    WHERE id = $1 AND status = 'open' AND last_active_at >= $4 AND ($5 IS NULL OR version = $5) \
    RETURNING id, store_id, kiosk_id, shopper_id, status, version, created_at, last_active_at, discount_rate, \
    discount_amount, discount_reason, \
    (SELECT t.currency FROM stores t WHERE t.id = checkout_sessions.store_id) AS currency, \
    (SELECT t.name FROM stores t WHERE t.id = checkout_sessions.store_id) AS store_name, \
    (SELECT t.prices_include_tax FROM stores t WHERE t.id = checkout_sessions.store_id) AS prices_include_tax";

/// Adds a session.
pub async fn insert(tx: &mut Tx, row: &SessionRow) -> Result<(), DatabaseError> {
    const INSERT: &str = "INSERT INTO checkout_sessions \
        (id, store_id, kiosk_id, shopper_id, status, version, created_at, last_active_at) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    on!(tx, c => sqlx::query(INSERT)
        .bind(row.id)
        .bind(row.store_id)
        .bind(row.kiosk_id)
        .bind(row.shopper_id)
        .bind(row.status)
        .bind(row.version)
        .bind(row.created_at)
        .bind(row.last_active_at)
        .execute(c))?;
    Ok(())
}

/// The session with this id.
pub async fn find(reader: &mut Reader, id: SessionId) -> Result<Option<SessionRow>, DatabaseError> {
    const SELECT: &str = "SELECT s.id, s.store_id, t.currency, t.name AS store_name, t.prices_include_tax, s.kiosk_id, \
        s.shopper_id, s.status, s.version, s.created_at, s.last_active_at, s.discount_rate, s.discount_amount, \
        s.discount_reason FROM checkout_sessions s JOIN stores t ON t.id = s.store_id WHERE s.id = $1";
    on!(reader, c => sqlx::query_as(SELECT).bind(id).fetch_optional(c))
}

/// What a change asks of the session it changes.
#[derive(Debug, Clone, Copy)]
pub struct SessionPrecondition {
    /// The version that the client has seen; nothing where the change does not depend on it.
    pub version: Option<i64>,
    /// A session that was last changed before this moment is over.
    pub active_since: Timestamp,
}

/// Raises the version of an open session that is as `expected`, and marks it active `now`; gives it as it is then. `None`
/// where it is not so.
pub async fn advance(
    tx: &mut Tx,
    id: SessionId,
    expected: SessionPrecondition,
    now: Timestamp,
) -> Result<Option<SessionRow>, DatabaseError> {
    move_to(tx, id, SessionStatus::Open, expected, now).await
}

/// Like [`advance`], and closes the session.
pub async fn close(
    tx: &mut Tx,
    id: SessionId,
    status: SessionStatus,
    expected: SessionPrecondition,
    now: Timestamp,
) -> Result<Option<SessionRow>, DatabaseError> {
    move_to(tx, id, status, expected, now).await
}

async fn move_to(
    tx: &mut Tx,
    id: SessionId,
    status: SessionStatus,
    expected: SessionPrecondition,
    now: Timestamp,
) -> Result<Option<SessionRow>, DatabaseError> {
    on!(tx, c => sqlx::query_as(MOVE)
        .bind(id)
        .bind(status)
        .bind(now)
        .bind(expected.active_since)
        .bind(expected.version)
        .fetch_optional(c))
}

/// Gives a discount on the whole bill, or takes it back. Call [`advance`] first, which holds the row.
pub async fn set_discount(tx: &mut Tx, id: SessionId, discount: Option<(Discount, &str)>) -> Result<(), DatabaseError> {
    const UPDATE: &str = "UPDATE checkout_sessions SET discount_rate = $2, discount_amount = $3, discount_reason = $4 \
        WHERE id = $1";
    on!(tx, c => sqlx::query(UPDATE)
        .bind(id)
        .bind(discount.and_then(|(discount, _)| discount.rate()))
        .bind(discount.and_then(|(discount, _)| discount.amount()))
        .bind(discount.map(|(_, reason)| reason))
        .execute(c))?;
    Ok(())
}

/// Makes `shopper` the shopper of an open session that was active since `active_since` and has no other. Whether it is
/// theirs now. The version stays: the bill is the same.
pub async fn join(tx: &mut Tx, id: SessionId, shopper: UserId, active_since: Timestamp) -> Result<bool, DatabaseError> {
    const UPDATE: &str = "UPDATE checkout_sessions SET shopper_id = $2 WHERE id = $1 AND status = 'open' \
        AND last_active_at >= $3 AND (shopper_id IS NULL OR shopper_id = $2)";
    Ok(on!(tx, c => sqlx::query(UPDATE).bind(id).bind(shopper).bind(active_since).execute(c))? == 1)
}
