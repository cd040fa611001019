//! Orders, for the staff of the store.

use actix_web::web::Data;
use actix_web::{HttpResponse, Responder, get};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::domain::{Caller, GappedPage, OrderId, OrderState, StoreId, Timestamp};
use crate::http::Services;
use crate::http::extract::{PageQuery, ValidPage, ValidPath, ValidQuery};
use crate::http::problem::Problem;
use crate::orders::{OrderHistory, OrderSearch, OrderSummary, OrderView, StaffSearch};

/// Filters of the list of orders.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct OrderQuery {
    /// Only orders of this store. A clerk sees only orders of their own store.
    store_id: Option<StoreId>,
    /// Only orders in this state.
    state: Option<OrderState>,
    /// Only the order with this receipt number. Every store has its own numbers.
    #[param(minimum = 1)]
    receipt_number: Option<i64>,
    /// Only orders confirmed at this time or later (RFC 3339).
    from: Option<Timestamp>,
    /// Only orders confirmed before this time (RFC 3339).
    to: Option<Timestamp>,
}

impl From<OrderQuery> for OrderSearch {
    fn from(query: OrderQuery) -> Self {
        let OrderQuery { store_id: store, state, receipt_number, from, to } = query;
        Self { store, state, receipt_number, from, to }
    }
}

/// More filters, for the staff.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct StaffOrderQuery {
    /// Only orders confirmed on this business day of the store: `2026-01-05`.
    #[param(format = Date)]
    day: Option<String>,
    /// Only orders of the shopper with this username.
    shopper: Option<String>,
}

/// List orders, newest first.
#[utoipa::path(tag = "orders", params(OrderQuery, StaffOrderQuery, PageQuery),
    responses((status = 200, body = GappedPage<OrderSummary>, description = "A page of orders")))]
#[get("/api/orders")]
pub async fn list(
    caller: Caller,
    services: Data<Services>,
    query: ValidQuery<OrderQuery>,
    more: ValidQuery<StaffOrderQuery>,
    page: ValidPage,
) -> Result<impl Responder, Problem> {
    let StaffOrderQuery { day, shopper } = more.0;
    let search = StaffSearch { orders: query.0.into(), day, shopper };
    Ok(HttpResponse::Ok().json(services.orders.search_orders(&caller, search, page.0).await?))
}

/// Get what happened to an order: confirmed, paid, refunded, voided, printed, claimed.
#[utoipa::path(tag = "orders", params(("id" = OrderId, Path)),
    responses((status = 200, body = OrderHistory, description = "The events, oldest first")))]
#[get("/api/orders/{id}/history")]
pub async fn history(
    caller: Caller,
    services: Data<Services>,
    id: ValidPath<OrderId>,
) -> Result<impl Responder, Problem> {
    Ok(HttpResponse::Ok().json(services.orders.get_history(&caller, id.0).await?))
}

/// Get an order with its items, payments and refunds.
#[utoipa::path(tag = "orders", params(("id" = OrderId, Path)),
    responses((status = 200, body = OrderView, description = "The order")))]
#[get("/api/orders/{id}")]
pub async fn show(caller: Caller, services: Data<Services>, id: ValidPath<OrderId>) -> Result<impl Responder, Problem> {
    Ok(HttpResponse::Ok().json(services.orders.get_order(&caller, id.0).await?))
}
