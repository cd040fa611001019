//! Import drafts: an upload is looked through before any product changes, and then started or discarded.

use actix_web::web::Data;
use actix_web::{HttpResponse, Responder, delete, get, post};
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::PhotoBytes;
use crate::automation::TaskView;
use crate::automation::pipelines::ImportDraft;
use crate::domain::{Caller, TaskId};
use crate::http::Services;
use crate::http::extract::{ImportUpload, JsonBody, ValidPath};
use crate::http::problem::Problem;

/// The upload of an import.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the form in the OpenAPI document")]
pub struct ImportForm {
    /// One ZIP, or each file of a folder with its path as its name.
    file: Vec<PhotoBytes>,
}

/// How a draft is started.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StartImport {
    /// For people, at most 200 characters. Default: `import`.
    #[schema(max_length = 200, examples("Spring catalogue"))]
    title: Option<String>,
    /// The settings of an import. Default: its defaults.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    settings: Value,
}

/// Upload an import and have it looked through: how many products and photos would come, and which rows of its table are
/// broken. No product changes until it is started.
///
/// An upload that cannot be used as a whole, such as a ZIP with paths that lead out of it or a table with an unknown column, is
/// refused (`field`: `file`). A draft that is not started is removed after a day.
#[utoipa::path(tag = "automation", request_body(content = ImportForm, content_type = "multipart/form-data"),
    responses((status = 201, body = ImportDraft, description = "What would come")))]
#[post("/api/automation/imports")]
pub async fn create(services: Data<Services>, form: ImportUpload) -> Result<impl Responder, Problem> {
    Ok(HttpResponse::Created().json(services.import_drafts.create(form.upload).await?))
}

/// Look an import draft through once more.
#[utoipa::path(tag = "automation", params(("id" = TaskId, Path)),
    responses((status = 200, body = ImportDraft, description = "What would come")))]
#[get("/api/automation/imports/{id}")]
pub async fn show(services: Data<Services>, id: ValidPath<TaskId>) -> Result<impl Responder, Problem> {
    Ok(HttpResponse::Ok().json(services.import_drafts.find(id.0).await?))
}

/// Start an import draft: it becomes a task with the same id. Broken rows fail as items of it; the others are imported.
///
/// A draft that was started already is answered with its task.
#[utoipa::path(tag = "automation", params(("id" = TaskId, Path)), request_body = StartImport,
    responses((status = 202, body = TaskView, description = "The queued task")))]
#[post("/api/automation/imports/{id}/start")]
pub async fn start(
    caller: Caller,
    services: Data<Services>,
    id: ValidPath<TaskId>,
    body: JsonBody<StartImport>,
) -> Result<impl Responder, Problem> {
    let StartImport { title, settings } = body.0;
    let title = title.unwrap_or_else(|| "import".to_owned());
    Ok(HttpResponse::Accepted().json(services.import_drafts.start(&caller, id.0, title, &settings).await?))
}

/// Discard an import draft with its upload.
#[utoipa::path(tag = "automation", params(("id" = TaskId, Path)),
    responses((status = 204, description = "Discarded")))]
#[delete("/api/automation/imports/{id}")]
pub async fn discard(services: Data<Services>, id: ValidPath<TaskId>) -> Result<impl Responder, Problem> {
    services.import_drafts.discard(id.0).await?;
    Ok(HttpResponse::NoContent().finish())
}
