//! Automation: tasks, the queue of their jobs, the workers, and the schedules.
//!
//! A task is what is to be done. It has items; each item goes through stages, and each stage of an item is a row of the queue,
//! called a job. Workers of all servers take jobs from the one queue in the database.
//!
//! Invariants:
//! - An item has one open job at most (a unique index says so).
//! - Taking a job is one statement. Ending it, queueing the next stage and logging both is one transaction.
//! - A job is held by a lease that its server renews. What a worker writes names the lease; if it is lost, nothing is written.
//! - Jobs are done at least once, recorded exactly once, so handlers must be safe to repeat ([`JobHandler`]).
//!
//! This module knows nothing of HTTP. The work itself is in [`pipelines`].

mod child_process;
mod completion;
mod error;
mod events;
mod forms;
mod heartbeat;
mod job;
mod listen;
mod log;
mod overview;
mod pauses;
pub mod pipelines;
mod queue_metrics;
mod report_files;
mod scheduler;
mod schedules;
mod stages;
mod stop;
mod task_files;
mod tasks;
mod upload;
mod view;
mod worker;

use std::sync::Arc;

use tokio::sync::watch;
use uuid::Uuid;

use crate::background::Signal;
use crate::clock::Clock;
use crate::db::Database;
use crate::domain::TimeZone;

pub use crate::db::task_logs::TaskLogFilter;
pub use crate::db::task_overview::{MadeProduct, StageCount};
pub use crate::db::tasks::TaskFilter;
pub use error::AutomationError;
pub use events::{EventCursor, TaskEvents};
pub use heartbeat::HEARTBEAT_PERIOD;
use heartbeat::RunningJobs;
pub use job::{Job, JobFailure, JobHandler, JobOutcome, NewItem};
pub use overview::TaskOverview;
pub use queue_metrics::MEASURE_PERIOD;
pub use scheduler::SCHEDULER_PERIOD;
pub use schedules::{NewSchedule, ScheduleView};
pub use stages::{stage_after, stages_of};
pub use stop::StopReport;
pub use task_files::TaskFiles;
pub use tasks::NewTask;
pub use upload::TaskUpload;
pub use view::{ItemCounts, JobView, PauseView, TaskLogView, TaskView};

/// The automation service; cheap to clone.
#[derive(Clone)]
pub struct Automation(Arc<Parts>);

struct Parts {
    db: Database,
    clock: Clock,
    files: TaskFiles,
    /// Of schedules that name none.
    time_zone: TimeZone,
    /// Names this run of this server in leases.
    server_id: Uuid,
    /// Changes when there may be new jobs.
    queue_version: watch::Sender<u64>,
    running: RunningJobs,
    /// Raised when a task was stopped, so that its jobs end at once.
    heartbeat: Signal,
}

impl Automation {
    pub fn new(db: Database, clock: Clock, files: TaskFiles, time_zone: TimeZone) -> Self {
        Self(Arc::new(Parts {
            db,
            clock,
            files,
            time_zone,
            server_id: Uuid::new_v4(),
            queue_version: watch::Sender::new(0),
            running: RunningJobs::default(),
            heartbeat: Signal::default(),
        }))
    }

    /// Makes idle workers of this server look for jobs.
    fn wake_workers(&self) {
        self.0.queue_version.send_modify(|version| *version = version.wrapping_add(1));
    }
}
