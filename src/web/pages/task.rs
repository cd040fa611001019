//! One task: how far it is, its items with their reasons, what it made, its log, and what can be done about it.

use actix_web::HttpResponse;
use actix_web::http::header::CACHE_CONTROL;
use actix_web::web::Data;
use askama::Template;
use serde::Deserialize;

use super::task_reports::{ReportLine, list_reports};
use super::tasks::{Progress, TaskState, open_items};
use crate::automation::{JobView, MadeProduct, StageCount, TaskLogFilter, TaskLogView, TaskOverview};
use crate::domain::{
    Caller, InvalidField, JobId, JobStatus, LogAction, LogLevel, PageRequest, Stage, TaskId, TaskStatus, TaskType,
    TimeZone, Timestamp,
};
use crate::http::Services;
use crate::http::extract::{ValidPath, ValidQuery};
use crate::http::problem::{Problem, ProblemKind};
use crate::web::form::Form;
use crate::web::format::Moment;
use crate::web::page::{Page, PageResult};

const ITEMS: i64 = 50;
const LOG_LINES: i64 = 50;
const PRODUCTS: i64 = 12;

/// Filters of items and log. An empty or unknown one does not filter.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct TaskQuery {
    items: String,
    items_cursor: String,
    level: String,
    stage: String,
    action: String,
    log_cursor: String,
}

#[derive(Template)]
#[template(path = "task.html")]
struct TaskTemplate<'a> {
    page: &'a Page,
    overview: &'a TaskOverview,
    state: TaskState,
    progress: Progress,
    created_by: String,
    created: Moment,
    finished: Option<Moment>,
    next_retry: Option<Moment>,
    publish_at: Option<Moment>,
    stop: Option<ShownStop>,
    items: Vec<ShownItem>,
    items_cursor: Option<String>,
    reports: Vec<ReportLine>,
    products: Vec<MadeProduct>,
    products_count: i64,
    log: Vec<ShownLine>,
    log_cursor: Option<String>,
    query: &'a TaskQuery,
}

/// What stopping the task did.
struct ShownStop {
    message: String,
    processing: i64,
    waiting: i64,
    programs: String,
}

struct ShownItem {
    job: JobView,
    state: (&'static str, &'static str),
    /// The address of its photo, if it may have one.
    photo: Option<String>,
    at: Moment,
    next_try: Option<Moment>,
}

struct ShownLine {
    line: TaskLogView,
    tone: &'static str,
    at: Moment,
    figures: Vec<(String, String)>,
}

impl TaskTemplate<'_> {
    fn is_open(&self) -> bool {
        matches!(self.overview.task.status, TaskStatus::Waiting | TaskStatus::Processing)
            && open_items(self.overview.task.items) > 0
    }

    /// Items that wait or are worked on, by stage.
    fn open_stages(&self) -> Vec<&StageCount> {
        let is_open = |count: &&StageCount| matches!(count.status, JobStatus::Waiting | JobStatus::Processing);
        self.overview.stages.iter().filter(is_open).collect()
    }

    /// The choices of the items' filter: word, number of items, whether it is chosen.
    fn item_filters(&self) -> [(&'static str, i64, bool); 5] {
        let items = self.overview.task.items;
        let all = items.completed + items.failed + open_items(items);
        let chosen = JobStatus::ALL.iter().any(|status| status.as_str() == self.query.items);
        let choice = |status: JobStatus, count| (status.as_str(), count, self.query.items == status.as_str());
        [
            ("", all, !chosen),
            choice(JobStatus::Failed, items.failed),
            choice(JobStatus::Processing, items.processing),
            choice(JobStatus::Waiting, items.waiting),
            choice(JobStatus::Completed, items.completed),
        ]
    }

    fn is_import(&self) -> bool {
        self.overview.task.kind == TaskType::Import
    }

    fn stages(&self) -> [Stage; Stage::ALL.len()] {
        Stage::ALL
    }

    fn levels(&self) -> [LogLevel; LogLevel::ALL.len()] {
        LogLevel::ALL
    }

    fn actions(&self) -> [LogAction; LogAction::ALL.len()] {
        LogAction::ALL
    }

    fn is_log_filtered(&self) -> bool {
        [&self.query.level, &self.query.stage, &self.query.action].into_iter().any(|filter| !filter.is_empty())
    }

    /// The address of further items, without their cursor.
    fn items_base(&self) -> String {
        format!("/admin/tasks/{}?{}", self.overview.task.id, query_of(&[("items", &self.query.items)]))
    }

    /// The address of further lines, without their cursor.
    fn log_base(&self) -> String {
        let TaskQuery { items, level, stage, action, .. } = self.query;
        let query = query_of(&[("items", items), ("level", level), ("stage", stage), ("action", action)]);
        format!("/admin/tasks/{}?{query}", self.overview.task.id)
    }
}

