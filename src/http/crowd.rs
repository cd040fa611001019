//! The middleware that turns photos away while the recognition engine has no room for them.
//!
//! It stands before the credentials are looked up and before the photo is kept: in a rush most of the photos that come are
//! refused, and what a refusal costs is taken from those that are worked on. It is a look ahead and no more: who may be let
//! in is decided behind it ([`crate::pool::Admission`]), and who is turned away here has shown no credentials, so the answer
//! tells nothing but that the server is busy.

use std::time::Duration;

use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage, ResponseError, web};
use futures_util::StreamExt;

use super::Services;
use super::authenticate::pattern_of;
use super::extract::FORM_OVERHEAD;
use super::problem::Problem;

/// The routes that take a photo that somebody stands and waits for.
const PHOTOS: [&str; 2] = ["/api/recognize", "/api/sessions/{id}/frames"];

/// Answers 429 where a photo would be refused later anyway.
pub async fn turn_away(
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<EitherBody<impl MessageBody>>, Error> {
    if let Some(services) = photo_for(&request)
        && let Err(busy) = services.recognition.has_room()
    {
        let most = services.limits.image_bytes + FORM_OVERHEAD;
        let patience = Duration::from_secs(services.limits.body_timeout_s);
        // Where this ends early, the HTTP layer hangs up after the answer: that, too, is an end.
        let unread = drain(request.take_payload(), most);
        drop(tokio::time::timeout(patience, unread).await);
        return Ok(request.into_response(Problem::from(busy).error_response()).map_into_right_body());
    }
    Ok(next.call(request).await?.map_into_left_body())
}

/// The services, where the request brings a photo.
fn photo_for(request: &ServiceRequest) -> Option<web::Data<Services>> {
    if request.method() != Method::POST || !PHOTOS.contains(&pattern_of(request)?.as_str()) {
        return None;
    }
    request.app_data::<web::Data<Services>>().cloned()
}

/// Takes the body from the wire and keeps none of it, so that the client can read its answer and use the connection again:
/// one who still sends when the other end hangs up may never see the answer.
async fn drain(mut body: Payload, most: usize) {
    let mut seen = 0;
    while let Some(Ok(chunk)) = body.next().await {
        seen += chunk.len();
        if seen > most {
            return;
        }
    }
}
