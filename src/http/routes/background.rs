//! The background tasks of this server, with their last runs.

use actix_web::web::Data;
use actix_web::{HttpResponse, Responder, get};
use serde::Serialize;
use utoipa::ToSchema;

use crate::background::TaskStatus;
use crate::http::Services;

/// The background tasks of one server.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = BackgroundTaskList)]
pub struct TaskList {
    data: Vec<TaskStatus>,
}

/// List the background tasks of this server, with their last run and last error.
///
/// Other servers on the same database run their own.
#[utoipa::path(tag = "monitoring",
    responses((status = 200, body = TaskList, description = "The tasks")))]
#[get("/api/monitoring/background")]
pub async fn list(services: Data<Services>) -> impl Responder {
    HttpResponse::Ok().json(TaskList { data: services.background.status() })
}
