//! The number series of a store.

use actix_web::web::Data;
use actix_web::{HttpResponse, Responder, get, put};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::domain::{Caller, Series, StoreId};
use crate::http::Services;
use crate::http::extract::{JsonBody, ValidPath};
use crate::http::problem::Problem;
use crate::orders::{SeriesList, SeriesView};

/// Where a series begins.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BeginSeries {
    /// The number of its first record.
    #[schema(minimum = 2, maximum = 1_000_000_000_000_i64, examples(4711))]
    first_number: i64,
}

/// List the number series of a store.
#[utoipa::path(tag = "stores", params(("id" = StoreId, Path)),
    responses((status = 200, body = SeriesList, description = "Receipts, payments, refunds and closings")))]
#[get("/api/stores/{id}/series")]
pub async fn list(caller: Caller, services: Data<Services>, id: ValidPath<StoreId>) -> Result<impl Responder, Problem> {
    Ok(HttpResponse::Ok().json(services.orders.list_series(&caller, id.0).await?))
}

/// Let a number series begin at another number than 1, for a shop that goes on with the numbers of another till.
///
/// Once, and before its first record: afterwards the numbers between would be a gap.
#[utoipa::path(tag = "stores", request_body = BeginSeries,
    params(("id" = StoreId, Path), ("series" = String, Path, description = "`order`, `payment`, `refund` or `closing`")),
    responses((status = 200, body = SeriesView, description = "The series")))]
#[put("/api/stores/{id}/series/{series}")]
pub async fn begin(
    caller: Caller,
    services: Data<Services>,
    path: ValidPath<(StoreId, Series)>,
    body: JsonBody<BeginSeries>,
) -> Result<impl Responder, Problem> {
    let (store, series) = path.0;
    Ok(HttpResponse::Ok().json(services.orders.begin_series(&caller, store, series, body.0.first_number).await?))
}
