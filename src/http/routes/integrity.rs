//! Whether receipt numbers and hash chains are whole: how the stores stand, the history, a check or a repair now.

use actix_web::web::{Data, ServiceConfig};
use actix_web::{HttpResponse, Responder, get, post};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use crate::domain::{Caller, Page, Series, StoreId};
use crate::http::Services;
use crate::http::extract::{Cursor, CursorQuery, JsonBody, ValidPath, ValidQuery};
use crate::http::problem::{Problem, ProblemBody};
use crate::integrity::{Depth, Method, RepairRequest, RepairView, ReportView, RunView, StandingView, SummaryView};

/// Registers the routes.
pub fn configure(config: &mut ServiceConfig) {
    config.service(summary).service(show).service(history).service(run).service(repair);
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

/// A repair of a store's numbers.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RepairNumbers {
    /// The store.
    store_id: StoreId,
    /// Only this series.
    series: Option<Series>,
    /// How.
    method: Method,
    /// Why, for the audit log and on each placeholder, at most 200 characters.
    #[schema(examples("disk of the till server broke on 4 January"))]
    reason: String,
    /// Whether nothing is changed and only shown what would be; so unless told otherwise.
    #[serde(default = "yes")]
    dry_run: bool,
}

fn yes() -> bool {
    true
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
pub async fn show(services: Data<Services>, id: ValidPath<StoreId>) -> Result<impl Responder, Problem> {
    Ok(HttpResponse::Ok().json(services.integrity.standing(id.0).await?))
}

/// The reports that are kept of a store, newest first.
#[utoipa::path(tag = "monitoring", security(("bearer" = [])), params(("id" = StoreId, Path), CursorQuery),
    responses((status = 200, body = Page<ReportView>), (status = 404, body = ProblemBody)))]
#[get("/api/monitoring/numbering/integrity/stores/{id}/reports")]
pub async fn history(
    services: Data<Services>,
    id: ValidPath<StoreId>,
    cursor: Cursor,
) -> Result<impl Responder, Problem> {
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
    query: ValidQuery<RunQuery>,
) -> Result<impl Responder, Problem> {
    let depth = if query.0.deep_check { Depth::Deep } else { Depth::Quick };
    let run = services.integrity.run(depth, query.0.store_id, &caller.actor.label()).await?;
    Ok(HttpResponse::Ok().json(run))
}

/// Repair a store's numbers, or see what a repair would change (`dry_run`, which is the default). Look for the lost records in a
/// back-up first: what a repair changes cannot be taken back. Tills of the store wait while it is done.
#[utoipa::path(tag = "monitoring", security(("bearer" = [])), request_body = RepairNumbers,
    responses((status = 200, body = RepairView), (status = 404, body = ProblemBody), (status = 409, body = ProblemBody),
        (status = 422, body = ProblemBody)))]
#[post("/api/monitoring/numbering/jobs/integrity/repair")]
pub async fn repair(
    caller: Caller,
    services: Data<Services>,
    body: JsonBody<RepairNumbers>,
) -> Result<impl Responder, Problem> {
    let RepairNumbers { store_id: store, series, method, reason, dry_run } = body.0;
    let request = RepairRequest { store, series, method, reason };
    let repair = match dry_run {
        true => services.integrity.plan_repair(&request).await?,
        false => services.integrity.repair(&caller, &request).await?,
    };
    Ok(HttpResponse::Ok().json(repair))
}
