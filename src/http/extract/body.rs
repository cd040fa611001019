//! Reads a request's body within limits on its bytes and its seconds.

use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::dev::Payload;
use actix_web::http::header::CONTENT_LENGTH;
use actix_web::web::{Bytes, BytesMut, Data};
use futures_util::StreamExt;

use super::body_budget::BodyReservation;
use crate::http::Services;
use crate::http::problem::{Problem, ProblemKind};

/// The most bytes that are allocated before a body arrives, since a client can announce a large one without sending it.
const ALLOCATED_AHEAD_MAX: usize = 1 << 20;

pub(super) fn services(request: &HttpRequest) -> Result<Data<Services>, Problem> {
    let services = request.app_data::<Data<Services>>().cloned();
    services.ok_or_else(|| Problem::internal(&"the services are not registered with the HTTP server"))
}

/// Whether a `Content-Type` is that of a form of parts. Its letters count in either case.
pub(super) fn is_multipart(media_type: &str) -> bool {
    media_type.trim_start().get(..10).is_some_and(|kind| kind.eq_ignore_ascii_case("multipart/"))
}

/// Stops `reading` after `timeout_s`, so that a client that sends a byte a minute does not hold memory for ever.
pub(super) async fn read_with_timeout<T>(
    timeout_s: u64,
    reading: impl Future<Output = Result<T, Problem>>,
) -> Result<T, Problem> {
    let late = || {
        let detail = format!("The request's body did not arrive within {timeout_s} seconds.");
        Problem::new(ProblemKind::BodyTimeout, detail)
    };
    tokio::time::timeout(Duration::from_secs(timeout_s), reading).await.map_err(|_| late())?
}

/// Refuses a body whose `Content-Length` exceeds `limit_bytes` before any of it is read.
pub(super) fn check_length(request: &HttpRequest, limit_bytes: usize) -> Result<(), Problem> {
    match content_length(request) {
        Some(length) if length > limit_bytes as u64 => {
            let detail = format!("The request's body has {length} bytes. At most {limit_bytes} bytes are allowed.");
            Err(Problem::new(ProblemKind::TooLarge, detail).with("limit_bytes", limit_bytes))
        }
        Some(_) | None => Ok(()),
    }
}

fn content_length(request: &HttpRequest) -> Option<u64> {
    request.headers().get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Reads the whole body, at most `limit_bytes`.
pub(super) async fn read_body(
    request: &HttpRequest,
    payload: &mut Payload,
    limit_bytes: usize,
    reservation: &mut BodyReservation,
) -> Result<Bytes, Problem> {
    let announced = content_length(request).and_then(|length| usize::try_from(length).ok()).unwrap_or(0);
    let mut body = BytesMut::with_capacity(announced.min(limit_bytes).min(ALLOCATED_AHEAD_MAX));
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|error| {
            tracing::debug!(%error, "a request's body broke off");
            Problem::new(ProblemKind::BadRequest, "The request's body broke off before its end.")
        })?;
        if body.len() + chunk.len() > limit_bytes {
            let detail = format!("The request's body has more than the {limit_bytes} bytes allowed.");
            return Err(Problem::new(ProblemKind::TooLarge, detail).with("limit_bytes", limit_bytes));
        }
        reservation.add(chunk.len())?;
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}
