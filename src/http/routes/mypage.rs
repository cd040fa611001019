//! What a shopper sees of their own: orders, spending, and the claim of a receipt. Receipts are in `receipts`.

use actix_web::web::{Data, ServiceConfig};
use actix_web::{HttpResponse, Responder, get, post};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::orders::OrderQuery;
use crate::domain::{Caller, GappedPage, OrderId, UserId};
use crate::http::Services;
use crate::http::extract::{Cursor, CursorQuery, JsonBody, ValidPath, ValidQuery};
use crate::http::problem::{Kind, Problem, ProblemBody};
use crate::orders::{MonthSpending, OrderSummary, OrderView};

/// The code on a receipt.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Claim {
    /// As printed; case, spaces and dashes do not matter.
    #[schema(examples("7K2M9-QX4TD-0H5VN-WB8CR"))]
    claim_code: String,
}

/// How far back.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct SpendingQuery {
    /// Months of the calendar, this one among them: 1 to 36; 12 unless told otherwise.
    months: Option<i64>,
}

/// Months of spending when the client names no number.
const DEFAULT_MONTHS: i64 = 12;

/// Registers the routes.
pub fn configure(config: &mut ServiceConfig) {
    config.service(list).service(show).service(spending).service(claim);
}

/// The person who calls; the policy table lets nobody else through to here.
pub(super) fn shopper(caller: &Caller) -> Result<UserId, Problem> {
    let person = caller.actor.user_id();
    person.ok_or_else(|| Problem::new(Kind::Forbidden, "this is for signed-in people"))
}

/// Your orders, newest first.
#[utoipa::path(tag = "mypage", security(("bearer" = [])), params(OrderQuery, CursorQuery),
    responses((status = 200, body = GappedPage<OrderSummary>), (status = 422, body = ProblemBody)))]
#[get("/api/mypage/orders")]
pub async fn list(
    caller: Caller,
    services: Data<Services>,
    query: ValidQuery<OrderQuery>,
    cursor: Cursor,
) -> Result<impl Responder, Problem> {
    Ok(HttpResponse::Ok().json(services.orders.list_own(shopper(&caller)?, query.0.into(), cursor.0).await?))
}

/// What you spent in each month, in each store's currency, newest month first. A month begins by the clocks of the store;
/// what was given back counts in the month of the order.
#[utoipa::path(tag = "mypage", security(("bearer" = [])), params(SpendingQuery),
    responses((status = 200, body = Vec<MonthSpending>), (status = 422, body = ProblemBody)))]
#[get("/api/mypage/spending")]
pub async fn spending(
    caller: Caller,
    services: Data<Services>,
    query: ValidQuery<SpendingQuery>,
) -> Result<impl Responder, Problem> {
    let months = query.0.months.unwrap_or(DEFAULT_MONTHS);
    Ok(HttpResponse::Ok().json(services.orders.spending(shopper(&caller)?, months).await?))
}

/// One of your orders with its items, payments and refunds.
#[utoipa::path(tag = "mypage", security(("bearer" = [])), params(("id" = OrderId, Path)),
    responses((status = 200, body = OrderView), (status = 404, body = ProblemBody),
        (status = 500, body = ProblemBody, description = "`unreadable-record`: what is stored cannot be read")))]
#[get("/api/mypage/orders/{id}")]
pub async fn show(caller: Caller, services: Data<Services>, id: ValidPath<OrderId>) -> Result<impl Responder, Problem> {
    Ok(HttpResponse::Ok().json(services.orders.get_own(shopper(&caller)?, id.0).await?))
}

/// Make the order of a receipt yours, by the code printed on it. For shoppers' accounts: staff is answered 403.
#[utoipa::path(tag = "mypage", security(("bearer" = [])), request_body = Claim,
    responses((status = 200, body = OrderView), (status = 403, body = ProblemBody), (status = 404, body = ProblemBody)))]
#[post("/api/mypage/claims")]
pub async fn claim(caller: Caller, services: Data<Services>, body: JsonBody<Claim>) -> Result<impl Responder, Problem> {
    Ok(HttpResponse::Ok().json(services.orders.claim(shopper(&caller)?, &body.0.claim_code).await?))
}
