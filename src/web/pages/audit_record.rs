//! A record of the audit log in words: what was done as a sentence, the fields by their names, money as money.
//!
//! Invariant: a code without a message is shown as it is, so that a record of another version of the program hides nothing.

use serde_json::Value;

use crate::audit::AuditRecordView;
use crate::auth::StoreView;
use crate::domain::{Currency, Money, TimeZone, Timestamp};
use crate::web::amount::parse_amount;
use crate::web::format;
use crate::web::page::Page;

/// What the words depend on.
#[derive(Clone, Copy)]
pub(super) struct AuditReader<'a> {
    pub page: &'a Page,
    pub zone: &'a TimeZone,
    /// For their names.
    pub stores: &'a [StoreView],
}

/// A field of a record with its value, both in the reader's language.
pub(super) struct ShownField {
    pub name: String,
    pub value: String,
}

impl AuditReader<'_> {
    /// `Took €8.95 for receipt 12`; `None` if there is no sentence for the action, or the record lacks what it says.
    pub fn sentence(&self, record: &AuditRecordView) -> Option<String> {
        let key = format!("audit-did-{}", message_word(&record.action));
        let (_, present) = states(&record.details);
        let currency = find_currency(present);
        let fields = present.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null());
        let arguments: Vec<(&str, String)> =
            fields.map(|(name, value)| (name.as_str(), self.value(name, value, currency))).collect();
        self.page.find_text_with(&key, &arguments)
    }

    /// The fields of a record, without those that are empty; of a change, those that changed.
    pub fn fields(&self, record: &AuditRecordView) -> Vec<ShownField> {
        let (before, present) = states(&record.details);
        let currency = find_currency(present);
        let fields = present.as_object().into_iter().flatten();
        let shown = fields.filter_map(|(name, value)| {
            // Money names its currency.
            if name == "currency" && present.get("amount").is_some_and(Value::is_i64) {
                return None;
            }
            let value = match before {
                Some(before) if before.get(name) == Some(value) => return None,
                Some(before) => self.change(name, before.get(name).unwrap_or(&Value::Null), value, currency),
                None if is_empty(value) => return None,
                None => self.value(name, value, currency),
            };
            Some(ShownField { name: self.field_name(name), value })
        });
        shown.collect()
    }

    fn change(&self, name: &str, from: &Value, to: &Value, currency: Option<Currency>) -> String {
        format!("{} → {}", self.value(name, from, currency), self.value(name, to, currency))
    }

    fn field_name(&self, name: &str) -> String {
        self.page.find_text_with(&format!("audit-field-{}", message_word(name)), &[]).unwrap_or_else(|| name.to_owned())
    }

    fn value(&self, name: &str, value: &Value, currency: Option<Currency>) -> String {
        match value {
            Value::Null => "–".to_owned(),
            Value::Bool(yes) => self.page.text(if *yes { "audit-yes" } else { "audit-no" }),
            Value::Number(number) => self.number(name, number.as_i64(), currency).unwrap_or_else(|| number.to_string()),
            Value::String(text) => self.word(name, text),
            Value::Array(values) if name == "images" => format::number(i64::try_from(values.len()).unwrap_or(i64::MAX)),
            Value::Array(values) => {
                let values: Vec<String> = values.iter().map(|value| self.value(name, value, currency)).collect();
                values.join(if name == "receipts" { "–" } else { ", " })
            }
            Value::Object(fields) => match (fields.get("from"), fields.get("to")) {
                (Some(from), Some(to)) if fields.len() == 2 => self.change(name, from, to, currency),
                _ => value.to_string(),
            },
        }
    }

    fn number(&self, name: &str, number: Option<i64>, currency: Option<Currency>) -> Option<String> {
        match name {
            "amount" | "cash_rounding" => Some(self.page.money(number?, currency?)),
            "rate_bp" | "tax_rate_bp" => Some(self.page.percent(number? as f64 / 10_000.0)),
            _ => None,
        }
    }

    fn word(&self, name: &str, text: &str) -> String {
        let prefix = match name {
            "method" | "methods" => "method-",
            "role" => "person-role-",
            "series" => "series-",
            "type" => "task-type-",
            "store_id" => return self.store_name(text),
            "price" => return parse_money(text).map_or_else(|| text.to_owned(), format::money),
            _ if name.ends_with("_at") => return self.time(text),
            _ => return text.to_owned(),
        };
        self.page.find_text_with(&format!("{prefix}{}", message_word(text)), &[]).unwrap_or_else(|| text.to_owned())
    }

    fn store_name(&self, id: &str) -> String {
        let store = self.stores.iter().find(|store| store.id.to_string() == id);
        store.map_or_else(|| id.to_owned(), |store| store.name.clone())
    }

    fn time(&self, text: &str) -> String {
        let at: Option<Timestamp> = serde_json::from_value(Value::from(text)).ok();
        at.map_or_else(|| text.to_owned(), |at| format::exact_time(self.page.language, at, self.zone))
    }
}

