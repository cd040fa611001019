//! Tasks of the automation: creating, watching, retrying, stopping and deleting them; their jobs and their log.

use actix_web::web::Data;
use actix_web::{HttpResponse, Responder, delete, get, post};
use serde::Deserialize;
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use crate::automation::pipelines::{check_settings, needs_file};
use crate::automation::{JobView, NewTask, StopReport, TaskFilter, TaskLogFilter, TaskLogView, TaskView};
use crate::domain::{
    Caller, InvalidField, JobId, JobStatus, LogAction, LogLevel, Page, Stage, TaskId, TaskStatus, TaskType, Timestamp,
};
use crate::http::Services;
use crate::http::extract::{JsonBody, PageQuery, TaskBody, ValidPage, ValidPath, ValidQuery};
use crate::http::problem::Problem;

/// A task that is to be done now.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateTask {
    #[serde(rename = "type")]
    kind: TaskType,
    /// For people, at most 200 characters. Default: the type.
    #[schema(max_length = 200, examples("Back-up before the move"))]
    title: Option<String>,
    /// Depends on the type. Default: the defaults of the type.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    settings: Value,
}

impl CreateTask {
    pub(super) fn check(self, id: TaskId) -> Result<NewTask, InvalidField> {
        let Self { kind, title, settings } = self;
        let settings = check_settings(kind, &settings)?;
        Ok(NewTask { id, kind, title: title.unwrap_or_else(|| kind.to_string()), settings })
    }
}

/// A task with a file: an import.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the form in the OpenAPI document")]
pub struct TaskForm {
    r#type: TaskType,
    /// For people, at most 200 characters. Default: the type.
    title: Option<String>,
    /// JSON.
    #[schema(examples("{\"media_mode\": \"upload\"}"))]
    settings: Option<String>,
    /// A ZIP with `products.csv` or `products.json` and photos, or with one folder of photos for each product. With
    /// `media_mode` `video`: a clip of one product that turns. With `crawl`: a table by itself, with addresses of photos.
    #[schema(format = Binary, value_type = String)]
    file: Vec<u8>,
}

/// Filters of the list of tasks.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct TaskQuery {
    /// Only tasks of this type.
    r#type: Option<TaskType>,
    /// Only tasks with this status.
    status: Option<TaskStatus>,
}

/// Filters of the list of items.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ItemQuery {
    /// Only items with this status.
    status: Option<JobStatus>,
}

/// Filters of the queue.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct QueueQuery {
    /// Only jobs of this stage.
    stage: Option<Stage>,
    /// Only jobs with this status.
    status: Option<JobStatus>,
}

/// Filters of the log.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct LogQuery {
    /// Only lines about this task.
    task_id: Option<TaskId>,
    /// Only lines of this level.
    level: Option<LogLevel>,
    /// Only lines about this stage.
    stage: Option<Stage>,
    /// Only lines that report this.
    action: Option<LogAction>,
    /// Only lines of this time or later (RFC 3339).
    since: Option<Timestamp>,
}

/// Which failed items a request is about.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FailedItems {
    /// The `id` of the item's job, from `GET /api/automation/tasks/{id}/items`. Default: all failed items.
    item_id: Option<JobId>,
}

/// The task to stop.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StopTask {
    task_id: TaskId,
}

/// Create a task and queue it. A server with a free worker begins it at once.
///
/// An import is sent as a form with its `file`. The other types have none and may be sent as JSON, as may an import whose settings
/// list `products` with addresses of their photos (`media_mode` `crawl`).
#[utoipa::path(tag = "automation",
    request_body(content((CreateTask = "application/json"), (TaskForm = "multipart/form-data"))),
    responses((status = 202, body = TaskView, description = "The queued task")))]
#[post("/api/automation/tasks")]
pub async fn create(
    caller: Caller,
    services: Data<Services>,
    body: TaskBody<CreateTask>,
) -> Result<impl Responder, Problem> {
    let TaskBody { body, upload } = body;
    let automation = &services.automation;
    let id = upload.as_ref().map_or_else(|| automation.new_task_id(), |upload| upload.task);
    let task = body.check(id)?;
    match (needs_file(task.kind, &task.settings), upload) {
        (true, Some(upload)) => drop(upload.finish().await?),
        (false, None) => {}
        (true, None) => {
            return Err(InvalidField::new(
                "file",
                "is missing; an import needs a ZIP, a clip, or a table of addresses",
            )
            .into());
        }
        (false, Some(_)) => {
            return Err(InvalidField::new("file", format!("means nothing in this task of type {}", task.kind)).into());
        }
    }
    Ok(HttpResponse::Accepted().json(automation.create_task(&caller, task).await?))
}

/// List tasks, newest first.
#[utoipa::path(tag = "automation", params(TaskQuery, PageQuery),
    responses((status = 200, body = Page<TaskView>, description = "A page of tasks")))]
#[get("/api/automation/tasks")]
pub async fn list(
    services: Data<Services>,
    query: ValidQuery<TaskQuery>,
    page: ValidPage,
) -> Result<impl Responder, Problem> {
    let filter = TaskFilter { kind: query.0.r#type, status: query.0.status };
    Ok(HttpResponse::Ok().json(services.automation.list_tasks(filter, page.0).await?))
}

/// Get a task with the number of its items in each status.
#[utoipa::path(tag = "automation", params(("id" = TaskId, Path)),
    responses((status = 200, body = TaskView, description = "The task")))]
