//! Schedules: when tasks run by themselves, the next runs, and how the last one went.

use actix_web::web::Data;
use askama::Template;

use super::stores::find_newest_store;
use super::tasks::{RUNNABLE, read_runnable};
use crate::automation::pipelines::check_settings;
use crate::automation::{JobView, NewSchedule, NewTask, ScheduleView};
use crate::domain::{
    Caller, InvalidField, JobStatus, MissedRuns, PageRequest, ScheduleId, ScheduleKind, ScheduleRule, TaskType,
    TimeZone,
};
use crate::http::Services;
use crate::http::extract::{ValidPage, ValidPath};
use crate::http::problem::Problem;
use crate::web::form::Form;
use crate::web::format::{Moment, exact_time};
use crate::web::page::{Page, PageResult};

const WEEKDAYS: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
const LIST: &str = "/admin/schedules";

#[derive(Template)]
#[template(path = "schedules.html")]
struct SchedulesTemplate<'a> {
    page: &'a Page,
    schedules: Vec<ShownSchedule>,
    next_cursor: Option<String>,
    form: &'a Form,
    runnable: [TaskType; 4],
    kinds: [ScheduleKind; ScheduleKind::ALL.len()],
    weekdays: [&'static str; 7],
    zones: Vec<String>,
}

#[derive(Template)]
#[template(path = "schedule.html")]
struct ScheduleTemplate<'a> {
    page: &'a Page,
    schedule: &'a ScheduleView,
    form: &'a Form,
    kinds: [ScheduleKind; ScheduleKind::ALL.len()],
    weekdays: [&'static str; 7],
    zones: Vec<String>,
}

struct ShownSchedule {
    schedule: ScheduleView,
    /// When it runs, as a sentence.
    rule: String,
    next_runs: Vec<Moment>,
    last: Option<LastRun>,
}

struct LastRun {
    tone: &'static str,
    key: &'static str,
    at: Moment,
    error: Option<String>,
}

pub async fn list(page: Page, caller: Caller, services: Data<Services>, part: ValidPage) -> PageResult {
    let store = find_newest_store(&services, &caller).await?;
    let zone = store.map_or_else(|| services.auth.store_defaults().1, |store| store.time_zone);
    let form = Form::filled([
        ("kind", ScheduleKind::Daily.to_string()),
        ("time", "03:00".to_owned()),
        ("time_zone", zone.name().to_owned()),
    ]);
    render(&page, &services, part.0, &form).await
}

async fn render(page: &Page, services: &Services, part: PageRequest, form: &Form) -> PageResult {
    let found = services.automation.list_schedules(None, part).await?;
    let mut schedules = Vec::with_capacity(found.data.len());
    for schedule in found.data {
        let newest = PageRequest { before: None, limit: 1 };
        let last = services.automation.list_items(schedule.task_id, None, newest).await?.data.pop();
        schedules.push(view_schedule(page, schedule, last));
    }
    let template = SchedulesTemplate {
        page,
        schedules,
        next_cursor: found.next_cursor,
        form,
        runnable: RUNNABLE,
        kinds: ScheduleKind::ALL,
        weekdays: WEEKDAYS,
        zones: TimeZone::names(),
    };
    page.render_with_status(form.status(), &template)
}

fn view_schedule(page: &Page, schedule: ScheduleView, last: Option<JobView>) -> ShownSchedule {
    let zone = &schedule.time_zone;
    ShownSchedule {
        rule: describe_rule(page, &schedule),
        next_runs: schedule.next_runs.iter().map(|at| page.moment(*at, zone)).collect(),
        last: last.map(|job| view_last(page, job, zone)),
        schedule,
    }
}

fn view_last(page: &Page, job: JobView, zone: &TimeZone) -> LastRun {
    let (tone, key) = match job.status {
        JobStatus::Waiting => ("idle", "item-state-waiting"),
        JobStatus::Processing => ("busy", "item-state-processing"),
        JobStatus::Completed => ("good", "item-state-completed"),
        JobStatus::Failed => ("bad", "item-state-failed"),
    };
    let at = job.finished_at.or(job.started_at).unwrap_or(job.created_at);
    let error = job.error.filter(|_| job.status == JobStatus::Failed);
    LastRun { tone, key, at: page.moment(at, zone), error }
}

/// `Every day at 03:30`.
fn describe_rule(page: &Page, schedule: &ScheduleView) -> String {
    let time = schedule.time.as_deref().unwrap_or_default();
    match schedule.kind {
        ScheduleKind::Once => {
            let at = schedule.at.map(|at| exact_time(page.language, at, &schedule.time_zone));
            page.text1("schedule-rule-once", "at", at.unwrap_or_default())
        }
        ScheduleKind::Daily => page.text1("schedule-rule-daily", "time", time),
        ScheduleKind::Weekly => {
            let days = schedule.weekdays.iter().flatten().map(|day| page.text_of("weekday-", day));
            page.text2("schedule-rule-weekly", "days", days.collect::<Vec<_>>().join(", "), "time", time)
        }
        ScheduleKind::Monthly if schedule.day.is_some_and(|day| day > 28) => {
            page.text2("schedule-rule-month-end", "day", schedule.day.unwrap_or(31), "time", time)
        }
        ScheduleKind::Monthly => page.text2("schedule-rule-monthly", "day", schedule.day.unwrap_or(1), "time", time),
        ScheduleKind::Cron => {
            page.text1("schedule-rule-cron", "expression", schedule.expression.as_deref().unwrap_or_default())
        }
    }
}

