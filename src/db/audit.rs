//! The audit log: who did what to which thing, when and from where. Append-only, each record hashed over the one before.
//!
//! A record is written in the transaction of the act itself, so neither exists without the other. The one row of
//! `audit_head` serialises writers: records number 1, 2, 3 … without gaps.

use serde_json::Value;
use sqlx::types::Json;

use super::{DatabaseError, Reader, Tx, on};
use crate::domain::{Caller, Seal, Timestamp};

/// One act to be recorded. `details` must hold no secret: it is kept for ever.
#[derive(Debug)]
pub struct AuditEntry<'a> {
    /// When it was done.
    pub at: Timestamp,
    /// Who did it, and from where.
    pub caller: &'a Caller,
    /// What was done: `product.create`, `kiosk.revoke`, …
    pub action: &'static str,
    /// To which thing: its id.
    pub subject: String,
    /// What was changed to what.
    pub details: Value,
}

/// A record as it is kept.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct AuditRecord {
    /// 1, 2, 3 …
    pub seq: i64,
    /// When.
    pub at: Timestamp,
    /// [`crate::domain::Actor::label`] of who did it.
    pub actor: String,
    /// What was done.
    pub action: String,
    /// To which thing.
    pub subject: String,
    /// What was changed to what.
    #[sqlx(json)]
    pub details: Value,
    /// Network address of the client, where there was one.
    pub address: Option<String>,
    /// SHA-256 over the previous record's hash and this record's fields.
    pub hash: Vec<u8>,
}

/// Adds a record, within the transaction of the act.
pub async fn append(tx: &mut Tx, entry: AuditEntry<'_>) -> Result<(), DatabaseError> {
    const LOCK_HEAD: &str = "UPDATE audit_head SET seq = seq + 1 WHERE id = 1 RETURNING seq, hash";
    const INSERT: &str = "INSERT INTO audit_log (seq, at, actor, action, subject, details, address, hash) \
                          VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    const MOVE_HEAD: &str = "UPDATE audit_head SET hash = $1 WHERE id = 1";
    let (seq, previous) = on!(tx, c => sqlx::query_as::<_, (i64, Vec<u8>)>(LOCK_HEAD).fetch_one(c))?;
    let record = AuditRecord {
        seq,
        at: entry.at,
        actor: entry.caller.actor.label(),
        action: entry.action.to_owned(),
        subject: entry.subject,
        details: entry.details,
        address: entry.caller.address.clone(),
        hash: Vec::new(),
    };
    let hash = chained(&previous, &record);
    on!(tx, c => sqlx::query(INSERT)
        .bind(record.seq)
        .bind(record.at)
        .bind(&record.actor)
        .bind(&record.action)
        .bind(&record.subject)
        .bind(Json(&record.details))
        .bind(&record.address)
        .bind(&hash)
        .execute(c))?;
    on!(tx, c => sqlx::query(MOVE_HEAD).bind(&hash).execute(c))?;
    Ok(())
}

/// Records after number `after`, oldest first.
pub async fn list(reader: &mut Reader, after: i64, limit: i64) -> Result<Vec<AuditRecord>, DatabaseError> {
    const SELECT: &str = "SELECT seq, at, actor, action, subject, details, address, hash FROM audit_log \
                          WHERE seq > $1 ORDER BY seq LIMIT $2";
    on!(reader, c => sqlx::query_as(SELECT).bind(after).bind(limit).fetch_all(c))
}

/// The record's seal after the previous record's.
pub fn chained(previous: &[u8], record: &AuditRecord) -> Vec<u8> {
    Seal::after(previous)
        .number(record.seq)
        .number(record.at.micros())
        .field(&record.actor)
        .field(&record.action)
        .field(&record.subject)
        .field(record.details.to_string())
        .optional(record.address.as_deref())
        .finish()
}
