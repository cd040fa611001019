//! The depth and the age of the queue, as metrics.

use std::time::Duration;

use super::Automation;
use crate::db::{DatabaseError, task_items};
use crate::domain::{JobStatus, Stage};
use crate::telemetry::{TASK_QUEUE_AGE_SECONDS, TASK_QUEUE_JOBS};

/// How often the queue is measured.
pub const MEASURE_PERIOD: Duration = Duration::from_secs(15);

impl Automation {
    /// Sets the metrics of the queue. Every server does, and all show the same.
    pub async fn measure_queue(&self) -> Result<(), DatabaseError> {
        let now = self.0.clock.now();
        let depths = task_items::measure_depth(&mut self.0.db.read().await?).await?;
        for stage in Stage::ALL {
            for status in [JobStatus::Waiting, JobStatus::Processing] {
                let depth = depths.iter().find(|depth| depth.stage == stage && depth.status == status);
                let jobs = depth.map_or(0, |depth| depth.jobs);
                metrics::gauge!(TASK_QUEUE_JOBS, "stage" => stage.as_str(), "status" => status.as_str())
                    .set(jobs as f64);
                if status == JobStatus::Waiting {
                    let age_s = depth.map_or(0, |depth| now.seconds() - depth.earliest_due_at.seconds()).max(0);
                    metrics::gauge!(TASK_QUEUE_AGE_SECONDS, "stage" => stage.as_str()).set(age_s as f64);
                }
            }
        }
        Ok(())
    }
}
