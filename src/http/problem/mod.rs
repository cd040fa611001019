//! Errors as `application/problem+json` (RFC 9457), each with a stable `type`.
//!
//! The one place where a service's error becomes a status. Every mapping matches exhaustively, so that a new error does
//! not become a 500 by accident. A 5xx tells the client nothing about its cause; the cause is logged here, once.

mod auth;
mod automation;
mod catalog;
mod database;
mod examples;
mod index;
mod kind;
mod models;
mod monitoring;
mod orders;
mod recognition;
mod statistics;

use std::borrow::Cow;

use actix_web::body::BoxBody;
use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::{HttpResponse, ResponseError};
use serde::Serialize;
use serde_json::{Map, Value};

pub use kind::ProblemKind;

use crate::domain::InvalidField;

/// Seconds after which a client may try again when a queue is full: the queues drain in well under a second.
const OVERLOAD_RETRY_S: u64 = 1;

/// The media type of every problem.
pub(super) const MEDIA_TYPE: &str = "application/problem+json";

/// An error on its way to the client.
#[derive(Debug)]
pub struct Problem {
    kind: ProblemKind,
    detail: Cow<'static, str>,
    retry_after_s: Option<u64>,
    extensions: Map<String, Value>,
}

/// The JSON form of a [`Problem`].
#[derive(Debug, Serialize)]
pub struct ProblemBody {
    /// The kind of problem, as a stable name for programs.
    #[serde(rename = "type")]
    pub kind: String,
    /// The kind of problem, as a sentence for people.
    pub title: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// What happened, with the value, and what to do next.
    pub detail: String,
    /// Members that depend on the kind: `field`, `current_version`, `retry_after_s` and others.
    #[serde(flatten)]
    pub extensions: Map<String, Value>,
}

impl Problem {
    /// `detail` says what happened, with the value, and what to do next.
    pub fn new(kind: ProblemKind, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { kind, detail: detail.into(), retry_after_s: None, extensions: Map::new() }
    }

    /// A defect or an outage. The cause is logged and hidden from the client.
    pub fn internal(cause: &dyn std::fmt::Display) -> Self {
        tracing::error!(error = %cause, "request failed");
        let detail = "The server failed. Its log holds the reason under the x-request-id of this response.";
        Self::new(ProblemKind::Internal, detail)
    }

    /// Adds an extension member to the JSON body.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.extensions.insert(name.to_owned(), value.into());
        self
    }

    /// Tells the client when to try again, in `Retry-After` and in the body.
    #[must_use]
    pub fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after_s = Some(seconds);
        self.with("retry_after_s", seconds)
    }

    pub fn kind(&self) -> ProblemKind {
        self.kind
    }

    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// The name of the field that is wrong.
    pub fn field(&self) -> Option<&str> {
        self.extension("field")?.as_str()
    }

    /// An extension member of the JSON body.
    pub fn extension(&self, name: &str) -> Option<&Value> {
        self.extensions.get(name)
    }
}

impl From<InvalidField> for Problem {
    fn from(invalid: InvalidField) -> Self {
        Self::new(ProblemKind::InvalidField, invalid.to_string()).with("field", invalid.field)
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.kind.slug(), self.detail)
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.kind.status()
    }

    fn error_response(&self) -> HttpResponse<BoxBody> {
        let body = ProblemBody {
            kind: self.kind.urn(),
            title: self.kind.title(),
            status: self.kind.status().as_u16(),
            detail: self.detail.clone().into_owned(),
            extensions: self.extensions.clone(),
        };
        let mut response = HttpResponse::build(self.kind.status()).json(body);
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        if self.kind.status() == StatusCode::UNAUTHORIZED {
            // RFC 9110 requires the scheme with every 401.
            response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(seconds) = self.retry_after_s {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

/// The beginning of a client's text for a message, without control characters.
pub(super) fn excerpt(text: &str) -> String {
    const CHARS_MAX: usize = 100;
    text.chars().filter(|c| !c.is_control()).take(CHARS_MAX).collect()
}
