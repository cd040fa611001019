//! Schedules of tasks.

use actix_web::web::Data;
use actix_web::{HttpResponse, Responder, delete, get, patch, post, put};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::automation_tasks::CreateTask;
use crate::automation::{NewSchedule, ScheduleView};
use crate::domain::{
    Caller, InvalidField, MissedRuns, Page, ScheduleId, ScheduleKind, ScheduleRule, TaskId, TaskType, TimeZone,
    Timestamp,
};
use crate::http::Services;
use crate::http::extract::{JsonBody, PageQuery, ValidPage, ValidPath, ValidQuery};
use crate::http::problem::Problem;

/// A schedule of a task that exists (`task_id`), or of one that is created with it (`task`).
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateSchedule {
    /// The task to run.
    task_id: Option<TaskId>,
    /// A task that only this schedule runs.
    task: Option<CreateTask>,
    kind: ScheduleKind,
    /// The moment of `once`.
    at: Option<Timestamp>,
    /// `HH:MM` of `daily`, `weekly` and `monthly`.
    #[schema(pattern = "^[0-9]{2}:[0-9]{2}$", examples("03:30"))]
    time: Option<String>,
    /// The days of `weekly`.
    #[schema(examples(json!(["monday", "friday"])))]
    weekdays: Option<Vec<String>>,
    /// The day of `monthly`: 31 is the last day of shorter months.
    #[schema(minimum = 1, maximum = 31)]
    day: Option<i8>,
    /// Of `cron`: minute, hour, day of the month, month, day of the week.
    #[schema(examples("*/15 8-20 * * MON-SAT"))]
    expression: Option<String>,
    /// IANA name of the time zone of the clock. Default: the server's time zone.
    #[schema(examples("Europe/Berlin"))]
    time_zone: Option<String>,
    /// What becomes of runs that were due while no server ran. Default: `run_once`.
    missed: Option<MissedRuns>,
}

impl CreateSchedule {
    fn take_schedule(&mut self) -> Result<NewSchedule, InvalidField> {
        let rule = self.take_rule()?;
        let time_zone = self.time_zone.as_deref().map(|zone| TimeZone::parse("time_zone", zone)).transpose()?;
        Ok(NewSchedule { rule, time_zone, missed: self.missed.unwrap_or(MissedRuns::RunOnce) })
    }

    /// The fields of the kind; one that is missing or belongs to another kind is refused.
    fn take_rule(&mut self) -> Result<ScheduleRule, InvalidField> {
        let kind = self.kind;
        let missing =
            |field| move || InvalidField::new(field, format!("is missing; a schedule of kind {kind} needs it"));
        let rule = match kind {
            ScheduleKind::Once => ScheduleRule::Once { at: self.at.take().ok_or_else(missing("at"))? },
            ScheduleKind::Daily => ScheduleRule::Daily { time: self.time.take().ok_or_else(missing("time"))? },
            ScheduleKind::Weekly => ScheduleRule::Weekly {
                time: self.time.take().ok_or_else(missing("time"))?,
                weekdays: self.weekdays.take().ok_or_else(missing("weekdays"))?,
            },
            ScheduleKind::Monthly => ScheduleRule::Monthly {
                time: self.time.take().ok_or_else(missing("time"))?,
                day: self.day.take().ok_or_else(missing("day"))?,
            },
            ScheduleKind::Cron => {
                ScheduleRule::Cron { expression: self.expression.take().ok_or_else(missing("expression"))? }
            }
        };
        let left = [
            ("at", self.at.is_some()),
            ("time", self.time.is_some()),
            ("weekdays", self.weekdays.is_some()),
            ("day", self.day.is_some()),
            ("expression", self.expression.is_some()),
        ];
        match left.into_iter().find(|(_, is_left)| *is_left) {
            Some((field, _)) => Err(InvalidField::new(field, format!("means nothing in a schedule of kind {kind}"))),
            None => Ok(rule),
        }
    }
}

/// A change of a schedule.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeSchedule {
    /// Whether it runs its task. Switched on again, it goes on with the next moment after now.
    enabled: bool,
}

