//! Tasks: what waits, runs, failed and is done, by stage; pauses; a task that is run now.

use actix_web::web::Data;
use askama::Template;
use serde::Deserialize;

use super::task;
use crate::automation::pipelines::check_settings;
use crate::automation::{ItemCounts, NewTask, PauseView, TaskOverview, TaskView};
use crate::domain::{
    Caller, InvalidField, JobStatus, Page as ListPage, PageRequest, PauseKind, Stage, TaskId, TaskStatus, TaskTab,
    TaskType, TimeZone,
};
use crate::http::Services;
use crate::http::extract::{ValidPage, ValidQuery};
use crate::http::problem::Problem;
use crate::web::form::Form;
use crate::web::format::Moment;
use crate::web::page::{Page, PageResult};

const ROWS: i64 = 30;
/// The types that have one item and need no file.
pub(super) const RUNNABLE: [TaskType; 4] = [TaskType::Backup, TaskType::Report, TaskType::Cleanup, TaskType::Integrity];

#[derive(Debug, Deserialize)]
pub struct TabQuery {
    #[serde(default)]
    tab: String,
}

#[derive(Template)]
#[template(path = "tasks.html")]
struct TasksTemplate<'a> {
    page: &'a Page,
    tab: Option<TaskTab>,
    tabs: Vec<(TaskTab, i64)>,
    rows: Vec<TaskLine>,
    next_cursor: Option<String>,
    running: i64,
    waiting: i64,
    pauses: Vec<ShownPause>,
    switches: Vec<PauseSwitch>,
    runnable: [TaskType; 4],
    form: &'a Form,
}

/// A task in the list.
pub(super) struct TaskLine {
    pub id: TaskId,
    pub title: String,
    pub kind: TaskType,
    pub state: TaskState,
    pub progress: Progress,
    pub created: Moment,
    /// When something of it happens next: the message and the moment.
    pub next: Option<(&'static str, Moment)>,
}

/// How a task stands, for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TaskState {
    /// `good`, `warn`, `bad`, `idle` or `busy`.
    pub tone: &'static str,
    /// The message.
    pub key: &'static str,
    pub icon: &'static str,
}

impl TaskState {
    pub(super) fn of(task: &TaskView) -> Self {
        let state = |tone, key, icon| Self { tone, key, icon };
        match task.status {
            // A task that only its schedule runs has nothing to do yet.
            TaskStatus::Waiting if open_items(task.items) == 0 => state("idle", "task-state-planned", "calendar"),
            TaskStatus::Waiting => state("idle", "task-state-waiting", "clock"),
            TaskStatus::Processing => state("busy", "task-state-processing", "play"),
            TaskStatus::Completed if task.items.failed > 0 => {
                state("warn", "task-state-partly-failed", "triangle-alert")
            }
            TaskStatus::Completed => state("good", "task-state-completed", "circle-check"),
            TaskStatus::Failed => state("bad", "task-state-failed", "circle-x"),
            TaskStatus::Stopped => state("idle", "task-state-stopped", "ban"),
        }
    }
}

pub(super) fn open_items(items: ItemCounts) -> i64 {
    items.waiting + items.processing
}

/// How far a task is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Progress {
    /// Completed or failed.
    pub done: i64,
    pub total: i64,
    pub failed: i64,
}

impl Progress {
    pub(super) fn of(items: ItemCounts) -> Self {
        let done = items.completed + items.failed;
        Self { done, total: done + open_items(items), failed: items.failed }
    }
}

struct ShownPause {
    pause: PauseView,
    by: String,
    since: Moment,
}

/// A stage or type that can be paused.
struct PauseSwitch {
    kind: PauseKind,
    name: &'static str,
    is_paused: bool,
}

impl TasksTemplate<'_> {
    fn count_of(&self, tab: &TaskTab) -> i64 {
        self.tabs.iter().find(|(counted, _)| counted == tab).map_or(0, |(_, count)| *count)
    }

    fn all_tabs(&self) -> [TaskTab; 7] {
        TaskTab::ALL
    }

    fn is_open(&self, tab: &TaskTab) -> bool {
        self.tab == Some(*tab)
    }

    fn tab_word(&self) -> &'static str {
        self.tab.map_or("", TaskTab::as_str)
    }

    /// The beginning of the messages that name stages or types.
    fn name_key(&self, kind: &PauseKind) -> &'static str {
        match kind {
            PauseKind::Stage => "task-stage-",
            PauseKind::Type => "task-type-",
        }
    }

    /// The switches under the message of their heading.
    fn switches_by_kind(&self) -> [(&'static str, Vec<&PauseSwitch>); 2] {
        let of = |kind: PauseKind| self.switches.iter().filter(|switch| switch.kind == kind).collect();
        [("task-pause-types", of(PauseKind::Type)), ("task-pause-stages", of(PauseKind::Stage))]
    }

    fn base(&self) -> String {
        self.tab.map_or_else(|| "/admin/tasks?".to_owned(), |tab| format!("/admin/tasks?tab={tab}&"))
    }
}

