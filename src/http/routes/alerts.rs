//! Alerts: the active ones, the history, acknowledging and resolving one; messages about them; the runbook.

use actix_web::web::Data;
use actix_web::{HttpResponse, Responder, get, post};
use serde::Serialize;
use utoipa::ToSchema;

use crate::alerts::{AlertView, DeliveryView, RunbookSection, TestDeliveries};
use crate::domain::{AlertId, AlertRule, Caller, Page};
use crate::http::Services;
use crate::http::extract::{PageQuery, ValidPage, ValidPath};
use crate::http::problem::Problem;

/// The active alerts.
#[derive(Debug, Serialize, ToSchema)]
pub struct ActiveAlerts {
    /// Oldest first; at most 1 000.
    data: Vec<AlertView>,
}

/// List the active alerts, oldest first.
#[utoipa::path(tag = "monitoring",
    responses((status = 200, body = ActiveAlerts, description = "The active alerts")))]
#[get("/api/monitoring/numbering/alerts/active")]
pub async fn active(services: Data<Services>) -> Result<impl Responder, Problem> {
    Ok(HttpResponse::Ok().json(ActiveAlerts { data: services.alerts.list_active().await? }))
}

/// List alerts of all states, newest first.
#[utoipa::path(tag = "monitoring", params(PageQuery),
    responses((status = 200, body = Page<AlertView>, description = "A page of alerts")))]
#[get("/api/monitoring/numbering/alerts")]
pub async fn history(services: Data<Services>, page: ValidPage) -> Result<impl Responder, Problem> {
    Ok(HttpResponse::Ok().json(services.alerts.list_history(page.0).await?))
}

/// Acknowledge an alert: it is no longer escalated.
#[utoipa::path(tag = "monitoring", params(("key" = String, Path)),
    responses((status = 200, body = AlertView, description = "The acknowledged alert")))]
#[post("/api/monitoring/numbering/alerts/{key}/acknowledge")]
pub async fn acknowledge(
    caller: Caller,
    services: Data<Services>,
    key: ValidPath<String>,
) -> Result<impl Responder, Problem> {
    Ok(HttpResponse::Ok().json(services.alerts.acknowledge_alert(&caller, &key.0).await?))
}

/// Resolve an alert by hand.
///
/// If its cause persists, the next check raises it again.
#[utoipa::path(tag = "monitoring", params(("key" = String, Path)),
    responses((status = 200, body = AlertView, description = "The resolved alert")))]
#[post("/api/monitoring/numbering/alerts/{key}/resolve")]
pub async fn resolve(
    caller: Caller,
    services: Data<Services>,
    key: ValidPath<String>,
) -> Result<impl Responder, Problem> {
    Ok(HttpResponse::Ok().json(services.alerts.resolve_alert(&caller, &key.0).await?))
}

/// The messages about an alert.
#[derive(Debug, Serialize, ToSchema)]
pub struct Deliveries {
    /// Newest first; at most 200.
    data: Vec<DeliveryView>,
}

/// List the messages about an alert, newest first.
#[utoipa::path(tag = "monitoring", params(("id" = AlertId, Path)),
    responses((status = 200, body = Deliveries, description = "The messages")))]
#[get("/api/monitoring/numbering/alerts/{id}/deliveries")]
pub async fn deliveries(services: Data<Services>, id: ValidPath<AlertId>) -> Result<impl Responder, Problem> {
    Ok(HttpResponse::Ok().json(Deliveries { data: services.alerts.list_deliveries(id.0).await? }))
}

/// Send a test message to every receiver, now and once.
#[utoipa::path(tag = "monitoring",
    responses((status = 200, body = TestDeliveries, description = "What each receiver made of it")))]
#[post("/api/monitoring/numbering/alerts/test")]
pub async fn test(caller: Caller, services: Data<Services>) -> Result<impl Responder, Problem> {
    Ok(HttpResponse::Ok().json(services.alerts.send_test(&caller).await?))
}

/// Get the section of the runbook about a rule: what its alert means and what to do.
#[utoipa::path(tag = "monitoring", params(("rule" = AlertRule, Path)),
    responses((status = 200, body = RunbookSection, description = "The section")))]
#[get("/api/monitoring/runbook/{rule}")]
pub async fn runbook(rule: ValidPath<AlertRule>) -> Result<impl Responder, Problem> {
    Ok(HttpResponse::Ok().json(RunbookSection::of(rule.0)))
}
