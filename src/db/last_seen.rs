//! When a person, a kiosk or a product was last seen.

use uuid::Uuid;

use super::{DatabaseError, Reader, Tx, run_query};
use crate::domain::{KioskId, StoreId, Timestamp, UserId};

/// Writes when something was seen, unless it was seen later.
pub async fn upsert(tx: &mut Tx, id: Uuid, at: Timestamp) -> Result<(), DatabaseError> {
    const UPSERT: &str = "INSERT INTO last_seen (id, at) VALUES ($1, $2) \
        ON CONFLICT (id) DO UPDATE SET at = excluded.at WHERE last_seen.at < excluded.at";
    run_query!(tx, c => sqlx::query(UPSERT).bind(id).bind(at).execute(c))?;
    Ok(())
}

pub async fn find_user(reader: &mut Reader, id: UserId) -> Result<Option<Timestamp>, DatabaseError> {
    const SELECT: &str = "SELECT at FROM last_seen WHERE id = $1";
    let row: Option<(Timestamp,)> = run_query!(reader, c => sqlx::query_as(SELECT).bind(id).fetch_optional(c))?;
    Ok(row.map(|(at,)| at))
}

/// Of the kiosks of a store that were ever seen.
pub async fn list_kiosks(reader: &mut Reader, store: StoreId) -> Result<Vec<(KioskId, Timestamp)>, DatabaseError> {
    const SELECT: &str = "SELECT k.id, s.at FROM kiosks k JOIN last_seen s ON s.id = k.id WHERE k.store_id = $1";
    run_query!(reader, c => sqlx::query_as(SELECT).bind(store).fetch_all(c))
}
