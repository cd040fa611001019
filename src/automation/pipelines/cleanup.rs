//! Cleaning up: rows and files that nobody needs any more.
//!
//! Rows go a few thousand at a time, so that no till waits for long behind a large deletion.

use serde_json::json;

use super::orphan_photos;
use crate::automation::{JobFailure, JobOutcome, TaskFiles};
use crate::checkout::Checkout;
use crate::clock::Clock;
use crate::config::AutomationSettings;
use crate::db::blobs::Blobs;
use crate::db::{Database, DatabaseError, recognitions, refresh_tokens, task_items, task_logs, tasks};
use crate::domain::Timestamp;

/// Rows that one transaction removes.
const BATCH: i64 = 2_000;
const DAY_S: i64 = 86_400;

pub struct Cleanup {
    pub db: Database,
    pub clock: Clock,
    pub blobs: Blobs,
    pub checkout: Checkout,
    pub files: TaskFiles,
    pub settings: AutomationSettings,
}

impl Cleanup {
    pub(super) async fn run(&self) -> Result<JobOutcome, JobFailure> {
        let now = self.clock.now();
        let days_ago = |days: i64| now.plus_seconds(-days.saturating_mul(DAY_S));
        let evidence = self.remove_evidence(days_ago(self.settings.evidence_kept_days)).await?;
        let replies = self.checkout.delete_expired().await.map_err(JobFailure::passing)?;
        let tokens = self.remove_tokens(now).await?;
        let (jobs, log_lines) = self.remove_history(days_ago(self.settings.history_kept_days)).await?;
        let photos = orphan_photos::remove(&self.db, &self.blobs).await?;
        let folders = self.remove_task_files(days_ago(self.settings.history_kept_days)).await?;
        let message = format!(
            "Removed {evidence} recognitions, {replies} kept replies, {tokens} expired logins, {jobs} finished jobs, \
             {log_lines} log lines, {photos} photo files that no product has, the files of {folders} tasks."
        );
        let metadata = json!({
            "recognitions": evidence,
            "idempotency_keys": replies,
            "refresh_tokens": tokens,
            "task_queue": jobs,
            "task_logs": log_lines,
            "photo_files": photos,
            "task_folders": folders,
        });
        Ok(JobOutcome::Completed { message, metadata })
    }

    async fn remove_evidence(&self, before: Timestamp) -> Result<u64, DatabaseError> {
        let mut removed = 0;
        loop {
            let mut tx = self.db.begin().await?;
            let batch = recognitions::delete_oldest_before(&mut tx, before, BATCH).await?;
            tx.commit().await?;
            removed += batch;
            if batch < BATCH.unsigned_abs() {
                return Ok(removed);
            }
        }
    }

    async fn remove_tokens(&self, now: Timestamp) -> Result<u64, DatabaseError> {
        let mut tx = self.db.begin().await?;
        let removed = refresh_tokens::delete_expired(&mut tx, now).await?;
        tx.commit().await?;
        Ok(removed)
    }

    /// Removes the files of tasks that ended long ago, and of uploads whose task was never created.
    async fn remove_task_files(&self, before: Timestamp) -> Result<u64, JobFailure> {
        let mut removed = 0;
        for task in self.files.list_idle().await? {
            let row = tasks::find(&mut self.db.read().await?, task).await?;
            if row.is_none_or(|row| row.finished_at.is_some_and(|finished| finished < before)) {
                self.files.remove(task).await.map_err(JobFailure::passing)?;
                removed += 1;
            }
        }
        Ok(removed)
    }

    async fn remove_history(&self, before: Timestamp) -> Result<(u64, u64), DatabaseError> {
        let (mut jobs, mut log_lines) = (0, 0);
        loop {
            let mut tx = self.db.begin().await?;
            let end = task_items::find_end_of_oldest(&mut tx, BATCH).await?;
            let end = end.map_or(before, |end| end.min(before));
            task_items::count_cleared(&mut tx, end).await?;
            jobs += task_items::delete_history(&mut tx, end).await?;
            tx.commit().await?;
            if end == before {
                break;
            }
        }
        loop {
            let mut tx = self.db.begin().await?;
            let batch = task_logs::delete_before(&mut tx, before, BATCH).await?;
            tx.commit().await?;
            log_lines += batch;
            if batch < BATCH.unsigned_abs() {
                return Ok((jobs, log_lines));
            }
        }
    }
}
