//! Replies kept under the key that the client chose, saved in the same transaction as the work.

use serde_json::Value;
use sqlx::types::Json;

use super::{DatabaseError, Reader, Tx, on};
use crate::domain::Timestamp;

/// A kept reply.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct StoredReply {
    /// SHA-256 of the request that it answered.
    pub request_hash: Vec<u8>,
    /// Its body.
    #[sqlx(json)]
    pub body: Value,
}

/// The statement of [`insert`].
pub(super) const INSERT: &str = "INSERT INTO idempotency_keys (scope, key, request_hash, body, created_at) \
    VALUES ($1, $2, $3, $4, $5)";

/// The reply kept under `key` for `scope`.
pub async fn find(reader: &mut Reader, scope: &str, key: &str) -> Result<Option<StoredReply>, DatabaseError> {
    const FIND: &str = "SELECT request_hash, body FROM idempotency_keys WHERE scope = $1 AND key = $2";
    on!(reader, c => sqlx::query_as(FIND).bind(scope).bind(key).fetch_optional(c))
}

/// Keeps a reply.
pub async fn insert(
    tx: &mut Tx,
    scope: &str,
    key: &str,
    reply: &StoredReply,
    now: Timestamp,
) -> Result<(), DatabaseError> {
    on!(tx, c => sqlx::query(INSERT)
        .bind(scope)
        .bind(key)
        .bind(&reply.request_hash)
        .bind(Json(&reply.body))
        .bind(now)
        .execute(c))?;
    Ok(())
}

/// Forgets replies kept before `moment`; gives how many.
pub async fn forget_before(tx: &mut Tx, moment: Timestamp) -> Result<u64, DatabaseError> {
    const DELETE: &str = "DELETE FROM idempotency_keys WHERE created_at < $1";
    on!(tx, c => sqlx::query(DELETE).bind(moment).execute(c))
}