/// `name=value&` of those that are not empty.
fn query_of(values: &[(&str, &str)]) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(values.iter().filter(|(_, value)| !value.is_empty()));
    let query = query.finish();
    if query.is_empty() { query } else { format!("{query}&") }
}

pub async fn show(
    page: Page,
    caller: Caller,
    services: Data<Services>,
    id: ValidPath<TaskId>,
    query: ValidQuery<TaskQuery>,
) -> PageResult {
    let (automation, zone, query) = (&services.automation, services.auth.store_defaults().1, query.0);
    let overview = automation.find_overview(id.0).await?;
    let task = &overview.task;
    let part = |cursor: &str, limit| PageRequest { before: cursor.parse().ok(), limit };
    let items = automation.list_items(id.0, query.items.parse().ok(), part(&query.items_cursor, ITEMS)).await?;
    let filter = TaskLogFilter {
        task: Some(id.0),
        level: query.level.parse().ok(),
        stage: query.stage.parse().ok(),
        action: query.action.parse().ok(),
        since: None,
    };
    let log = automation.list_logs(filter, part(&query.log_cursor, LOG_LINES)).await?;
    let (products, products_count) = automation.list_made_products(id.0, PRODUCTS).await?;
    let publish_at = serde_json::from_value::<Timestamp>(task.settings["publish_at"].clone()).ok();
    let moment = |at: Timestamp| page.moment(at, &zone);
    let template = TaskTemplate {
        page: &page,
        state: TaskState::of(task),
        progress: Progress::of(task.items),
        created_by: automation.name_of(&task.created_by).await?,
        created: moment(task.created_at),
        finished: task.finished_at.map(moment),
        next_retry: overview.next_retry_at().map(moment),
        publish_at: publish_at.map(moment),
        stop: find_stop(&services, task.id, task.status).await?,
        items: items.data.into_iter().map(|job| view_item(&page, job, &zone)).collect(),
        items_cursor: items.next_cursor,
        reports: list_reports(&services, &caller, task.id, task.kind).await?,
        products,
        products_count,
        log: log.data.into_iter().map(|line| view_line(&page, line, &zone)).collect(),
        log_cursor: log.next_cursor,
        query: &query,
        overview: &overview,
    };
    page.render(&template)
}

/// What the last stop of a stopped task did, out of its log.
async fn find_stop(services: &Services, task: TaskId, status: TaskStatus) -> Result<Option<ShownStop>, Problem> {
    if status != TaskStatus::Stopped {
        return Ok(None);
    }
    let filter = TaskLogFilter { task: Some(task), action: Some(LogAction::Stop), ..TaskLogFilter::default() };
    let lines = services.automation.list_logs(filter, PageRequest { before: None, limit: LOG_LINES }).await?.data;
    let line = lines.into_iter().find(|line| line.item.is_none() && line.metadata["deleted_waiting"].is_i64());
    Ok(line.map(|line| {
        let count = |field: &str| line.metadata[field].as_i64().unwrap_or(0);
        let programs = line.metadata["killed_processes"].as_array().into_iter().flatten();
        let programs: Vec<&str> = programs.filter_map(serde_json::Value::as_str).collect();
        ShownStop {
            processing: count("stopped_processing"),
            waiting: count("deleted_waiting"),
            programs: programs.join(", "),
            message: line.message,
        }
    }))
}

