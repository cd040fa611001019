//! Schedules: created, listed with their next runs, switched on and off, deleted.

use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;
use uuid::Uuid;

use super::tasks::{lock_task, require_task};
use super::{Automation, AutomationError, NewTask};
use crate::db::task_schedules::{self, ScheduleRow};
use crate::db::tasks::{self, TaskRow};
use crate::db::{DatabaseError, Reader, Tx};
use crate::domain::{
    Caller, MissedRuns, Page, PageRequest, ScheduleId, ScheduleKind, ScheduleRule, TaskId, TaskType, TimeZone,
    Timestamp,
};

/// Runs that a view of a schedule names.
const NEXT_RUNS: usize = 5;
/// The task that cleans up, which every database has from the start.
const CLEANUP_TASK: Uuid = Uuid::from_u128(0x0000_0000_0000_7000_8000_0000_0000_0001);
const CLEANUP_TITLE: &str = "Daily clean-up";
const CLEANUP_TIME: &str = "03:30";

/// A schedule that is to be created.
#[derive(Debug, Clone)]
pub struct NewSchedule {
    pub rule: ScheduleRule,
    /// Without one, the server's.
    pub time_zone: Option<TimeZone>,
    pub missed: MissedRuns,
}

/// When a task runs.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = TaskSchedule)]
pub struct ScheduleView {
    pub id: ScheduleId,
    pub task_id: TaskId,
    pub task_title: String,
    pub kind: ScheduleKind,
    /// The moment of `once`.
    pub at: Option<Timestamp>,
    /// `HH:MM` of `daily`, `weekly` and `monthly`.
    pub time: Option<String>,
    /// The days of `weekly`.
    pub weekdays: Option<Vec<String>>,
    /// The day of `monthly`.
    pub day: Option<i8>,
    /// The expression of `cron`.
    pub expression: Option<String>,
    pub time_zone: TimeZone,
    pub missed: MissedRuns,
    pub enabled: bool,
    /// The next five runs; none if it is switched off or over.
    pub next_runs: Vec<Timestamp>,
    /// The planned moment of the last run.
    pub last_planned_at: Option<Timestamp>,
    pub created_by: String,
    pub created_at: Timestamp,
}

impl ScheduleView {
    fn new(row: ScheduleRow, task_title: String) -> Self {
        let rule = rule_of(&row);
        let mut view = Self {
            id: row.id,
            task_id: row.task_id,
            task_title,
            kind: row.kind,
            at: None,
            time: None,
            weekdays: None,
            day: None,
            expression: None,
            next_runs: row.next_at.into_iter().collect(),
            time_zone: row.time_zone,
            missed: row.missed,
            enabled: row.enabled,
            last_planned_at: row.last_planned_at,
            created_by: row.created_by,
            created_at: row.created_at,
        };
        if let (Some(rule), Some(next)) = (&rule, row.next_at) {
            view.next_runs.extend(rule.list_next(&view.time_zone, next, NEXT_RUNS - 1));
        }
        match rule {
            None => {}
            Some(ScheduleRule::Once { at }) => view.at = Some(at),
            Some(ScheduleRule::Daily { time }) => view.time = Some(time),
            Some(ScheduleRule::Weekly { time, weekdays }) => {
                (view.time, view.weekdays) = (Some(time), Some(weekdays));
            }
            Some(ScheduleRule::Monthly { time, day }) => (view.time, view.day) = (Some(time), Some(day)),
            Some(ScheduleRule::Cron { expression }) => view.expression = Some(expression),
        }
        view
    }
}

/// `None` for a rule that only another version of the program can read.
pub(super) fn rule_of(row: &ScheduleRow) -> Option<ScheduleRule> {
    serde_json::from_value(row.rule.clone()).ok()
}

impl Automation {
    /// Plans runs of a task that exists.
    pub async fn schedule_task(
        &self,
        caller: &Caller,
        task: TaskId,
        schedule: NewSchedule,
    ) -> Result<ScheduleView, AutomationError> {
        let row = self.schedule_row(caller, task, schedule)?;
        let mut tx = self.0.db.begin().await?;
        let task = lock_task(&mut tx, task).await?;
        task_schedules::insert(&mut tx, &row).await?;
        self.append_audit(&mut tx, caller, "task.schedule", (task.id, json!(row.rule))).await?;
        tx.commit().await?;
        Ok(ScheduleView::new(row, task.title))
    }

    /// Creates a task that only its schedule runs.
    pub async fn create_scheduled_task(
        &self,
        caller: &Caller,
        task: NewTask,
        schedule: NewSchedule,
    ) -> Result<ScheduleView, AutomationError> {
        let task = self.new_row(caller, task)?;
        let row = self.schedule_row(caller, task.id, schedule)?;
        let mut tx = self.0.db.begin().await?;
        self.insert_scheduled(&mut tx, caller, &task, &row).await?;
        tx.commit().await?;
        Ok(ScheduleView::new(row, task.title))
    }

    pub(super) async fn insert_scheduled(
        &self,
        tx: &mut Tx,
        caller: &Caller,
        task: &TaskRow,
        schedule: &ScheduleRow,
    ) -> Result<(), AutomationError> {
        self.insert_task(tx, caller, task).await?;
        task_schedules::insert(tx, schedule).await?;
        Ok(self.append_audit(tx, caller, "task.schedule", (task.id, schedule.rule.clone())).await?)
    }

