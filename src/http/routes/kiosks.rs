//! Kiosks: creating one with a one-time code, enrolling a device with it, closing, opening and revoking one.

use actix_web::web::Data;
use actix_web::{HttpResponse, Responder, delete, get, patch, post};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::auth::{EnrolledKiosk, KioskChange, KioskView, NewKiosk, OwnKiosk};
use crate::domain::{Caller, KioskId, Page, StoreId};
use crate::http::Services;
use crate::http::extract::{ClientAddress, JsonBody, PageQuery, ValidPage, ValidPath};
use crate::http::problem::Problem;

/// A new kiosk.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateKiosk {
    /// At most 120 characters.
    #[schema(min_length = 1, max_length = 120, examples("Till 1"))]
    name: String,
}

/// A change of a kiosk. An absent field stays as it is.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeKiosk {
    /// At most 120 characters.
    #[schema(min_length = 1, max_length = 120, examples("Till 1"))]
    name: Option<String>,
    /// A closed kiosk recognises nothing, opens no session and adds nothing to a bill (`kiosk-closed`). Bills that it has begun can
    /// still be confirmed, paid and cancelled.
    closed: Option<bool>,
}

/// The one-time code of a new kiosk.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Enrol {
    /// Case, spaces and dashes do not matter.
    #[schema(value_type = String, examples("K7QW2-9M4HX-TR8PA-3CZVB"))]
    code: SecretString,
}

/// List the kiosks of a store, newest first.
#[utoipa::path(tag = "stores", params(("id" = StoreId, Path), PageQuery),
    responses((status = 200, body = Page<KioskView>, description = "A page of kiosks")))]
#[get("/api/stores/{id}/kiosks")]
pub async fn list(
    caller: Caller,
    services: Data<Services>,
    id: ValidPath<StoreId>,
    page: ValidPage,
) -> Result<impl Responder, Problem> {
    Ok(HttpResponse::Ok().json(services.auth.list_kiosks(&caller, id.0, page.0).await?))
}

/// Create a kiosk.
///
/// The reply contains the code to type on the device. It is shown only once.
#[utoipa::path(tag = "stores", params(("id" = StoreId, Path)), request_body = CreateKiosk,
    responses((status = 201, body = NewKiosk, description = "The new kiosk and its one-time code")))]
#[post("/api/stores/{id}/kiosks")]
pub async fn create(
    caller: Caller,
    services: Data<Services>,
    id: ValidPath<StoreId>,
    body: JsonBody<CreateKiosk>,
) -> Result<impl Responder, Problem> {
    Ok(HttpResponse::Created().json(services.auth.create_kiosk(&caller, id.0, &body.0.name).await?))
}

/// Rename a kiosk, close or open it. It counts from the next request on, on every server.
#[utoipa::path(tag = "stores", params(("id" = StoreId, Path), ("kiosk_id" = KioskId, Path)), request_body = ChangeKiosk,
    responses((status = 200, body = KioskView, description = "The changed kiosk")))]
#[patch("/api/stores/{id}/kiosks/{kiosk_id}")]
pub async fn change(
    caller: Caller,
    services: Data<Services>,
    path: ValidPath<(StoreId, KioskId)>,
    body: JsonBody<ChangeKiosk>,
) -> Result<impl Responder, Problem> {
    let ((store, kiosk), ChangeKiosk { name, closed }) = (path.0, body.0);
    let changed = services.auth.change_kiosk(&caller, store, kiosk, KioskChange { name, closed }).await?;
    Ok(HttpResponse::Ok().json(changed))
}

/// Get the calling kiosk: its name, its store, its empty view, and whether it is closed.
#[utoipa::path(tag = "stores", responses((status = 200, body = OwnKiosk, description = "The kiosk")))]
#[get("/api/kiosks/me")]
pub async fn show_own(caller: Caller, services: Data<Services>) -> Result<impl Responder, Problem> {
    Ok(HttpResponse::Ok().json(services.auth.get_own_kiosk(&caller).await?))
}

/// Revoke a kiosk: every server refuses its key, or its unused code, from the next request on.
#[utoipa::path(tag = "stores", params(("id" = StoreId, Path), ("kiosk_id" = KioskId, Path)),
    responses((status = 200, body = KioskView, description = "The revoked kiosk")))]
#[delete("/api/stores/{id}/kiosks/{kiosk_id}")]
pub async fn revoke(
    caller: Caller,
    services: Data<Services>,
    path: ValidPath<(StoreId, KioskId)>,
) -> Result<impl Responder, Problem> {
    let (store, kiosk) = path.0;
    Ok(HttpResponse::Ok().json(services.auth.revoke_kiosk(&caller, store, kiosk).await?))
}

/// Enrol a device: exchange its one-time code for its key.
///
/// The key is shown only once.
#[utoipa::path(tag = "stores", request_body = Enrol,
    responses((status = 200, body = EnrolledKiosk, description = "The kiosk and its key")))]
#[post("/api/kiosks/enrol")]
pub async fn enrol(
    services: Data<Services>,
    address: ClientAddress,
    body: JsonBody<Enrol>,
) -> Result<impl Responder, Problem> {
    let enrolled = services.auth.enrol(body.0.code.expose_secret(), address.0.as_deref()).await?;
    Ok(HttpResponse::Ok().json(enrolled))
}
