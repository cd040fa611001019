//! Tasks as their pages show them: by where their items are, with what they made.

use serde_json::Value;

use super::{Automation, AutomationError, TaskView};
use crate::db::task_items::{self, QueueDepth};
use crate::db::task_overview::{self, MadeProduct, StageCount};
use crate::db::tasks::{self, TaskFilter, TaskRow};
use crate::db::{DatabaseError, Reader, actor_names, task_schedules};
use crate::domain::{Actor, JobId, JobStatus, Page, PageRequest, ProductId, TaskId, TaskTab, Timestamp};

/// Tasks whose titles are searched.
const SEARCHED_MAX: i64 = 1_000;

/// A task and where its items are.
#[derive(Debug, Clone)]
pub struct TaskOverview {
    pub task: TaskView,
    pub stages: Vec<StageCount>,
    /// The next run that a schedule of it plans.
    pub next_run_at: Option<Timestamp>,
}

impl TaskOverview {
    /// When an item that failed is tried again.
    pub fn next_retry_at(&self) -> Option<Timestamp> {
        let waiting = self.stages.iter().filter(|count| count.status == JobStatus::Waiting);
        waiting.filter_map(|count| count.next_retry_at).min()
    }

    /// When the next item is begun at the earliest, if none is being worked on.
    pub fn due_at(&self) -> Option<Timestamp> {
        if self.task.items.processing > 0 {
            return None;
        }
        let waiting = self.stages.iter().filter(|count| count.status == JobStatus::Waiting);
        waiting.map(|count| count.earliest_due_at).min()
    }
}

impl Automation {
    /// The number of tasks on each tab.
    pub async fn count_tabs(&self) -> Result<Vec<(TaskTab, i64)>, AutomationError> {
        Ok(task_overview::count_tabs(&mut self.0.db.read().await?).await?)
    }

    /// The tasks of a tab, or all, newest first.
    pub async fn list_tab(
        &self,
        tab: Option<TaskTab>,
        page: PageRequest,
    ) -> Result<Page<TaskOverview>, AutomationError> {
        let mut reader = self.0.db.read().await?;
        let rows = match tab {
            Some(tab) => task_overview::list_tab(&mut reader, tab, page).await?,
            None => tasks::list(&mut reader, TaskFilter::default(), page).await?,
        };
        let rows = Page::from_rows(rows, page, |row| row.id.uuid());
        let mut data = Vec::with_capacity(rows.data.len());
        for row in rows.data {
            data.push(overview(&mut reader, row).await?);
        }
        Ok(Page { data, next_cursor: rows.next_cursor })
    }

    pub async fn find_overview(&self, task: TaskId) -> Result<TaskOverview, AutomationError> {
        let mut reader = self.0.db.read().await?;
        let row = super::tasks::require_task(&mut reader, task).await?;
        Ok(overview(&mut reader, row).await?)
    }

    /// What the stage before found out about an item of a task.
    pub(super) async fn find_item_data(&self, task: TaskId, job: JobId) -> Result<Value, AutomationError> {
        let found = task_items::find(&mut self.0.db.read().await?, job).await?.filter(|row| row.task_id == task);
        let missing = || AutomationError::NotFound { what: "item", id: job.to_string() };
        found.map(|row| row.data).ok_or_else(missing)
    }

    /// The open jobs of each stage.
    pub async fn measure_depth(&self) -> Result<Vec<QueueDepth>, AutomationError> {
        Ok(task_items::measure_depth(&mut self.0.db.read().await?).await?)
    }

    /// Some of the products that a task made, and their number.
    pub async fn list_made_products(
        &self,
        task: TaskId,
        limit: i64,
    ) -> Result<(Vec<MadeProduct>, i64), AutomationError> {
        let mut reader = self.0.db.read().await?;
        let products = task_overview::list_products(&mut reader, task, limit).await?;
        Ok((products, task_overview::count_products(&mut reader, task).await?))
    }

    /// The task that made a product, if one did.
    pub async fn find_maker(&self, product: ProductId) -> Result<Option<TaskView>, AutomationError> {
        let mut reader = self.0.db.read().await?;
        let Some(row) = task_overview::find_maker(&mut reader, product).await? else { return Ok(None) };
        Ok(Some(overview(&mut reader, row).await?.task))
    }

    /// The newest tasks with `part` in their title.
    pub async fn search_tasks(&self, part: &str, limit: usize) -> Result<Vec<TaskView>, AutomationError> {
        let mut reader = self.0.db.read().await?;
        let rows = task_overview::search(&mut reader, part, SEARCHED_MAX, limit).await?;
        let mut found = Vec::with_capacity(rows.len());
        for row in rows {
            found.push(overview(&mut reader, row).await?.task);
        }
        Ok(found)
    }

    /// The name of the person or kiosk with this label ([`Actor::label`]); of others the label itself.
    pub async fn name_of(&self, label: &str) -> Result<String, AutomationError> {
        Ok(find_name(&mut self.0.db.read().await?, label).await?)
    }
}

async fn overview(reader: &mut Reader, row: TaskRow) -> Result<TaskOverview, DatabaseError> {
    let stages = task_overview::count_stages(reader, row.id).await?;
    let counts: Vec<(JobStatus, i64)> = JobStatus::ALL
        .into_iter()
        .map(|status| (status, stages.iter().filter(|count| count.status == status).map(|count| count.items).sum()))
        .collect();
    let next_run_at = task_schedules::find_next_of_task(reader, row.id).await?;
    Ok(TaskOverview { task: TaskView::new(row, &counts), stages, next_run_at })
}

/// How a log line names who did something.
pub(super) async fn name_actor(reader: &mut Reader, actor: &Actor) -> Result<String, DatabaseError> {
    find_name(reader, &actor.label()).await
}

async fn find_name(reader: &mut Reader, label: &str) -> Result<String, DatabaseError> {
    let names = actor_names::list(reader, std::iter::once(label)).await?;
    Ok(names.get(label).cloned().unwrap_or_else(|| label.to_owned()))
}