pub async fn create(page: Page, caller: Caller, services: Data<Services>, form: Form) -> PageResult {
    match try_create(&page, &services, &caller, &form).await {
        Ok(()) => page.redirect_with_notice(LIST, "notice-schedule-created"),
        Err(problem) => {
            let part = PageRequest { before: None, limit: 20 };
            render(&page, &services, part, &form.refuse(problem)).await
        }
    }
}

async fn try_create(page: &Page, services: &Services, caller: &Caller, form: &Form) -> Result<(), Problem> {
    let kind = read_runnable(form)?;
    let schedule = read_schedule(form)?;
    let title = form.optional("title").map_or_else(|| page.text_of("task-type-", kind.as_str()), str::to_owned);
    let settings = check_settings(kind, &serde_json::json!({}))?;
    let task = NewTask { id: services.automation.new_task_id(), kind, title, settings };
    services.automation.create_scheduled_task_by_form(caller, task, schedule, form.key()).await?;
    Ok(())
}

/// The fields that the chosen kind has; the form shows no others.
fn read_schedule(form: &Form) -> Result<NewSchedule, InvalidField> {
    let zone = TimeZone::parse("time_zone", form.text("time_zone"))?;
    let kind: ScheduleKind = form.text("kind").parse().map_err(|reason: String| InvalidField::new("kind", reason))?;
    // A browser may add seconds.
    let time = || form.text("time").trim().chars().take(5).collect::<String>();
    let rule = match kind {
        ScheduleKind::Once => ScheduleRule::Once { at: zone.parse_local("at", form.text("at"))? },
        ScheduleKind::Daily => ScheduleRule::Daily { time: time() },
        ScheduleKind::Weekly => {
            let weekdays = form.texts("weekdays").map(str::to_owned).collect();
            ScheduleRule::Weekly { time: time(), weekdays }
        }
        ScheduleKind::Monthly => {
            let day = form.text("day").trim();
            let wrong = |_| InvalidField::new("day", format!("\"{day}\" is not a day of a month; 1 to 31 are"));
            ScheduleRule::Monthly { time: time(), day: day.parse().map_err(wrong)? }
        }
        ScheduleKind::Cron => ScheduleRule::Cron { expression: form.text("expression").trim().to_owned() },
    };
    let missed = form.text("missed").parse().unwrap_or(MissedRuns::RunOnce);
    Ok(NewSchedule { rule, time_zone: Some(zone), missed })
}

pub async fn show(page: Page, services: Data<Services>, id: ValidPath<ScheduleId>) -> PageResult {
    let schedule = services.automation.find_schedule(id.0).await?;
    render_one(&page, &schedule, &fill(&schedule))
}

fn render_one(page: &Page, schedule: &ScheduleView, form: &Form) -> PageResult {
    let (kinds, weekdays, zones) = (ScheduleKind::ALL, WEEKDAYS, TimeZone::names());
    page.render_with_status(form.status(), &ScheduleTemplate { page, schedule, form, kinds, weekdays, zones })
}

fn fill(schedule: &ScheduleView) -> Form {
    let at = schedule.at.map(|at| schedule.time_zone.format(at, "%Y-%m-%dT%H:%M"));
    let mut values = vec![
        ("kind", schedule.kind.to_string()),
        ("at", at.unwrap_or_default()),
        ("time", schedule.time.clone().unwrap_or_else(|| "03:00".to_owned())),
        ("day", schedule.day.map(|day| day.to_string()).unwrap_or_default()),
        ("expression", schedule.expression.clone().unwrap_or_default()),
        ("time_zone", schedule.time_zone.name().to_owned()),
        ("missed", schedule.missed.to_string()),
    ];
    values.extend(schedule.weekdays.iter().flatten().map(|day| ("weekdays", day.clone())));
    Form::filled(values)
}

pub async fn change(
    page: Page,
    caller: Caller,
    services: Data<Services>,
    id: ValidPath<ScheduleId>,
    form: Form,
) -> PageResult {
    let changed = match read_schedule(&form) {
        Ok(schedule) => services.automation.change_schedule(&caller, id.0, schedule).await.map_err(Problem::from),
        Err(invalid) => Err(invalid.into()),
    };
    match changed {
        Ok(_) => page.redirect_with_notice(LIST, "notice-schedule-changed"),
        Err(problem) => {
            let schedule = services.automation.find_schedule(id.0).await?;
            render_one(&page, &schedule, &form.refuse(problem))
        }
    }
}

/// Switches a schedule on or off.
pub async fn set_enabled(
    page: Page,
    caller: Caller,
    services: Data<Services>,
    id: ValidPath<ScheduleId>,
    form: Form,
) -> PageResult {
    let enabled = form.text("enabled") == "yes";
    services.automation.enable_schedule(&caller, id.0, enabled).await?;
    page.redirect_with_notice(LIST, if enabled { "notice-schedule-on" } else { "notice-schedule-off" })
}

/// Runs the task of a schedule now; the planned runs stay.
pub async fn run(
    page: Page,
    caller: Caller,
    services: Data<Services>,
    id: ValidPath<ScheduleId>,
    form: Form,
) -> PageResult {
    let schedule = services.automation.find_schedule(id.0).await?;
    services.automation.run_task_by_form(&caller, schedule.task_id, form.key()).await?;
    page.redirect_with_notice(LIST, "notice-task-queued")
}

pub async fn remove(
    page: Page,
    caller: Caller,
    services: Data<Services>,
    id: ValidPath<ScheduleId>,
    _form: Form,
) -> PageResult {
    services.automation.delete_schedule(&caller, id.0).await?;
    page.redirect_with_notice(LIST, "notice-schedule-removed")
}
