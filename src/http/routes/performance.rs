//! Statistics of order creation, and an export of all monitoring of numbers for other programs.

use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use actix_web::web::Data;
use actix_web::{HttpResponse, Responder, get};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::alerts::AlertView;
use crate::domain::StoreId;
use crate::http::Services;
use crate::http::extract::ValidQuery;
use crate::http::problem::Problem;
use crate::integrity::StoreIntegrityView;
use crate::performance::{StatsView, TrendView, Window};
use crate::telemetry::NUMBERING_METRICS;

const DEFAULT_WINDOW_S: i64 = 3_600;

/// The window and the scope of the statistics.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct StatsQuery {
    /// Length of the window in seconds, 60 to 604800 (a week), rounded up to whole minutes. Default: 3600.
    #[param(minimum = 60, maximum = 604_800)]
    window_s: Option<i64>,
    /// Only this store.
    store_id: Option<StoreId>,
}

/// Get statistics of order creation on all servers: successes, conflicts, retries, times and today's orders, by
/// store.
///
/// The last ten seconds of other servers may be missing.
#[utoipa::path(tag = "monitoring", params(StatsQuery),
    responses((status = 200, body = StatsView, description = "The statistics")))]
#[get("/api/monitoring/numbering/performance/stats")]
pub async fn stats(services: Data<Services>, query: ValidQuery<StatsQuery>) -> Result<impl Responder, Problem> {
    let window = Window::new(query.0.window_s.unwrap_or(DEFAULT_WINDOW_S))?;
    Ok(HttpResponse::Ok().json(services.performance.stats(window, query.0.store_id).await?))
}

/// How far the trend goes back, and its scope.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct TrendQuery {
    /// 1 to 168 (a week). Default: 24.
    #[param(minimum = 1, maximum = 168)]
    hours: Option<i64>,
    /// Only this store.
    store_id: Option<StoreId>,
}

/// Get how the creation of orders went, hour by hour.
#[utoipa::path(tag = "monitoring", params(TrendQuery),
    responses((status = 200, body = TrendView, description = "The hours, oldest first")))]
#[get("/api/monitoring/numbering/performance/trend")]
pub async fn trend(services: Data<Services>, query: ValidQuery<TrendQuery>) -> Result<impl Responder, Problem> {
    let TrendQuery { hours, store_id } = query.0;
    Ok(HttpResponse::Ok().json(services.performance.trend(hours.unwrap_or(24), store_id).await?))
}

/// The format of the export.
#[derive(Debug, Default, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ExportFormat {
    /// Prometheus' text format.
    #[default]
    Prometheus,
    /// One JSON object.
    Json,
}

/// The format of the export.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ExportQuery {
    /// `prometheus` (default) or `json`.
    #[serde(default)]
    #[param(inline)]
    format: ExportFormat,
}

/// All monitoring of numbers.
#[derive(Debug, Serialize, ToSchema)]
pub struct Export {
    /// The state of the stores, newest store first.
    integrity: Vec<StoreIntegrityView>,
    /// Order creation within the last hour.
    performance: StatsView,
    /// The active alerts.
    alerts: Vec<AlertView>,
}

/// Export all monitoring of numbers: this server's metrics in Prometheus' text format, or the state across all
/// servers as JSON.
#[utoipa::path(tag = "monitoring", params(ExportQuery),
    responses((status = 200, content((Export = "application/json"), (String = "text/plain")), description = "The metrics or the state")))]
#[get("/api/monitoring/numbering/metrics/export")]
pub async fn export(services: Data<Services>, query: ValidQuery<ExportQuery>) -> Result<HttpResponse, Problem> {
    match query.0.format {
        ExportFormat::Prometheus => {
            let text = services.metrics.render_selected(&NUMBERING_METRICS);
            let media_type = (CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8");
            Ok(HttpResponse::Ok().insert_header(media_type).insert_header((CACHE_CONTROL, "no-store")).body(text))
        }
        ExportFormat::Json => {
            let performance = services.performance.stats(Window::new(DEFAULT_WINDOW_S)?, None).await?;
            let integrity = services.integrity.list_all_store_integrity().await?;
            let alerts = services.alerts.list_active().await?;
            Ok(HttpResponse::Ok().json(Export { integrity, performance, alerts }))
        }
    }
}
