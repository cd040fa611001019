//! Checkout sessions. Every change goes through [`advance`] or [`close`], which check and raise the version in one
//! statement; this also locks the session's row until the transaction ends. A frame, which may add nothing, goes through
//! [`touch`] and then [`raise_version`].

use super::stores::SellerRow;
use super::{DatabaseError, Reader, Tx, run_query};
use crate::domain::{Currency, Discount, KioskId, SessionId, SessionStatus, StoreId, Timestamp, UserId};

/// A session, with its store as it is now.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct SessionRow {
    pub id: SessionId,
    pub store_id: StoreId,
    /// Of the store, which never changes it.
    pub currency: Currency,
    /// The store as a receipt made now would name it.
    #[sqlx(flatten)]
    pub seller: SellerRow,
    /// As the store had it when the session was opened.
    pub prices_include_tax: bool,
    /// `None` if a person opened it.
    pub kiosk_id: Option<KioskId>,
    pub shopper_id: Option<UserId>,
    pub status: SessionStatus,
    /// Raised by every change.
    pub version: i64,
    pub created_at: Timestamp,
    pub last_active_at: Timestamp,
    /// Discount on the whole bill in basis points. At most one of `discount_rate` and `discount_amount` is set.
    pub discount_rate: Option<i64>,
    /// Minor units.
    pub discount_amount: Option<i64>,
    pub discount_reason: Option<String>,
}

/// An UPDATE that checks the precondition and returns the session. `$raise` is added to the version.
macro_rules! update_session {
    ($raise:literal) => {
        concat!(
            "UPDATE checkout_sessions SET status = $2, version = version + ",
            $raise,
            ", last_active_at = $3 \
            WHERE id = $1 AND status = 'open' AND last_active_at >= $4 AND last_active_at <= $6 \
            AND ($5 IS NULL OR version = $5) \
            RETURNING id, store_id, kiosk_id, shopper_id, status, version, created_at, last_active_at, discount_rate, \
            discount_amount, discount_reason, prices_include_tax, \
            (SELECT t.currency FROM stores t WHERE t.id = checkout_sessions.store_id) AS currency, \
            (SELECT t.name FROM stores t WHERE t.id = checkout_sessions.store_id) AS store_name, \
            (SELECT t.address FROM stores t WHERE t.id = checkout_sessions.store_id) AS store_address, \
            (SELECT t.tax_number FROM stores t WHERE t.id = checkout_sessions.store_id) AS store_tax_number, \
            (SELECT t.time_zone FROM stores t WHERE t.id = checkout_sessions.store_id) AS time_zone, \
            (SELECT t.cash_rounding FROM stores t WHERE t.id = checkout_sessions.store_id) AS cash_rounding"
        )
    };
}

/// The statement of [`advance`] and [`close`].
pub(super) const ADVANCE: &str = update_session!("1");
/// The statement of [`touch`].
const TOUCH: &str = update_session!("0");

pub async fn insert(tx: &mut Tx, row: &SessionRow) -> Result<(), DatabaseError> {
    const INSERT: &str = "INSERT INTO checkout_sessions \
        (id, store_id, kiosk_id, shopper_id, status, version, created_at, last_active_at, prices_include_tax) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    run_query!(tx, c => sqlx::query(INSERT)
        .bind(row.id)
        .bind(row.store_id)
        .bind(row.kiosk_id)
        .bind(row.shopper_id)
        .bind(row.status)
        .bind(row.version)
        .bind(row.created_at)
        .bind(row.last_active_at)
        .bind(row.prices_include_tax)
        .execute(c))?;
    Ok(())
}

pub async fn find(reader: &mut Reader, id: SessionId) -> Result<Option<SessionRow>, DatabaseError> {
    const SELECT: &str = "SELECT s.id, s.store_id, t.currency, t.name AS store_name, t.address AS store_address, \
        t.tax_number AS store_tax_number, t.time_zone, t.cash_rounding, s.prices_include_tax, s.kiosk_id, s.shopper_id, s.status, s.version, s.created_at, s.last_active_at, s.discount_rate, s.discount_amount, \
        s.discount_reason FROM checkout_sessions s JOIN stores t ON t.id = s.store_id WHERE s.id = $1";
    run_query!(reader, c => sqlx::query_as(SELECT).bind(id).fetch_optional(c))
}

