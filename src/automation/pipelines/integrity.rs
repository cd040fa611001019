//! A check of receipt numbers and hash chains, asked for by a task.

use serde_json::json;

use super::settings::{IntegritySettings, read_settings};
use crate::automation::{Job, JobFailure, JobOutcome};
use crate::integrity::{Integrity, IntegrityError};

/// Findings are the result of the check, not a failure of it; the alert for them comes from the rules.
pub(super) async fn run(integrity: &Integrity, job: &Job) -> Result<JobOutcome, JobFailure> {
    let settings: IntegritySettings = read_settings(&job.task.settings)?;
    let requested_by = format!("task:{}", job.task.id);
    let checked = integrity.run_check_when_free(settings.depth, settings.store_id, &requested_by).await;
    let view = checked.map_err(|error| match error {
        IntegrityError::StoreNotFound(_) => JobFailure::lasting(error),
        IntegrityError::Busy | IntegrityError::Database(_) => JobFailure::passing(error),
    })?;
    let message = format!(
        "{} stores checked, {} reports with findings, lowest health {} of 100",
        view.stores, view.with_findings, view.lowest_health
    );
    let metadata = json!({
        "depth": view.depth,
        "stores": view.stores,
        "with_findings": view.with_findings,
        "lowest_health": view.lowest_health,
    });
    Ok(JobOutcome::Completed { message, metadata })
}
