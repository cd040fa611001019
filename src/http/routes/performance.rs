//! How the creation of orders goes, and everything on numbering in one answer for other programs.

use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use actix_web::web::{Data, ServiceConfig};
use actix_web::{HttpResponse, Responder, get};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::alerts::AlertView;
use crate::domain::{PageRequest, StoreId};
use crate::http::Services;
use crate::http::extract::ValidQuery;
use crate::http::problem::{Problem, ProblemBody};
use crate::integrity::StandingView;
use crate::performance::{StatsView, Window};
use crate::telemetry::NUMBERING_METRICS;

/// Seconds that are looked back where the request does not say: an hour.
const WINDOW_S: i64 = 3_600;

/// Registers the routes.
pub fn configure(config: &mut ServiceConfig) {
    config.service(stats).service(export);
}

/// What to count.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct StatsQuery {
    /// Seconds that are looked back, 60 to a week; an hour unless told otherwise. Rounded up to whole minutes.
    window_s: Option<i64>,
    /// Only this store.
    store_id: Option<StoreId>,
}

/// How the creation of orders went lately on all servers: success, conflicts, retries, times, today's orders, by store.
/// Other servers' last ten seconds may be missing.
#[utoipa::path(tag = "monitoring", security(("bearer" = [])), params(StatsQuery),
    responses((status = 200, body = StatsView), (status = 422, body = ProblemBody)))]
#[get("/api/monitoring/numbering/performance/stats")]
pub async fn stats(services: Data<Services>, query: ValidQuery<StatsQuery>) -> Result<impl Responder, Problem> {
    let window = Window::new(query.0.window_s.unwrap_or(WINDOW_S))?;
    Ok(HttpResponse::Ok().json(services.performance.stats(window, query.0.store_id).await?))
}

/// In which form.
#[derive(Debug, Default, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Prometheus' text format.
    #[default]
    Prometheus,
    /// One JSON object.
    Json,
}

/// In which form.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ExportQuery {
    /// `prometheus` (default) or `json`.
    #[serde(default)]
    #[param(inline)]
    format: Format,
}

/// Everything on numbering.
#[derive(Debug, Serialize, ToSchema)]
pub struct Export {
    /// How the stores stand, newest store first.
    integrity: Vec<StandingView>,
    /// How orders went within the last hour.
    performance: StatsView,
    /// What is firing.
    alerts: Vec<AlertView>,
}

/// Everything on numbering in one answer: this server's metrics of it in Prometheus' text format, or what all servers know
/// as JSON.
#[utoipa::path(tag = "monitoring", security(("bearer" = [])), params(ExportQuery),
    responses((status = 200, content((Export = "application/json"), (String = "text/plain"))),
        (status = 400, body = ProblemBody)))]
#[get("/api/monitoring/numbering/metrics/export")]
pub async fn export(services: Data<Services>, query: ValidQuery<ExportQuery>) -> Result<HttpResponse, Problem> {
    match query.0.format {
        Format::Prometheus => {
            let text = services.metrics.render_some(&NUMBERING_METRICS);
            let media_type = (CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8");
            Ok(HttpResponse::Ok().insert_header(media_type).insert_header((CACHE_CONTROL, "no-store")).body(text))
        }
        Format::Json => {
            let performance = services.performance.stats(Window::new(WINDOW_S)?, None).await?;
            let mut page = PageRequest { before: None, limit: services.limits.page };
            let mut integrity = Vec::new();
            loop {
                let stores = services.integrity.summary(page).await?;
                page.before = stores.data.last().map(|store| store.store_id.uuid());
                integrity.extend(stores.data);
                if stores.next_cursor.is_none() {
                    break;
                }
            }
            let alerts = services.alerts.active().await?;
            Ok(HttpResponse::Ok().json(Export { integrity, performance, alerts }))
        }
    }
}
