//! Liveness, readiness and metrics.

use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use actix_web::web::Data;
use actix_web::{HttpResponse, Responder, get};
use serde::Serialize;
use utoipa::ToSchema;

use crate::http::Services;
use crate::http::problem::{Problem, ProblemKind};
use crate::index_feed::IndexOutage;
use crate::storage::StorageFaultKind;

/// The server is running.
#[derive(Debug, Serialize, ToSchema)]
pub struct Health {
    /// `ok`
    status: &'static str,
    version: &'static str,
}

/// The server accepts requests.
#[derive(Debug, Serialize, ToSchema)]
pub struct Ready {
    /// `ready`
    status: &'static str,
    /// The embedding model in use.
    model: String,
    /// The last catalog change that the index contains.
    index_revision: i64,
    /// Embeddings in the index.
    embeddings: usize,
    /// Photos of products on sale that are not in the index because embedding them failed. They are retried automatically.
    unsearchable_images: u64,
    /// Since when and why the index cannot follow the catalog; it resumes automatically. `null` while it follows.
    not_following: Option<IndexOutage>,
    /// Faults of the storage with which the server can sell: `files-missing`. `GET /api/monitoring/storage` says more.
    storage_faults: Vec<&'static str>,
}

/// Check that the process is running.
///
/// Does not use the database.
#[utoipa::path(tag = "operation",
    responses((status = 200, body = Health, description = "The process is running")))]
#[get("/healthz")]
pub async fn healthz() -> impl Responder {
    HttpResponse::Ok().json(Health { status: "ok", version: env!("CARGO_PKG_VERSION") })
}

/// Check that the server accepts requests: the database is reachable and the same as at the start, the disk has room, the index
/// is loaded, the server is not stopping.
#[utoipa::path(tag = "operation",
    responses((status = 200, body = Ready, description = "The server accepts requests")))]
#[get("/readyz")]
pub async fn readyz(services: Data<Services>) -> Result<impl Responder, Problem> {
    if !services.readiness.is_ready() {
        return Err(Problem::new(
            ProblemKind::Unavailable,
            "The server is starting or stopping. Try again in a second.",
        )
        .retry_after(1));
    }
    let faults = services.storage.faults();
    if let Some(fault) = faults.iter().find(|fault| fault.kind != StorageFaultKind::FilesMissing) {
        let kind = match fault.kind {
            StorageFaultKind::DiskFull => ProblemKind::DiskFull,
            StorageFaultKind::DatabaseLost
            | StorageFaultKind::DatabaseDamaged
            | StorageFaultKind::NumbersForgotten
            | StorageFaultKind::FilesMissing => ProblemKind::Unavailable,
        };
        return Err(Problem::new(kind, fault.kind.public_text()).with("fault", fault.kind.as_str()));
    }
    let status = services.index_feed.status().await?;
    Ok(HttpResponse::Ok().json(Ready {
        status: "ready",
        model: status.model,
        index_revision: status.index_revision,
        embeddings: status.embeddings,
        unsearchable_images: status.unsearchable,
        not_following: status.outage,
        storage_faults: faults.into_iter().map(|fault| fault.kind.as_str()).collect(),
    }))
}

/// Get the metrics in Prometheus' text format.
#[utoipa::path(tag = "operation",
    responses((status = 200, body = String, content_type = "text/plain", description = "The metrics")))]
#[get("/metrics")]
pub async fn metrics(services: Data<Services>) -> Result<impl Responder, Problem> {
    if !services.public_metrics {
        return Err(Problem::new(
            ProblemKind::NotFound,
            "The metrics are switched off. The setting public_metrics switches them on.",
        ));
    }
    let text = services.metrics.render();
    let media_type = (CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8");
    Ok(HttpResponse::Ok().insert_header(media_type).insert_header((CACHE_CONTROL, "no-store")).body(text))
}
