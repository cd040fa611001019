//! Forms of pages: names and texts, URL-encoded.

use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::{FromRequest, HttpRequest};
use url::form_urlencoded;

use super::body::{check_length, read_body, read_with_timeout, services};
use super::body_budget::BodyReservation;
use crate::http::problem::{Problem, ProblemKind};

/// The fields of a form in the order in which the page has them.
#[derive(Debug)]
pub struct FormBody(pub Vec<(String, String)>);

impl FromRequest for FormBody {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let request = request.clone();
        let mut payload = payload.take();
        Box::pin(async move {
            let services = services(&request)?;
            let limits = &services.limits;
            let media_type = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
            if !media_type.to_ascii_lowercase().starts_with("application/x-www-form-urlencoded") {
                let detail = "The body is not a form. Send application/x-www-form-urlencoded.";
                return Err(Problem::new(ProblemKind::BadRequest, detail));
            }
            check_length(&request, limits.json_bytes)?;
            let mut reservation = BodyReservation::new(&services.bodies);
            let reading = read_body(&request, &mut payload, limits.json_bytes, &mut reservation);
            let body = read_with_timeout(limits.body_timeout_s, reading).await?;
            Ok(Self(form_urlencoded::parse(&body).into_owned().collect()))
        })
    }
}
