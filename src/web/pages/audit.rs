//! The audit log: who did what, to what, when.

use actix_web::web::Data;
use askama::Template;
use serde::Deserialize;
use url::form_urlencoded;

use super::audit_record::{AuditReader, ShownField};
use super::stores::list_stores;
use crate::audit::{AuditRecordView, AuditSearch};
use crate::domain::{BusinessDays, Caller, TimeZone};
use crate::http::Services;
use crate::http::extract::ValidQuery;
use crate::web::form::Form;
use crate::web::page::{Page, PageResult};

const PAGE_LENGTH: i64 = 50;
const SUMMARY_CHARS: usize = 80;
/// The first parts of the actions' names, for the filter.
const SUBJECTS: [&str; 11] =
    ["user", "store", "kiosk", "product", "order", "receipt", "alert", "numbering", "model", "session", "task"];

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct AuditQuery {
    actor: String,
    action: String,
    subject: String,
    /// A day in the time zone of the server's settings.
    since: String,
    cursor: String,
}

#[derive(Template)]
#[template(path = "audit.html")]
struct AuditTemplate<'a> {
    page: &'a Page,
    zone: TimeZone,
    form: Form,
    subjects: &'static [&'static str],
    records: Vec<ShownRecord>,
    next_cursor: Option<i64>,
    /// The address of this list without a cursor, ending in `&`.
    base: String,
    is_filtered: bool,
}

/// A record with the addresses that it leads to.
struct ShownRecord {
    record: AuditRecordView,
    /// What was done; without it, the page shows the action's code.
    sentence: Option<String>,
    fields: Vec<ShownField>,
    /// What else the same person did.
    actor_address: String,
    /// What else was done to the same thing.
    subject_address: String,
}

impl ShownRecord {
    fn new(reader: AuditReader<'_>, record: AuditRecordView) -> Self {
        Self {
            sentence: reader.sentence(&record),
            fields: reader.fields(&record),
            actor_address: list_address("actor", &record.actor),
            subject_address: list_address("subject", &record.subject),
            record,
        }
    }

    /// The first fields, for the line of a closed disclosure.
    fn summary(&self) -> String {
        let shown: Vec<String> =
            self.fields.iter().take(2).map(|field| format!("{}: {}", field.name, field.value)).collect();
        let summary: String = shown.join(" · ").chars().take(SUMMARY_CHARS).collect();
        if summary.is_empty() { "…".to_owned() } else { summary }
    }
}

fn list_address(filter: &str, value: &str) -> String {
    let query = form_urlencoded::Serializer::new(String::new()).append_pair(filter, value).finish();
    format!("/admin/audit?{query}")
}

pub async fn show(page: Page, caller: Caller, services: Data<Services>, query: ValidQuery<AuditQuery>) -> PageResult {
    let stores = list_stores(&services, &caller).await?;
    let zone = services.auth.store_defaults().1;
    let AuditQuery { actor, action, subject, since, cursor } = query.0;
    let given = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
    let mut form = Form::filled([
        ("actor", actor.clone()),
        ("action", action.clone()),
        ("subject", subject.clone()),
        ("since", since.clone()),
    ]);
    let mut records = (Vec::new(), None);
    let found = async {
        let days = BusinessDays::new(zone.clone(), 0);
        let from = given(&since).map(|day| days.parse_day("since", &day)).transpose()?.map(|(start, _)| start);
        let search = AuditSearch {
            actor: given(&actor),
            action: given(&action),
            subject: given(&subject),
            from,
            to: None,
            before: cursor.parse().ok(),
            limit: PAGE_LENGTH,
        };
        services.audit.list(search).await
    };
    match found.await {
        Ok(list) => records = (list.data, list.next_cursor),
        Err(error) => form = form.refuse(error),
    }
    let filters = [("actor", &actor), ("action", &action), ("subject", &subject), ("since", &since)];
    let is_filtered = filters.iter().any(|(_, value)| !value.trim().is_empty());
    let filters = filters.into_iter().filter(|(_, value)| !value.trim().is_empty());
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(filters).finish();
    let base = if query.is_empty() { "/admin/audit?".to_owned() } else { format!("/admin/audit?{query}&") };
    let status = form.status();
    let (records, next_cursor) = records;
    let reader = AuditReader { page: &page, zone: &zone, stores: &stores };
    let records = records.into_iter().map(|record| ShownRecord::new(reader, record)).collect();
    let subjects = &SUBJECTS;
    page.render_with_status(
        status,
        &AuditTemplate { page: &page, zone, form, subjects, records, next_cursor, base, is_filtered },
    )
}
