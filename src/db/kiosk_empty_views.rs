//! Empty views of kiosks: at most one each. It is deleted when the kiosk is revoked.

use super::{DatabaseError, Reader, Tx, run_query};
use crate::domain::{KioskId, StoreId, Timestamp};

/// An empty view with its reduced picture.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct EmptyViewRow {
    pub kiosk_id: KioskId,
    /// Pixels of the picture that was sent.
    pub width: i64,
    /// Pixels of the picture that was sent.
    pub height: i64,
    /// Red, green and blue of each pixel, row by row; the size follows from `width` and `height`.
    pub reduced_rgb: Vec<u8>,
    /// When a person or the kiosk set it.
    pub set_at: Timestamp,
    /// When a frame last replaced the reduced picture.
    pub updated_at: Timestamp,
    /// Since when frames show that the camera was moved or covered.
    pub camera_moved_at: Option<Timestamp>,
}

/// What is known of an empty view without its picture.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct EmptyViewSummaryRow {
    pub kiosk_id: KioskId,
    pub width: i64,
    pub height: i64,
    pub set_at: Timestamp,
    pub camera_moved_at: Option<Timestamp>,
}

/// Sets the kiosk's view, in place of an older one. False if the kiosk was revoked.
pub async fn upsert(tx: &mut Tx, row: &EmptyViewRow) -> Result<bool, DatabaseError> {
    const UPSERT: &str = "INSERT INTO kiosk_empty_views \
            (kiosk_id, width, height, reduced_rgb, set_at, updated_at, camera_moved_at) \
        SELECT id, $2, $3, $4, $5, $6, $7 FROM kiosks WHERE id = $1 AND revoked_at IS NULL \
        ON CONFLICT (kiosk_id) DO UPDATE SET width = excluded.width, height = excluded.height, \
            reduced_rgb = excluded.reduced_rgb, set_at = excluded.set_at, updated_at = excluded.updated_at, \
            camera_moved_at = excluded.camera_moved_at";
    let written = run_query!(tx, c => sqlx::query(UPSERT)
        .bind(row.kiosk_id)
        .bind(row.width)
        .bind(row.height)
        .bind(&row.reduced_rgb)
        .bind(row.set_at)
        .bind(row.updated_at)
        .bind(row.camera_moved_at)
        .execute(c))?;
    Ok(written == 1)
}

pub async fn find(reader: &mut Reader, kiosk: KioskId) -> Result<Option<EmptyViewRow>, DatabaseError> {
    const SELECT: &str = "SELECT kiosk_id, width, height, reduced_rgb, set_at, updated_at, camera_moved_at \
                          FROM kiosk_empty_views WHERE kiosk_id = $1";
    run_query!(reader, c => sqlx::query_as(SELECT).bind(kiosk).fetch_optional(c))
}

/// Those of a store's kiosks, in no order.
pub async fn list_summaries(reader: &mut Reader, store: StoreId) -> Result<Vec<EmptyViewSummaryRow>, DatabaseError> {
    const SELECT: &str = "SELECT v.kiosk_id, v.width, v.height, v.set_at, v.camera_moved_at \
                          FROM kiosk_empty_views v JOIN kiosks k ON k.id = v.kiosk_id WHERE k.store_id = $1";
    run_query!(reader, c => sqlx::query_as(SELECT).bind(store).fetch_all(c))
}

/// Replaces the reduced picture by a newer one of the same size, unless somebody else did so since `seen_updated_at`.
pub async fn refresh(
    tx: &mut Tx,
    kiosk: KioskId,
    seen_updated_at: Timestamp,
    reduced_rgb: &[u8],
    now: Timestamp,
) -> Result<bool, DatabaseError> {
    const UPDATE: &str = "UPDATE kiosk_empty_views SET reduced_rgb = $3, updated_at = $4 \
                          WHERE kiosk_id = $1 AND updated_at = $2";
    let update = run_query!(tx, c => sqlx::query(UPDATE)
        .bind(kiosk)
        .bind(seen_updated_at)
        .bind(reduced_rgb)
        .bind(now)
        .execute(c));
    Ok(update? == 1)
}

/// Notes that the camera was moved. False if that was known, or the view was replaced since `seen_set_at`.
pub async fn mark_camera_moved(
    tx: &mut Tx,
    kiosk: KioskId,
    seen_set_at: Timestamp,
    now: Timestamp,
) -> Result<bool, DatabaseError> {
    const UPDATE: &str = "UPDATE kiosk_empty_views SET camera_moved_at = $3 \
                          WHERE kiosk_id = $1 AND set_at = $2 AND camera_moved_at IS NULL";
    Ok(run_query!(tx, c => sqlx::query(UPDATE).bind(kiosk).bind(seen_set_at).bind(now).execute(c))? == 1)
}

/// Notes that frames match the view again. False if that was known.
pub async fn clear_camera_moved(tx: &mut Tx, kiosk: KioskId) -> Result<bool, DatabaseError> {
    const UPDATE: &str = "UPDATE kiosk_empty_views SET camera_moved_at = NULL \
                          WHERE kiosk_id = $1 AND camera_moved_at IS NOT NULL";
    Ok(run_query!(tx, c => sqlx::query(UPDATE).bind(kiosk).execute(c))? == 1)
}

/// False if the kiosk has none.
pub async fn delete(tx: &mut Tx, kiosk: KioskId) -> Result<bool, DatabaseError> {
    const DELETE: &str = "DELETE FROM kiosk_empty_views WHERE kiosk_id = $1";
    Ok(run_query!(tx, c => sqlx::query(DELETE).bind(kiosk).execute(c))? == 1)
}
