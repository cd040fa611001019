//! The scheduler: queues a run of a task when one is planned. One server at a time does it.
//!
//! The lease in `scheduler_lock` keeps the others from trying. That no run is queued twice does not depend on it: the planned
//! moment is moved on in the transaction that queues the run, and only from where it was.

use std::time::Duration;

use serde_json::json;

use super::Automation;
use super::log::{self, LogEntry};
use super::schedules::rule_of;
use super::tasks::queue_run;
use crate::db::leases::{self, Lease};
use crate::db::task_schedules::{self, ScheduleRow};
use crate::db::{DatabaseError, tasks};
use crate::domain::{LogAction, LogLevel, MissedRuns, TaskStatus, Timestamp};

/// How often the scheduler looks.
pub const SCHEDULER_PERIOD: Duration = Duration::from_secs(1);
const LOCK: &str = "scheduler";
const LEASE_S: i64 = 30;
/// A run that is later than this was missed: longer than another server takes to become the scheduler.
const LATE_S_MAX: i64 = 120;
/// Schedules that are read at a time.
const BATCH: i64 = 100;

/// What becomes of a schedule that is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Decision {
    /// The planned moment of the run to queue.
    run: Option<Timestamp>,
    next_at: Option<Timestamp>,
}

impl Automation {
    /// Queues the runs that are due, unless another server is the scheduler. Returns their number.
    pub async fn queue_due_runs(&self) -> Result<u64, DatabaseError> {
        let now = self.0.clock.now();
        // Most of the time nothing is due, and nothing need be written.
        let earliest = task_schedules::find_earliest_due(&mut self.0.db.read().await?).await?;
        if earliest.is_none_or(|earliest| earliest > now) || !self.become_scheduler().await? {
            return Ok(0);
        }
        let mut queued = 0;
        loop {
            let due = task_schedules::list_due(&mut self.0.db.read().await?, now, BATCH).await?;
            let is_last = due.len() < usize::try_from(BATCH).unwrap_or(usize::MAX);
            for schedule in due {
                queued += u64::from(self.queue_run_of(&schedule, now).await?);
            }
            if is_last {
                break;
            }
        }
        if queued > 0 {
            self.wake_workers();
        }
        Ok(queued)
    }

    async fn become_scheduler(&self) -> Result<bool, DatabaseError> {
        let mut tx = self.0.db.begin().await?;
        let lease = Lease::new(self.0.server_id, self.0.clock.now(), LEASE_S);
        let is_scheduler = leases::take(&mut tx, LOCK, lease).await?;
        tx.commit().await?;
        Ok(is_scheduler)
    }

    /// Queues the run of a schedule that is due, or leaves it out, and moves the schedule on. True if a run was queued.
    async fn queue_run_of(&self, schedule: &ScheduleRow, now: Timestamp) -> Result<bool, DatabaseError> {
        let Some(planned_at) = schedule.next_at else { return Ok(false) };
        let decision = decide(schedule, planned_at, now);
        let mut tx = self.0.db.begin().await?;
        let status = tasks::lock(&mut tx, schedule.task_id).await?;
        let advanced =
            task_schedules::advance(&mut tx, schedule.id, planned_at, decision.next_at, decision.run).await?;
        let (true, Some(status)) = (advanced, status) else { return Ok(false) };
        let Some(task) = tasks::find(&mut tx, schedule.task_id).await? else { return Ok(false) };
        let is_queued = match decision.run {
            Some(run) => queue_run(&mut tx, &task, (&run.to_string(), run), now).await?,
            None => false,
        };
        if is_queued && status != TaskStatus::Processing {
            tasks::set_status(&mut tx, task.id, TaskStatus::Waiting, None).await?;
        }
        if decision.run != Some(planned_at) {
            let entry = LogEntry::of_task(LogLevel::Warning, LogAction::Skip, "runs were missed while no server ran");
            let entry =
                entry.with(json!({"first_missed": planned_at, "made_up": decision.run, "next": decision.next_at}));
            log::write(&mut tx, task.id, entry, now).await?;
        }
        tx.commit().await?;
        Ok(is_queued)
    }
}

fn decide(schedule: &ScheduleRow, planned_at: Timestamp, now: Timestamp) -> Decision {
    let Some(rule) = rule_of(schedule) else {
        // Written by another version of the program, which will know it.
        return Decision { run: None, next_at: Some(now.plus_seconds(LATE_S_MAX)) };
    };
    let is_on_time = |moment: Timestamp| moment.plus_seconds(LATE_S_MAX) >= now;
    let zone = &schedule.time_zone;
    // The run that is due, or the last of those that were missed since.
    let last = rule.last_until(zone, planned_at, now).unwrap_or(planned_at);
    let run = match schedule.missed {
        _ if is_on_time(last) => Some(last),
        MissedRuns::RunOnce => Some(last),
        MissedRuns::Skip => None,
    };
    Decision { run, next_at: rule.next_after(zone, last.max(planned_at)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{ScheduleId, ScheduleKind, TaskId, TimeZone};

    fn at(text: &str) -> Timestamp {
        serde_json::from_value(json!(text)).unwrap()
    }

    fn daily(missed: MissedRuns) -> ScheduleRow {
        ScheduleRow {
            id: ScheduleId::NIL,
            task_id: TaskId::NIL,
            kind: ScheduleKind::Daily,
            rule: json!({"kind": "daily", "time": "03:00"}),
            time_zone: TimeZone::utc(),
            missed,
            enabled: true,
            next_at: None,
            last_planned_at: None,
            created_by: "system".to_owned(),
            created_at: at("2026-01-01T00:00:00Z"),
        }
    }

    #[test]
    fn a_run_that_is_due_is_queued_whatever_the_policy() {
        let planned = at("2026-01-05T03:00:00Z");
        for missed in MissedRuns::ALL {
            let decision = decide(&daily(missed), planned, at("2026-01-05T03:00:40Z"));
            assert_eq!(decision, Decision { run: Some(planned), next_at: Some(at("2026-01-06T03:00:00Z")) });
        }
    }

    #[test]
    fn of_runs_that_were_missed_the_last_is_made_up_for_or_none() {
        let (planned, now) = (at("2026-01-05T03:00:00Z"), at("2026-01-07T12:00:00Z"));
        let next_at = Some(at("2026-01-08T03:00:00Z"));
        let once = decide(&daily(MissedRuns::RunOnce), planned, now);
        assert_eq!(once, Decision { run: Some(at("2026-01-07T03:00:00Z")), next_at });
        assert_eq!(decide(&daily(MissedRuns::Skip), planned, now), Decision { run: None, next_at });
        // The server came back just in time for the third one.
        let back = decide(&daily(MissedRuns::Skip), planned, at("2026-01-07T03:00:10Z"));
        assert_eq!(back.run, Some(at("2026-01-07T03:00:00Z")));
    }
}
