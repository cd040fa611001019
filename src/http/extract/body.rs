//! Reading a body within a number of bytes and a number of seconds.

use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::dev::Payload;
use actix_web::http::header::CONTENT_LENGTH;
use actix_web::web::{Bytes, BytesMut, Data};
use futures_util::StreamExt;

use super::body_budget::BodyReservation;
use crate::http::Services;
use crate::http::problem::{Kind, Problem};

/// Bytes that are set aside for a body before any of it has arrived.
const MOST_AHEAD: usize = 1 << 20;

/// The services behind `request`.
pub(super) fn services(request: &HttpRequest) -> Result<Data<Services>, Problem> {
    let found = request.app_data::<Data<Services>>().cloned();
    found.ok_or_else(|| Problem::internal(&"the services are not registered with the HTTP server"))
}

/// Runs `reading`, but for `seconds` at most: a client that sends a byte a minute must not hold memory for ever.
pub(super) async fn in_time<T>(seconds: u64, reading: impl Future<Output = Result<T, Problem>>) -> Result<T, Problem> {
    let late = || Problem::new(Kind::BodyTimeout, format!("the body took longer than {seconds} s to arrive"));
    tokio::time::timeout(Duration::from_secs(seconds), reading).await.map_err(|_| late())?
}

/// Refuses a body whose `Content-Length` is past `limit` before any of it is read.
pub(in crate::http) fn check_length(request: &HttpRequest, limit: usize) -> Result<(), Problem> {
    match content_length(request) {
        Some(length) if length > limit as u64 => Err(too_large(length, limit)),
        Some(_) | None => Ok(()),
    }
}

fn content_length(request: &HttpRequest) -> Option<u64> {
    request.headers().get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// The whole body of `request`, at most `limit` bytes.
pub(super) async fn read(
    request: &HttpRequest,
    payload: &mut Payload,
    limit: usize,
    meter: &mut BodyReservation,
) -> Result<Bytes, Problem> {
    // Room for what was announced saves copying it again and again while it grows. No more than a photo's worth: an announcement
    // costs nothing.
    let announced = content_length(request).and_then(|length| usize::try_from(length).ok()).unwrap_or(0);
    let mut body = BytesMut::with_capacity(announced.min(limit).min(MOST_AHEAD));
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|error| Problem::new(Kind::BadRequest, format!("the body broke off: {error}")))?;
        if body.len() + chunk.len() > limit {
            let detail = format!("the body has more than {limit} bytes, which is all that is taken here");
            return Err(Problem::new(Kind::TooLarge, detail).with("limit_bytes", limit));
        }
        meter.add(chunk.len())?;
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

/// 413 with both numbers.
fn too_large(length: u64, limit: usize) -> Problem {
    Problem::new(Kind::TooLarge, format!("{length} bytes were sent; at most {limit} are taken here"))
        .with("limit_bytes", limit)
}
