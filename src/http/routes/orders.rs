//! Orders, for the staff of the store.

use actix_web::web::{Data, ServiceConfig};
use actix_web::{HttpResponse, Responder, get};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::domain::{Caller, GappedPage, OrderId, OrderState, StoreId, Timestamp};
use crate::http::Services;
use crate::http::extract::{Cursor, CursorQuery, ValidPath, ValidQuery};
use crate::http::problem::{Problem, ProblemBody};
use crate::orders::{OrderSearch, OrderSummary, OrderView};

/// Which orders.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct OrderQuery {
    /// Only those of this store; a clerk sees their own store's anyway.
    store_id: Option<StoreId>,
    /// Only those that stand there.
    state: Option<OrderState>,
    /// Only those confirmed at this moment or later (RFC 3339).
    from: Option<Timestamp>,
    /// Only those confirmed before this moment (RFC 3339).
    to: Option<Timestamp>,
}

impl From<OrderQuery> for OrderSearch {
    fn from(query: OrderQuery) -> Self {
        Self { store: query.store_id, state: query.state, from: query.from, to: query.to }
    }
}

/// Registers the routes.
pub fn configure(config: &mut ServiceConfig) {
    config.service(list).service(show);
}

/// Orders, newest first.
#[utoipa::path(tag = "orders", security(("bearer" = [])), params(OrderQuery, CursorQuery),
    responses((status = 200, body = GappedPage<OrderSummary>), (status = 404, body = ProblemBody),
        (status = 422, body = ProblemBody)))]
#[get("/api/orders")]
pub async fn list(
    caller: Caller,
    services: Data<Services>,
    query: ValidQuery<OrderQuery>,
    cursor: Cursor,
) -> Result<impl Responder, Problem> {
    Ok(HttpResponse::Ok().json(services.orders.list(&caller, query.0.into(), cursor.0).await?))
}

/// One order with its items, payments and refunds.
#[utoipa::path(tag = "orders", security(("bearer" = [])), params(("id" = OrderId, Path)),
    responses((status = 200, body = OrderView), (status = 404, body = ProblemBody),
        (status = 500, body = ProblemBody, description = "`unreadable-record`: what is stored cannot be read")))]
#[get("/api/orders/{id}")]
pub async fn show(caller: Caller, services: Data<Services>, id: ValidPath<OrderId>) -> Result<impl Responder, Problem> {
    Ok(HttpResponse::Ok().json(services.orders.get(&caller, id.0).await?))
}