/// The precondition of a change.
#[derive(Debug, Clone, Copy)]
pub struct SessionPrecondition {
    /// The version that the client has seen; `None` if the change does not depend on it.
    pub version: Option<i64>,
    /// A session that was last changed before this moment has expired.
    pub active_since: Timestamp,
    /// A session that was last changed after this moment was so before the clock was set back, and has expired too.
    pub active_until: Timestamp,
}

/// Raises the version of an open session that meets `expected`, marks it active, and returns its new state. `None` if it
/// does not meet `expected`.
pub async fn advance(
    tx: &mut Tx,
    id: SessionId,
    expected: SessionPrecondition,
    now: Timestamp,
) -> Result<Option<SessionRow>, DatabaseError> {
    update(tx, ADVANCE, id, SessionStatus::Open, expected, now).await
}

/// Like [`advance`], but leaves the version. Call [`raise_version`] if the bill changes.
pub async fn touch(
    tx: &mut Tx,
    id: SessionId,
    expected: SessionPrecondition,
    now: Timestamp,
) -> Result<Option<SessionRow>, DatabaseError> {
    update(tx, TOUCH, id, SessionStatus::Open, expected, now).await
}

/// Raises the version of a session whose row [`touch`] has locked.
pub async fn raise_version(tx: &mut Tx, id: SessionId) -> Result<(), DatabaseError> {
    const RAISE: &str = "UPDATE checkout_sessions SET version = version + 1 WHERE id = $1";
    run_query!(tx, c => sqlx::query(RAISE).bind(id).execute(c)).map(drop)
}

/// Like [`advance`], and closes the session.
pub async fn close(
    tx: &mut Tx,
    id: SessionId,
    status: SessionStatus,
    expected: SessionPrecondition,
    now: Timestamp,
) -> Result<Option<SessionRow>, DatabaseError> {
    update(tx, ADVANCE, id, status, expected, now).await
}

async fn update(
    tx: &mut Tx,
    statement: &'static str,
    id: SessionId,
    status: SessionStatus,
    expected: SessionPrecondition,
    now: Timestamp,
) -> Result<Option<SessionRow>, DatabaseError> {
    run_query!(tx, c => sqlx::query_as(statement)
        .bind(id)
        .bind(status)
        .bind(now)
        .bind(expected.active_since)
        .bind(expected.version)
        .bind(expected.active_until)
        .fetch_optional(c))
}

/// Sets or removes the discount on the whole bill. Call [`advance`] first, which locks the row.
pub async fn set_discount(tx: &mut Tx, id: SessionId, discount: Option<(Discount, &str)>) -> Result<(), DatabaseError> {
    const UPDATE: &str = "UPDATE checkout_sessions SET discount_rate = $2, discount_amount = $3, discount_reason = $4 \
        WHERE id = $1";
    run_query!(tx, c => sqlx::query(UPDATE)
        .bind(id)
        .bind(discount.and_then(|(discount, _)| discount.rate()))
        .bind(discount.and_then(|(discount, _)| discount.amount()))
        .bind(discount.map(|(_, reason)| reason))
        .execute(c))?;
    Ok(())
}

/// Assigns `shopper` to an open session that has not expired. False if there is none or it has another shopper. The version
/// stays, because the bill is the same.
pub async fn set_shopper(
    tx: &mut Tx,
    id: SessionId,
    shopper: UserId,
    expected: &SessionPrecondition,
) -> Result<bool, DatabaseError> {
    const UPDATE: &str = "UPDATE checkout_sessions SET shopper_id = $2 WHERE id = $1 AND status = 'open' \
        AND last_active_at >= $3 AND last_active_at <= $4 AND (shopper_id IS NULL OR shopper_id = $2)";
    let (since, until) = (expected.active_since, expected.active_until);
    Ok(run_query!(tx, c => sqlx::query(UPDATE).bind(id).bind(shopper).bind(since).bind(until).execute(c))? == 1)
}
