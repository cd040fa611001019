//! A shopper's own orders and spending, and the claim of a receipt. Receipts are in `receipts`.

use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::{HttpResponse, Responder, get, post};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::orders::OrderQuery;
use crate::domain::{Caller, GappedPage, OrderId, UserId};
use crate::http::Services;
use crate::http::extract::{JsonBody, OptionalIdempotencyKey, PageQuery, ValidPage, ValidPath, ValidQuery};
use crate::http::problem::{Problem, ProblemKind};
use crate::orders::{MonthSpending, OrderSummary, OrderView};

/// The claim code on a receipt.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Claim {
    /// Case, spaces and dashes do not matter.
    #[schema(examples("7K2M9-QX4TD-0H5VN-WB8CR"))]
    claim_code: String,
}

/// The period of the spending.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct SpendingQuery {
    /// Calendar months up to and including the current one, 1 to 36. Default: 12.
    #[param(minimum = 1, maximum = 36)]
    months: Option<i64>,
}

const DEFAULT_MONTHS: i64 = 12;

/// The caller's user id. The policy table admits only people to these routes.
pub(super) fn require_user_id(caller: &Caller) -> Result<UserId, Problem> {
    let id = caller.actor.user_id();
    id.ok_or_else(|| Problem::new(ProblemKind::Forbidden, "Only a signed-in person has a page of their own."))
}

/// List your orders, newest first.
#[utoipa::path(tag = "mypage", params(OrderQuery, PageQuery),
    responses((status = 200, body = GappedPage<OrderSummary>, description = "A page of your orders")))]
#[get("/api/mypage/orders")]
pub async fn list(
    caller: Caller,
    services: Data<Services>,
    query: ValidQuery<OrderQuery>,
    page: ValidPage,
) -> Result<impl Responder, Problem> {
    Ok(HttpResponse::Ok()
        .json(services.orders.list_shopper_orders(require_user_id(&caller)?, query.0.into(), page.0).await?))
}

/// Get your spending by month and currency, newest month first.
///
/// A month begins in the store's time zone. A refund counts in the month of its order.
#[utoipa::path(tag = "mypage", params(SpendingQuery),
    responses((status = 200, body = Vec<MonthSpending>, description = "A row for each month and currency")))]
#[get("/api/mypage/spending")]
pub async fn spending(
    caller: Caller,
    services: Data<Services>,
    query: ValidQuery<SpendingQuery>,
) -> Result<impl Responder, Problem> {
    let months = query.0.months.unwrap_or(DEFAULT_MONTHS);
    Ok(HttpResponse::Ok().json(services.orders.monthly_spending(require_user_id(&caller)?, months).await?))
}

/// Get one of your orders with its items, payments and refunds.
#[utoipa::path(tag = "mypage", params(("id" = OrderId, Path)),
    responses((status = 200, body = OrderView, description = "The order")))]
#[get("/api/mypage/orders/{id}")]
pub async fn show(caller: Caller, services: Data<Services>, id: ValidPath<OrderId>) -> Result<impl Responder, Problem> {
    Ok(HttpResponse::Ok().json(services.orders.get_shopper_order(require_user_id(&caller)?, id.0).await?))
}

/// Claim the order of a receipt with the code printed on it.
///
/// Staff accounts cannot own orders (403). Claiming an own order again is no error.
#[utoipa::path(tag = "mypage", request_body = Claim, params(("Idempotency-Key" = Option<String>, Header)),
    responses((status = 200, body = OrderView, description = "The order, which is now yours")))]
#[post("/api/mypage/claims")]
pub async fn claim(
    caller: Caller,
    services: Data<Services>,
    key: OptionalIdempotencyKey,
    body: JsonBody<Claim>,
) -> Result<impl Responder, Problem> {
    let shopper = require_user_id(&caller)?;
    let reply = services.orders.claim_order(&caller, shopper, &body.0.claim_code, key.as_deref()).await?;
    Ok(super::idempotent_reply(StatusCode::OK, reply))
}
