//! `tillsight task …`: tasks of the automation. The commands use the database; the jobs are done by the servers that run.
//!
//! Whoever can read the database may already do anything with it, so the commands ask for no other credentials.

use std::str::FromStr;

use clap::{Args, Subcommand};
use serde::Serialize;
use serde_json::Value;

use super::{CliError, describe_database_error};
use crate::automation::pipelines::check_settings;
use crate::automation::{Automation, AutomationError, NewTask, TaskFiles, TaskFilter, TaskLogFilter, TaskView};
use crate::clock::Clock;
use crate::config::Settings;
use crate::db::Database;
use crate::domain::{
    Caller, InvalidField, LogAction, LogLevel, PageRequest, Stage, TaskId, TaskStatus, TaskType, TimeZone,
    describe_json_syntax,
};
use crate::terminal::{self, say};

/// One for reading and one for a transaction.
const CONNECTIONS: u32 = 2;

#[derive(Debug, Subcommand)]
pub(super) enum TaskCommand {
    /// List tasks, newest first.
    List(ListOptions),
    /// Show a task, and its failed items with their reasons.
    Show(TaskOptions),
    /// Queue a task: cleanup, backup, report or integrity. A running server does it.
    Run(RunOptions),
    /// Begin the failed items of a task again.
    Retry(TaskOptions),
    /// Stop a task: waiting jobs are removed, running ones are ended, its schedules are switched off.
    Stop(TaskOptions),
    /// Print the log of a task, oldest line first.
    Logs(LogOptions),
}

#[derive(Debug, Args)]
pub(super) struct ListOptions {
    /// Only tasks of this type.
    #[arg(long, value_name = "TYPE", value_parser = TaskType::from_str)]
    r#type: Option<TaskType>,
    /// Only tasks with this status.
    #[arg(long, value_parser = TaskStatus::from_str)]
    status: Option<TaskStatus>,
    /// The most tasks.
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    limit: u16,
    /// Print one JSON object for each task.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(super) struct TaskOptions {
    /// The id of the task.
    #[arg(value_name = "ID")]
    task: TaskId,
    /// Print a JSON object instead of text.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(super) struct RunOptions {
    #[arg(value_name = "TYPE", value_parser = TaskType::from_str)]
    kind: TaskType,
    /// For people. Default: the type.
    #[arg(long)]
    title: Option<String>,
    /// The settings of the type, as JSON.
    #[arg(long, value_name = "JSON", default_value = "{}")]
    settings: String,
    /// Print a JSON object instead of text.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(super) struct LogOptions {
    /// The id of the task.
    #[arg(value_name = "ID")]
    task: TaskId,
    /// Only lines of this level.
    #[arg(long, value_parser = LogLevel::from_str)]
    level: Option<LogLevel>,
    /// Only lines about this stage.
    #[arg(long, value_parser = Stage::from_str)]
    stage: Option<Stage>,
    /// Only lines that report this.
    #[arg(long, value_parser = LogAction::from_str)]
    action: Option<LogAction>,
    /// The most lines; the newest are printed.
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    limit: u16,
    /// Print one JSON object for each line.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(command: TaskCommand, settings: Settings) -> Result<(), CliError> {
    let db = Database::open(&settings.database_url, CONNECTIONS)
        .await
        .map_err(|error| CliError::Task(describe_database_error(&error)))?;
    let time_zone =
        TimeZone::parse("time_zone", &settings.time_zone).map_err(|error| CliError::Task(error.to_string()))?;
    let automation = Automation::new(db.clone(), Clock::system(), TaskFiles::new(&settings.data_dir), time_zone);
    let result = run_command(command, &automation).await;
    db.close().await;
    result.map_err(|error| match error {
        AutomationError::Database(error) => CliError::Task(describe_database_error(&error)),
        AutomationError::NotFound { .. }
        | AutomationError::Invalid(_)
        | AutomationError::StillRunning { .. }
        | AutomationError::NothingFailed { .. }
        | AutomationError::File(_)
        | AutomationError::DiskFull(_) => CliError::Task(error.to_string()),
    })
}