#[get("/api/automation/tasks/{id}")]
pub async fn show(services: Data<Services>, id: ValidPath<TaskId>) -> Result<impl Responder, Problem> {
    Ok(HttpResponse::Ok().json(services.automation.find_task(id.0).await?))
}

/// List the items of a task, newest first: of each, the stage that it has reached, and why it failed last.
#[utoipa::path(tag = "automation", params(("id" = TaskId, Path), ItemQuery, PageQuery),
    responses((status = 200, body = Page<JobView>, description = "A page of items")))]
#[get("/api/automation/tasks/{id}/items")]
pub async fn items(
    services: Data<Services>,
    id: ValidPath<TaskId>,
    query: ValidQuery<ItemQuery>,
    page: ValidPage,
) -> Result<impl Responder, Problem> {
    Ok(HttpResponse::Ok().json(services.automation.list_items(id.0, query.0.status, page.0).await?))
}

/// Run a task that exists once more, now.
#[utoipa::path(tag = "automation", params(("id" = TaskId, Path)),
    responses((status = 202, body = TaskView, description = "The task")))]
#[post("/api/automation/tasks/{id}/run")]
pub async fn run(caller: Caller, services: Data<Services>, id: ValidPath<TaskId>) -> Result<impl Responder, Problem> {
    Ok(HttpResponse::Accepted().json(services.automation.run_task(&caller, id.0).await?))
}

/// Begin failed items again, where they failed: all of them, or one.
#[utoipa::path(tag = "automation", params(("id" = TaskId, Path)), request_body = FailedItems,
    responses((status = 200, body = TaskView, description = "The task")))]
#[post("/api/automation/tasks/{id}/retry")]
pub async fn retry(
    caller: Caller,
    services: Data<Services>,
    id: ValidPath<TaskId>,
    body: JsonBody<FailedItems>,
) -> Result<impl Responder, Problem> {
    Ok(HttpResponse::Ok().json(services.automation.retry_task(&caller, id.0, body.0.item_id).await?))
}

/// Discard failed items: all of them, or one.
#[utoipa::path(tag = "automation", params(("id" = TaskId, Path)), request_body = FailedItems,
    responses((status = 200, body = TaskView, description = "The task")))]
#[post("/api/automation/tasks/{id}/discard")]
pub async fn discard(
    caller: Caller,
    services: Data<Services>,
    id: ValidPath<TaskId>,
    body: JsonBody<FailedItems>,
) -> Result<impl Responder, Problem> {
    Ok(HttpResponse::Ok().json(services.automation.discard_items(&caller, id.0, body.0.item_id).await?))
}

/// Delete a task that is not being worked on, with its items, its log, its schedules and its files.
///
/// The products that it made stay.
#[utoipa::path(tag = "automation", params(("id" = TaskId, Path)),
    responses((status = 204, description = "Deleted")))]
#[delete("/api/automation/tasks/{id}")]
pub async fn remove(
    caller: Caller,
    services: Data<Services>,
    id: ValidPath<TaskId>,
) -> Result<impl Responder, Problem> {
    services.automation.delete_task(&caller, id.0).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Stop a task: waiting jobs are removed, running ones are ended, its schedules are switched off.
///
/// Of a task that was stopped or finished already there is nothing left to stop: the reply counts nothing.
#[utoipa::path(tag = "automation", request_body = StopTask,
    responses((status = 200, body = StopReport, description = "What was stopped")))]
#[post("/api/automation/stop")]
pub async fn stop(
    caller: Caller,
    services: Data<Services>,
    body: JsonBody<StopTask>,
) -> Result<impl Responder, Problem> {
    Ok(HttpResponse::Ok().json(services.automation.stop_task(&caller, body.0.task_id).await?))
}

/// List the jobs of all tasks, newest first. A job is one stage of one item.
#[utoipa::path(tag = "automation", params(QueueQuery, PageQuery),
    responses((status = 200, body = Page<JobView>, description = "A page of jobs")))]
#[get("/api/automation/queue")]
pub async fn queue(
    services: Data<Services>,
    query: ValidQuery<QueueQuery>,
    page: ValidPage,
) -> Result<impl Responder, Problem> {
    let QueueQuery { stage, status } = query.0;
    Ok(HttpResponse::Ok().json(services.automation.list_jobs(stage, status, page.0).await?))
}

/// List the log of tasks, newest line first.
#[utoipa::path(tag = "automation", params(LogQuery, PageQuery),
    responses((status = 200, body = Page<TaskLogView>, description = "A page of the log")))]
#[get("/api/automation/logs")]
pub async fn logs(
    services: Data<Services>,
    query: ValidQuery<LogQuery>,
    page: ValidPage,
) -> Result<impl Responder, Problem> {
    let LogQuery { task_id: task, level, stage, action, since } = query.0;
    let filter = TaskLogFilter { task, level, stage, action, since };
    Ok(HttpResponse::Ok().json(services.automation.list_logs(filter, page.0).await?))
}