pub async fn list(page: Page, services: Data<Services>, query: ValidQuery<TabQuery>, part: ValidPage) -> PageResult {
    let tab = query.0.tab.parse().ok();
    render(&page, &services, tab, PageRequest { limit: ROWS, ..part.0 }, &Form::empty()).await
}

async fn render(page: &Page, services: &Services, tab: Option<TaskTab>, part: PageRequest, form: &Form) -> PageResult {
    let (automation, zone) = (&services.automation, services.auth.store_defaults().1);
    let ListPage { data, next_cursor } = automation.list_tab(tab, part).await?;
    let depth = automation.measure_depth().await?;
    let jobs = |status| depth.iter().filter(|depth| depth.status == status).map(|depth| depth.jobs).sum();
    let pauses = automation.list_pauses().await?;
    let template = TasksTemplate {
        page,
        tab,
        tabs: automation.count_tabs().await?,
        rows: data.iter().map(|overview| view_line(page, overview, &zone)).collect(),
        next_cursor,
        running: jobs(JobStatus::Processing),
        waiting: jobs(JobStatus::Waiting),
        switches: list_switches(&pauses),
        pauses: name_pauses(page, services, pauses, &zone).await?,
        runnable: RUNNABLE,
        form,
    };
    page.render_with_status(form.status(), &template)
}

pub(super) fn view_line(page: &Page, overview: &TaskOverview, zone: &TimeZone) -> TaskLine {
    let task = &overview.task;
    let next = overview.next_retry_at().map(|at| ("task-next-retry", at)).or_else(|| {
        // What is due now needs no mention.
        let due = overview.due_at().filter(|at| *at > page.now).map(|at| ("task-next-due", at));
        due.or_else(|| overview.next_run_at.map(|at| ("task-next-run", at)))
    });
    TaskLine {
        id: task.id,
        title: task.title.clone(),
        kind: task.kind,
        state: TaskState::of(task),
        progress: Progress::of(task.items),
        created: page.moment(task.created_at, zone),
        next: next.map(|(key, at)| (key, page.moment(at, zone))),
    }
}

async fn name_pauses(
    page: &Page,
    services: &Services,
    pauses: Vec<PauseView>,
    zone: &TimeZone,
) -> Result<Vec<ShownPause>, Problem> {
    let mut shown = Vec::with_capacity(pauses.len());
    for pause in pauses {
        let by = services.automation.name_of(&pause.paused_by).await?;
        shown.push(ShownPause { by, since: page.moment(pause.paused_at, zone), pause });
    }
    Ok(shown)
}

fn list_switches(pauses: &[PauseView]) -> Vec<PauseSwitch> {
    let stages = Stage::ALL.into_iter().filter(|stage| *stage != Stage::Run);
    let stages = stages.map(|stage| (PauseKind::Stage, stage.as_str()));
    let types = TaskType::ALL.into_iter().map(|kind| (PauseKind::Type, kind.as_str()));
    let is_paused = |kind, name: &str| pauses.iter().any(|pause| pause.kind == kind && pause.name == name);
    stages.chain(types).map(|(kind, name)| PauseSwitch { kind, name, is_paused: is_paused(kind, name) }).collect()
}

/// Runs a task of a type that needs no file.
pub async fn create(page: Page, caller: Caller, services: Data<Services>, form: Form) -> PageResult {
    let created = async {
        let task = read_task(&page, &services, &form)?;
        services.automation.create_task_by_form(&caller, task, form.key()).await
    };
    match created.await {
        Ok(task) => page.redirect_with_notice(&task::address(task), "notice-task-queued"),
        Err(error) => {
            let part = PageRequest { before: None, limit: ROWS };
            render(&page, &services, None, part, &form.refuse(error)).await
        }
    }
}

fn read_task(page: &Page, services: &Services, form: &Form) -> Result<NewTask, InvalidField> {
    let kind = read_runnable(form)?;
    let title = form.optional("title").map_or_else(|| page.text_of("task-type-", kind.as_str()), str::to_owned);
    let settings = check_settings(kind, &serde_json::json!({}))?;
    Ok(NewTask { id: services.automation.new_task_id(), kind, title, settings })
}

/// The type that a form names, of those that need no file.
pub(super) fn read_runnable(form: &Form) -> Result<TaskType, InvalidField> {
    let kind = form.text("type").parse().ok().filter(|kind| RUNNABLE.contains(kind));
    kind.ok_or_else(|| InvalidField::new("type", "choose what is to be done"))
}

/// Pauses a stage or a type, or resumes it.
pub async fn pause(page: Page, caller: Caller, services: Data<Services>, form: Form) -> PageResult {
    let kind: PauseKind = form.text("kind").parse().map_err(|reason: String| InvalidField::new("kind", reason))?;
    let name = form.text("name");
    if form.text("paused") == "yes" {
        services.automation.pause(&caller, kind, name).await?;
        return page.redirect_with_notice("/admin/tasks", "notice-task-paused");
    }
    services.automation.resume(&caller, kind, name).await?;
    page.redirect_with_notice("/admin/tasks", "notice-task-resumed")
}
