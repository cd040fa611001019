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
use crate::domain::PageRequest;
use crate::http::problem::{Kind, Problem};

/// Identifiers in the path. One that is no UUID cannot name anything, so it is answered like an unknown one: 404.
#[derive(Debug)]
pub struct ValidPath<T>(pub T);

impl<T: DeserializeOwned + 'static> FromRequest for ValidPath<T> {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let parsed = web::Path::<T>::from_request(request, payload).into_inner();
        let path = request.path();
        ready(
            parsed
                .map(|path| Self(path.into_inner()))
                .map_err(|error| Problem::new(Kind::NotFound, format!("{path} names nothing: {error}"))),
        )
    }
}

/// The query string as `T`.
#[derive(Debug)]
pub struct ValidQuery<T>(pub T);

impl<T: DeserializeOwned + 'static> FromRequest for ValidQuery<T> {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _payload: &mut Payload) -> Self::Future {
        ready(parse(request.query_string()).map(Self))
    }
}

/// The query string as `T`. A refusal names the parameter and what was sent in it.
fn parse<T: DeserializeOwned>(query: &str) -> Result<T, Problem> {
    let sent = || form_urlencoded::parse(query.as_bytes());
    serde_path_to_error::deserialize(serde_urlencoded::Deserializer::new(sent())).map_err(|error| {
        let name = error.path().to_string();
        let value = sent().find(|(sent, _)| *sent == name).map(|(_, value)| value);
        let Some(value) = value else {
            // A parameter that is missing: the error itself names it.
            return Problem::new(Kind::BadRequest, format!("the query string cannot be taken: {}", error.inner()));
        };
        let shown: String = value.chars().take(LONGEST_SHOWN).collect();
        let detail = format!("query parameter {name}: \"{shown}\" cannot be taken: {}", error.inner());
        Problem::new(Kind::BadRequest, detail).with("field", name).with("value", shown)
    })
}

/// `?limit=` and `?cursor=` of a list.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct CursorQuery {
    /// Rows of the page; 20 unless told otherwise.
    limit: Option<i64>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Which page of a list is wanted, within the configured limit.
#[derive(Debug, Clone, Copy)]
pub struct Cursor(pub PageRequest);

/// Characters of a parameter's value that a refusal repeats at most.
const LONGEST_SHOWN: usize = 100;

/// Rows of a page when the client names no number.
const DEFAULT_LIMIT: i64 = 20;

impl FromRequest for Cursor {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _payload: &mut Payload) -> Self::Future {
        ready(services(request).and_then(|services| read(request.query_string(), services.limits.page)))
    }
}

fn read(query: &str, most: i64) -> Result<Cursor, Problem> {
    let query: CursorQuery = parse(query)?;
    let limit = query.limit.unwrap_or(DEFAULT_LIMIT.min(most));
    if !(1..=most).contains(&limit) {
        return Err(Problem::new(Kind::InvalidField, format!("limit: {limit} is not between 1 and {most}"))
            .with("field", "limit"));
    }
    let before = query.cursor.as_deref().map(Uuid::from_str).transpose();
    let before = before.map_err(|_| {
        Problem::new(Kind::InvalidField, "cursor: this is no cursor that a list gave").with("field", "cursor")
    })?;
    Ok(Cursor(PageRequest { before, limit }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_and_cursors_are_checked() {
        assert_eq!(read("", 100).unwrap().0.limit, 20);
        assert_eq!(read("limit=7&q=milk", 100).unwrap().0.limit, 7);
        assert_eq!(read("limit=101", 100).unwrap_err().kind(), Kind::InvalidField);
        assert_eq!(read("limit=0", 100).unwrap_err().kind(), Kind::InvalidField);
        assert_eq!(read("limit=many", 100).unwrap_err().kind(), Kind::BadRequest);
        assert_eq!(read("cursor=7", 100).unwrap_err().kind(), Kind::InvalidField);
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct ManualItem {
        #[expect(dead_code, reason = "only its parsing is looked at")]
        version: i64,
    }

    #[test]
    fn what_cannot_be_taken_is_named() {
        let told = |query: &str| parse::<ManualItem>(query).unwrap_err().to_string();
        assert!(told("version=seven+%26").contains("query parameter version: \"seven &\" cannot be taken"));
        assert!(told("version=1&deeply=true").contains("query parameter deeply: \"true\""));
        assert!(told("").contains("missing field `version`"));
        assert!(told("version=1&version=2").contains("duplicate field `version`"));
        assert!(told(&format!("version={}", "x".repeat(5_000))).len() < 300);
    }
}
