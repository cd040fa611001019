//! Pauses of stages and of types of tasks.

use actix_web::web::Data;
use actix_web::{HttpResponse, Responder, get, post};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::automation::PauseView;
use crate::domain::{Caller, PauseKind};
use crate::http::Services;
use crate::http::extract::JsonBody;
use crate::http::problem::Problem;

/// What is to be paused or resumed.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PauseBody {
    kind: PauseKind,
    /// A stage, or a type of tasks.
    #[schema(examples("embed"))]
    name: String,
}

/// What is paused.
#[derive(Debug, Serialize, ToSchema)]
pub struct PauseList {
    data: Vec<PauseView>,
}

/// List what is paused.
#[utoipa::path(tag = "automation", responses((status = 200, body = PauseList, description = "The pauses")))]
#[get("/api/automation/pauses")]
pub async fn list(services: Data<Services>) -> Result<impl Responder, Problem> {
    Ok(HttpResponse::Ok().json(PauseList { data: services.automation.list_pauses().await? }))
}

/// Pause a stage or a type of tasks: its jobs wait; those that run go on.
#[utoipa::path(tag = "automation", request_body = PauseBody,
    responses((status = 200, body = PauseList, description = "All pauses")))]
#[post("/api/automation/pause")]
pub async fn pause(
    caller: Caller,
    services: Data<Services>,
    body: JsonBody<PauseBody>,
) -> Result<impl Responder, Problem> {
    let data = services.automation.pause(&caller, body.0.kind, &body.0.name).await?;
    Ok(HttpResponse::Ok().json(PauseList { data }))
}

/// Resume a stage or a type of tasks. One that is not paused stays as it is.
#[utoipa::path(tag = "automation", request_body = PauseBody,
    responses((status = 200, body = PauseList, description = "The remaining pauses")))]
#[post("/api/automation/resume")]
pub async fn resume(
    caller: Caller,
    services: Data<Services>,
    body: JsonBody<PauseBody>,
) -> Result<impl Responder, Problem> {
    let data = services.automation.resume(&caller, body.0.kind, &body.0.name).await?;
    Ok(HttpResponse::Ok().json(PauseList { data }))
}
