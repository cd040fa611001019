//! Kiosks: devices that stand in stores.
//!
//! A row has the hash of a one-time code, then the hash of the device's key, then is revoked. It is never deleted, because
//! orders refer to it. No hash ever leaves this file.

use super::{DatabaseError, Reader, Tx, run_query};
use crate::domain::{KioskId, PageRequest, StoreId, Timestamp};

#[derive(Debug, Clone, sqlx::FromRow)]
pub struct KioskRow {
    pub id: KioskId,
    pub store_id: StoreId,
    pub name: String,
    /// `None` once the code was used.
    pub enrolment_expires_at: Option<Timestamp>,
    pub enrolled_at: Option<Timestamp>,
    pub revoked_at: Option<Timestamp>,
    /// Since when an admin keeps it closed; `None` if it is open.
    pub closed_at: Option<Timestamp>,
    /// Since when it calls for staff; `None` if it does not.
    pub staff_called_at: Option<Timestamp>,
    pub created_at: Timestamp,
}

macro_rules! columns {
    () => {
        "id, store_id, name, enrolment_expires_at, enrolled_at, revoked_at, closed_at, staff_called_at, created_at"
    };
}

/// Adds a device that waits for its one-time code.
pub async fn insert(tx: &mut Tx, row: &KioskRow, enrolment_hash: &[u8]) -> Result<(), DatabaseError> {
    const INSERT: &str = "INSERT INTO kiosks (id, store_id, name, enrolment_hash, enrolment_expires_at, created_at) \
                          VALUES ($1, $2, $3, $4, $5, $6)";
    run_query!(tx, c => sqlx::query(INSERT)
        .bind(row.id)
        .bind(row.store_id)
        .bind(&row.name)
        .bind(enrolment_hash)
        .bind(row.enrolment_expires_at)
        .bind(row.created_at)
        .execute(c))?;
    Ok(())
}

/// Whether [`enrol`] would accept the code now. A read, so that wrong codes do not occupy the writer.
pub async fn can_enrol(reader: &mut Reader, enrolment_hash: &[u8], now: Timestamp) -> Result<bool, DatabaseError> {
    const SELECT: &str = concat!(
        "SELECT ",
        columns!(),
        " FROM kiosks WHERE enrolment_hash = $1 AND enrolment_expires_at > $2 AND revoked_at IS NULL"
    );
    let found: Option<KioskRow> =
        run_query!(reader, c => sqlx::query_as(SELECT).bind(enrolment_hash).bind(now).fetch_optional(c))?;
    Ok(found.is_some())
}

/// Exchanges a valid code for a key; `None` if the code is unknown, used, expired or revoked, or expires after `furthest`, since
/// it was made before the clock was set back. One statement, so that a
/// code enrols exactly one device.
pub async fn enrol(
    tx: &mut Tx,
    enrolment_hash: &[u8],
    key_hash: &[u8],
    now: Timestamp,
    furthest: Timestamp,
) -> Result<Option<KioskRow>, DatabaseError> {
    const UPDATE: &str = concat!(
        "UPDATE kiosks SET enrolment_hash = NULL, enrolment_expires_at = NULL, key_hash = $2, enrolled_at = $3 \
         WHERE enrolment_hash = $1 AND enrolment_expires_at > $3 AND enrolment_expires_at <= $4 \
         AND revoked_at IS NULL RETURNING ",
        columns!()
    );
    let found = run_query!(tx, c => sqlx::query_as(UPDATE)
        .bind(enrolment_hash)
        .bind(key_hash)
        .bind(now)
        .bind(furthest)
        .fetch_all(c))?;
    Ok(found.into_iter().next())
}

/// `None` if the device was revoked.
pub async fn find_by_key(reader: &mut Reader, key_hash: &[u8]) -> Result<Option<KioskRow>, DatabaseError> {
    const SELECT: &str = concat!("SELECT ", columns!(), " FROM kiosks WHERE key_hash = $1 AND revoked_at IS NULL");
    run_query!(reader, c => sqlx::query_as(SELECT).bind(key_hash).fetch_optional(c))
}

pub async fn find(reader: &mut Reader, store: StoreId, id: KioskId) -> Result<Option<KioskRow>, DatabaseError> {
    const SELECT: &str = concat!("SELECT ", columns!(), " FROM kiosks WHERE id = $1 AND store_id = $2");
    run_query!(reader, c => sqlx::query_as(SELECT).bind(id).bind(store).fetch_optional(c))
}

/// The name of a device of any store, revoked or not.
pub async fn find_name(reader: &mut Reader, id: KioskId) -> Result<Option<String>, DatabaseError> {
    const SELECT: &str = "SELECT name FROM kiosks WHERE id = $1";
    let row: Option<(String,)> = run_query!(reader, c => sqlx::query_as(SELECT).bind(id).fetch_optional(c))?;
    Ok(row.map(|(name,)| name))
}

/// A device of any store; `None` also if it was revoked.
pub async fn find_unrevoked(reader: &mut Reader, id: KioskId) -> Result<Option<KioskRow>, DatabaseError> {
    const SELECT: &str = concat!("SELECT ", columns!(), " FROM kiosks WHERE id = $1 AND revoked_at IS NULL");
    run_query!(reader, c => sqlx::query_as(SELECT).bind(id).fetch_optional(c))
}

/// Newest first.
pub async fn list(reader: &mut Reader, store: StoreId, page: PageRequest) -> Result<Vec<KioskRow>, DatabaseError> {
    const SELECT: &str = concat!(
        "SELECT ",
        columns!(),
        " FROM kiosks WHERE store_id = $1 AND ($2 IS NULL OR id < $2) ORDER BY id DESC LIMIT $3"
    );
    run_query!(reader, c => sqlx::query_as(SELECT).bind(store).bind(page.before).bind(page.fetch_limit()).fetch_all(c))
}

/// Renames a device, and closes or opens it.
pub async fn update(tx: &mut Tx, id: KioskId, name: &str, closed_at: Option<Timestamp>) -> Result<(), DatabaseError> {
    const UPDATE: &str = "UPDATE kiosks SET name = $2, closed_at = $3 WHERE id = $1";
    run_query!(tx, c => sqlx::query(UPDATE).bind(id).bind(name).bind(closed_at).execute(c))?;
    Ok(())
}

/// Replaces the code of a device that has not enrolled. False if it has, or was revoked.
pub async fn renew_code(
    tx: &mut Tx,
    id: KioskId,
    enrolment_hash: &[u8],
    expires_at: Timestamp,
) -> Result<bool, DatabaseError> {
    const UPDATE: &str = "UPDATE kiosks SET enrolment_hash = $2, enrolment_expires_at = $3 \
                          WHERE id = $1 AND enrolled_at IS NULL AND revoked_at IS NULL";
    Ok(run_query!(tx, c => sqlx::query(UPDATE).bind(id).bind(enrolment_hash).bind(expires_at).execute(c))? == 1)
}

/// Revokes a device's key and its unused code, and ends its call for staff. False if it was revoked before.
pub async fn revoke(tx: &mut Tx, id: KioskId, at: Timestamp) -> Result<bool, DatabaseError> {
    const UPDATE: &str = "UPDATE kiosks SET revoked_at = $2, enrolment_hash = NULL, enrolment_expires_at = NULL, \
                              staff_called_at = NULL \
                          WHERE id = $1 AND revoked_at IS NULL";
    Ok(run_query!(tx, c => sqlx::query(UPDATE).bind(id).bind(at).execute(c))? == 1)
}