fn view_item(page: &Page, mut job: JobView, zone: &TimeZone) -> ShownItem {
    let state = match job.status {
        JobStatus::Waiting if job.failures > 0 => ("warn", "item-state-retry"),
        JobStatus::Waiting => ("idle", "item-state-waiting"),
        JobStatus::Processing => ("busy", "item-state-processing"),
        JobStatus::Completed => ("good", "item-state-completed"),
        JobStatus::Failed => ("bad", "item-state-failed"),
    };
    if job.status == JobStatus::Completed {
        // Of an attempt before.
        job.error = None;
    }
    let at = job.finished_at.or(job.started_at).unwrap_or(job.created_at);
    let next_try = (job.status == JobStatus::Waiting && job.due_at > page.now).then_some(job.due_at);
    ShownItem {
        state,
        photo: job.is_photo.then(|| format!("/admin/tasks/{}/items/{}/photo", job.task_id, job.id)),
        at: page.moment(at, zone),
        next_try: next_try.map(|at| page.moment(at, zone)),
        job,
    }
}

fn view_line(page: &Page, line: TaskLogView, zone: &TimeZone) -> ShownLine {
    let tone = match line.level {
        LogLevel::Info => "idle",
        LogLevel::Warning => "warn",
        LogLevel::Error => "bad",
    };
    let text = |value: &serde_json::Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let fields = line.metadata.as_object().into_iter().flatten();
    let figures = fields.filter(|(_, value)| !value.is_null()).map(|(name, value)| (name.clone(), text(value)));
    ShownLine { tone, at: page.moment(line.at, zone), figures: figures.collect(), line }
}

/// The photo of an item, small, out of what was uploaded.
pub async fn show_photo(services: Data<Services>, path: ValidPath<(TaskId, JobId)>) -> PageResult {
    let (task, job) = path.0;
    let photo = services.import_drafts.read_photo(task, job).await?;
    let missing = || Problem::new(ProblemKind::NotFound, "This item has no photo that can be shown.");
    let jpeg = services.catalog.shrink_photo(photo.ok_or_else(missing)?).await.map_err(|error| {
        tracing::debug!(%error, "a photo of an import cannot be shown");
        missing()
    })?;
    let mut response = HttpResponse::Ok();
    response.insert_header((CACHE_CONTROL, "private, max-age=3600"));
    Ok(response.content_type("image/jpeg").body(jpeg))
}

pub async fn retry(
    page: Page,
    caller: Caller,
    services: Data<Services>,
    id: ValidPath<TaskId>,
    form: Form,
) -> PageResult {
    services.automation.retry_task(&caller, id.0, read_item(&form)?).await?;
    page.redirect_with_notice(&address(id.0), "notice-task-retried")
}

pub async fn discard(
    page: Page,
    caller: Caller,
    services: Data<Services>,
    id: ValidPath<TaskId>,
    form: Form,
) -> PageResult {
    services.automation.discard_items(&caller, id.0, read_item(&form)?).await?;
    page.redirect_with_notice(&address(id.0), "notice-items-discarded")
}

/// The item that a form is about; without one, it is about all.
fn read_item(form: &Form) -> Result<Option<JobId>, InvalidField> {
    let item = form.optional("item_id").map(str::parse).transpose();
    item.map_err(|_| InvalidField::new("item_id", "names no item; open the page again"))
}

pub async fn stop(
    page: Page,
    caller: Caller,
    services: Data<Services>,
    id: ValidPath<TaskId>,
    _form: Form,
) -> PageResult {
    services.automation.stop_task(&caller, id.0).await?;
    page.redirect_with_notice(&address(id.0), "notice-task-stopped")
}

pub async fn run(
    page: Page,
    caller: Caller,
    services: Data<Services>,
    id: ValidPath<TaskId>,
    form: Form,
) -> PageResult {
    services.automation.run_task_by_form(&caller, id.0, form.key()).await?;
    page.redirect_with_notice(&address(id.0), "notice-task-queued")
}

pub async fn remove(
    page: Page,
    caller: Caller,
    services: Data<Services>,
    id: ValidPath<TaskId>,
    _form: Form,
) -> PageResult {
    services.automation.delete_task(&caller, id.0).await?;
    page.redirect_with_notice("/admin/tasks", "notice-task-removed")
}

pub(super) fn address(task: TaskId) -> String {
    format!("/admin/tasks/{task}")
}
