//! Path segments and query strings.

use std::future::{Ready, ready};
use std::str::FromStr;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest, web};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use utoipa::IntoParams;
use uuid::Uuid;

use super::body::services;
use crate::domain::PageRequest;
use crate::http::problem::{Kind, Problem};

/// Identifiers in the path. One that is no UUID cannot name anything, so it is answered like an unknown one: 404.
#[derive(Debug)]
pub struct PathOf<T>(pub T);

impl<T: DeserializeOwned + 'static> FromRequest for PathOf<T> {
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
pub struct QueryOf<T>(pub T);

impl<T: DeserializeOwned + 'static> FromRequest for QueryOf<T> {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _payload: &mut Payload) -> Self::Future {
        let parsed = web::Query::<T>::from_query(request.query_string());
        ready(
            parsed
                .map(|query| Self(query.into_inner()))
                .map_err(|error| Problem::new(Kind::BadRequest, format!("the query string cannot be taken: {error}"))),
        )
    }
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
    let query = web::Query::<CursorQuery>::from_query(query)
        .map_err(|error| Problem::new(Kind::BadRequest, format!("the query string cannot be taken: {error}")))?;
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
}
