//! Tasks: created, listed, retried, their failed items discarded, deleted.

use serde_json::{Value, json};

use super::completion::close_if_done;
use super::log::{self, LogEntry};
use super::overview::name_actor;
use super::stages::stages_of;
use super::{Automation, AutomationError, JobView, TaskLogView, TaskView};
use crate::db::audit::{self, AuditEntry};
use crate::db::task_items::{self, JobFilter};
use crate::db::task_logs::{self, TaskLogFilter};
use crate::db::task_queue::{self, JobRow};
use crate::db::tasks::{self, TaskFilter, TaskRow};
use crate::db::{DatabaseError, Reader, Tx};
use crate::domain::{
    Caller, InvalidField, JobId, JobStatus, LogAction, LogLevel, Page, PageRequest, Stage, TaskId, TaskStatus,
    TaskType, Timestamp, parse_line,
};

const TITLE_CHARS_MAX: usize = 200;

/// A task that is to be created.
#[derive(Debug, Clone)]
pub struct NewTask {
    pub id: TaskId,
    pub kind: TaskType,
    pub title: String,
    pub settings: Value,
}

impl Automation {
    /// An id for a task, whose files can be written before it is created.
    pub fn new_task_id(&self) -> TaskId {
        TaskId::generate(self.0.clock.now())
    }

    /// Creates a task and queues its first job.
    pub async fn create_task(&self, caller: &Caller, task: NewTask) -> Result<TaskView, AutomationError> {
        let row = self.new_row(caller, task)?;
        let mut tx = self.0.db.begin().await?;
        self.insert_and_queue(&mut tx, caller, &row).await?;
        tx.commit().await?;
        self.wake_workers();
        self.find_task(row.id).await
    }

    pub(super) async fn insert_and_queue(
        &self,
        tx: &mut Tx,
        caller: &Caller,
        row: &TaskRow,
    ) -> Result<(), AutomationError> {
        self.insert_task(tx, caller, row).await?;
        queue_run(tx, row, ("", row.created_at), row.created_at).await?;
        Ok(())
    }

    pub(super) fn new_row(&self, caller: &Caller, task: NewTask) -> Result<TaskRow, InvalidField> {
        Ok(TaskRow {
            id: task.id,
            kind: task.kind,
            title: parse_line("title", &task.title, TITLE_CHARS_MAX)?,
            settings: task.settings,
            status: TaskStatus::Waiting,
            last_error: None,
            cleared_items: 0,
            created_by: caller.actor.label(),
            created_at: self.0.clock.now(),
            finished_at: None,
        })
    }

    pub(super) async fn insert_task(&self, tx: &mut Tx, caller: &Caller, row: &TaskRow) -> Result<(), AutomationError> {
        tasks::insert(tx, row).await?;
        let details = json!({"type": row.kind, "title": row.title});
        Ok(self.append_audit(tx, caller, "task.create", (row.id, details)).await?)
    }

    pub async fn find_task(&self, id: TaskId) -> Result<TaskView, AutomationError> {
        let mut reader = self.0.db.read().await?;
        let row = require_task(&mut reader, id).await?;
        Ok(TaskView::new(row, &task_items::count(&mut reader, id).await?))
    }

    pub async fn list_tasks(&self, filter: TaskFilter, page: PageRequest) -> Result<Page<TaskView>, AutomationError> {
        let mut reader = self.0.db.read().await?;
        let rows = tasks::list(&mut reader, filter, page).await?;
        let rows = Page::from_rows(rows, page, |row| row.id.uuid());
        let mut data = Vec::with_capacity(rows.data.len());
        for row in rows.data {
            let counts = task_items::count(&mut reader, row.id).await?;
            data.push(TaskView::new(row, &counts));
        }
        Ok(Page { data, next_cursor: rows.next_cursor })
    }

    /// The items of a task: of each, the stage that it has reached.
    pub async fn list_items(
        &self,
        task: TaskId,
        status: Option<JobStatus>,
        page: PageRequest,
    ) -> Result<Page<JobView>, AutomationError> {
        let mut reader = self.0.db.read().await?;
        require_task(&mut reader, task).await?;
        let filter = JobFilter { task: Some(task), status, stage: None, only_current: true };
        let rows = task_items::list(&mut reader, filter, page).await?;
        Ok(Page::from_rows(rows, page, |row| row.id.uuid()).map(JobView::from))
    }

    pub async fn list_jobs(
        &self,
        stage: Option<Stage>,
        status: Option<JobStatus>,
        page: PageRequest,
    ) -> Result<Page<JobView>, AutomationError> {
        let filter = JobFilter { task: None, stage, status, only_current: false };
        let rows = task_items::list(&mut self.0.db.read().await?, filter, page).await?;
        Ok(Page::from_rows(rows, page, |row| row.id.uuid()).map(JobView::from))
    }

    pub async fn list_logs(
        &self,
        filter: TaskLogFilter,
        page: PageRequest,
    ) -> Result<Page<TaskLogView>, AutomationError> {
        let rows = task_logs::list(&mut self.0.db.read().await?, filter, page).await?;
        Ok(Page::from_rows(rows, page, |row| row.id.uuid()).map(TaskLogView::from))
    }

    /// Queues another run of a task that exists, to begin now.
    pub async fn run_task(&self, caller: &Caller, task: TaskId) -> Result<TaskView, AutomationError> {
        let mut tx = self.0.db.begin().await?;
        self.queue_run_now(&mut tx, caller, task).await?;
        tx.commit().await?;
        self.wake_workers();
        self.find_task(task).await
    }