async fn run_command(command: TaskCommand, automation: &Automation) -> Result<(), AutomationError> {
    let caller = Caller::command_line();
    match command {
        TaskCommand::List(options) => {
            let filter = TaskFilter { kind: options.r#type, status: options.status };
            let tasks = automation.list_tasks(filter, first_page(options.limit)).await?.data;
            if tasks.is_empty() && !options.json {
                say!("There are no such tasks.");
            }
            tasks.iter().for_each(|task| print_task(task, options.json));
        }
        TaskCommand::Show(options) => {
            let task = automation.find_task(options.task).await?;
            print_task(&task, options.json);
            if !options.json {
                print_failed(automation, task.id).await?;
            }
        }
        TaskCommand::Run(options) => print_task(&queue_task(automation, &caller, &options).await?, options.json),
        TaskCommand::Retry(options) => {
            print_task(&automation.retry_task(&caller, options.task, None).await?, options.json);
        }
        TaskCommand::Stop(options) => {
            let report = automation.stop_task(&caller, options.task).await?;
            if options.json {
                print_json(&report);
            } else {
                say!(
                    "Stopped: {} jobs that were running, {} that were waiting, {} programs.",
                    report.stopped_processing,
                    report.deleted_waiting,
                    report.killed_processes.len()
                );
            }
        }
        TaskCommand::Logs(options) => print_logs(automation, options).await?,
    }
    Ok(())
}

async fn queue_task(
    automation: &Automation,
    caller: &Caller,
    options: &RunOptions,
) -> Result<TaskView, AutomationError> {
    let given: Value = serde_json::from_str(&options.settings)
        .map_err(|error| InvalidField::new("settings", describe_json_syntax(&error)))?;
    let settings = check_settings(options.kind, &given)?;
    let title = options.title.clone().unwrap_or_else(|| options.kind.to_string());
    let task = NewTask { id: automation.new_task_id(), kind: options.kind, title, settings };
    automation.create_task(caller, task).await
}

async fn print_failed(automation: &Automation, task: TaskId) -> Result<(), AutomationError> {
    let failed = Some(crate::domain::JobStatus::Failed);
    for item in automation.list_items(task, failed, first_page(10_000)).await?.data {
        let name = if item.item.is_empty() { "the task" } else { &item.item };
        say!("  {name} failed in {}: {}", item.stage, item.error.as_deref().unwrap_or("no reason"));
    }
    Ok(())
}

async fn print_logs(automation: &Automation, options: LogOptions) -> Result<(), AutomationError> {
    automation.find_task(options.task).await?;
    let LogOptions { task, level, stage, action, limit, json } = options;
    let filter = TaskLogFilter { task: Some(task), level, stage, action, since: None };
    let lines = automation.list_logs(filter, first_page(limit)).await?.data;
    for line in lines.iter().rev() {
        if json {
            print_json(line);
            continue;
        }
        let stage = line.stage.map_or("task", Stage::as_str);
        let item = line.item.as_deref().map(|item| format!(" {item}")).unwrap_or_default();
        say!("{} {} {stage}{item}: {}: {}", line.at, line.level, line.action, line.message);
    }
    Ok(())
}

fn print_task(task: &TaskView, as_json: bool) {
    if as_json {
        print_json(task);
        return;
    }
    let items = task.items;
    say!("{} {} \"{}\": {}", task.id, task.kind, task.title, task.status);
    say!(
        "  {} items waiting, {} processing, {} completed, {} failed",
        items.waiting,
        items.processing,
        items.completed,
        items.failed
    );
    if let Some(error) = &task.last_error {
        say!("  last error: {error}");
    }
}

fn print_json(value: &impl Serialize) {
    terminal::print_json(&serde_json::json!(value).to_string());
}

fn first_page(limit: u16) -> PageRequest {
    PageRequest { before: None, limit: i64::from(limit) }
}