/// Filters of the list of schedules.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ScheduleQuery {
    /// Only schedules of this task.
    task_id: Option<TaskId>,
}

/// Plan runs of a task.
///
/// Times are those of a clock in the time zone. One that summer time leaves out is moved by the hour; one that occurs twice
/// counts the first time.
#[utoipa::path(tag = "automation", request_body = CreateSchedule,
    responses((status = 201, body = ScheduleView, description = "The schedule with its next runs")))]
#[post("/api/automation/schedules")]
pub async fn create(
    caller: Caller,
    services: Data<Services>,
    body: JsonBody<CreateSchedule>,
) -> Result<impl Responder, Problem> {
    let mut body = body.0;
    let schedule = body.take_schedule()?;
    let automation = &services.automation;
    let view = match (body.task_id, body.task) {
        (Some(task), None) => automation.schedule_task(&caller, task, schedule).await?,
        (None, Some(task)) => {
            let task = task.check(automation.new_task_id())?;
            if task.kind == TaskType::Import {
                let reason = "cannot be an import, which needs a file; create the import and schedule it by its id";
                return Err(InvalidField::new("task", reason).into());
            }
            automation.create_scheduled_task(&caller, task, schedule).await?
        }
        (None, None) | (Some(_), Some(_)) => {
            let reason = "send either task_id, of a task that exists, or task, to create one";
            return Err(InvalidField::new("task_id", reason).into());
        }
    };
    Ok(HttpResponse::Created().json(view))
}

/// List schedules with their next five runs, newest schedule first.
#[utoipa::path(tag = "automation", params(ScheduleQuery, PageQuery),
    responses((status = 200, body = Page<ScheduleView>, description = "A page of schedules")))]
#[get("/api/automation/schedules")]
pub async fn list(
    services: Data<Services>,
    query: ValidQuery<ScheduleQuery>,
    page: ValidPage,
) -> Result<impl Responder, Problem> {
    Ok(HttpResponse::Ok().json(services.automation.list_schedules(query.0.task_id, page.0).await?))
}

/// Switch a schedule on or off.
#[utoipa::path(tag = "automation", params(("id" = ScheduleId, Path)), request_body = ChangeSchedule,
    responses((status = 200, body = ScheduleView, description = "The schedule")))]
#[patch("/api/automation/schedules/{id}")]
pub async fn change(
    caller: Caller,
    services: Data<Services>,
    id: ValidPath<ScheduleId>,
    body: JsonBody<ChangeSchedule>,
) -> Result<impl Responder, Problem> {
    Ok(HttpResponse::Ok().json(services.automation.enable_schedule(&caller, id.0, body.0.enabled).await?))
}

/// Plan the runs of a schedule anew, from now on; it is switched on. `task_id` and `task` are left out: it keeps its task.
#[utoipa::path(tag = "automation", params(("id" = ScheduleId, Path)), request_body = CreateSchedule,
    responses((status = 200, body = ScheduleView, description = "The schedule with its next runs")))]
#[put("/api/automation/schedules/{id}")]
pub async fn replace(
    caller: Caller,
    services: Data<Services>,
    id: ValidPath<ScheduleId>,
    body: JsonBody<CreateSchedule>,
) -> Result<impl Responder, Problem> {
    let mut body = body.0;
    if body.task_id.is_some() || body.task.is_some() {
        return Err(InvalidField::new("task_id", "cannot be changed; delete the schedule and create another").into());
    }
    let schedule = body.take_schedule()?;
    Ok(HttpResponse::Ok().json(services.automation.change_schedule(&caller, id.0, schedule).await?))
}

/// Delete a schedule. Its task stays.
#[utoipa::path(tag = "automation", params(("id" = ScheduleId, Path)),
    responses((status = 204, description = "Deleted")))]
#[delete("/api/automation/schedules/{id}")]
pub async fn remove(
    caller: Caller,
    services: Data<Services>,
    id: ValidPath<ScheduleId>,
) -> Result<impl Responder, Problem> {
    services.automation.delete_schedule(&caller, id.0).await?;
    Ok(HttpResponse::NoContent().finish())
}
