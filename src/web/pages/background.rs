//! Background work: what this server does by itself, when it last did, and what failed.

use actix_web::web::Data;
use askama::Template;

use crate::background::TaskStatus;
use crate::domain::TimeZone;
use crate::http::Services;
use crate::storage::StorageFault;
use crate::web::page::{Page, PageResult};

#[derive(Template)]
#[template(path = "background.html")]
struct BackgroundTemplate<'a> {
    page: &'a Page,
    zone: TimeZone,
    tasks: Vec<TaskStatus>,
    faults: Vec<StorageFault>,
}

pub async fn show(page: Page, services: Data<Services>) -> PageResult {
    let mut tasks = services.background.status();
    // What fails stands first; the others stay in the order of their registration.
    tasks.sort_by_key(|task| !is_failing(task));
    let (zone, faults) = (services.auth.store_defaults().1, services.storage.faults());
    page.render(&BackgroundTemplate { page: &page, zone, tasks, faults })
}

/// Whether the last run failed.
pub(super) fn is_failing(task: &TaskStatus) -> bool {
    task.last_error_at.is_some() && task.last_success_at < task.last_error_at
}

impl BackgroundTemplate<'_> {
    fn is_failing(&self, task: &TaskStatus) -> bool {
        is_failing(task)
    }

    fn tone(&self, task: &TaskStatus) -> &'static str {
        match task {
            _ if is_failing(task) => "bad",
            TaskStatus { last_success_at: None, running: false, .. } => "idle",
            _ => "good",
        }
    }

    fn word(&self, task: &TaskStatus) -> String {
        match self.tone(task) {
            "bad" => self.page.text("task-failing"),
            "idle" => self.page.text("task-idle"),
            _ if task.running => self.page.text("task-running"),
            _ => self.page.text("task-well"),
        }
    }

    /// `250 ms`, `3.2 s`.
    fn duration(&self, task: &TaskStatus) -> String {
        match task.last_duration_ms {
            None => "–".to_owned(),
            Some(millis @ ..1_000) => format!("{millis}\u{a0}ms"),
            Some(millis) => format!("{:.1}\u{a0}s", millis as f64 / 1_000.0),
        }
    }
}
