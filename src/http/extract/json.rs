//! JSON bodies, with errors that name the field.

use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use serde::de::DeserializeOwned;

use super::body::{check_length, in_time, read, services};
use super::body_budget::BodyReservation;
use crate::http::problem::{Kind, Problem};

/// A JSON body of type `T`. An empty body counts as `{}`, so that requests whose fields are all optional need none.
#[derive(Debug)]
pub struct JsonBody<T>(pub T);

impl<T: DeserializeOwned + 'static> FromRequest for JsonBody<T> {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let request = request.clone();
        let mut payload = payload.take();
        Box::pin(async move {
            let services = services(&request)?;
            let limits = &services.limits;
            check_length(&request, limits.json_bytes)?;
            let mut meter = BodyReservation::new(&services.bodies);
            let body =
                in_time(limits.body_timeout_s, read(&request, &mut payload, limits.json_bytes, &mut meter)).await?;
            parse(if body.is_empty() { b"{}" } else { &body }).map(Self)
        })
    }
}

/// Syntax errors are 400, values that do not fit are 422.
fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    // Serde would take a list for an object, its values for the fields in the order in which we wrote them down.
    if body.trim_ascii_start().starts_with(b"[") {
        return Err(Problem::new(Kind::InvalidField, "the JSON body is a list; send an object: {\"field\": value, …}"));
    }
    serde_json::from_slice(body).map_err(|error| {
        let kind = match error.classify() {
            serde_json::error::Category::Data => Kind::InvalidField,
            serde_json::error::Category::Io
            | serde_json::error::Category::Syntax
            | serde_json::error::Category::Eof => Kind::BadRequest,
        };
        Problem::new(kind, format!("the JSON body cannot be taken: {error}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct ManualItem {
        #[expect(dead_code, reason = "only its parsing is looked at")]
        version: i64,
    }

    #[test]
    fn bad_syntax_and_bad_values_are_told_apart() {
        assert_eq!(parse::<ManualItem>(b"{").unwrap_err().kind(), Kind::BadRequest);
        let wrong = parse::<ManualItem>(b"{\"version\":\"x\"}").unwrap_err();
        assert_eq!(wrong.kind(), Kind::InvalidField);
        assert_eq!(parse::<ManualItem>(b" [7]").unwrap_err().kind(), Kind::InvalidField);
        assert!(parse::<ManualItem>(b"{}").unwrap_err().to_string().contains("version"));
        assert!(parse::<ManualItem>(b"{\"version\":1,\"total\":5}").unwrap_err().to_string().contains("total"));
    }
}
