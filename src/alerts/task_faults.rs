//! Faults of tasks: jobs that no server begins, and schedules that no server follows.
//!
//! After a start, or when a clock is set, a run may be late that the scheduler queues within a second. So a fault counts when an
//! evaluation some seconds ago has seen it too.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::rule::{RuleViolation, alert_key};
use crate::db::{Database, DatabaseError, task_items, task_schedules};
use crate::domain::{AlertRule, Timestamp};

/// Longer than servers take to restart, and to take over from one that died.
const LATE_S_MAX: i64 = 900;
/// Longer than a scheduler and a worker take to notice.
const CONFIRMED_AFTER: Duration = Duration::from_secs(5);

/// Faults that were seen: of each rule, what was due when, and when that was seen first.
#[derive(Debug, Clone, Default)]
pub(super) struct TaskFaults(Arc<Mutex<HashMap<AlertRule, (Timestamp, Instant)>>>);

impl TaskFaults {
    pub(super) async fn find_violations(
        &self,
        db: &Database,
        now: Timestamp,
    ) -> Result<Vec<RuleViolation>, DatabaseError> {
        let mut reader = db.read().await?;
        // A long task has jobs that have been due for long; it is not stuck while jobs end.
        let is_working = task_items::has_worked_since(&mut reader, now.plus_seconds(-LATE_S_MAX)).await?;
        let due_at = task_items::find_longest_due(&mut reader, now).await?.filter(|_| !is_working);
        let planned_at = task_schedules::find_earliest_due(&mut reader).await?;
        let stuck = self.confirm(AlertRule::TaskQueueStuck, due_at, now, |due_at| {
            format!("A job of a task has been due since {due_at}, and no server works on any job.")
        });
        let late = self.confirm(AlertRule::TaskScheduleLate, planned_at, now, |planned_at| {
            format!("A run of a task was planned for {planned_at}, and no server has queued it.")
        });
        Ok(stuck.into_iter().chain(late).collect())
    }

    /// The violation of `rule` by what has been due since `due_at`, if that is long ago and was seen before.
    fn confirm(
        &self,
        rule: AlertRule,
        due_at: Option<Timestamp>,
        now: Timestamp,
        message: impl FnOnce(Timestamp) -> String,
    ) -> Option<RuleViolation> {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let late_s = |due_at: Timestamp| now.seconds() - due_at.seconds();
        let Some(due_at) = due_at.filter(|due_at| late_s(*due_at) > LATE_S_MAX) else {
            seen.remove(&rule);
            return None;
        };
        let first = seen.entry(rule).or_insert((due_at, Instant::now()));
        if first.0 != due_at {
            *first = (due_at, Instant::now());
        }
        let (key, value, threshold) = (alert_key(rule, None, None), late_s(due_at) as f64, LATE_S_MAX as f64);
        let violation = RuleViolation { rule, key, store: None, message: message(due_at), value, threshold };
        (first.1.elapsed() >= CONFIRMED_AFTER).then_some(violation)
    }
}
