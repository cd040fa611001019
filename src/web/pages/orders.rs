//! Orders: found by receipt number, day, store and state.

use actix_web::web::Data;
use askama::Template;
use serde::Deserialize;

use super::products::serialize_query;
use super::stores::list_stores;
use crate::auth::StoreView;
use crate::domain::{Caller, InvalidField, OrderId, OrderState, StoreId, TimeZone};
use crate::http::Services;
use crate::http::extract::{ValidPage, ValidQuery};
use crate::http::problem::Problem;
use crate::orders::{OrderSearch, OrderSummary, StaffSearch};
use crate::web::form::Form;
use crate::web::format::Moment;
use crate::web::page::{Page, PageResult};

#[derive(Template)]
#[template(path = "orders.html")]
struct OrdersTemplate<'a> {
    page: &'a Page,
    form: &'a Form,
    stores: &'a [StoreView],
    states: [OrderState; 5],
    orders: Vec<OrderLine>,
    unreadable: usize,
    next_cursor: Option<String>,
    base: String,
    is_filtered: bool,
}

struct OrderLine {
    id: OrderId,
    receipt_number: i64,
    store: String,
    at: Moment,
    total: String,
    items: i64,
    state: OrderState,
    tone: &'static str,
}

/// Filters as the form sends them: an empty field filters nothing.
#[derive(Debug, Deserialize)]
pub struct ListQuery {
    receipt_number: Option<String>,
    day: Option<String>,
    shopper: Option<String>,
    store_id: Option<String>,
    state: Option<String>,
}

pub async fn list(
    page: Page,
    caller: Caller,
    services: Data<Services>,
    query: ValidQuery<ListQuery>,
    part: ValidPage,
) -> PageResult {
    let stores = list_stores(&services, &caller).await?;
    let filters = [
        ("receipt_number", query.0.receipt_number),
        ("day", query.0.day),
        ("shopper", query.0.shopper),
        ("store_id", query.0.store_id),
        ("state", query.0.state),
    ];
    let typed: Vec<(&str, String)> =
        filters.into_iter().filter_map(|(name, value)| Some((name, value?.trim().to_owned()))).collect();
    let typed: Vec<(&str, String)> = typed.into_iter().filter(|(_, value)| !value.is_empty()).collect();
    let base: String = typed.iter().map(|(name, value)| format!("{}&", serialize_query(name, value))).collect();
    let form = Form::filled(typed.iter().cloned());
    let (_, default_zone) = services.auth.store_defaults();
    let found = async {
        let search = read_search(&form, &stores)?;
        services.orders.search_orders(&caller, search, part.0).await.map_err(Problem::from)
    };
    let (form, found) = match found.await {
        Ok(found) => (form, Some(found)),
        Err(problem) if problem.field().is_some() => (form.refuse(problem), None),
        Err(problem) => return Err(problem),
    };
    let unreadable = found.as_ref().map_or(0, |found| found.unreadable.len());
    let next_cursor = found.as_ref().and_then(|found| found.next_cursor.clone());
    let orders = found.into_iter().flat_map(|found| found.data);
    let template = OrdersTemplate {
        page: &page,
        form: &form,
        orders: orders.map(|order| view_order(&page, &stores, &default_zone, order)).collect(),
        stores: &stores,
        states: OrderState::ALL,
        unreadable,
        next_cursor,
        base: format!("/admin/orders?{base}"),
        is_filtered: !typed.is_empty(),
    };
    page.render_with_status(form.status(), &template)
}

/// # Errors
/// The filter that is wrong.
fn read_search(form: &Form, stores: &[StoreView]) -> Result<StaffSearch, InvalidField> {
    let number = |text: &str| {
        let wrong = |_| InvalidField::new("receipt_number", format!("\"{text}\" is no receipt number"));
        text.parse::<i64>().map_err(wrong)
    };
    let store = form.optional("store_id").map(|id| {
        let store = stores.iter().find(|store| store.id.to_string() == id);
        store.map(|store| store.id).ok_or_else(|| InvalidField::new("store_id", "is no store that you see"))
    });
    let state = form.optional("state").map(|state| {
        state
            .parse::<OrderState>()
            .map_err(|_| InvalidField::new("state", format!("\"{state}\" is no state of an order")))
    });
    let orders = OrderSearch {
        store: store.transpose()?,
        state: state.transpose()?,
        receipt_number: form.optional("receipt_number").map(number).transpose()?,
        ..OrderSearch::default()
    };
    let text = |name: &str| form.optional(name).map(str::to_owned);
    Ok(StaffSearch { orders, day: text("day"), shopper: text("shopper") })
}

fn view_order(page: &Page, stores: &[StoreView], default_zone: &TimeZone, order: OrderSummary) -> OrderLine {
    let zone = zone_of(stores, order.store_id).unwrap_or(default_zone);
    OrderLine {
        id: order.id,
        receipt_number: order.receipt_number,
        store: order.store_name.unwrap_or_default(),
        at: page.moment(order.created_at, zone),
        total: page.money(order.total, order.currency),
        items: order.items_count,
        tone: page.order_tone(order.state),
        state: order.state,
    }
}

fn zone_of(stores: &[StoreView], id: StoreId) -> Option<&TimeZone> {
    stores.iter().find(|store| store.id == id).map(|store| &store.time_zone)
}
