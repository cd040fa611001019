//! Extractors: what handlers take from a request. The caller, JSON, uploads, pages of lists, idempotency keys.
//!
//! Every extractor limits the bytes it reads and the time it takes, and refuses with a [`Problem`].

mod body;
mod body_budget;
mod client_address;
mod form;
mod form_part;
mod import_upload;
mod json;
mod multipart;
mod query;
mod task_form;
mod upload;

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpMessage, HttpRequest};

use super::problem::{Problem, ProblemKind};
use crate::domain::Caller;

pub use body_budget::BodyBudget;
pub use client_address::{ClientAddress, client_address};
pub use form::FormBody;
pub use import_upload::ImportUpload;
pub use json::JsonBody;
pub use query::{PageQuery, ValidPage, ValidPath, ValidQuery, check_page_limit};
pub use task_form::TaskBody;
pub use upload::{ImageBody, Upload, UploadForm};

/// The name of the header with which a client makes a request safe to repeat.
pub const IDEMPOTENCY_KEY: &str = "idempotency-key";

impl FromRequest for Caller {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _payload: &mut Payload) -> Self::Future {
        let caller = request.extensions().get::<Caller>().cloned();
        ready(caller.ok_or_else(|| Problem::internal(&"a handler asked for the caller on a public route")))
    }
}

/// The `Idempotency-Key` header: 1 to 255 visible ASCII characters, chosen by the client.
#[derive(Debug, Clone)]
pub struct IdempotencyKey(pub String);

impl FromRequest for IdempotencyKey {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _payload: &mut Payload) -> Self::Future {
        ready(read_idempotency_key(request).and_then(|key| {
            let detail = "The Idempotency-Key header is missing. Send a value of your own, for example a UUID, and the same \
                          one when you try again.";
            key.map(Self).ok_or_else(|| Problem::new(ProblemKind::KeyMissing, detail))
        }))
    }
}

/// The `Idempotency-Key` header of a route that works without one, too.
#[derive(Debug, Clone)]
pub struct OptionalIdempotencyKey(Option<String>);

impl OptionalIdempotencyKey {
    pub fn as_deref(&self) -> Option<&str> {
        self.0.as_deref()
    }
}

impl FromRequest for OptionalIdempotencyKey {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _payload: &mut Payload) -> Self::Future {
        ready(read_idempotency_key(request).map(Self))
    }
}

fn read_idempotency_key(request: &HttpRequest) -> Result<Option<String>, Problem> {
    let mut headers = request.headers().get_all(IDEMPOTENCY_KEY);
    let Some(header) = headers.next() else { return Ok(None) };
    let key = header.to_str().unwrap_or("").trim();
    if headers.next().is_none() && (1..=255).contains(&key.len()) && key.chars().all(|c| c.is_ascii_graphic()) {
        return Ok(Some(key.to_owned()));
    }
    let detail = "The Idempotency-Key must be one value of 1 to 255 visible ASCII characters without spaces.";
    Err(Problem::new(ProblemKind::BadRequest, detail))
}
