//! Stores.

use actix_web::web::{Data, ServiceConfig};
use actix_web::{HttpResponse, Responder, get, patch, post};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::auth::{NewStore, StoreChange, StoreView};
use crate::domain::{Caller, Page, StoreId};
use crate::http::Services;
use crate::http::extract::{Cursor, CursorQuery, JsonBody, ValidPath};
use crate::http::problem::{Problem, ProblemBody};

/// A new store.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateStore {
    /// What people call it, at most 120 characters.
    #[schema(examples("Main Street"))]
    name: String,
    /// ISO 4217 code of its bills; the server's default unless told otherwise. It cannot be changed later.
    #[schema(examples("EUR"))]
    currency: Option<String>,
    /// IANA name of its time zone; the server's default unless told otherwise. Days and months begin by it.
    #[schema(examples("Europe/Berlin"))]
    time_zone: Option<String>,
    /// Whether prices contain the tax (they do unless told otherwise) or it comes on top.
    prices_include_tax: Option<bool>,
    /// Whether its numbers are kept for an authority (they are unless told otherwise): its records are never renumbered.
    fiscal: Option<bool>,
}

/// What to change of a store; what is left out stays. Orders and closings that there are keep what was so.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeStore {
    /// What people call it from now on.
    name: Option<String>,
    /// IANA name of its time zone.
    #[schema(examples("Asia/Seoul"))]
    time_zone: Option<String>,
    /// Whether prices contain the tax.
    prices_include_tax: Option<bool>,
    /// Whether its records are never renumbered. A store with daily closings stays fiscal.
    fiscal: Option<bool>,
}

/// Registers the routes.
pub fn configure(config: &mut ServiceConfig) {
    config.service(list).service(create).service(show).service(change);
}

/// Stores, newest first; a clerk sees their own only.
#[utoipa::path(tag = "stores", security(("bearer" = [])), params(CursorQuery),
    responses((status = 200, body = Page<StoreView>)))]
#[get("/api/stores")]
pub async fn list(caller: Caller, services: Data<Services>, cursor: Cursor) -> Result<impl Responder, Problem> {
    Ok(HttpResponse::Ok().json(services.auth.stores(&caller, cursor.0).await?))
}

/// Make a store.
#[utoipa::path(tag = "stores", security(("bearer" = [])), request_body = CreateStore,
    responses((status = 201, body = StoreView), (status = 422, body = ProblemBody)))]
#[post("/api/stores")]
pub async fn create(
    caller: Caller,
    services: Data<Services>,
    body: JsonBody<CreateStore>,
) -> Result<impl Responder, Problem> {
    let CreateStore { name, currency, time_zone, prices_include_tax, fiscal } = body.0;
    let new = NewStore { name, currency, time_zone, prices_include_tax, fiscal };
    Ok(HttpResponse::Created().json(services.auth.create_store(&caller, new).await?))
}

/// One store; for a clerk, other stores than their own do not exist.
#[utoipa::path(tag = "stores", security(("bearer" = [])), params(("id" = StoreId, Path)),
    responses((status = 200, body = StoreView), (status = 404, body = ProblemBody)))]
#[get("/api/stores/{id}")]
pub async fn show(caller: Caller, services: Data<Services>, id: ValidPath<StoreId>) -> Result<impl Responder, Problem> {
    Ok(HttpResponse::Ok().json(services.auth.store(&caller, id.0).await?))
}

/// Change a store's name, time zone, whether its prices contain the tax, or whether it is fiscal.
#[utoipa::path(tag = "stores", security(("bearer" = [])), params(("id" = StoreId, Path)), request_body = ChangeStore,
    responses((status = 200, body = StoreView), (status = 404, body = ProblemBody), (status = 409, body = ProblemBody),
        (status = 422, body = ProblemBody)))]
#[patch("/api/stores/{id}")]
pub async fn change(
    caller: Caller,
    services: Data<Services>,
    id: ValidPath<StoreId>,
    body: JsonBody<ChangeStore>,
) -> Result<impl Responder, Problem> {
    let ChangeStore { name, time_zone, prices_include_tax, fiscal } = body.0;
    let change = StoreChange { name, time_zone, prices_include_tax, fiscal };
    Ok(HttpResponse::Ok().json(services.auth.change_store(&caller, id.0, change).await?))
}
