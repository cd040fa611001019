//! The audit log as admins read it. It is written by the services, in the transactions that it records (`db::audit`).

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::db::audit::{self, AuditFilter, AuditRecord};
use crate::db::{Database, DatabaseError, Reader, actor_names, users};
use crate::domain::{InvalidField, Timestamp, parse_line};

const FILTER_CHARS_MAX: usize = 120;

/// Which records to list; a filter that is `None` matches all.
#[derive(Debug, Clone, Default)]
pub struct AuditSearch {
    /// A username, or an actor as the log names it.
    pub actor: Option<String>,
    /// An action, or the first part of its name.
    pub action: Option<String>,
    /// The id of what was changed.
    pub subject: Option<String>,
    pub from: Option<Timestamp>,
    pub to: Option<Timestamp>,
    /// Only records with a smaller number.
    pub before: Option<i64>,
    /// At least 1.
    pub limit: i64,
}

/// A record of the audit log.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct AuditRecordView {
    /// 1, 2, 3 … without gaps.
    pub seq: i64,
    pub at: Timestamp,
    /// `system`, `command line`, `user:<id>` or `kiosk:<id>`.
    #[schema(examples("user:01997d3c-8f4e-7b02-a5c1-3f6f0c2b9d10"))]
    pub actor: String,
    /// The username, or the name of the kiosk.
    pub actor_name: Option<String>,
    #[schema(examples("product.change"))]
    pub action: String,
    /// The id of what was changed.
    pub subject: String,
    /// What was changed; depends on the action.
    #[schema(value_type = Object)]
    pub details: Value,
    /// The network address of the client.
    pub address: Option<String>,
    /// SHA-256 over the previous record's hash and this record's fields, in hexadecimal.
    pub hash: String,
}

/// A page of the audit log.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct AuditPage {
    /// Newest first.
    pub data: Vec<AuditRecordView>,
    /// Pass it as `cursor` for the next page; `null` on the last one.
    pub next_cursor: Option<i64>,
}

/// A refusal or failure of the audit log.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    #[error(transparent)]
    Invalid(#[from] InvalidField),
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

/// The audit log; cheap to clone.
#[derive(Clone)]
pub struct AuditLog {
    db: Database,
}

impl AuditLog {
    pub fn new(db: Database) -> Self {
        Self { db }
    }

    /// Records, newest first.
    pub async fn list(&self, search: AuditSearch) -> Result<AuditPage, AuditError> {
        let AuditSearch { actor, action, subject, from, to, before, limit } = search;
        let line =
            |field, text: Option<String>| text.map(|text| parse_line(field, &text, FILTER_CHARS_MAX)).transpose();
        let mut reader = self.db.read().await?;
        let actor = match line("actor", actor)? {
            Some(name) => Some(find_label(&mut reader, name).await?),
            None => None,
        };
        let (action, subject) = (line("action", action)?, line("subject", subject)?);
        let filter = AuditFilter { actor, action, subject, from, to };
        let mut records = audit::list_newest(&mut reader, &filter, before, limit + 1).await?;
        let is_last = records.len() <= usize::try_from(limit).unwrap_or(usize::MAX);
        records.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        let next_cursor = records.last().filter(|_| !is_last).map(|record| record.seq);
        let names = actor_names::list(&mut reader, records.iter().map(|record| record.actor.as_str())).await?;
        let view = |record: AuditRecord| AuditRecordView {
            seq: record.seq,
            at: record.at,
            actor_name: names.get(&record.actor).cloned(),
            actor: record.actor,
            action: record.action,
            subject: record.subject,
            details: record.details,
            address: record.address,
            hash: hex::encode(record.hash),
        };
        Ok(AuditPage { data: records.into_iter().map(view).collect(), next_cursor })
    }
}

/// The label of the user with this name; any other text may be a label already.
async fn find_label(reader: &mut Reader, name: String) -> Result<String, DatabaseError> {
    let user = users::find_by_username(reader, &name.to_lowercase()).await?;
    Ok(user.map_or(name, |user| format!("user:{}", user.id)))
}
