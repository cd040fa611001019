//! What a shopper sees of their own: orders, and the claim of a receipt.

use actix_web::web::{Data, ServiceConfig};
use actix_web::{HttpResponse, Responder, get, post};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::domain::{Caller, OrderId, Page, UserId};
use crate::http::Services;
use crate::http::extract::{Cursor, CursorQuery, JsonBody, PathOf};
use crate::http::problem::{Kind, Problem, ProblemBody};
use crate::orders::{OrderSummary, OrderView};

/// The code on a receipt.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Claim {
    /// As printed; case, spaces and dashes do not matter.
    #[schema(examples("7K2M9-QX4TD-0H5VN-WB8CR"))]
    claim_code: String,
}

/// Registers the routes.
pub fn configure(config: &mut ServiceConfig) {
    config.service(list).service(show).service(claim);
}

/// The person who calls; the policy table lets nobody else through to here.
pub(super) fn shopper(caller: &Caller) -> Result<UserId, Problem> {
    let person = caller.actor.user_id();
    person.ok_or_else(|| Problem::new(Kind::Forbidden, "this is for signed-in people"))
}

/// Your orders, newest first.
#[utoipa::path(tag = "mypage", security(("bearer" = [])), params(CursorQuery),
    responses((status = 200, body = Page<OrderSummary>)))]
#[get("/api/mypage/orders")]
pub async fn list(caller: Caller, services: Data<Services>, cursor: Cursor) -> Result<impl Responder, Problem> {
    Ok(HttpResponse::Ok().json(services.orders.list_own(shopper(&caller)?, cursor.0).await?))
}

/// One of your orders with its items.
#[utoipa::path(tag = "mypage", security(("bearer" = [])), params(("id" = OrderId, Path)),
    responses((status = 200, body = OrderView), (status = 404, body = ProblemBody)))]
#[get("/api/mypage/orders/{id}")]
pub async fn show(caller: Caller, services: Data<Services>, id: PathOf<OrderId>) -> Result<impl Responder, Problem> {
    Ok(HttpResponse::Ok().json(services.orders.get_own(shopper(&caller)?, id.0).await?))
}

/// Make the order of a receipt yours, by the code printed on it.
#[utoipa::path(tag = "mypage", security(("bearer" = [])), request_body = Claim,
    responses((status = 200, body = OrderView), (status = 404, body = ProblemBody)))]
#[post("/api/mypage/claims")]
pub async fn claim(caller: Caller, services: Data<Services>, body: JsonBody<Claim>) -> Result<impl Responder, Problem> {
    Ok(HttpResponse::Ok().json(services.orders.claim(shopper(&caller)?, &body.0.claim_code).await?))
}
