//! Integrity of receipt numbers and hash chains: the state of the stores, past reports, a check or a repair on demand.

use actix_web::web::Data;
use actix_web::{HttpResponse, Responder, get, post};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use crate::domain::{Caller, CheckDepth, Page, Series, StoreId};
use crate::http::Services;
use crate::http::extract::{JsonBody, PageQuery, ValidPage, ValidPath, ValidQuery};
use crate::http::problem::Problem;
use crate::integrity::{
    CheckView, RepairMethod, RepairRequest, RepairView, ReportView, StoreIntegrityView, SummaryView,
};

/// The depth and the scope of a check.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct RunQuery {
    /// Check seals, links and sums too, not only numbers and counters.
    #[serde(default)]
    deep_check: bool,
    /// Check only this store.
    store_id: Option<StoreId>,
}

/// A repair of a store's numbers.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RepairNumbers {
    store_id: StoreId,
    /// Repair only this series.
    series: Option<Series>,
    method: RepairMethod,
    /// The reason, for the audit log and each placeholder. At most 200 characters.
    #[schema(min_length = 1, max_length = 200, examples("disk of the till server broke on 4 January"))]
    reason: String,
    /// Change nothing and show what would be changed. Default: true.
    #[serde(default = "default_dry_run")]
    dry_run: bool,
}

fn default_dry_run() -> bool {
    true
}

/// List the state of the stores by their latest checks, newest store first.
#[utoipa::path(tag = "monitoring", params(PageQuery),
    responses((status = 200, body = SummaryView, description = "A page of stores with their states")))]
#[get("/api/monitoring/numbering/integrity/summary")]
pub async fn summary(services: Data<Services>, page: ValidPage) -> Result<impl Responder, Problem> {
    Ok(HttpResponse::Ok().json(services.integrity.summarize(page.0).await?))
}

/// Get the state of a store by its latest checks.
#[utoipa::path(tag = "monitoring", params(("id" = StoreId, Path)),
    responses((status = 200, body = StoreIntegrityView, description = "The state of the store")))]
#[get("/api/monitoring/numbering/integrity/stores/{id}")]
pub async fn show(services: Data<Services>, id: ValidPath<StoreId>) -> Result<impl Responder, Problem> {
    Ok(HttpResponse::Ok().json(services.integrity.get_store_integrity(id.0).await?))
}

/// List the stored reports of a store, newest first.
#[utoipa::path(tag = "monitoring", params(("id" = StoreId, Path), PageQuery),
    responses((status = 200, body = Page<ReportView>, description = "A page of reports")))]
#[get("/api/monitoring/numbering/integrity/stores/{id}/reports")]
pub async fn history(
    services: Data<Services>,
    id: ValidPath<StoreId>,
    page: ValidPage,
) -> Result<impl Responder, Problem> {
    Ok(HttpResponse::Ok().json(services.integrity.list_reports(id.0, page.0).await?))
}

/// Run a check now and wait for its findings.
///
/// A deep check reads every record: check large stores one at a time. A server runs one check at a time; another
/// request waits a few seconds for it and is then refused with 429.
#[utoipa::path(tag = "monitoring", params(RunQuery),
    responses((status = 200, body = CheckView, description = "The findings")))]
#[post("/api/monitoring/numbering/jobs/integrity/run-check")]
pub async fn run(
    caller: Caller,
    services: Data<Services>,
    query: ValidQuery<RunQuery>,
) -> Result<impl Responder, Problem> {
    let depth = if query.0.deep_check { CheckDepth::Deep } else { CheckDepth::Quick };
    let run = services.integrity.run_check(depth, query.0.store_id, &caller.actor.label()).await?;
    Ok(HttpResponse::Ok().json(run))
}

/// Repair a store's numbers, or see what a repair would change (`dry_run`, the default).
///
/// Look for the lost records in a backup first: a repair cannot be undone. The store's tills wait while it runs.
#[utoipa::path(tag = "monitoring", request_body = RepairNumbers,
    responses((status = 200, body = RepairView, description = "What was changed, or would be")))]
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
