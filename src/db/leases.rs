//! Leases of names: work that one server at a time does. A server that dies holds its lease until it expires.

use uuid::Uuid;

use super::{DatabaseError, Tx, run_query};
use crate::domain::Timestamp;

/// Who holds something, and until when.
#[derive(Debug, Clone, Copy)]
pub struct Lease {
    pub holder: Uuid,
    pub now: Timestamp,
    /// When it expires unless it is renewed.
    pub until: Timestamp,
    /// A lease that ends later was taken by a clock that has been set back since, and holds nothing.
    pub furthest: Timestamp,
}

impl Lease {
    /// A lease of `seconds` from now.
    pub fn new(holder: Uuid, now: Timestamp, seconds: i64) -> Self {
        Self { holder, now, until: now.plus_seconds(seconds), furthest: now.plus_seconds(2 * seconds) }
    }
}

/// Takes or renews the lease of `name`; false if another server has it.
pub async fn take(tx: &mut Tx, name: &str, lease: Lease) -> Result<bool, DatabaseError> {
    const UPSERT: &str = "INSERT INTO scheduler_lock (lock_name, locked_at, locked_by, expires_at) VALUES ($1, $2, $3, $4) \
        ON CONFLICT (lock_name) DO UPDATE SET locked_at = $2, locked_by = $3, expires_at = $4 \
        WHERE scheduler_lock.locked_by = $3 OR scheduler_lock.expires_at < $2 OR scheduler_lock.expires_at > $5";
    let taken = run_query!(tx, c => sqlx::query(UPSERT)
        .bind(name)
        .bind(lease.now)
        .bind(lease.holder)
        .bind(lease.until)
        .bind(lease.furthest)
        .execute(c))?;
    Ok(taken == 1)
}

/// Ends all leases of `holder`, so that other servers need not wait.
pub async fn release(tx: &mut Tx, holder: Uuid) -> Result<(), DatabaseError> {
    const DELETE: &str = "DELETE FROM scheduler_lock WHERE locked_by = $1";
    run_query!(tx, c => sqlx::query(DELETE).bind(holder).execute(c)).map(|_rows: u64| ())
}
