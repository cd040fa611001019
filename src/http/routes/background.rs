//! Background tasks of this server: what runs beside it, and how the last runs went.

use actix_web::web::{Data, ServiceConfig};
use actix_web::{HttpResponse, Responder, get};
use serde::Serialize;
use utoipa::ToSchema;

use crate::background::TaskStatus;
use crate::http::Services;

/// Registers the route.
pub fn configure(config: &mut ServiceConfig) {
    config.service(list);
}

/// The background tasks of this server.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = BackgroundTaskList)]
pub struct TaskList {
    data: Vec<TaskStatus>,
}

/// The background tasks of the server that answers, with their last run and their last error. Other servers on the same
/// database have their own.
#[utoipa::path(tag = "monitoring", security(("bearer" = [])), responses((status = 200, body = TaskList)))]
#[get("/api/monitoring/background")]
pub async fn list(services: Data<Services>) -> impl Responder {
    HttpResponse::Ok().json(TaskList { data: services.background.status() })
}
