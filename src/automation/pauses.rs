//! Pauses: jobs of a stage or of a type of tasks are not begun until it is resumed.

use super::{Automation, AutomationError, PauseView};
use crate::db::audit::{self, AuditEntry};
use crate::db::task_items::{self, PauseRow};
use crate::db::task_queue;
use crate::domain::{Caller, InvalidField, PauseKind, Stage, TaskType};

impl Automation {
    pub async fn list_pauses(&self) -> Result<Vec<PauseView>, AutomationError> {
        let rows = task_items::list_pauses(&mut self.0.db.read().await?).await?;
        Ok(rows.into_iter().map(PauseView::from).collect())
    }

    /// Begins no more jobs of the stage or type `name`; those that run go on.
    pub async fn pause(&self, caller: &Caller, kind: PauseKind, name: &str) -> Result<Vec<PauseView>, AutomationError> {
        self.set_paused(caller, kind, name, true).await
    }

    /// Begins jobs of the stage or type `name` again. One that is not paused stays as it is.
    pub async fn resume(
        &self,
        caller: &Caller,
        kind: PauseKind,
        name: &str,
    ) -> Result<Vec<PauseView>, AutomationError> {
        self.set_paused(caller, kind, name, false).await
    }

    async fn set_paused(
        &self,
        caller: &Caller,
        kind: PauseKind,
        name: &str,
        paused: bool,
    ) -> Result<Vec<PauseView>, AutomationError> {
        check_name(kind, name)?;
        let now = self.0.clock.now();
        let mut tx = self.0.db.begin().await?;
        let action = if paused {
            let row = PauseRow { kind, name: name.to_owned(), paused_by: caller.actor.label(), paused_at: now };
            task_items::insert_pause(&mut tx, &row).await?;
            "task.pause"
        } else {
            task_items::delete_pause(&mut tx, kind, name).await?;
            task_queue::notify_workers(&mut tx).await?;
            "task.resume"
        };
        let subject = format!("{kind} {name}");
        audit::append(&mut tx, AuditEntry { at: now, caller, action, subject, details: serde_json::json!({}) }).await?;
        tx.commit().await?;
        self.wake_workers();
        self.list_pauses().await
    }
}

fn check_name(kind: PauseKind, name: &str) -> Result<(), InvalidField> {
    let (known, words): (bool, Vec<&str>) = match kind {
        PauseKind::Stage => (name.parse::<Stage>().is_ok(), Stage::ALL.iter().map(|stage| stage.as_str()).collect()),
        PauseKind::Type => (name.parse::<TaskType>().is_ok(), TaskType::ALL.iter().map(|kind| kind.as_str()).collect()),
    };
    if known {
        return Ok(());
    }
    let shown: String = name.chars().take(60).collect();
    Err(InvalidField::new("name", format!("\"{shown}\" is not a {kind}; it is one of {}", words.join(", "))))
}
