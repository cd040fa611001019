//! What handlers take from a request: the caller, JSON, uploads, pages of lists, idempotency keys.
//!
//! Every extractor bounds what it reads in bytes and in time, and refuses with a [`Problem`](super::problem::Problem).

mod address;
mod body;
mod body_budget;
mod form;
mod json;
mod query;
mod upload;

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpMessage, HttpRequest};

use super::problem::{Kind, Problem};
use crate::domain::Caller;

pub use address::ClientAddress;
pub(super) use body::check_length;
pub use body_budget::BodyBudget;
pub use json::JsonBody;
pub use query::{Cursor, CursorQuery, ValidPath, ValidQuery};
pub(super) use upload::FORM_OVERHEAD;
pub use upload::{ImageBody, Upload, UploadForm};

impl FromRequest for Caller {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _payload: &mut Payload) -> Self::Future {
        let caller = request.extensions().get::<Caller>().cloned();
        ready(caller.ok_or_else(|| Problem::internal(&"a public route asks for its caller")))
    }
}

/// The `Idempotency-Key` header: 1–255 visible ASCII characters chosen by the client.
#[derive(Debug, Clone)]
pub struct IdempotencyKey(pub String);

impl FromRequest for IdempotencyKey {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _payload: &mut Payload) -> Self::Future {
        let Some(header) = request.headers().get("idempotency-key") else {
            let detail = "send an Idempotency-Key header with a value of your own, for example a UUID, and the same one when you try again";
            return ready(Err(Problem::new(Kind::KeyMissing, detail)));
        };
        let key = header.to_str().unwrap_or("").trim();
        if (1..=255).contains(&key.len()) && key.chars().all(|c| c.is_ascii_graphic()) {
            return ready(Ok(Self(key.to_owned())));
        }
        ready(Err(Problem::new(Kind::BadRequest, "the Idempotency-Key must be 1 to 255 visible ASCII characters")))
    }
}
