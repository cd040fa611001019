//! What is new about a task, for those who watch it.

use std::time::Duration;

use super::{Automation, AutomationError, TaskLogView, TaskView};
use crate::db::task_logs::{self, TaskLogFilter};
use crate::domain::{PageRequest, TaskId, TaskLogId, TaskStatus};

/// How soon a watcher hears of a change, and how often the database is read for each watcher.
const PERIOD: Duration = Duration::from_secs(1);
/// After so many periods without news an empty answer is given: a proxy would cut a silent connection, and a server that
/// stops must end it.
const SILENT_PERIODS_MAX: u32 = 5;
/// Lines that are read at a time.
const LINES_MAX: i64 = 200;

/// What a watcher has seen.
#[derive(Debug, Clone)]
pub struct EventCursor {
    task: TaskId,
    last_line: TaskLogId,
    last_view: Option<TaskView>,
    is_over: bool,
}

/// What is new since the last time.
#[derive(Debug, Clone)]
pub struct TaskEvents {
    /// The task, if it has changed.
    pub task: Option<TaskView>,
    /// New lines of its log, oldest first.
    pub log: Vec<TaskLogView>,
}

impl Automation {
    /// Begins to watch a task: after the line `after` of its log, or else from now on.
    pub async fn watch_task(&self, task: TaskId, after: Option<TaskLogId>) -> Result<EventCursor, AutomationError> {
        let mut reader = self.0.db.read().await?;
        super::tasks::require_task(&mut reader, task).await?;
        let last_line = match after {
            Some(line) => line,
            None => {
                let filter = TaskLogFilter { task: Some(task), ..TaskLogFilter::default() };
                let newest = task_logs::list(&mut reader, filter, PageRequest { before: None, limit: 1 }).await?;
                newest.first().map_or(TaskLogId::NIL, |line| line.id)
            }
        };
        Ok(EventCursor { task, last_line, last_view: None, is_over: false })
    }

    /// Waits for something new, but not for long; `None` when the task is over and everything was told.
    pub async fn next_events(&self, cursor: &mut EventCursor) -> Result<Option<TaskEvents>, AutomationError> {
        let mut silent_periods = 0;
        while !cursor.is_over {
            if cursor.last_view.is_some() {
                tokio::time::sleep(PERIOD).await;
            }
            // The task first: when it is over, its log is complete.
            let view = self.find_task(cursor.task).await?;
            let lines =
                task_logs::list_after(&mut self.0.db.read().await?, cursor.task, cursor.last_line, LINES_MAX).await?;
            cursor.last_line = lines.last().map_or(cursor.last_line, |line| line.id);
            let is_open = matches!(view.status, TaskStatus::Waiting | TaskStatus::Processing);
            cursor.is_over = !is_open && lines.len() < usize::try_from(LINES_MAX).unwrap_or(usize::MAX);
            let task = (cursor.last_view.as_ref() != Some(&view)).then(|| view.clone());
            cursor.last_view = Some(view);
            silent_periods += 1;
            if task.is_some() || !lines.is_empty() || silent_periods >= SILENT_PERIODS_MAX {
                let log = lines.into_iter().map(TaskLogView::from).collect();
                return Ok(Some(TaskEvents { task, log }));
            }
        }
        Ok(None)
    }
}
