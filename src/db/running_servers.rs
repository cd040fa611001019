//! The servers that run on this database, and what they must have in common.

use uuid::Uuid;

use super::{DatabaseError, Reader, Tx, run_query};
use crate::domain::Timestamp;

#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct RunningServer {
    pub id: Uuid,
    /// The machine's name.
    pub machine: String,
    pub pid: i64,
    pub seen_at: Timestamp,
    /// A keyed hash of the key that signs logins.
    pub token_key: Vec<u8>,
    pub photo_folder: Uuid,
}

/// Writes that the server runs.
pub async fn upsert(tx: &mut Tx, server: &RunningServer) -> Result<(), DatabaseError> {
    const UPSERT: &str = "INSERT INTO running_servers (id, machine, pid, seen_at, token_key, photo_folder) \
        VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (id) DO UPDATE SET seen_at = $4";
    run_query!(tx, c => sqlx::query(UPSERT)
        .bind(server.id)
        .bind(&server.machine)
        .bind(server.pid)
        .bind(server.seen_at)
        .bind(&server.token_key)
        .bind(server.photo_folder)
        .execute(c))
    .map(|_rows: u64| ())
}

/// Every server that was seen between two moments, but `id`.
pub async fn list_others(
    reader: &mut Reader,
    id: Uuid,
    (after, before): (Timestamp, Timestamp),
) -> Result<Vec<RunningServer>, DatabaseError> {
    const SELECT: &str = "SELECT id, machine, pid, seen_at, token_key, photo_folder FROM running_servers \
        WHERE id <> $1 AND seen_at > $2 AND seen_at < $3 ORDER BY id";
    run_query!(reader, c => sqlx::query_as(SELECT).bind(id).bind(after).bind(before).fetch_all(c))
}

/// Forgets a server that stops, and those that were seen before `moment` last: they were killed.
pub async fn delete(tx: &mut Tx, id: Uuid, moment: Timestamp) -> Result<(), DatabaseError> {
    const DELETE: &str = "DELETE FROM running_servers WHERE id = $1 OR seen_at < $2";
    run_query!(tx, c => sqlx::query(DELETE).bind(id).bind(moment).execute(c)).map(|_rows: u64| ())
}

/// Forgets all: the database is a restored copy.
pub async fn delete_all(tx: &mut Tx) -> Result<(), DatabaseError> {
    run_query!(tx, c => sqlx::query("DELETE FROM running_servers").execute(c)).map(|_rows: u64| ())
}
