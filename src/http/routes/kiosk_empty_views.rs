//! The empty view of a kiosk: what its camera sees when nothing lies before it.

use actix_web::http::header::CACHE_CONTROL;
use actix_web::web::Data;
use actix_web::{HttpResponse, Responder, delete, get, put};

use super::{PhotoBytes, sessions::ImageForm};
use crate::domain::{Caller, KioskId};
use crate::http::Services;
use crate::http::extract::{ImageBody, ValidPath};
use crate::http::problem::{Problem, ProblemKind};
use crate::recognition::EmptyViewSummary;

/// Set the empty view of the calling kiosk. The photo is sent as the form field `image` or as the body itself.
///
/// From then on, what differs from it is recognised. Take it when nothing lies before the camera; the server cannot know.
#[utoipa::path(tag = "recognition",
    request_body(content((ImageForm = "multipart/form-data"), (inline(PhotoBytes) = "image/jpeg"),
        (inline(PhotoBytes) = "image/png"), (inline(PhotoBytes) = "image/webp"))),
    responses((status = 200, body = EmptyViewSummary, description = "What the empty view holds")))]
#[put("/api/kiosks/me/empty-view")]
pub async fn set_own(caller: Caller, services: Data<Services>, image: ImageBody) -> Result<impl Responder, Problem> {
    let id = caller.actor.kiosk_id();
    let id = id.ok_or_else(|| Problem::new(ProblemKind::Forbidden, "Only a kiosk has an empty view of its own."))?;
    Ok(HttpResponse::Ok().json(services.recognition.set_empty_view(&caller, id, image.0).await?))
}

/// Set the empty view of a kiosk. The photo, taken by the kiosk's camera, is sent as the form field `image` or as the body
/// itself.
///
/// From then on, what differs from it is recognised in the kiosk's photos.
#[utoipa::path(tag = "recognition", params(("id" = KioskId, Path)),
    request_body(content((ImageForm = "multipart/form-data"), (inline(PhotoBytes) = "image/jpeg"),
        (inline(PhotoBytes) = "image/png"), (inline(PhotoBytes) = "image/webp"))),
    responses((status = 200, body = EmptyViewSummary, description = "What the empty view holds")))]
#[put("/api/kiosks/{id}/empty-view")]
pub async fn set(
    caller: Caller,
    services: Data<Services>,
    id: ValidPath<KioskId>,
    image: ImageBody,
) -> Result<impl Responder, Problem> {
    Ok(HttpResponse::Ok().json(services.recognition.set_empty_view(&caller, id.0, image.0).await?))
}

/// Get the empty view of a kiosk as a PNG, reduced as photos are compared with it.
#[utoipa::path(tag = "recognition", params(("id" = KioskId, Path)),
    responses((status = 200, content((inline(PhotoBytes) = "image/png")), description = "The picture")))]
#[get("/api/kiosks/{id}/empty-view")]
pub async fn show(caller: Caller, services: Data<Services>, id: ValidPath<KioskId>) -> Result<impl Responder, Problem> {
    let png = services.recognition.show_empty_view(&caller, id.0).await?;
    Ok(HttpResponse::Ok().insert_header((CACHE_CONTROL, "private, no-store")).content_type("image/png").body(png))
}

/// Delete the empty view of a kiosk. Things are then found by the border of its photos.
#[utoipa::path(tag = "recognition", params(("id" = KioskId, Path)),
    responses((status = 204, description = "The empty view is deleted")))]
#[delete("/api/kiosks/{id}/empty-view")]
pub async fn remove(
    caller: Caller,
    services: Data<Services>,
    id: ValidPath<KioskId>,
) -> Result<impl Responder, Problem> {
    services.recognition.delete_empty_view(&caller, id.0).await?;
    Ok(HttpResponse::NoContent())
}
