//! The audit log: who did what, to what, when and from where. Append-only; each record's hash covers the record before.
//!
//! A record is written in the transaction of the action itself, so neither exists without the other. The one row of
//! `audit_head` serialises writers, so records have the numbers 1, 2, 3 … without gaps, and none is dated before its predecessor.

use serde_json::Value;
use sqlx::types::Json;

use super::{DatabaseError, Reader, Tx, run_query};
use crate::domain::{Caller, Seal, Timestamp};

/// `details` must not contain a secret: it is stored for ever.
#[derive(Debug)]
pub struct AuditEntry<'a> {
    pub at: Timestamp,
    pub caller: &'a Caller,
    /// `product.create`, `kiosk.revoke`, …
    pub action: &'static str,
    /// The id of the changed thing.
    pub subject: String,
    pub details: Value,
}

#[derive(Debug, Clone, sqlx::FromRow)]
pub struct AuditRecord {
    /// 1, 2, 3 …
    pub seq: i64,
    pub at: Timestamp,
    /// [`crate::domain::Actor::label`].
    pub actor: String,
    pub action: String,
    pub subject: String,
    #[sqlx(json)]
    pub details: Value,
    /// Network address of the client.
    pub address: Option<String>,
    /// SHA-256 over the previous record's hash and this record's fields.
    pub hash: Vec<u8>,
}

/// Call it in the transaction of the action.
pub async fn append(tx: &mut Tx, entry: AuditEntry<'_>) -> Result<(), DatabaseError> {
    const LOCK_HEAD: &str = "UPDATE audit_head SET seq = seq + 1 WHERE id = 1 RETURNING seq, hash, at";
    const INSERT: &str = "INSERT INTO audit_log (seq, at, actor, action, subject, details, address, hash) \
                          VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    const MOVE_HEAD: &str = "UPDATE audit_head SET hash = $1, at = $2 WHERE id = 1";
    let (seq, previous, previous_at) =
        run_query!(tx, c => sqlx::query_as::<_, (i64, Vec<u8>, Timestamp)>(LOCK_HEAD).fetch_one(c))?;
    let record = AuditRecord {
        seq,
        // The clock may have been set back.
        at: entry.at.max(previous_at),
        actor: entry.caller.actor.label(),
        action: entry.action.to_owned(),
        subject: entry.subject,
        details: entry.details,
        address: entry.caller.address.clone(),
        hash: Vec::new(),
    };
    let hash = seal_record(&previous, &record);
    run_query!(tx, c => sqlx::query(INSERT)
        .bind(record.seq)
        .bind(record.at)
        .bind(&record.actor)
        .bind(&record.action)
        .bind(&record.subject)
        .bind(Json(&record.details))
        .bind(&record.address)
        .bind(&hash)
        .execute(c))?;
    run_query!(tx, c => sqlx::query(MOVE_HEAD).bind(&hash).bind(record.at).execute(c))?;
    Ok(())
}

/// Number and seal of the newest record.
#[derive(Debug, Clone)]
pub struct AuditHead {
    /// 0 before the first record.
    pub seq: i64,
    pub hash: Vec<u8>,
}

pub async fn read_head(reader: &mut Reader) -> Result<AuditHead, DatabaseError> {
    const SELECT: &str = "SELECT seq, hash FROM audit_head WHERE id = 1";
    let (seq, hash) = run_query!(reader, c => sqlx::query_as::<_, (i64, Vec<u8>)>(SELECT).fetch_one(c))?;
    Ok(AuditHead { seq, hash })
}

/// Records after number `after`, oldest first.
pub async fn list(reader: &mut Reader, after: i64, limit: i64) -> Result<Vec<AuditRecord>, DatabaseError> {
    const SELECT: &str = "SELECT seq, at, actor, action, subject, details, address, hash FROM audit_log \
                          WHERE seq > $1 ORDER BY seq LIMIT $2";
    run_query!(reader, c => sqlx::query_as(SELECT).bind(after).bind(limit).fetch_all(c))
}

/// `None` does not filter.
#[derive(Debug, Clone, Default)]
pub struct AuditFilter {
    /// [`crate::domain::Actor::label`].
    pub actor: Option<String>,
    /// The action, or the part of its name before a dot.
    pub action: Option<String>,
    pub subject: Option<String>,
    pub from: Option<Timestamp>,
    pub to: Option<Timestamp>,
}

/// Records with a number below `before`, newest first.
pub async fn list_newest(
    reader: &mut Reader,
    filter: &AuditFilter,
    before: Option<i64>,
    limit: i64,
) -> Result<Vec<AuditRecord>, DatabaseError> {
    const SELECT: &str = "SELECT seq, at, actor, action, subject, details, address, hash FROM audit_log \
        WHERE ($1 IS NULL OR seq < $1) AND ($2 IS NULL OR actor = $2) AND ($3 IS NULL OR subject = $3) \
        AND ($4 IS NULL OR action = $4 OR SUBSTR(action, 1, LENGTH($4) + 1) = $4 || '.') \
        AND ($5 IS NULL OR at >= $5) AND ($6 IS NULL OR at < $6) ORDER BY seq DESC LIMIT $7";
    run_query!(reader, c => sqlx::query_as(SELECT)
        .bind(before)
        .bind(&filter.actor)
        .bind(&filter.subject)
        .bind(&filter.action)
        .bind(filter.from)
        .bind(filter.to)
        .bind(limit)
        .fetch_all(c))
}

/// The seal of `record` after the record with the seal `previous`.
pub fn seal_record(previous: &[u8], record: &AuditRecord) -> Vec<u8> {
    Seal::chained_to(previous)
        .number(record.seq)
        .number(record.at.micros())
        .field(&record.actor)
        .field(&record.action)
        .field(&record.subject)
        .field(record.details.to_string())
        .optional(record.address.as_deref())
        .finish()
}
