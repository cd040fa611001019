//! Refresh tokens: one row per token ever issued, linked into families.
//!
//! A family begins with a login and grows by one with each refresh. A token is live until it is rotated, its family is
//! ended, or it expires. Only the SHA-256 of a token is stored.

use super::{DatabaseError, Reader, Tx, run_query};
use crate::domain::{Timestamp, TokenId, UserId};

/// A token without its hash.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct RefreshTokenRow {
    pub id: TokenId,
    /// Id of the family's first token.
    pub family: TokenId,
    pub user_id: UserId,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
    /// When its successor was issued.
    pub rotated_at: Option<Timestamp>,
    pub ended_at: Option<Timestamp>,
}

pub async fn insert(tx: &mut Tx, row: &RefreshTokenRow, token_hash: &[u8]) -> Result<(), DatabaseError> {
    const INSERT: &str = "INSERT INTO refresh_tokens (id, family, user_id, token_hash, created_at, expires_at) \
                          VALUES ($1, $2, $3, $4, $5, $6)";
    run_query!(tx, c => sqlx::query(INSERT)
        .bind(row.id)
        .bind(row.family)
        .bind(row.user_id)
        .bind(token_hash)
        .bind(row.created_at)
        .bind(row.expires_at)
        .execute(c))?;
    Ok(())
}

/// Also finds tokens that are rotated, ended or expired.
pub async fn find_by_hash(reader: &mut Reader, token_hash: &[u8]) -> Result<Option<RefreshTokenRow>, DatabaseError> {
    const SELECT: &str = "SELECT id, family, user_id, created_at, expires_at, rotated_at, ended_at \
                          FROM refresh_tokens WHERE token_hash = $1";
    run_query!(reader, c => sqlx::query_as(SELECT).bind(token_hash).fetch_optional(c))
}

pub async fn rotate(tx: &mut Tx, id: TokenId, at: Timestamp) -> Result<(), DatabaseError> {
    const UPDATE: &str = "UPDATE refresh_tokens SET rotated_at = $2 WHERE id = $1 AND rotated_at IS NULL";
    run_query!(tx, c => sqlx::query(UPDATE).bind(id).bind(at).execute(c))?;
    Ok(())
}

pub async fn end_family(tx: &mut Tx, family: TokenId, at: Timestamp) -> Result<(), DatabaseError> {
    const UPDATE: &str = "UPDATE refresh_tokens SET ended_at = $2 WHERE family = $1 AND ended_at IS NULL";
    run_query!(tx, c => sqlx::query(UPDATE).bind(family).bind(at).execute(c))?;
    Ok(())
}

pub async fn end_user(tx: &mut Tx, user: UserId, at: Timestamp) -> Result<(), DatabaseError> {
    const UPDATE: &str = "UPDATE refresh_tokens SET ended_at = $2 WHERE user_id = $1 AND ended_at IS NULL";
    run_query!(tx, c => sqlx::query(UPDATE).bind(user).bind(at).execute(c))?;
    Ok(())
}

/// Returns the number of deleted tokens.
pub async fn delete_expired(tx: &mut Tx, before: Timestamp) -> Result<u64, DatabaseError> {
    const DELETE: &str = "DELETE FROM refresh_tokens WHERE expires_at < $1";
    run_query!(tx, c => sqlx::query(DELETE).bind(before).execute(c))
}
