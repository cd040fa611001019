//! Daily closings of a store (Z reports).

use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::{HttpResponse, Responder, get, post};

use super::idempotent_reply;
use crate::domain::{Caller, Page, StoreId};
use crate::http::Services;
use crate::http::extract::{IdempotencyKey, PageQuery, ValidPage, ValidPath};
use crate::http::problem::Problem;
use crate::orders::{ClosingPreview, ZReportSummary, ZReportView};

/// List the closings of a store, newest first.
#[utoipa::path(tag = "orders", params(("id" = StoreId, Path), PageQuery),
    responses((status = 200, body = Page<ZReportSummary>, description = "A page of closings")))]
#[get("/api/stores/{id}/z-reports")]
pub async fn list(
    caller: Caller,
    services: Data<Services>,
    id: ValidPath<StoreId>,
    page: ValidPage,
) -> Result<impl Responder, Problem> {
    Ok(HttpResponse::Ok().json(services.orders.list_closings(&caller, id.0, page.0).await?))
}

/// Close the day: total everything that the store has recorded since the previous closing.
///
/// A closing cannot be changed or undone. Send the same Idempotency-Key when you try again.
#[utoipa::path(tag = "orders",
    params(("id" = StoreId, Path), ("Idempotency-Key" = String, Header)),
    responses((status = 201, body = ZReportView, description = "The closing with its totals")))]
#[post("/api/stores/{id}/z-reports")]
pub async fn create(
    caller: Caller,
    services: Data<Services>,
    id: ValidPath<StoreId>,
    key: IdempotencyKey,
) -> Result<impl Responder, Problem> {
    Ok(idempotent_reply(StatusCode::CREATED, services.orders.close_day(&caller, id.0, &key.0).await?))
}

/// Get what a closing would hold if the day were closed now. Nothing is written.
#[utoipa::path(tag = "orders", params(("id" = StoreId, Path)),
    responses((status = 200, body = ClosingPreview, description = "The totals since the previous closing")))]
#[get("/api/stores/{id}/z-reports/preview")]
pub async fn preview(
    caller: Caller,
    services: Data<Services>,
    id: ValidPath<StoreId>,
) -> Result<impl Responder, Problem> {
    Ok(HttpResponse::Ok().json(services.orders.preview_closing(&caller, id.0).await?))
}

/// Get a closing with its totals.
#[utoipa::path(tag = "orders", params(("id" = StoreId, Path), ("number" = i64, Path)),
    responses((status = 200, body = ZReportView, description = "The closing with its totals")))]
#[get("/api/stores/{id}/z-reports/{number}")]
pub async fn show(
    caller: Caller,
    services: Data<Services>,
    path: ValidPath<(StoreId, i64)>,
) -> Result<impl Responder, Problem> {
    let (store, number) = path.0;
    Ok(HttpResponse::Ok().json(services.orders.get_closing(&caller, store, number).await?))
}
