//! One search over receipts, products and people.

use actix_web::web::Data;
use actix_web::{HttpResponse, Responder, get};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::auth::{ListedUser, UserSearch};
use crate::catalog::{ProductSearch, ProductView};
use crate::domain::{Caller, PageRequest, parse_line};
use crate::http::Services;
use crate::http::extract::ValidQuery;
use crate::http::problem::Problem;
use crate::orders::{OrderSearch, OrderSummary};

/// Of each kind.
const RESULTS_MAX: i64 = 5;
const QUERY_CHARS_MAX: usize = 64;

/// What to search for.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct SearchQuery {
    /// A receipt number, a part of a product's name, its SKU or barcode, or a part of a username.
    #[param(max_length = 64)]
    q: String,
}

/// What was found, newest first, at most five of each kind.
#[derive(Debug, Serialize, ToSchema)]
pub struct SearchResults {
    /// Orders with this receipt number.
    orders: Vec<OrderSummary>,
    products: Vec<ProductView>,
    people: Vec<ListedUser>,
}

/// Search receipts, products and people.
#[utoipa::path(tag = "monitoring", params(SearchQuery),
    responses((status = 200, body = SearchResults, description = "What was found")))]
#[get("/api/search")]
pub async fn search(
    caller: Caller,
    services: Data<Services>,
    query: ValidQuery<SearchQuery>,
) -> Result<impl Responder, Problem> {
    let text = parse_line("q", &query.0.q, QUERY_CHARS_MAX)?;
    let page = PageRequest { before: None, limit: RESULTS_MAX };
    let orders = match text.trim_start_matches('#').parse() {
        Ok(number) => {
            let search = OrderSearch { receipt_number: Some(number), ..OrderSearch::default() };
            services.orders.list_orders(&caller, search, page).await?.data
        }
        Err(_) => Vec::new(),
    };
    let products = ProductSearch { name_part: Some(text.clone()), ..ProductSearch::default() };
    let products = services.catalog.list(products, page).await?.data;
    let people = UserSearch { name_part: Some(text), ..UserSearch::default() };
    let people = services.auth.list_users(&caller, people, page).await?.data;
    Ok(HttpResponse::Ok().json(SearchResults { orders, products, people }))
}