    pub(super) async fn queue_run_now(
        &self,
        tx: &mut Tx,
        caller: &Caller,
        task: TaskId,
    ) -> Result<(), AutomationError> {
        let now = self.0.clock.now();
        let row = lock_task(tx, task).await?;
        let is_queued = queue_run(tx, &row, (&now.to_string(), now), now).await?;
        if is_queued && row.status != TaskStatus::Processing {
            tasks::set_status(tx, task, TaskStatus::Waiting, None).await?;
        }
        Ok(self.append_audit(tx, caller, "task.run", (task, json!({}))).await?)
    }

    /// Begins failed items again where they failed: all, or the one with the job `job`.
    pub async fn retry_task(
        &self,
        caller: &Caller,
        task: TaskId,
        job: Option<JobId>,
    ) -> Result<TaskView, AutomationError> {
        let now = self.0.clock.now();
        let mut tx = self.0.db.begin().await?;
        let row = lock_task(&mut tx, task).await?;
        let retried = task_items::retry(&mut tx, task, job, now).await?;
        if retried == 0 {
            return Err(nothing_failed(row, job));
        }
        tasks::set_status(&mut tx, task, TaskStatus::Processing, None).await?;
        let who = name_actor(&mut tx, &caller.actor).await?;
        let message = format!("{who} begins {retried} failed items again");
        log::write(&mut tx, task, LogEntry::of_task(LogLevel::Info, LogAction::Retry, message), now).await?;
        self.append_audit(&mut tx, caller, "task.retry", (task, json!({"items": retried}))).await?;
        task_queue::notify_workers(&mut tx).await?;
        tx.commit().await?;
        self.wake_workers();
        self.find_task(task).await
    }

    /// Removes failed items: all, or the one with the job `job`.
    pub async fn discard_items(
        &self,
        caller: &Caller,
        task: TaskId,
        job: Option<JobId>,
    ) -> Result<TaskView, AutomationError> {
        let now = self.0.clock.now();
        let mut tx = self.0.db.begin().await?;
        let row = lock_task(&mut tx, task).await?;
        let discarded = task_items::discard(&mut tx, task, job).await?;
        if discarded == 0 {
            return Err(nothing_failed(row, job));
        }
        if row.status != TaskStatus::Stopped {
            close_if_done(&mut tx, task, now).await?;
        }
        let who = name_actor(&mut tx, &caller.actor).await?;
        let message = format!("{who} discards {discarded} failed items");
        log::write(&mut tx, task, LogEntry::of_task(LogLevel::Info, LogAction::Skip, message), now).await?;
        self.append_audit(&mut tx, caller, "task.discard", (task, json!({"items": discarded}))).await?;
        tx.commit().await?;
        self.find_task(task).await
    }

    /// Deletes a task that is not worked on, with its items and its log. Its products stay.
    pub async fn delete_task(&self, caller: &Caller, task: TaskId) -> Result<(), AutomationError> {
        let mut tx = self.0.db.begin().await?;
        let row = lock_task(&mut tx, task).await?;
        let counts = task_items::count(&mut tx, task).await?;
        if counts.iter().any(|(status, count)| *status == JobStatus::Processing && *count > 0) {
            return Err(AutomationError::StillRunning { title: row.title });
        }
        tasks::delete(&mut tx, task).await?;
        let details = json!({"type": row.kind, "title": row.title});
        self.append_audit(&mut tx, caller, "task.delete", (task, details)).await?;
        tx.commit().await?;
        self.0.files.remove(task).await
    }

    pub(super) async fn append_audit(
        &self,
        tx: &mut Tx,
        caller: &Caller,
        action: &'static str,
        (task, details): (TaskId, Value),
    ) -> Result<(), DatabaseError> {
        let entry = AuditEntry { at: self.0.clock.now(), caller, action, subject: task.to_string(), details };
        audit::append(tx, entry).await
    }
}

/// Queues a run of a task from its first stage. False if the item exists already.
pub(super) async fn queue_run(
    tx: &mut Tx,
    task: &TaskRow,
    (item, due_at): (&str, Timestamp),
    now: Timestamp,
) -> Result<bool, DatabaseError> {
    let stage = stages_of(task.kind, &task.settings).first().copied().unwrap_or(Stage::Run);
    let row = JobRow {
        id: JobId::generate(now),
        task_id: task.id,
        kind: task.kind,
        item: item.to_owned(),
        position: 0,
        stage,
        status: JobStatus::Waiting,
        is_current: true,
        data: Value::Null,
        attempts: 0,
        failures: 0,
        due_at,
        error: None,
        created_at: now,
        started_at: None,
        finished_at: None,
    };
    let is_new = task_queue::insert(tx, &row).await?;
    task_queue::notify_workers(tx).await?;
    Ok(is_new)
}

pub(super) async fn require_task(reader: &mut Reader, id: TaskId) -> Result<TaskRow, AutomationError> {
    let found = tasks::find(reader, id).await?;
    found.ok_or_else(|| AutomationError::NotFound { what: "task", id: id.to_string() })
}

/// Locks the task's row and reads it.
pub(super) async fn lock_task(tx: &mut Tx, id: TaskId) -> Result<TaskRow, AutomationError> {
    tasks::lock(tx, id).await?;
    require_task(tx, id).await
}

fn nothing_failed(task: TaskRow, job: Option<JobId>) -> AutomationError {
    let which = if job.is_some() { " with this id" } else { "" };
    AutomationError::NothingFailed { title: task.title, which }
}
