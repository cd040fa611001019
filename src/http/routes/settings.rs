//! The settings in force, read only.

use actix_web::web::Data;
use actix_web::{HttpResponse, Responder, get};

use crate::config::SettingsReport;
use crate::http::Services;
use crate::http::problem::Problem;

/// List the settings in force, each with its source: built in, the settings file or the environment.
///
/// Secrets have no value here. Settings are changed in the file or the environment, and count after a restart.
#[utoipa::path(tag = "monitoring", responses((status = 200, body = SettingsReport, description = "The settings")))]
#[get("/api/settings")]
pub async fn list(services: Data<Services>) -> Result<impl Responder, Problem> {
    Ok(HttpResponse::Ok().json(&*services.settings))
}
