//! Failed guesses, kept in the database so that neither a restart nor a second server forgets them.
//!
//! `subject` is a keyed hash of whom the failure counts against: the table holds no names and no addresses.

use super::{DatabaseError, Reader, Tx, run_query};
use crate::domain::{AttemptId, Timestamp};

pub async fn insert(tx: &mut Tx, subject: &[u8], at: Timestamp) -> Result<(), DatabaseError> {
    const INSERT: &str = "INSERT INTO login_failures (id, subject, at) VALUES ($1, $2, $3)";
    run_query!(tx, c => sqlx::query(INSERT).bind(AttemptId::generate(at)).bind(subject).bind(at).execute(c))?;
    Ok(())
}

/// When the `nth` newest failure of `subject` between the two moments was; `None` if there are fewer.
pub async fn find_nth_newest(
    reader: &mut Reader,
    subject: &[u8],
    since: Timestamp,
    until: Timestamp,
    nth: i64,
) -> Result<Option<Timestamp>, DatabaseError> {
    const SELECT: &str =
        "SELECT at FROM login_failures WHERE subject = $1 AND at > $2 AND at < $3 ORDER BY at DESC LIMIT 1 OFFSET $4";
    let found: Option<(Timestamp,)> = run_query!(reader, c =>
        sqlx::query_as(SELECT).bind(subject).bind(since).bind(until).bind(nth - 1).fetch_optional(c))?;
    Ok(found.map(|(at,)| at))
}

pub async fn delete_by_subject(tx: &mut Tx, subject: &[u8]) -> Result<(), DatabaseError> {
    const DELETE: &str = "DELETE FROM login_failures WHERE subject = $1";
    run_query!(tx, c => sqlx::query(DELETE).bind(subject).execute(c))?;
    Ok(())
}

/// Deletes failures that were not between the two moments; returns their number. What lies after `until` was written by a
/// wrong clock.
pub async fn delete_outside(tx: &mut Tx, since: Timestamp, until: Timestamp) -> Result<u64, DatabaseError> {
    const DELETE: &str = "DELETE FROM login_failures WHERE at < $1 OR at > $2";
    run_query!(tx, c => sqlx::query(DELETE).bind(since).bind(until).execute(c))
}
