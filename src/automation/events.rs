//! What is new about a task, for those who watch it.
//!
//! A line gets its id before its transaction commits, so a line may appear after others with higher ids. Each look therefore
//! begins some seconds before the newest line, and leaves out the lines that were told.

use std::collections::BTreeSet;
use std::time::Duration;

use uuid::Uuid;

use super::{Automation, AutomationError, TaskLogView, TaskView};
use crate::db::task_logs::{self, TaskLogFilter, TaskLogRow};
use crate::domain::{PageRequest, TaskId, TaskLogId, TaskStatus};

/// How soon a watcher hears of a change, and how often the database is read for each watcher.
const PERIOD: Duration = Duration::from_secs(1);
/// After so many periods without news an empty answer is given: a proxy would cut a silent connection, and a server that
/// stops must end it.
const SILENT_PERIODS_MAX: u32 = 5;
/// Lines that are read at a time.
const LINES_MAX: i64 = 1_000;
/// Longer than a transaction takes, unless the database fails.
const OVERLAP_MS: u128 = 5_000;

/// What a watcher has seen.
#[derive(Debug, Clone)]
pub struct EventCursor {
    task: TaskId,
    newest_line: TaskLogId,
    /// The lines of the overlap that were told.
    told: BTreeSet<TaskLogId>,
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
    /// The newest line that was told before these.
    pub told_before: TaskLogId,
}

impl Automation {
    /// Begins to watch a task: after the line `after` of its log, or else from now on.
    pub async fn watch_task(&self, task: TaskId, after: Option<TaskLogId>) -> Result<EventCursor, AutomationError> {
        let mut reader = self.0.db.read().await?;
        super::tasks::require_task(&mut reader, task).await?;
        let newest_line = match after {
            Some(line) => line,
            None => {
                let filter = TaskLogFilter { task: Some(task), ..TaskLogFilter::default() };
                let newest = task_logs::list(&mut reader, filter, PageRequest { before: None, limit: 1 }).await?;
                newest.first().map_or(TaskLogId::NIL, |line| line.id)
            }
        };
        let mut cursor = EventCursor { task, newest_line, told: BTreeSet::new(), last_view: None, is_over: false };
        // What lies before the line was told to whoever names it, or is of no interest.
        let overlap = task_logs::list_between(&mut reader, task, cursor.overlap_start(), newest_line).await?;
        cursor.told.extend(overlap);
        Ok(cursor)
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
            let told_before = cursor.newest_line;
            let (lines, are_all) = self.read_new_lines(cursor).await?;
            let is_open = matches!(view.status, TaskStatus::Waiting | TaskStatus::Processing);
            cursor.is_over = !is_open && are_all;
            let task = (cursor.last_view.as_ref() != Some(&view)).then(|| view.clone());
            cursor.last_view = Some(view);
            silent_periods += 1;
            if task.is_some() || !lines.is_empty() || silent_periods >= SILENT_PERIODS_MAX {
                let log = lines.into_iter().map(TaskLogView::from).collect();
                return Ok(Some(TaskEvents { task, log, told_before }));
            }
        }
        Ok(None)
    }

    /// The lines that were not told yet, oldest first, and whether these are all.
    async fn read_new_lines(&self, cursor: &mut EventCursor) -> Result<(Vec<TaskLogRow>, bool), AutomationError> {
        let mut reader = self.0.db.read().await?;
        let mut after = cursor.overlap_start();
        loop {
            let mut lines = task_logs::list_after(&mut reader, cursor.task, after, LINES_MAX).await?;
            let are_all = lines.len() < usize::try_from(LINES_MAX).unwrap_or(usize::MAX);
            after = lines.last().map_or(after, |line| line.id);
            lines.retain(|line| !cursor.told.contains(&line.id));
            if !lines.is_empty() || are_all {
                cursor.tell(&lines);
                return Ok((lines, are_all));
            }
        }
    }
}

impl EventCursor {
    /// The newest line that was told.
    pub fn newest_line(&self) -> TaskLogId {
        self.newest_line
    }

    /// Whether everything was told about a task that is over.
    pub fn is_over(&self) -> bool {
        self.is_over
    }

    fn overlap_start(&self) -> TaskLogId {
        // The first 48 bits are the time.
        let newest_ms = self.newest_line.uuid().as_u128() >> 80;
        TaskLogId::from(Uuid::from_u128(newest_ms.saturating_sub(OVERLAP_MS) << 80))
    }

    fn tell(&mut self, lines: &[TaskLogRow]) {
        self.told.extend(lines.iter().map(|line| line.id));
        self.newest_line = self.told.last().map_or(self.newest_line, |newest| self.newest_line.max(*newest));
        self.told = self.told.split_off(&self.overlap_start());
    }
}
