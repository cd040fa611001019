//! Calls for staff: a kiosk calls and takes it back, staff list the calls and end one.

use actix_web::web::Data;
use actix_web::{HttpResponse, Responder, delete, get, put};
use serde::Serialize;
use utoipa::ToSchema;

use crate::auth::{OwnKiosk, StaffCallView};
use crate::domain::{Caller, KioskId, StoreId};
use crate::http::Services;
use crate::http::extract::ValidPath;
use crate::http::problem::Problem;

/// The kiosks that call for staff.
#[derive(Debug, Serialize, ToSchema)]
pub struct StaffCalls {
    /// Who waits longest comes first.
    data: Vec<StaffCallView>,
}

/// Call for staff: the kiosk's store shows it to its staff until they end it. Calling again changes nothing.
#[utoipa::path(tag = "stores", responses((status = 200, body = OwnKiosk, description = "The kiosk, which calls")))]
#[put("/api/kiosks/me/staff-call")]
pub async fn call(caller: Caller, services: Data<Services>) -> Result<impl Responder, Problem> {
    Ok(HttpResponse::Ok().json(services.auth.call_staff(&caller).await?))
}

/// Take the call for staff back.
#[utoipa::path(tag = "stores", responses((status = 200, body = OwnKiosk, description = "The kiosk, which does not call")))]
#[delete("/api/kiosks/me/staff-call")]
pub async fn take_back(caller: Caller, services: Data<Services>) -> Result<impl Responder, Problem> {
    Ok(HttpResponse::Ok().json(services.auth.take_back_staff_call(&caller).await?))
}

/// List the kiosks that call for staff, in the stores that the caller serves.
#[utoipa::path(tag = "stores", responses((status = 200, body = StaffCalls, description = "The calls")))]
#[get("/api/staff-calls")]
pub async fn list(caller: Caller, services: Data<Services>) -> Result<impl Responder, Problem> {
    Ok(HttpResponse::Ok().json(StaffCalls { data: services.auth.list_staff_calls(&caller).await? }))
}

/// End a kiosk's call for staff: somebody has helped, or is on the way.
#[utoipa::path(tag = "stores", params(("id" = StoreId, Path), ("kiosk_id" = KioskId, Path)),
    responses((status = 204, description = "The kiosk does not call")))]
#[delete("/api/stores/{id}/kiosks/{kiosk_id}/staff-call")]
pub async fn end(
    caller: Caller,
    services: Data<Services>,
    path: ValidPath<(StoreId, KioskId)>,
) -> Result<impl Responder, Problem> {
    let (store, kiosk) = path.0;
    services.auth.end_staff_call(&caller, store, kiosk).await?;
    Ok(HttpResponse::NoContent().finish())
}
