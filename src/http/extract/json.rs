//! JSON bodies, with errors that name the field.

use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use serde::de::{DeserializeOwned, IgnoredAny};

use super::body::{check_length, read_body, read_with_timeout, services};
use super::body_budget::BodyReservation;
use crate::domain::{ValueFault, describe_json_syntax};
use crate::http::problem::{Problem, ProblemKind, excerpt};

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
    let mut json = serde_json::Deserializer::from_slice(body);
    let parsed = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let path = error.path().to_string();
        refuse_value(&path, error.inner())
    })?;
    json.end().map_err(|error| refuse_value("", &error))?;
    Ok(parsed)
}

/// Why `T` does not take the JSON at `path`; a path of "." is the whole.
pub(super) fn refuse_value(path: &str, error: &serde_json::Error) -> Problem {
    if !error.is_data() {
        return Problem::new(ProblemKind::BadRequest, format!("The body {}.", describe_json_syntax(error)));
    }
    let path = excerpt(path.trim_matches('.'));
    let fault = ValueFault::from_text(&error.to_string());
    let problem = Problem::new(ProblemKind::InvalidField, format!("{}.", fault.describe("The field", &path)));
    if !path.is_empty() {
        return problem.with("field", path);
    }
    if let ValueFault::Missing(name) = fault { problem.with("field", name) } else { problem }
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
        let told = |body: &str| refuse(body).to_string();
        assert!(told("{\"version\": \"x\"}").contains("The field version must be a whole number, not the text \"x\"."));
        assert!(told("{}").contains("The field version is missing."), "{}", told("{}"));
        let unknown = told("{\"version\":1,\"total\":5}");
        assert!(unknown.contains("The field total does not exist; there are version."), "{unknown}");
        assert!(told("{\"version\": 1,}").contains("The body is not valid JSON at line 1, column 15."));
        assert!(told("{\"version\": 1} x").contains("The body is not valid JSON at line 1, column 16."));
    }
}
