//! Stopping a task: nothing of it is begun any more, and what runs ends.

use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use super::log::{self, LogEntry};
use super::overview::name_actor;
use super::tasks::lock_task;
use super::{Automation, AutomationError};
use crate::db::{task_items, task_logs, task_queue, task_schedules, tasks};
use crate::domain::{Caller, LogAction, LogLevel, TaskId, TaskStatus};

/// What stopping a task did. Of a task that was stopped or finished already, there is nothing left to stop.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = StopTaskReport)]
pub struct StopReport {
    pub success: bool,
    /// Jobs that were being worked on; they are failed now.
    pub stopped_processing: u64,
    /// Jobs that were waiting; they are removed.
    pub deleted_waiting: u64,
    /// Names of the programs that the task had started. They are ended, with all that they have started: told to end, and
    /// killed two seconds later.
    pub killed_processes: Vec<String>,
}

impl Automation {
    /// Removes the waiting jobs of a task, ends those that are worked on, on whichever server, and switches its schedules
    /// off. The server of a job ends the programs that the job has started, when it learns that the job is lost.
    pub async fn stop_task(&self, caller: &Caller, task: TaskId) -> Result<StopReport, AutomationError> {
        let now = self.0.clock.now();
        let mut tx = self.0.db.begin().await?;
        let reason = format!("stopped by {}", name_actor(&mut tx, &caller.actor).await?);
        let row = lock_task(&mut tx, task).await?;
        let deleted_waiting = task_items::delete_waiting(&mut tx, task).await?;
        let stopped = task_items::fail_processing(&mut tx, task, &reason, now).await?;
        let schedules = task_schedules::disable_all(&mut tx, task).await?;
        let mut killed_processes = Vec::new();
        for job in &stopped {
            let processes = task_logs::list_running_processes(&mut tx, job).await?;
            let entry = LogEntry::of_job(job, LogLevel::Warning, LogAction::Stop, reason.as_str());
            log::write(&mut tx, task, entry, now).await?;
            for process in processes {
                killed_processes.push(process.process_name.clone());
                let message = format!("ends {} and what it has started", process.process_name);
                let entry = LogEntry::of_job(job, LogLevel::Warning, LogAction::Stop, message).about(process);
                log::write(&mut tx, task, entry, now).await?;
            }
        }
        let report = StopReport {
            success: true,
            stopped_processing: u64::try_from(stopped.len()).unwrap_or(u64::MAX),
            deleted_waiting,
            killed_processes,
        };
        if matches!(row.status, TaskStatus::Waiting | TaskStatus::Processing) {
            tasks::set_status(&mut tx, task, TaskStatus::Stopped, Some(now)).await?;
        }
        let figures = json!({
            "stopped_processing": report.stopped_processing,
            "deleted_waiting": report.deleted_waiting,
            "schedules_switched_off": schedules,
            "killed_processes": report.killed_processes,
        });
        let entry = LogEntry::of_task(LogLevel::Warning, LogAction::Stop, reason).with(figures.clone());
        log::write(&mut tx, task, entry, now).await?;
        self.append_audit(&mut tx, caller, "task.stop", (task, figures)).await?;
        task_queue::notify_workers(&mut tx).await?;
        tx.commit().await?;
        self.0.heartbeat.raise();
        Ok(report)
    }
}
