//! The middleware that adds security headers to every response.

use actix_web::Error;
use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{self, HeaderValue};
use actix_web::middleware::Next;
use actix_web::web::Data;

use super::Services;
use super::transport::Transport;

/// Adds the headers that the handler has not set. A handler that serves files or pages sets its own
/// `Content-Security-Policy` and `Cache-Control`.
pub async fn add_security_headers(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let services = request.app_data::<Data<Services>>();
    let transport = services.map(|services| Transport::of(request.request(), services));
    let mut response = next.call(request).await?;
    let headers = response.headers_mut();
    // RFC 6797: only over HTTPS, where nobody on the way can have added it.
    if transport == Some(Transport::Secure) {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));
    }
    let defaults = [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    for (name, value) in defaults {
        if !headers.contains_key(&name) {
            headers.insert(name, HeaderValue::from_static(value));
        }
    }
    Ok(response)
}
