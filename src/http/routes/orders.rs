//! Orders, for the staff of the store.

use actix_web::web::{Data, ServiceConfig};
use actix_web::{HttpResponse, Responder, get};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::domain::{Caller, OrderId, Page, StoreId};
use crate::http::Services;
use crate::http::extract::{Cursor, CursorQuery, PathOf, QueryOf};
use crate::http::problem::{Problem, ProblemBody};
use crate::orders::{OrderSummary, OrderView};

/// Which orders.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct OrderQuery {
    /// Only those of this store; a clerk sees their own store's anyway.
    store_id: Option<StoreId>,
}

/// Registers the routes.
pub fn configure(config: &mut ServiceConfig) {
    config.service(list).service(show);
}

/// Orders, newest first.
#[utoipa::path(tag = "orders", security(("bearer" = [])), params(OrderQuery, CursorQuery),
    responses((status = 200, body = Page<OrderSummary>), (status = 404, body = ProblemBody)))]
#[get("/api/orders")]
pub async fn list(
    caller: Caller,
    services: Data<Services>,
    query: QueryOf<OrderQuery>,
    cursor: Cursor,
) -> Result<impl Responder, Problem> {
    Ok(HttpResponse::Ok().json(services.orders.list(&caller, query.0.store_id, cursor.0).await?))
}

/// One order with its items.
#[utoipa::path(tag = "orders", security(("bearer" = [])), params(("id" = OrderId, Path)),
    responses((status = 200, body = OrderView), (status = 404, body = ProblemBody)))]
#[get("/api/orders/{id}")]
pub async fn show(caller: Caller, services: Data<Services>, id: PathOf<OrderId>) -> Result<impl Responder, Problem> {
    Ok(HttpResponse::Ok().json(services.orders.get(&caller, id.0).await?))
}
