//! JSON bodies, with errors that name the field.

use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use serde::de::{DeserializeOwned, IgnoredAny};

use super::body::{check_length, read_body, read_with_timeout, services};
use super::body_budget::BodyReservation;
use crate::http::problem::{Problem, ProblemKind};

/// A JSON body of type `T`. An empty body counts as `{}`, so a request whose fields are all optional needs none.
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
            let mut reservation = BodyReservation::new(&services.bodies);
            let reading = read_body(&request, &mut payload, limits.json_bytes, &mut reservation);
            let body = read_with_timeout(limits.body_timeout_s, reading).await?;
            parse_object(if body.is_empty() { b"{}" } else { &body }).map(Self)
        })
    }
}

/// Syntax errors are 400; values that do not fit are 422.
fn parse_object<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    // Serde would accept a list for an object and take its values in the order in which the fields are declared.
    let first = body.trim_ascii_start().first().copied();
    if matches!(first, Some(b'[' | b'"' | b'0'..=b'9' | b'-' | b't' | b'f' | b'n'))
        && serde_json::from_slice::<IgnoredAny>(body).is_ok()
    {
        let detail = "The JSON body is not an object. Send one: {\"field\": value, …}.";
        return Err(Problem::new(ProblemKind::InvalidField, detail));
    }
    serde_json::from_slice(body).map_err(|error| match error.classify() {
        serde_json::error::Category::Data => {
            let reason = without_type_names(&error.to_string());
            Problem::new(ProblemKind::InvalidField, format!("The JSON body has a wrong field: {reason}."))
        }
        serde_json::error::Category::Io | serde_json::error::Category::Syntax | serde_json::error::Category::Eof => {
            Problem::new(ProblemKind::BadRequest, format!("The body is not valid JSON: {error}."))
        }
    })
}

/// Serde's text without the names of our types: `expected struct NewStore` becomes `expected an object`.
fn without_type_names(text: &str) -> String {
    const EXPECTED: &str = "expected struct ";
    let Some((before, after)) = text.split_once(EXPECTED) else { return text.to_owned() };
    let name_end = after.find(' ').unwrap_or(after.len());
    format!("{before}expected an object{}", &after[name_end..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct VersionBody {
        #[expect(dead_code, reason = "the test only parses it")]
        version: i64,
    }

    #[test]
    fn bad_syntax_is_400_and_a_bad_value_is_422() {
        let refuse = |body: &str| parse_object::<VersionBody>(body.as_bytes()).unwrap_err();
        assert_eq!(refuse("{").kind(), ProblemKind::BadRequest);
        assert_eq!(refuse("{\"version\":\"x\"}").kind(), ProblemKind::InvalidField);
        for body in [" [7]", "\"text\"", "7", "null"] {
            let refused = refuse(body);
            assert_eq!(refused.kind(), ProblemKind::InvalidField);
            assert!(refused.to_string().contains("not an object"), "{refused}");
        }
        let text = "parts: invalid type: integer `7`, expected struct NewPart at line 1 column 12";
        assert_eq!(
            without_type_names(text),
            "parts: invalid type: integer `7`, expected an object at line 1 column 12"
        );
        assert!(refuse("{}").to_string().contains("version"));
        assert!(refuse("{\"version\":1,\"total\":5}").to_string().contains("total"));
    }
}
