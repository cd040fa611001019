//! Reading a body within a number of bytes and a number of seconds.

use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::dev::Payload;
use actix_web::http::header::CONTENT_LENGTH;
use actix_web::web::{Bytes, BytesMut, Data};
use futures_util::StreamExt;

use super::meter::Meter;
use crate::http::Services;
use crate::http::problem::{Kind, Problem};

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
pub(super) fn check_length(request: &HttpRequest, limit: usize) -> Result<(), Problem> {
    let length = request.headers().get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    match length {
        Some(length) if length > limit as u64 => Err(too_large(length, limit)),
        Some(_) | None => Ok(()),
    }
}

/// The whole body, at most `limit` bytes.
pub(super) async fn read(payload: &mut Payload, limit: usize, meter: &mut Meter) -> Result<Bytes, Problem> {
    let mut body = BytesMut::new();
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
