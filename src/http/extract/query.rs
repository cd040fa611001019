//! Path segments and query strings.

use std::future::{Ready, ready};
use std::str::FromStr;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest, web};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use url::form_urlencoded;
use utoipa::IntoParams;
use uuid::Uuid;

use super::body::services;
use crate::domain::{PageRequest, ValueFault};
use crate::http::problem::{Problem, ProblemKind, excerpt};

/// Ids in the path. A malformed one gets the reply of an unknown one: 404.
#[derive(Debug)]
pub struct ValidPath<T>(pub T);

impl<T: DeserializeOwned + 'static> FromRequest for ValidPath<T> {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let parsed = web::Path::<T>::from_request(request, payload).into_inner();
        ready(parsed.map(|path| Self(path.into_inner())).map_err(|_| {
            let detail = format!("Nothing exists at {}: its identifier is malformed.", excerpt(request.path()));
            Problem::new(ProblemKind::NotFound, detail)
        }))
    }
}

/// The query string as `T`.
#[derive(Debug)]
pub struct ValidQuery<T>(pub T);

impl<T: DeserializeOwned + 'static> FromRequest for ValidQuery<T> {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _payload: &mut Payload) -> Self::Future {
        ready(parse_query(request.query_string()).map(Self))
    }
}

/// A refusal names the parameter and its value.
fn parse_query<T: DeserializeOwned>(query: &str) -> Result<T, Problem> {
    let parameters = || form_urlencoded::parse(query.as_bytes());
    serde_path_to_error::deserialize(serde_urlencoded::Deserializer::new(parameters())).map_err(|error| {
        let name = error.path().to_string();
        let Some((_, value)) = parameters().find(|(parameter, _)| *parameter == name) else {
            // A parameter is missing or repeated; the error names it.
            let fault = ValueFault::from_text(&error.inner().to_string());
            return Problem::new(ProblemKind::BadRequest, format!("{}.", fault.describe("The query parameter", "")));
        };
        let value = excerpt(&value);
        let fault = ValueFault::from_text(&error.inner().to_string()).with_text_value(&value);
        let detail = format!("{}.", fault.describe("The query parameter", &name));
        Problem::new(ProblemKind::BadRequest, detail).with("field", name).with("value", value)
    })
}

/// `?limit=` and `?cursor=` of a list.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PageQuery {
    /// Entries on the page. Default: 20.
    #[param(minimum = 1)]
    limit: Option<i64>,
    /// `next_cursor` of the previous page.
    #[param(format = Uuid)]
    cursor: Option<String>,
}

/// The page of a list that a request asks for, within the configured limit.
#[derive(Debug, Clone, Copy)]
pub struct ValidPage(pub PageRequest);

const DEFAULT_LIMIT: i64 = 20;

impl FromRequest for ValidPage {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _payload: &mut Payload) -> Self::Future {
        ready(services(request).and_then(|services| parse_page(request.query_string(), services.limits.page)))
    }
}

fn parse_page(query: &str, limit_max: i64) -> Result<ValidPage, Problem> {
    let query: PageQuery = parse_query(query)?;
    let limit = check_page_limit(query.limit, limit_max)?;
    let before = query.cursor.as_deref().map(Uuid::from_str).transpose().map_err(|_| {
        let detail = "The cursor is malformed. Send the next_cursor of the previous page.";
        Problem::new(ProblemKind::InvalidField, detail).with("field", "cursor")
    })?;
    Ok(ValidPage(PageRequest { before, limit }))
}

/// The entries on a page: what was asked for, or the default.
pub fn check_page_limit(limit: Option<i64>, limit_max: i64) -> Result<i64, Problem> {
    let limit = limit.unwrap_or(DEFAULT_LIMIT.min(limit_max));
    if (1..=limit_max).contains(&limit) {
        return Ok(limit);
    }
    let detail = format!("The limit must be between 1 and {limit_max}, not {limit}.");
    Err(Problem::new(ProblemKind::InvalidField, detail).with("field", "limit"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_and_cursors_are_checked() {
        assert_eq!(parse_page("", 100).unwrap().0.limit, 20);
        assert_eq!(parse_page("limit=7&q=milk", 100).unwrap().0.limit, 7);
        assert_eq!(parse_page("limit=101", 100).unwrap_err().kind(), ProblemKind::InvalidField);
        assert_eq!(parse_page("limit=0", 100).unwrap_err().kind(), ProblemKind::InvalidField);
        assert_eq!(parse_page("limit=many", 100).unwrap_err().kind(), ProblemKind::BadRequest);
        assert_eq!(parse_page("cursor=7", 100).unwrap_err().kind(), ProblemKind::InvalidField);
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct VersionQuery {
        #[expect(dead_code, reason = "the test only parses it")]
        version: i64,
    }

    #[test]
    fn a_refusal_names_the_parameter_and_its_value() {
        let refuse = |query: &str| parse_query::<VersionQuery>(query).unwrap_err().to_string();
        assert!(refuse("version=seven+%26").contains("parameter version must be a whole number, not \"seven &\"."));
        assert!(refuse("version=1&deeply=true").contains("parameter deeply does not exist; there are version."));
        assert!(refuse("").contains("parameter version is missing."));
        assert!(refuse("version=1&version=2").contains("parameter version is there more than once."));
        assert!(refuse(&format!("version={}", "x".repeat(5_000))).len() < 300);
    }
}
