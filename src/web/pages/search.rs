//! One search over receipts, products, people and tasks.

use actix_web::web::Data;
use askama::Template;
use serde::Deserialize;

use super::tasks::TaskState;
use crate::auth::{ListedUser, UserSearch};
use crate::automation::TaskView;
use crate::catalog::{ProductSearch, ProductView};
use crate::domain::{Caller, PageRequest};
use crate::http::Services;
use crate::http::extract::ValidQuery;
use crate::orders::{OrderSearch, OrderSummary};
use crate::web::page::{Page, PageResult};

const RESULTS_MAX: i64 = 10;
const TASKS_MAX: usize = 10;
const TEXT_CHARS_MAX: usize = 64;

#[derive(Debug, Deserialize)]
pub struct SearchQuery {
    #[serde(default)]
    q: String,
}

#[derive(Template)]
#[template(path = "search.html")]
struct SearchTemplate<'a> {
    page: &'a Page,
    text: String,
    orders: Vec<OrderSummary>,
    products: Vec<ProductView>,
    people: Vec<ListedUser>,
    tasks: Vec<(TaskView, TaskState)>,
}

pub async fn show(page: Page, caller: Caller, services: Data<Services>, query: ValidQuery<SearchQuery>) -> PageResult {
    let text: String = query.0.q.trim().chars().filter(|c| !c.is_control()).take(TEXT_CHARS_MAX).collect();
    let mut template = SearchTemplate {
        page: &page,
        text,
        orders: Vec::new(),
        products: Vec::new(),
        people: Vec::new(),
        tasks: Vec::new(),
    };
    if template.text.is_empty() {
        return page.redirect("/admin");
    }
    let list = PageRequest { before: None, limit: RESULTS_MAX };
    if let Ok(number) = template.text.trim_start_matches('#').parse() {
        let search = OrderSearch { receipt_number: Some(number), ..OrderSearch::default() };
        template.orders = services.orders.list_orders(&caller, search, list).await?.data;
    }
    let products = ProductSearch { name_part: Some(template.text.clone()), ..ProductSearch::default() };
    template.products = services.catalog.list(products, list).await?.data;
    let people = UserSearch { name_part: Some(template.text.clone()), ..UserSearch::default() };
    template.people = services.auth.list_users(&caller, people, list).await?.data;
    for task in services.automation.search_tasks(&template.text, TASKS_MAX).await? {
        let state = TaskState::of(&task);
        template.tasks.push((task, state));
    }
    page.render(&template)
}
