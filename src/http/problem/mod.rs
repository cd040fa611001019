//! Errors as `application/problem+json` (RFC 9457), each with a stable `type`.
//!
//! The one place where a service's error becomes a status. Every mapping matches exhaustively, so that a new error does
//! not become a 500 by accident. A 5xx tells the client nothing about its cause; the cause is logged here, once.

mod auth;
mod catalog;
mod kind;
mod mapping;

use std::borrow::Cow;

use actix_web::body::BoxBody;
use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::{HttpResponse, ResponseError};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

pub use kind::Kind;

use crate::domain::InvalidField;

/// Media type of every error.
pub const MEDIA_TYPE: &str = "application/problem+json";

/// An error as the client gets it.
#[derive(Debug)]
pub struct Problem {
    kind: Kind,
    detail: Cow<'static, str>,
    retry_after_s: Option<u64>,
    more: Map<String, Value>,
}

/// The JSON form of a [`Problem`].
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub struct ProblemBody {
    /// Stable name of the kind of problem, for programs.
    #[serde(rename = "type")]
    #[schema(examples("urn:tillsight:problem:stale-version"))]
    pub kind: String,
    /// The same for people, never with values.
    pub title: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// What was wrong this time, with which value, and what to do.
    pub detail: String,
    /// More about it, depending on the kind: `field`, `current_version`, `retry_after_s` and others.
    #[serde(flatten)]
    #[schema(value_type = Object)]
    pub more: Map<String, Value>,
}

impl Problem {
    /// A problem of this kind; `detail` says what was wrong this time.
    pub fn new(kind: Kind, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { kind, detail: detail.into(), retry_after_s: None, more: Map::new() }
    }

    /// A defect or an outage behind us: the cause goes to the log, the client is told nothing of it.
    pub fn internal(cause: &dyn std::fmt::Display) -> Self {
        tracing::error!(error = %cause, "request failed");
        Self::new(Kind::Internal, "the server could not do this; the reason is in its log under the request id")
    }

    /// Adds a member to the JSON body.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.more.insert(name.to_owned(), value.into());
        self
    }

    /// Tells the client when to come back, in `Retry-After` and in the body.
    #[must_use]
    pub fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after_s = Some(seconds);
        self.with("retry_after_s", seconds)
    }

    /// What kind of problem it is.
    pub fn kind(&self) -> Kind {
        self.kind
    }
}

impl From<InvalidField> for Problem {
    fn from(invalid: InvalidField) -> Self {
        Self::new(Kind::InvalidField, invalid.to_string()).with("field", invalid.field)
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
            more: self.more.clone(),
        };
        let mut response = HttpResponse::build(self.kind.status()).json(body);
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        if self.kind.status() == StatusCode::UNAUTHORIZED {
            // RFC 9110 wants the scheme named with every 401.
            response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(seconds) = self.retry_after_s {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}
