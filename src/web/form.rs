//! Forms: what was typed, and what is wrong with it at which field. Shown again with both until it is right.
//!
//! A form carries a key of its own in a hidden field. A handler passes it to services that keep their replies under an
//! idempotency key, so that a form sent twice is done once; other services refuse the second by their own uniqueness.

use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::{FromRequest, HttpRequest};
use secrecy::SecretString;
use uuid::Uuid;

use super::page::Page;
use crate::http::extract::FormBody;
use crate::http::problem::{Problem, ProblemKind};

/// The hidden field with the form's key.
pub const KEY_FIELD: &str = "form_key";
/// Fields with such a word in their name (`new_password`) are never shown again.
const SECRET_NAMES: [&str; 2] = ["password", "code"];

/// A form, empty or as it was sent.
#[derive(Debug)]
pub struct Form {
    pub(super) values: Vec<(String, String)>,
    refusal: Option<Refusal>,
    key: String,
}

/// Why the form was refused.
#[derive(Debug)]
struct Refusal {
    kind: ProblemKind,
    field: Option<String>,
    detail: String,
}

/// A refusal as a page shows it.
#[derive(Debug, Clone)]
pub struct FormFault {
    /// In a shop's words, in the reader's language.
    pub text: String,
    /// What exactly is wrong, in English; empty if `text` says it all.
    pub detail: String,
    /// Whether `text` alone does not tell what to mend, and the detail must be read as well.
    pub needs_detail: bool,
    /// The problem's type, for whoever calls support.
    pub urn: String,
}

impl FromRequest for Form {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let body = FormBody::from_request(request, payload);
        Box::pin(async move { Ok(Self::sent(body.await?.0)) })
    }
}

impl Default for Form {
    fn default() -> Self {
        Self::empty()
    }
}

impl Form {
    /// A new form with a key of its own.
    pub fn empty() -> Self {
        Self { values: Vec::new(), refusal: None, key: Uuid::new_v4().to_string() }
    }

    /// A new form with these values in it.
    pub fn filled<'a>(values: impl IntoIterator<Item = (&'a str, String)>) -> Self {
        let values = values.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        Self { values, ..Self::empty() }
    }

    /// A form that was sent in another encoding.
    pub fn from_texts(values: Vec<(String, String)>) -> Self {
        Self::sent(values)
    }

    fn sent(values: Vec<(String, String)>) -> Self {
        let key = values.iter().find(|(name, _)| name == KEY_FIELD).map(|(_, key)| key.clone());
        let is_key = |key: &String| (1..=64).contains(&key.len()) && key.chars().all(|c| c.is_ascii_graphic());
        Self { values, refusal: None, key: key.filter(is_key).unwrap_or_else(|| Uuid::new_v4().to_string()) }
    }

    /// The text of a field; empty if the form has none.
    pub fn text(&self, name: &str) -> &str {
        self.values.iter().find(|(field, _)| field == name).map_or("", |(_, value)| value)
    }

    /// The text of a field that may be left empty.
    pub fn optional(&self, name: &str) -> Option<&str> {
        Some(self.text(name).trim()).filter(|text| !text.is_empty())
    }

    /// Every value of a field that may occur several times.
    pub fn texts<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.values.iter().filter(move |(field, _)| field == name).map(|(_, value)| value.as_str())
    }

    /// Whether a field that may occur several times has this value.
    pub fn has_value(&self, name: &str, value: &str) -> bool {
        self.texts(name).any(|one| one == value)
    }

    pub fn secret(&self, name: &str) -> SecretString {
        self.text(name).into()
    }

    pub fn is_checked(&self, name: &str) -> bool {
        !self.text(name).is_empty()
    }

    /// The idempotency key for what this form asks for.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The form with what is wrong with it, to be shown again.
    #[must_use]
    pub fn refuse(mut self, problem: impl Into<Problem>) -> Self {
        let problem = problem.into();
        let field = problem.field().map(str::to_owned);
        self.refusal = Some(Refusal { kind: problem.kind(), field, detail: problem.detail().to_owned() });
        self
    }

    /// The status of the page that shows the form.
    pub fn status(&self) -> StatusCode {
        self.refusal.as_ref().map_or(StatusCode::OK, |refusal| refusal.kind.status())
    }

    /// What was typed, for a template; nothing that is secret.
    pub fn shown(&self, name: &str) -> &str {
        if name.split('_').any(|part| SECRET_NAMES.contains(&part)) { "" } else { self.text(name) }
    }

    /// What is wrong at this field, for a template.
    pub fn fault_at(&self, page: &Page, name: &str) -> Option<FormFault> {
        let refusal = self.refusal.as_ref()?;
        (refusal.field.as_deref() == Some(name)).then(|| refusal.describe(page))
    }

    /// What is wrong with the form as a whole: at none of `fields`, names with a space between them.
    pub fn fault_elsewhere(&self, page: &Page, fields: &str) -> Option<FormFault> {
        let refusal = self.refusal.as_ref()?;
        let is_at_field = refusal.field.as_deref().is_some_and(|field| fields.split(' ').any(|name| name == field));
        (!is_at_field).then(|| refusal.describe(page))
    }
}

impl Refusal {
    fn describe(&self, page: &Page) -> FormFault {
        let (text, detail) = match (self.kind, &self.field) {
            (ProblemKind::InvalidField, Some(field)) => {
                let prefix = format!("{field}: ");
                let reason = sentence(self.detail.strip_prefix(&prefix).unwrap_or(&self.detail));
                match page.language {
                    super::language::Language::English => (reason, String::new()),
                    super::language::Language::Korean => (page.problem_text(self.kind), reason),
                }
            }
            // The message says all of it.
            (ProblemKind::EnrolmentRefused, _) => (page.problem_text(self.kind), String::new()),
            (ProblemKind::StaleVersion, Some(_)) => {
                let value = if self.detail.is_empty() { "–" } else { &self.detail };
                (page.text1("field-changed-meanwhile", "value", value), String::new())
            }
            (kind, _) => (page.problem_text(kind), self.detail.clone()),
        };
        let needs_detail = self.kind == ProblemKind::InvalidField && !detail.is_empty();
        FormFault { text, detail, needs_detail, urn: self.kind.urn() }
    }
}

/// `must not be empty` as a sentence.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let begin = letters.next().map(|letter| letter.to_uppercase().to_string()).unwrap_or_default();
    let end = if text.ends_with(['.', '!', '?']) { "" } else { "." };
    format!("{begin}{}{end}", letters.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(values: &[(&str, &str)]) -> Form {
        Form::sent(values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }

    #[test]
    fn a_form_keeps_what_was_typed_but_no_secret() {
        let form = sent(&[("name", "Main Street"), ("new_password", "apples and oranges"), ("form_key", "7")]);
        assert_eq!((form.shown("name"), form.shown("new_password"), form.shown("city")), ("Main Street", "", ""));
        assert_eq!((form.key(), form.optional("city")), ("7", None));
        assert_eq!(sent(&[("form_key", "two words")]).key().len(), 36, "a key of its own");
    }

    #[test]
    fn reasons_become_sentences() {
        assert_eq!(sentence("must not be empty"), "Must not be empty.");
        assert_eq!(sentence("Choose another one."), "Choose another one.");
        assert_eq!(sentence(""), ".");
    }
}
