//! Whether the server lives and takes work, and its metrics.

use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use actix_web::web::{Data, ServiceConfig};
use actix_web::{HttpResponse, Responder, get};
use serde::Serialize;
use utoipa::ToSchema;

use crate::http::Services;
use crate::http::problem::{Kind, Problem, ProblemBody};
use crate::index_feed::IndexOutage;

/// That the server lives.
#[derive(Debug, Serialize, ToSchema)]
pub struct Health {
    /// `ok`
    status: &'static str,
    /// The server's version.
    version: &'static str,
}

/// That the server takes work.
#[derive(Debug, Serialize, ToSchema)]
pub struct Ready {
    /// `ready`
    status: &'static str,
    /// The embedding model in use.
    model: String,
    /// The catalog change that the index has seen last.
    index_revision: i64,
    /// Vectors that can be found.
    embeddings: usize,
    /// Photos on sale that cannot be found, because they could not be embedded; they are tried again by themselves.
    unsearchable_images: u64,
    /// Since when and why the index cannot learn of changes, which it does again by itself once it can; null while it does.
    not_following: Option<IndexOutage>,
}

/// Registers the routes.
pub fn configure(config: &mut ServiceConfig) {
    config.service(healthz).service(readyz).service(metrics);
}

/// The process lives. Asks nothing of the database.
#[utoipa::path(tag = "operation", responses((status = 200, body = Health)))]
#[get("/healthz")]
pub async fn healthz() -> impl Responder {
    HttpResponse::Ok().json(Health { status: "ok", version: env!("CARGO_PKG_VERSION") })
}

/// The server takes work: database reachable, index loaded, not stopping.
#[utoipa::path(tag = "operation", responses((status = 200, body = Ready), (status = 503, body = ProblemBody)))]
#[get("/readyz")]
pub async fn readyz(services: Data<Services>) -> Result<impl Responder, Problem> {
    if !services.readiness.get() {
        return Err(Problem::new(Kind::Unavailable, "the server is starting or stopping").retry_after(1));
    }
    let status = services.catalog.status().await?;
    Ok(HttpResponse::Ok().json(Ready {
        status: "ready",
        model: status.model,
        index_revision: status.index_revision,
        embeddings: status.embeddings,
        unsearchable_images: status.unsearchable,
        not_following: status.not_following,
    }))
}

/// Counters and histograms in Prometheus' text format.
#[utoipa::path(tag = "operation", responses((status = 200, body = String, content_type = "text/plain")))]
#[get("/metrics")]
pub async fn metrics(services: Data<Services>) -> Result<impl Responder, Problem> {
    if !services.public_metrics {
        return Err(Problem::new(Kind::NotFound, "metrics are closed; the setting public_metrics opens them"));
    }
    let text = services.metrics.render();
    let media_type = (CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8");
    Ok(HttpResponse::Ok().insert_header(media_type).insert_header((CACHE_CONTROL, "no-store")).body(text))
}
