//! Alerts: those that are firing, the history, acknowledging and ending one.

use actix_web::web::{Data, ServiceConfig};
use actix_web::{HttpResponse, Responder, get, post};
use serde::Serialize;
use utoipa::ToSchema;

use crate::alerts::AlertView;
use crate::domain::{Caller, Page};
use crate::http::Services;
use crate::http::extract::{Cursor, CursorQuery, ValidPath};
use crate::http::problem::{Problem, ProblemBody};

/// Registers the routes.
pub fn configure(config: &mut ServiceConfig) {
    config.service(active).service(history).service(acknowledge).service(resolve);
}

/// The alerts that are firing.
#[derive(Debug, Serialize, ToSchema)]
pub struct ActiveAlerts {
    /// Oldest first; at most 1 000.
    data: Vec<AlertView>,
}

/// The alerts that are firing, oldest first.
#[utoipa::path(tag = "monitoring", security(("bearer" = [])), responses((status = 200, body = ActiveAlerts)))]
#[get("/api/monitoring/numbering/alerts/active")]
pub async fn active(services: Data<Services>) -> Result<impl Responder, Problem> {
    Ok(HttpResponse::Ok().json(ActiveAlerts { data: services.alerts.active().await? }))
}

/// Alerts of all states, newest first.
#[utoipa::path(tag = "monitoring", security(("bearer" = [])), params(CursorQuery),
    responses((status = 200, body = Page<AlertView>), (status = 422, body = ProblemBody)))]
#[get("/api/monitoring/numbering/alerts")]
pub async fn history(services: Data<Services>, cursor: Cursor) -> Result<impl Responder, Problem> {
    Ok(HttpResponse::Ok().json(services.alerts.history(cursor.0).await?))
}

/// Say that you see to what is firing: it is not escalated any more.
#[utoipa::path(tag = "monitoring", security(("bearer" = [])), params(("key" = String, Path)),
    responses((status = 200, body = AlertView), (status = 404, body = ProblemBody)))]
#[post("/api/monitoring/numbering/alerts/{key}/acknowledge")]
pub async fn acknowledge(
    caller: Caller,
    services: Data<Services>,
    key: ValidPath<String>,
) -> Result<impl Responder, Problem> {
    Ok(HttpResponse::Ok().json(services.alerts.acknowledge(&caller, &key.0).await?))
}

/// End an alert by hand. Where it is still wrong, the next look raises it anew.
#[utoipa::path(tag = "monitoring", security(("bearer" = [])), params(("key" = String, Path)),
    responses((status = 200, body = AlertView), (status = 404, body = ProblemBody)))]
#[post("/api/monitoring/numbering/alerts/{key}/resolve")]
pub async fn resolve(
    caller: Caller,
    services: Data<Services>,
    key: ValidPath<String>,
) -> Result<impl Responder, Problem> {
    Ok(HttpResponse::Ok().json(services.alerts.resolve(&caller, &key.0).await?))
}