    pub(super) fn schedule_row(
        &self,
        caller: &Caller,
        task: TaskId,
        schedule: NewSchedule,
    ) -> Result<ScheduleRow, AutomationError> {
        let now = self.0.clock.now();
        let NewSchedule { rule, time_zone, missed } = schedule;
        let time_zone = time_zone.unwrap_or_else(|| self.0.time_zone.clone());
        let next_at = rule.first_after(&time_zone, now)?;
        let stored = serde_json::to_value(&rule).map_err(|error| DatabaseError::Unexpected(error.to_string()))?;
        Ok(ScheduleRow {
            id: ScheduleId::generate(now),
            task_id: task,
            kind: rule.kind(),
            rule: stored,
            time_zone,
            missed,
            enabled: true,
            next_at: Some(next_at),
            last_planned_at: None,
            created_by: caller.actor.label(),
            created_at: now,
        })
    }

    /// Newest first; of one task, or of all.
    pub async fn list_schedules(
        &self,
        task: Option<TaskId>,
        page: PageRequest,
    ) -> Result<Page<ScheduleView>, AutomationError> {
        let mut reader = self.0.db.read().await?;
        let rows = task_schedules::list(&mut reader, task, page).await?;
        let rows = Page::from_rows(rows, page, |row| row.id.uuid());
        let mut data = Vec::with_capacity(rows.data.len());
        for row in rows.data {
            let title = tasks::find(&mut reader, row.task_id).await?.map(|task| task.title);
            data.push(ScheduleView::new(row, title.unwrap_or_default()));
        }
        Ok(Page { data, next_cursor: rows.next_cursor })
    }

    /// Switches a schedule on, from its next moment after now, or off.
    pub async fn enable_schedule(
        &self,
        caller: &Caller,
        id: ScheduleId,
        enabled: bool,
    ) -> Result<ScheduleView, AutomationError> {
        let mut tx = self.0.db.begin().await?;
        let mut row = find_schedule(&mut tx, id).await?;
        let task = require_task(&mut tx, row.task_id).await?;
        let rule = rule_of(&row).filter(|_| enabled);
        let next_at = rule.map(|rule| rule.first_after(&row.time_zone, self.0.clock.now())).transpose()?;
        task_schedules::set_enabled(&mut tx, id, enabled, next_at).await?;
        let action = if enabled { "task.schedule-on" } else { "task.schedule-off" };
        self.append_audit(&mut tx, caller, action, (row.task_id, json!({"schedule": id}))).await?;
        tx.commit().await?;
        (row.enabled, row.next_at) = (enabled, next_at);
        Ok(ScheduleView::new(row, task.title))
    }

    pub async fn find_schedule(&self, id: ScheduleId) -> Result<ScheduleView, AutomationError> {
        let mut reader = self.0.db.read().await?;
        let row = find_schedule(&mut reader, id).await?;
        let task = require_task(&mut reader, row.task_id).await?;
        Ok(ScheduleView::new(row, task.title))
    }

    /// Gives a schedule other moments, from now on, and switches it on.
    pub async fn change_schedule(
        &self,
        caller: &Caller,
        id: ScheduleId,
        schedule: NewSchedule,
    ) -> Result<ScheduleView, AutomationError> {
        let mut tx = self.0.db.begin().await?;
        let old = find_schedule(&mut tx, id).await?;
        let task = require_task(&mut tx, old.task_id).await?;
        let ScheduleRow { kind, rule, time_zone, missed, enabled, next_at, .. } =
            self.schedule_row(caller, old.task_id, schedule)?;
        let row = ScheduleRow { kind, rule, time_zone, missed, enabled, next_at, ..old };
        task_schedules::change(&mut tx, &row).await?;
        self.append_audit(&mut tx, caller, "task.reschedule", (task.id, json!(row.rule))).await?;
        tx.commit().await?;
        Ok(ScheduleView::new(row, task.title))
    }

    /// Deletes a schedule; its task stays.
    pub async fn delete_schedule(&self, caller: &Caller, id: ScheduleId) -> Result<(), AutomationError> {
        let mut tx = self.0.db.begin().await?;
        let row = find_schedule(&mut tx, id).await?;
        task_schedules::delete(&mut tx, id).await?;
        self.append_audit(&mut tx, caller, "task.unschedule", (row.task_id, row.rule)).await?;
        Ok(tx.commit().await?)
    }

    /// Creates the task that cleans up every day, unless the database has it.
    pub async fn ensure_cleanup(&self) -> Result<(), AutomationError> {
        let id = TaskId::from(CLEANUP_TASK);
        if tasks::find(&mut self.0.db.read().await?, id).await?.is_some() {
            return Ok(());
        }
        let caller = Caller::system();
        let (title, settings) = (CLEANUP_TITLE.to_owned(), json!({}));
        let task = self.new_row(&caller, NewTask { id, kind: TaskType::Cleanup, title, settings })?;
        let rule = ScheduleRule::Daily { time: CLEANUP_TIME.to_owned() };
        let row = self.schedule_row(&caller, id, NewSchedule { rule, time_zone: None, missed: MissedRuns::RunOnce })?;
        let mut tx = self.0.db.begin().await?;
        // Several servers may start at once.
        if tasks::insert(&mut tx, &task).await? {
            task_schedules::insert(&mut tx, &row).await?;
        }
        Ok(tx.commit().await?)
    }
}

async fn find_schedule(reader: &mut Reader, id: ScheduleId) -> Result<ScheduleRow, AutomationError> {
    let found = task_schedules::find(reader, id).await?;
    found.ok_or_else(|| AutomationError::NotFound { what: "schedule", id: id.to_string() })
}
