//! Daily closings (Z reports): what the next one would hold, closing the day, and the earlier ones.

use actix_web::web::Data;
use askama::Template;
use serde::Deserialize;

use super::stores::list_stores;
use crate::auth::StoreView;
use crate::domain::{Caller, StoreId};
use crate::http::Services;
use crate::http::extract::{ValidPage, ValidPath, ValidQuery};
use crate::http::problem::{Problem, ProblemKind};
use crate::orders::{ClosingPreview, ZReportSummary, ZReportView};
use crate::web::form::Form;
use crate::web::page::{Page, PageResult};

#[derive(Template)]
#[template(path = "closings.html")]
struct ClosingsTemplate<'a> {
    page: &'a Page,
    stores: &'a [StoreView],
    store: Option<&'a StoreView>,
    preview: Option<ClosingPreview>,
    closings: Vec<ZReportSummary>,
    next_cursor: Option<String>,
    base: String,
    form: &'a Form,
}

#[derive(Template)]
#[template(path = "closing.html")]
struct ClosingTemplate<'a> {
    page: &'a Page,
    closing: ZReportView,
}

/// Characters of an identifier, in messages.
const ID_CHARS: usize = 36;

#[derive(Debug, Deserialize)]
pub struct StoreQuery {
    store_id: Option<String>,
}

pub async fn list(
    page: Page,
    caller: Caller,
    services: Data<Services>,
    query: ValidQuery<StoreQuery>,
    part: ValidPage,
) -> PageResult {
    let id = query.0.store_id.unwrap_or_default();
    render(&page, &caller, &services, id.trim(), part, &Form::empty()).await
}

async fn render(
    page: &Page,
    caller: &Caller,
    services: &Services,
    id: &str,
    part: ValidPage,
    form: &Form,
) -> PageResult {
    let stores = list_stores(services, caller).await?;
    let store = match id {
        "" => stores.first(),
        id => Some(stores.iter().find(|store| store.id.to_string() == id).ok_or_else(|| unknown(id))?),
    };
    let (preview, closings) = match store {
        Some(store) => (
            Some(services.orders.preview_closing(caller, store.id).await?),
            Some(services.orders.list_closings(caller, store.id, part.0).await?),
        ),
        None => (None, None),
    };
    let next_cursor = closings.as_ref().and_then(|closings| closings.next_cursor.clone());
    let template = ClosingsTemplate {
        page,
        base: store.map_or_else(String::new, |store| format!("/admin/closings?store_id={}&", store.id)),
        stores: &stores,
        store,
        preview,
        closings: closings.map_or_else(Vec::new, |closings| closings.data),
        next_cursor,
        form,
    };
    page.render_with_status(form.status(), &template)
}

fn unknown(id: &str) -> Problem {
    let id: String = id.chars().take(ID_CHARS).collect();
    Problem::new(ProblemKind::NotFound, format!("No store with id {id} exists."))
}

pub async fn close(
    page: Page,
    caller: Caller,
    services: Data<Services>,
    id: ValidPath<StoreId>,
    form: Form,
    part: ValidPage,
) -> PageResult {
    match services.orders.close_day(&caller, id.0, form.key()).await {
        Ok(reply) => {
            let number = reply.body["z_number"].as_i64().unwrap_or_default();
            page.redirect_with_notice(&format!("/admin/closings/{}/{number}", id.0), "notice-day-closed")
        }
        Err(error) => render(&page, &caller, &services, &id.0.to_string(), part, &form.refuse(error)).await,
    }
}

pub async fn show(page: Page, caller: Caller, services: Data<Services>, path: ValidPath<(StoreId, i64)>) -> PageResult {
    let (store, number) = path.0;
    let closing = services.orders.get_closing(&caller, store, number).await?;
    page.render(&ClosingTemplate { page: &page, closing })
}
