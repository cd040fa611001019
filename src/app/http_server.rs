//! The HTTP server: its address, middleware, CORS rules and connection limits.

use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use actix_web::dev::Server;
use actix_web::middleware::{Compress, from_fn};
use actix_web::{App, HttpServer, web as actix};

use super::certificate::Certificate;
use super::{StartError, or_cores};
use crate::config::Settings;
use crate::http::{Services, access_control, instrumentation, route_table, security_headers};
use crate::web;

/// How long a client may take to send a request's head.
const REQUEST_HEAD_TIMEOUT: Duration = Duration::from_secs(5);
/// Response headers that a page of an allowed origin may read.
const EXPOSED_HEADERS: [&str; 4] = ["Retry-After", "Idempotent-Replayed", "Location", "X-Request-Id"];

/// Binds the address. The server answers once it is polled.
pub(super) fn bind(
    services: Services,
    settings: &Settings,
    certificate: Option<&Certificate>,
    cores: usize,
) -> Result<(Server, SocketAddr), StartError> {
    let bind_error = |error| StartError::Bind { address: settings.bind, error };
    let listener = TcpListener::bind(settings.bind).map_err(bind_error)?;
    let address = listener.local_addr().map_err(bind_error)?;
    let services = actix::Data::new(services);
    let pages = actix::Data::new(web::pages());
    let docs = settings.public_docs;
    let origins = settings.cors_origins.clone();
    let workers = or_cores(settings.http_workers, cores);
    let server = HttpServer::new(move || {
        App::new()
            .app_data(services.clone())
            .app_data(pages.clone())
            .wrap(from_fn(access_control::authorize))
            .wrap(cors_middleware(&origins))
            .wrap(Compress::default())
            .wrap(from_fn(security_headers::add_security_headers))
            .wrap(from_fn(instrumentation::instrument))
            .configure(route_table::configure)
            .configure(|config| web::configure(config, docs))
    })
    .workers(workers)
    // A reply is written as head and body: without this the body waits 40 ms until the client has acknowledged the head.
    .tcp_nodelay(true)
    .max_connections(settings.limits.connections.div_ceil(workers))
    .client_request_timeout(REQUEST_HEAD_TIMEOUT)
    // Drops the work of clients that disconnected.
    .h1_allow_half_closed(false)
    .shutdown_timeout(settings.stop_timeout_s)
    .disable_signals();
    let server = match certificate {
        Some(certificate) => server.listen_rustls_0_23(listener, certificate.server_config()?),
        None => server.listen(listener),
    };
    Ok((server.map_err(bind_error)?.run(), address))
}

/// Lets pages of the allowed origins call the API. Without any, only the server's own pages can.
fn cors_middleware(origins: &[String]) -> actix_cors::Cors {
    let headers = ["authorization", "content-type", "idempotency-key"];
    let cors = actix_cors::Cors::default()
        .allowed_methods(["GET", "POST", "PUT", "PATCH", "DELETE"])
        .allowed_headers(headers)
        .expose_headers(EXPOSED_HEADERS);
    origins.iter().fold(cors.max_age(600), |cors, origin| cors.allowed_origin(origin))
}
