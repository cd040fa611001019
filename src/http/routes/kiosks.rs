//! Kiosks: made with a one-time code, enrolled by it, revoked.

use actix_web::web::{Data, ServiceConfig};
use actix_web::{HttpResponse, Responder, delete, get, post};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::auth::{EnrolledKiosk, KioskView, NewKiosk};
use crate::domain::{Caller, KioskId, Page, StoreId};
use crate::http::Services;
use crate::http::extract::{ClientAddress, Cursor, CursorQuery, JsonBody, ValidPath};
use crate::http::problem::{Problem, ProblemBody};

/// A new kiosk.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateKiosk {
    /// What people call it, at most 120 characters.
    #[schema(examples("Till 1"))]
    name: String,
}

/// The code that was shown when the kiosk was made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Enrol {
    /// As shown; case, spaces and dashes do not matter.
    #[schema(value_type = String, examples("K7QW2-9M4HX-TR8PA-3CZVB"))]
    code: SecretString,
}

/// Registers the routes.
pub fn configure(config: &mut ServiceConfig) {
    config.service(list).service(create).service(revoke).service(enrol);
}

/// Kiosks of a store, newest first.
#[utoipa::path(tag = "stores", security(("bearer" = [])), params(("id" = StoreId, Path), CursorQuery),
    responses((status = 200, body = Page<KioskView>), (status = 404, body = ProblemBody)))]
#[get("/api/stores/{id}/kiosks")]
pub async fn list(
    caller: Caller,
    services: Data<Services>,
    id: ValidPath<StoreId>,
    cursor: Cursor,
) -> Result<impl Responder, Problem> {
    Ok(HttpResponse::Ok().json(services.auth.kiosks(&caller, id.0, cursor.0).await?))
}

/// Make a kiosk. The reply holds the code to be typed on the device; it is shown this once.
#[utoipa::path(tag = "stores", security(("bearer" = [])), params(("id" = StoreId, Path)), request_body = CreateKiosk,
    responses((status = 201, body = NewKiosk), (status = 404, body = ProblemBody), (status = 422, body = ProblemBody)))]
#[post("/api/stores/{id}/kiosks")]
pub async fn create(
    caller: Caller,
    services: Data<Services>,
    id: ValidPath<StoreId>,
    body: JsonBody<CreateKiosk>,
) -> Result<impl Responder, Problem> {
    Ok(HttpResponse::Created().json(services.auth.create_kiosk(&caller, id.0, &body.0.name).await?))
}

/// Revoke a kiosk: its key, or its unused code, is refused from the next request on, by every server.
#[utoipa::path(tag = "stores", security(("bearer" = [])), params(("id" = StoreId, Path), ("kiosk_id" = KioskId, Path)),
    responses((status = 200, body = KioskView), (status = 404, body = ProblemBody)))]
#[delete("/api/stores/{id}/kiosks/{kiosk_id}")]
pub async fn revoke(
    caller: Caller,
    services: Data<Services>,
    path: ValidPath<(StoreId, KioskId)>,
) -> Result<impl Responder, Problem> {
    let (store, kiosk) = path.0;
    Ok(HttpResponse::Ok().json(services.auth.revoke_kiosk(&caller, store, kiosk).await?))
}

/// Trade a one-time code for the device's key, which is shown this once.
#[utoipa::path(tag = "stores", request_body = Enrol,
    responses((status = 200, body = EnrolledKiosk), (status = 401, body = ProblemBody), (status = 429, body = ProblemBody)))]
#[post("/api/kiosks/enrol")]
pub async fn enrol(
    services: Data<Services>,
    address: ClientAddress,
    body: JsonBody<Enrol>,
) -> Result<impl Responder, Problem> {
    let enrolled = services.auth.enrol(body.0.code.expose_secret(), address.0.as_deref()).await?;
    Ok(HttpResponse::Ok().json(enrolled))
}
