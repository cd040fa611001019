//! Statistics of the shop, for its staff.

use actix_web::web::Data;
use actix_web::{HttpResponse, Responder, get};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::domain::{Caller, StoreId};
use crate::http::Services;
use crate::http::extract::ValidQuery;
use crate::http::problem::Problem;
use crate::statistics::{SalesView, VerdictsView};

/// The period and the scope of a statistic.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct StatisticsQuery {
    /// Only this store. A clerk sees their own store.
    store_id: Option<StoreId>,
    /// 1 (today), 7, 30 or 90. Default: 1.
    #[param(minimum = 1, maximum = 90)]
    days: Option<i64>,
}

/// Get sales of the last days, by currency: turnover, orders, average basket, the days before, each hour or day, and the products with the
/// largest turnover.
///
/// Days are the business days of the store. A refund or void counts when it was made.
#[utoipa::path(tag = "statistics", params(StatisticsQuery),
    responses((status = 200, body = SalesView, description = "The sales")))]
#[get("/api/statistics/sales")]
pub async fn sales(
    caller: Caller,
    services: Data<Services>,
    query: ValidQuery<StatisticsQuery>,
) -> Result<impl Responder, Problem> {
    let StatisticsQuery { store_id, days } = query.0;
    Ok(HttpResponse::Ok().json(services.statistics.sales(&caller, store_id, days.unwrap_or(1)).await?))
}

/// Get how often recognition matched, asked and did not know, on the last days.
///
/// Days are the business days of the store. The last half minute is missing, and so are pictures of admins.
#[utoipa::path(tag = "statistics", params(StatisticsQuery),
    responses((status = 200, body = VerdictsView, description = "The verdicts")))]
#[get("/api/statistics/recognitions")]
pub async fn recognitions(
    caller: Caller,
    services: Data<Services>,
    query: ValidQuery<StatisticsQuery>,
) -> Result<impl Responder, Problem> {
    let StatisticsQuery { store_id, days } = query.0;
    Ok(HttpResponse::Ok().json(services.statistics.verdicts(&caller, store_id, days.unwrap_or(1)).await?))
}
