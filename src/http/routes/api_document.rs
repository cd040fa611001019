//! The OpenAPI document.

use std::sync::LazyLock;

use actix_web::web::Data;
use actix_web::{HttpResponse, Responder, get};

use crate::http::problem::{Problem, ProblemKind};
use crate::http::{Services, openapi};

/// Get the OpenAPI document.
#[utoipa::path(tag = "operation", responses((status = 200, body = Object, description = "The document")))]
#[get("/api/openapi.json")]
pub async fn show(services: Data<Services>) -> Result<impl Responder, Problem> {
    if !services.public_docs {
        return Err(Problem::new(
            ProblemKind::NotFound,
            "The API documentation is switched off. The setting public_docs switches it on.",
        ));
    }
    // Built once: anybody may request it, and building it takes milliseconds.
    static DOCUMENT: LazyLock<utoipa::openapi::OpenApi> = LazyLock::new(openapi::document);
    Ok(HttpResponse::Ok().json(&*DOCUMENT))
}
