//! The addresses that people signed in from: for them, a login is not throttled by what strangers do elsewhere.
//!
//! `account` and `address` are keyed hashes; that of an address differs from account to account, so the table neither holds
//! addresses nor shows which accounts share one.

use super::{DatabaseError, Reader, Tx, run_query};
use crate::domain::Timestamp;

/// Adds the address, or renews it.
pub async fn upsert(tx: &mut Tx, account: &[u8], address: &[u8], at: Timestamp) -> Result<(), DatabaseError> {
    const UPSERT: &str = "INSERT INTO known_addresses (account, address, last_login_at) VALUES ($1, $2, $3) \
                          ON CONFLICT (account, address) DO UPDATE SET last_login_at = excluded.last_login_at";
    run_query!(tx, c => sqlx::query(UPSERT).bind(account).bind(address).bind(at).execute(c))?;
    Ok(())
}

/// When the account last signed in from the address.
pub async fn find_last_login(
    reader: &mut Reader,
    account: &[u8],
    address: &[u8],
) -> Result<Option<Timestamp>, DatabaseError> {
    const SELECT: &str = "SELECT last_login_at FROM known_addresses WHERE account = $1 AND address = $2";
    let found: Option<(Timestamp,)> =
        run_query!(reader, c => sqlx::query_as(SELECT).bind(account).bind(address).fetch_optional(c))?;
    Ok(found.map(|(at,)| at))
}

/// Deletes all but the `kept` newest addresses of an account.
pub async fn delete_surplus(tx: &mut Tx, account: &[u8], kept: i64) -> Result<(), DatabaseError> {
    const DELETE: &str = "DELETE FROM known_addresses WHERE account = $1 AND address NOT IN (SELECT address FROM \
                          known_addresses WHERE account = $1 ORDER BY last_login_at DESC, address LIMIT $2)";
    run_query!(tx, c => sqlx::query(DELETE).bind(account).bind(kept).execute(c))?;
    Ok(())
}

/// Deletes addresses whose last login was not between the two moments; returns their number. What lies after `until` was
/// written by a wrong clock.
pub async fn delete_outside(tx: &mut Tx, since: Timestamp, until: Timestamp) -> Result<u64, DatabaseError> {
    const DELETE: &str = "DELETE FROM known_addresses WHERE last_login_at < $1 OR last_login_at > $2";
    run_query!(tx, c => sqlx::query(DELETE).bind(since).bind(until).execute(c))
}
