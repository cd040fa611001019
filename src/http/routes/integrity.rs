//! Whether receipt numbers and hash chains are whole: how the stores stand, the history, a check now.

use actix_web::web::{Data, ServiceConfig};
use actix_web::{HttpResponse, Responder, get, post};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::domain::{Caller, Page, StoreId};
use crate::http::Services;
use crate::http::extract::{Cursor, CursorQuery, PathOf, QueryOf};
use crate::http::problem::{Problem, ProblemBody};
use crate::integrity::{Depth, ReportView, RunView, StandingView, SummaryView};

/// Registers the routes.
pub fn configure(config: &mut ServiceConfig) {
    config.service(summary).service(show).service(history).service(run);
}

/// How far to check, and where.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct RunQuery {
    /// Whether seals, links and sums are checked too, and not numbers and counters alone.
    #[serde(default)]
    deep_check: bool,
    /// Only this store.
    store_id: Option<StoreId>,
}

/// How the stores stand by their newest checks, newest store first.
#[utoipa::path(tag = "monitoring", security(("bearer" = [])), params(CursorQuery),
    responses((status = 200, body = SummaryView), (status = 422, body = ProblemBody)))]
#[get("/api/monitoring/numbering/integrity/summary")]
pub async fn summary(services: Data<Services>, cursor: Cursor) -> Result<impl Responder, Problem> {
    Ok(HttpResponse::Ok().json(services.integrity.summary(cursor.0).await?))
}

/// How a store stands by its newest checks.
#[utoipa::path(tag = "monitoring", security(("bearer" = [])), params(("id" = StoreId, Path)),
    responses((status = 200, body = StandingView), (status = 404, body = ProblemBody)))]
#[get("/api/monitoring/numbering/integrity/stores/{id}")]
pub async fn show(services: Data<Services>, id: PathOf<StoreId>) -> Result<impl Responder, Problem> {
    Ok(HttpResponse::Ok().json(services.integrity.standing(id.0).await?))
}

/// The reports that are kept of a store, newest first.
#[utoipa::path(tag = "monitoring", security(("bearer" = [])), params(("id" = StoreId, Path), CursorQuery),
    responses((status = 200, body = Page<ReportView>), (status = 404, body = ProblemBody)))]
#[get("/api/monitoring/numbering/integrity/stores/{id}/reports")]
pub async fn history(services: Data<Services>, id: PathOf<StoreId>, cursor: Cursor) -> Result<impl Responder, Problem> {
    Ok(HttpResponse::Ok().json(services.integrity.history(id.0, cursor.0).await?))
}

/// Check now and wait for what is found. A deep check reads every record: of large stores rather ask for one at a time. A
/// server makes one check at a time: another request waits a few seconds for it and is then answered 429.
#[utoipa::path(tag = "monitoring", security(("bearer" = [])), params(RunQuery),
    responses((status = 200, body = RunView), (status = 404, body = ProblemBody), (status = 429, body = ProblemBody)))]
#[post("/api/monitoring/numbering/jobs/integrity/run-check")]
pub async fn run(
    caller: Caller,
    services: Data<Services>,
    query: QueryOf<RunQuery>,
) -> Result<impl Responder, Problem> {
    let depth = if query.0.deep_check { Depth::Deep } else { Depth::Quick };
    let run = services.integrity.run(depth, query.0.store_id, &caller.actor.label()).await?;
    Ok(HttpResponse::Ok().json(run))
}
