//! Stored replies under the idempotency key that the client chose, written in the transaction of the work.

use serde_json::Value;
use sqlx::types::Json;

use super::{DatabaseError, Reader, Tx, run_query};
use crate::domain::Timestamp;

#[derive(Debug, Clone, sqlx::FromRow)]
pub struct StoredReply {
    /// SHA-256 of the request that it answered.
    pub request_hash: Vec<u8>,
    #[sqlx(json)]
    pub body: Value,
}

/// The statement of [`insert`].
pub(super) const INSERT: &str = "INSERT INTO idempotency_keys (scope, key, request_hash, body, created_at) \
    VALUES ($1, $2, $3, $4, $5)";

pub async fn find(reader: &mut Reader, scope: &str, key: &str) -> Result<Option<StoredReply>, DatabaseError> {
    const FIND: &str = "SELECT request_hash, body FROM idempotency_keys WHERE scope = $1 AND key = $2";
    run_query!(reader, c => sqlx::query_as(FIND).bind(scope).bind(key).fetch_optional(c))
}

pub async fn insert(
    tx: &mut Tx,
    scope: &str,
    key: &str,
    reply: &StoredReply,
    now: Timestamp,
) -> Result<(), DatabaseError> {
    run_query!(tx, c => sqlx::query(INSERT)
        .bind(scope)
        .bind(key)
        .bind(&reply.request_hash)
        .bind(Json(&reply.body))
        .bind(now)
        .execute(c))?;
    Ok(())
}

/// Returns the number of deleted replies.
pub async fn delete_before(tx: &mut Tx, moment: Timestamp) -> Result<u64, DatabaseError> {
    const DELETE: &str = "DELETE FROM idempotency_keys WHERE created_at < $1";
    run_query!(tx, c => sqlx::query(DELETE).bind(moment).execute(c))
}

/// Like [`delete_before`], for the replies of one scope.
pub async fn delete_of_scope_before(tx: &mut Tx, scope: &str, moment: Timestamp) -> Result<u64, DatabaseError> {
    const DELETE: &str = "DELETE FROM idempotency_keys WHERE scope = $1 AND created_at < $2";
    run_query!(tx, c => sqlx::query(DELETE).bind(scope).bind(moment).execute(c))
}

/// The scope and key of the probe, which no request can have.
const PROBE: &str = "probe";

/// Writes a row of `bytes` that no request can find, to see whether there is room.
pub async fn insert_probe(tx: &mut Tx, bytes: Vec<u8>) -> Result<(), DatabaseError> {
    let reply = StoredReply { request_hash: bytes, body: Value::Null };
    insert(tx, PROBE, PROBE, &reply, Timestamp::from_micros(0)).await
}

pub async fn delete_probe(tx: &mut Tx) -> Result<(), DatabaseError> {
    const DELETE: &str = "DELETE FROM idempotency_keys WHERE scope = $1 AND key = $1";
    run_query!(tx, c => sqlx::query(DELETE).bind(PROBE).execute(c)).map(drop)
}
