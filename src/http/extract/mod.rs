//! Extractors: what handlers take from a request. The caller, JSON, uploads, pages of lists, idempotency keys.
//!
//! Every extractor limits the bytes it reads and the time it takes, and refuses with a [`Problem`].

mod body;
mod body_budget;
mod client_address;
mod json;
mod multipart;
mod query;
mod upload;

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpMessage, HttpRequest};

use super::problem::{Problem, ProblemKind};
use crate::domain::Caller;

pub use body_budget::BodyBudget;
pub use client_address::{ClientAddress, client_address};
pub use json::JsonBody;
pub use query::{PageQuery, ValidPage, ValidPath, ValidQuery};
pub use upload::{ImageBody, Upload, UploadForm};

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
        let Some(header) = request.headers().get("idempotency-key") else {
            let detail = "The Idempotency-Key header is missing. Send a value of your own, for example a UUID, and the same \
                          one when you try again.";
            return ready(Err(Problem::new(ProblemKind::KeyMissing, detail)));
        };
        let key = header.to_str().unwrap_or("").trim();
        if (1..=255).contains(&key.len()) && key.chars().all(|c| c.is_ascii_graphic()) {
            return ready(Ok(Self(key.to_owned())));
        }
        let detail = "The Idempotency-Key must be 1 to 255 visible ASCII characters without spaces.";
        ready(Err(Problem::new(ProblemKind::BadRequest, detail)))
    }
}
