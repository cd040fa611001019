//! The HTTP server: its address, middleware, CORS rules and connection limits.
//!
//! It is put together from the parts of `actix_web::HttpServer`, with one of our own before them: a connection is counted for
//! its address as soon as it is accepted (`http::connection_share`), before its TLS handshake, for which `HttpServer` has no
//! place.

use std::fmt::Debug;
use std::net::{SocketAddr, TcpListener};
use std::rc::Rc;
use std::time::Duration;

use actix_http::body::BoxBody;
use actix_http::h1::{ExpectHandler, UpgradeHandler};
use actix_http::{HttpServiceBuilder, Request, Response};
use actix_server::{GracefulShutdownSignal, ServerBuilder};
use actix_service::{IntoServiceFactory, ServiceFactoryExt, map_config};
use actix_web::dev::{AppConfig, Server, Service, ServiceFactory, fn_factory, fn_service};
use actix_web::middleware::{Compress, from_fn};
use actix_web::rt::net::TcpStream;
use actix_web::{App, Error, web as actix};

use super::certificate::Certificate;
use super::{StartError, or_cores};
use crate::config::Settings;
use crate::http::connection_share::ConnectionShares;
use crate::http::{Services, access_control, instrumentation, route_table, security_headers};
use crate::web;

/// How long a client may take to send a request's head.
const REQUEST_HEAD_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a client may take to close a connection.
const DISCONNECT_TIMEOUT: Duration = Duration::from_secs(1);
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
    let app = move || {
        let app = App::new()
            .app_data(services.clone())
            .app_data(pages.clone())
            .wrap(from_fn(access_control::authorize))
            .wrap(cors_middleware(&origins))
            .wrap(Compress::default())
            .wrap(from_fn(security_headers::add_security_headers))
            .wrap(from_fn(instrumentation::instrument))
            .configure(route_table::configure)
            .configure(|config| web::configure(config, docs));
        let app = app.into_factory().map_err(|error: Error| error.error_response());
        // The host's name is taken from each request.
        map_config(app, |()| AppConfig::default())
    };
    let shares = ConnectionShares::new(settings);
    let builder = server_builder(settings, or_cores(settings.http_workers, cores));
    let signal = builder.graceful_shutdown_signal();
    let builder = match certificate {
        Some(certificate) => {
            let tls = certificate.server_config()?;
            builder.listen("https", listener, move || {
                let http = http_builder(signal.clone()).finish(app()).rustls_0_23(tls.clone());
                within_shares(http, shares.clone())
            })
        }
        None => builder.listen("http", listener, move || {
            within_shares(http_builder(signal.clone()).finish(app()).tcp(), shares.clone())
        }),
    };
    Ok((builder.map_err(bind_error)?.run(), address))
}

fn server_builder(settings: &Settings, workers: usize) -> ServerBuilder {
    Server::build()
        .workers(workers)
        .max_concurrent_connections(settings.limits.connections.div_ceil(workers))
        .shutdown_timeout(settings.stop_timeout_s)
        .disable_signals()
}

fn http_builder<T, S>(shutdown: GracefulShutdownSignal) -> HttpServiceBuilder<T, S, ExpectHandler, UpgradeHandler>
where
    S: ServiceFactory<Request, Config = (), InitError: Debug, Error: Into<Response<BoxBody>> + 'static>,
    <S::Service as Service<Request>>::Future: 'static,
{
    HttpServiceBuilder::default()
        // A reply is written as head and body: without this the body waits 40 ms until the client has acknowledged the head.
        .tcp_nodelay(true)
        .client_request_timeout(REQUEST_HEAD_TIMEOUT)
        .client_disconnect_timeout(DISCONNECT_TIMEOUT)
        // Drops the work of clients that disconnected.
        .h1_allow_half_closed(false)
        // Ends connections that wait for a further request when the server stops.
        .graceful_shutdown_signal(move || {
            let shutdown = shutdown.clone();
            async move { shutdown.notified().await }
        })
}

/// Serves a connection by `http` if the share of its address admits it, and closes it otherwise.
///
/// `http` is not asked whether it is ready. All that it waits for is that fewer than 256 TLS handshakes of a worker are under
/// way, for whichever address. The shares and `limits.connections` bound them by address.
fn within_shares<F>(
    http: F,
    shares: ConnectionShares,
) -> impl ServiceFactory<TcpStream, Config = (), Response = (), Error = F::Error, InitError = F::InitError>
where
    F: ServiceFactory<TcpStream, Config = (), Response = ()>,
{
    fn_factory(move || {
        let shares = shares.clone();
        let http = http.new_service(());
        async move {
            let http = Rc::new(http.await?);
            Ok(fn_service(move |stream: TcpStream| {
                let connection = stream.peer_addr().ok().and_then(|peer| shares.admit(peer.ip()));
                let http = http.clone();
                async move {
                    match connection {
                        Some(connection) => connection.serve(http.call(stream)).await,
                        None => Ok(()),
                    }
                }
            }))
        }
    })
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
