//! What the forms of pages ask for. A form may be sent twice, by a double click or the back button: it is done once.

use serde_json::{Value, json};

use super::{Automation, AutomationError, NewSchedule, NewTask};
use crate::db::Tx;
use crate::domain::{Caller, TaskId};
use crate::idempotency::{IdempotentRequest, retry_key_race};

impl Automation {
    /// Creates a task and queues its first job. With another type or title it is another form.
    pub async fn create_task_by_form(
        &self,
        caller: &Caller,
        task: NewTask,
        form_key: &str,
    ) -> Result<TaskId, AutomationError> {
        let key = format!("{form_key} {} {}", task.kind, task.title);
        let row = self.new_row(caller, task)?;
        self.do_once("task.create", caller, &key, async |tx| {
            self.insert_and_queue(tx, caller, &row).await?;
            Ok(row.id)
        })
        .await
    }

    /// Creates a task that only its schedule runs. With another type, title or rule it is another form.
    pub async fn create_scheduled_task_by_form(
        &self,
        caller: &Caller,
        task: NewTask,
        schedule: NewSchedule,
        form_key: &str,
    ) -> Result<TaskId, AutomationError> {
        let task = self.new_row(caller, task)?;
        let schedule = self.schedule_row(caller, task.id, schedule)?;
        let key = format!("{form_key} {} {} {}", task.kind, task.title, schedule.rule);
        self.do_once("task.schedule", caller, &key, async |tx| {
            self.insert_scheduled(tx, caller, &task, &schedule).await?;
            Ok(task.id)
        })
        .await
    }

    /// Queues another run of a task that exists, to begin now.
    pub async fn run_task_by_form(
        &self,
        caller: &Caller,
        task: TaskId,
        form_key: &str,
    ) -> Result<TaskId, AutomationError> {
        let key = format!("{form_key} {task}");
        self.do_once("task.run", caller, &key, async |tx| {
            self.queue_run_now(tx, caller, task).await?;
            Ok(task)
        })
        .await
    }

    /// Does `work` in a transaction, unless it was done under this key.
    async fn do_once(
        &self,
        operation: &'static str,
        caller: &Caller,
        key: &str,
        work: impl AsyncFn(&mut Tx) -> Result<TaskId, AutomationError>,
    ) -> Result<TaskId, AutomationError> {
        let request = IdempotentRequest::new(operation, caller, Some(key), "");
        let done = retry_key_race(async || -> Result<TaskId, AutomationError> {
            let mut tx = self.0.db.begin().await?;
            let earlier = request.find_reply(&mut tx).await?;
            if let Some(id) = earlier.and_then(|reply| read_id(&reply.body)) {
                return Ok(id);
            }
            let id = work(&mut tx).await?;
            request.store_reply(&mut tx, &json!({"id": id}), self.0.clock.now()).await?;
            tx.commit().await?;
            Ok(id)
        });
        let id = done.await?;
        self.wake_workers();
        Ok(id)
    }
}

fn read_id(reply: &Value) -> Option<TaskId> {
    reply["id"].as_str()?.parse().ok()
}
