//! The middleware that makes requests observable: a request id, a span, counts and times.

use std::time::Instant;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage, web};
use tracing::Instrument;
use uuid::Uuid;

use super::Services;
use super::access_control::route_pattern;
use crate::telemetry::{HTTP_SECONDS, HTTP_TOTAL};

/// The response header that carries the request's id.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The request's id, among the request's extensions.
#[derive(Debug, Clone)]
pub struct RequestId(pub String);

/// Gives the request an id and a span, and counts and times its response by route and status.
pub async fn instrument(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let started = Instant::now();
    let id = Uuid::new_v4().to_string();
    let method = method_label(request.method());
    // Unknown paths share one label: each typing error would start a new time series otherwise.
    let route = route_pattern(&request).unwrap_or_else(|| "unmatched".to_owned());
    let storage = request.app_data::<web::Data<Services>>().map(|services| services.storage.clone());
    let span = tracing::info_span!("request", request.id = %id, http.method = %method, http.route = %route);
    request.extensions_mut().insert(RequestId(id.clone()));
    let outcome = next.call(request).instrument(span).await;
    let status = match &outcome {
        Ok(response) => response.status(),
        Err(error) => error.as_response_error().status_code(),
    };
    if status == StatusCode::INSUFFICIENT_STORAGE
        && let Some(storage) = storage
    {
        storage.report_disk_full();
    }
    let labels = [("method", method.to_owned()), ("route", route), ("status", status.as_u16().to_string())];
    metrics::counter!(HTTP_TOTAL, &labels).increment(1);
    metrics::histogram!(HTTP_SECONDS, &labels).record(started.elapsed().as_secs_f64());
    outcome.map(|mut response| {
        if let Ok(value) = HeaderValue::from_str(&id) {
            response.headers_mut().insert(REQUEST_ID, value);
        }
        response
    })
}

/// The method if HTTP defines it, else `other`: any word is a valid method, and each label value stays in memory for good.
fn method_label(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        _ => "other",
    }
}
