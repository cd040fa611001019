//! The middleware that turns photos away while the recognition engine has no room for them.
//!
//! It stands before the credentials are looked up and before the photo is kept: in a rush most of the photos that come are
//! refused, and what a refusal costs is taken from those that are worked on. It is a look ahead and no more: who may be let
//! in is decided behind it ([`crate::pool::Admission`]), and who is turned away here has shown no credentials, so the answer
//! tells nothing but that the server is busy.

use std::time::Duration;

use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::http::{ConnectionType, Method};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage, ResponseError, web};
use futures_util::StreamExt;

use super::Services;
use super::access_control::route_pattern;
use super::extract::{FORM_OVERHEAD, check_length};
use super::problem::Problem;

/// The routes that take a photo that somebody stands and waits for.
const PHOTOS: [&str; 2] = ["/api/recognize", "/api/sessions/{id}/frames"];

/// Answers 429 where there is no room for a photo at the moment at which its request begins; who sends it slowly may be
/// refused although there would be room by the end.
pub async fn turn_away(
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<EitherBody<impl MessageBody>>, Error> {
    let Some(services) = photo_for(&request) else { return Ok(next.call(request).await?.map_into_left_body()) };
    let most = services.limits.image_bytes + FORM_OVERHEAD;
    // One that is too large is refused as such, and none of it is read: coming back would not help it.
    let fits = check_length(request.request(), most).is_ok();
    if fits && let Err(busy) = services.recognition.has_room() {
        let patience = Duration::from_secs(services.limits.body_timeout_s);
        let whole = tokio::time::timeout(patience, drain(request.take_payload(), most)).await.unwrap_or(false);
        let mut response = Problem::from(busy).error_response();
        if !whole {
            response.head_mut().set_connection_type(ConnectionType::Close);
        }
        return Ok(request.into_response(response).map_into_right_body());
    }
    Ok(next.call(request).await?.map_into_left_body())
}

/// The services, where the request brings a photo.
fn photo_for(request: &ServiceRequest) -> Option<web::Data<Services>> {
    if request.method() != Method::POST || !PHOTOS.contains(&route_pattern(request)?.as_str()) {
        return None;
    }
    request.app_data::<web::Data<Services>>().cloned()
}

/// Takes the body from the wire and keeps none of it, so that the client can read its answer and use the connection again:
/// one who still sends when the other end hangs up may never see the answer.
///
/// Whether it came to the body's end within `most` bytes.
async fn drain(mut body: Payload, most: usize) -> bool {
    let mut seen = 0;
    while let Some(chunk) = body.next().await {
        let Ok(chunk) = chunk else { return false };
        seen += chunk.len();
        if seen > most {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use actix_web::error::PayloadError;
    use actix_web::web::Bytes;
    use futures_util::stream;

    use super::*;
    use crate::http::policy;

    #[test]
    fn every_route_of_photos_is_one() {
        for pattern in PHOTOS {
            assert!(
                policy::find(&Method::POST, pattern).is_some(),
                "{pattern} was renamed, and nothing is turned away there"
            );
        }
    }

    #[actix_web::test]
    async fn the_connection_is_kept_only_where_the_body_came_to_its_end() {
        let of = |chunks: Vec<Result<&'static str, PayloadError>>| {
            let chunks = chunks.into_iter().map(|chunk| chunk.map(|text| Bytes::from_static(text.as_bytes())));
            Payload::Stream { payload: stream::iter(chunks.collect::<Vec<_>>()).boxed_local() }
        };
        assert!(drain(of(vec![Ok("ab"), Ok("c")]), 3).await);
        assert!(drain(of(Vec::new()), 3).await);
        assert!(!drain(of(vec![Ok("ab"), Ok("cd"), Ok("e")]), 3).await, "more than may come");
        assert!(!drain(of(vec![Ok("a"), Err(PayloadError::Incomplete(None))]), 3).await, "cut off");
    }
}
