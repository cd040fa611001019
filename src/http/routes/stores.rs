//! Stores.

use actix_web::web::{Data, ServiceConfig};
use actix_web::{HttpResponse, Responder, get, patch, post};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::auth::StoreView;
use crate::domain::{Caller, Page, StoreId};
use crate::http::Services;
use crate::http::extract::{Cursor, CursorQuery, JsonBody, PathOf};
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
}

/// Another name for a store.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RenameStore {
    /// What people call it from now on.
    name: String,
}

/// Registers the routes.
pub fn configure(config: &mut ServiceConfig) {
    config.service(list).service(create).service(show).service(rename);
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
    let store = services.auth.create_store(&caller, &body.0.name, body.0.currency.as_deref()).await?;
    Ok(HttpResponse::Created().json(store))
}

/// One store; for a clerk, other stores than their own do not exist.
#[utoipa::path(tag = "stores", security(("bearer" = [])), params(("id" = StoreId, Path)),
    responses((status = 200, body = StoreView), (status = 404, body = ProblemBody)))]
#[get("/api/stores/{id}")]
pub async fn show(caller: Caller, services: Data<Services>, id: PathOf<StoreId>) -> Result<impl Responder, Problem> {
    Ok(HttpResponse::Ok().json(services.auth.store(&caller, id.0).await?))
}

/// Give a store another name.
#[utoipa::path(tag = "stores", security(("bearer" = [])), params(("id" = StoreId, Path)), request_body = RenameStore,
    responses((status = 200, body = StoreView), (status = 404, body = ProblemBody), (status = 422, body = ProblemBody)))]
#[patch("/api/stores/{id}")]
pub async fn rename(
    caller: Caller,
    services: Data<Services>,
    id: PathOf<StoreId>,
    body: JsonBody<RenameStore>,
) -> Result<impl Responder, Problem> {
    Ok(HttpResponse::Ok().json(services.auth.rename_store(&caller, id.0, &body.0.name).await?))
}
