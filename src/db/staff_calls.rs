//! Calls for staff: at most one of each kiosk, in the kiosk's row.

use super::{DatabaseError, Reader, Tx, run_query};
use crate::domain::{KioskId, StoreId, TimeZone, Timestamp};

/// A kiosk that calls for staff.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct StaffCallRow {
    pub kiosk_id: KioskId,
    pub kiosk_name: String,
    pub store_id: StoreId,
    pub store_name: String,
    pub time_zone: TimeZone,
    pub called_at: Timestamp,
}

/// A kiosk that calls already keeps the time of its first call.
pub async fn begin(tx: &mut Tx, kiosk: KioskId, at: Timestamp) -> Result<(), DatabaseError> {
    const UPDATE: &str = "UPDATE kiosks SET staff_called_at = COALESCE(staff_called_at, $2) \
                          WHERE id = $1 AND revoked_at IS NULL";
    run_query!(tx, c => sqlx::query(UPDATE).bind(kiosk).bind(at).execute(c))?;
    Ok(())
}

/// False if the kiosk does not call.
pub async fn end(tx: &mut Tx, kiosk: KioskId) -> Result<bool, DatabaseError> {
    const UPDATE: &str = "UPDATE kiosks SET staff_called_at = NULL WHERE id = $1 AND staff_called_at IS NOT NULL";
    Ok(run_query!(tx, c => sqlx::query(UPDATE).bind(kiosk).execute(c))? == 1)
}

/// The calls of one store, or of all; who waits longest comes first.
pub async fn list(reader: &mut Reader, store: Option<StoreId>) -> Result<Vec<StaffCallRow>, DatabaseError> {
    const SELECT: &str = "SELECT k.id AS kiosk_id, k.name AS kiosk_name, s.id AS store_id, s.name AS store_name, \
                              s.time_zone, k.staff_called_at AS called_at \
                          FROM kiosks k JOIN stores s ON s.id = k.store_id \
                          WHERE k.staff_called_at IS NOT NULL AND ($1 IS NULL OR k.store_id = $1) \
                          ORDER BY k.staff_called_at, k.id";
    run_query!(reader, c => sqlx::query_as(SELECT).bind(store).fetch_all(c))
}