/// As the keys of messages are written.
fn message_word(code: &str) -> String {
    code.replace(['.', '_'], "-")
}

/// What a record tells: the state before, if it is a change of a whole, and the state after.
fn states(details: &Value) -> (Option<&Value>, &Value) {
    match (details.get("from"), details.get("to")) {
        (Some(from), Some(to)) if from.is_object() && to.is_object() => (Some(from), to),
        _ => (None, details),
    }
}

fn is_empty(value: &Value) -> bool {
    value.is_null() || value.as_array().is_some_and(Vec::is_empty)
}

fn find_currency(details: &Value) -> Option<Currency> {
    Currency::parse("currency", details.get("currency")?.as_str()?).ok()
}

/// `1.29 EUR`, as records keep a price.
fn parse_money(text: &str) -> Option<Money> {
    let (amount, code) = text.split_once(' ')?;
    let currency = Currency::parse("price", code).ok()?;
    let amount = parse_amount("price", amount, currency).ok()??;
    Some(Money { amount, currency })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::{Path, PathBuf};

    use super::*;
    use crate::web::language::Language;
    use crate::web::messages;

    /// The codes in a source file that look like an action of the log.
    fn actions(source: &str) -> impl Iterator<Item = &str> {
        let subjects = [
            "user.",
            "store.",
            "kiosk.",
            "product.",
            "order.",
            "receipt.",
            "session.",
            "alert.",
            "numbering.",
            "task.",
        ];
        let is_action = move |text: &&str| {
            (subjects.iter().any(|subject| text.starts_with(subject)) || text.starts_with("model.switch."))
                && text.chars().all(|c| c.is_ascii_lowercase() || ".-_".contains(c))
                // Else it is the beginning of a name.
                && !text.ends_with(['.', '-', '_'])
        };
        source.split('"').filter(is_action)
    }

    #[test]
    fn every_action_that_the_program_records_has_a_sentence() {
        let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
        let mut found: BTreeSet<String> = BTreeSet::new();
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path: PathBuf = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|end| end == "rs") {
                    let source = std::fs::read_to_string(&path).unwrap();
                    if source.contains("audit") {
                        found.extend(actions(&source).map(str::to_owned));
                    }
                }
            }
        }
        assert!(found.len() > 40 && found.contains("order.pay"), "{found:?}");
        for action in found {
            let key = format!("audit-did-{}", message_word(&action));
            assert!(messages::has(Language::English, &key), "no message {key}");
        }
    }

    #[test]
    fn prices_are_read_as_records_keep_them() {
        let euro = Currency::parse("currency", "EUR").unwrap();
        assert_eq!(parse_money("1.29 EUR"), Some(Money { amount: 129, currency: euro }));
        assert_eq!((parse_money("1.29"), parse_money("x EUR")), (None, None));
    }
}
