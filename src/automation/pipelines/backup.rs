//! Back-ups on a schedule: one folder for each, the oldest removed.

use std::convert::Infallible;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::settings::{BackupSettings, read_settings};
use crate::automation::{Job, JobFailure, JobOutcome};
use crate::backup::{self, ShopData};
use crate::clock::Clock;
use crate::domain::TaskId;

/// Writes back-ups into one folder.
pub struct Backups {
    pub shop: ShopData,
    pub clock: Clock,
    /// The folder of the back-ups.
    pub folder: PathBuf,
}

impl Backups {
    pub(super) async fn run(&self, job: &Job) -> Result<JobOutcome, JobFailure> {
        let settings: BackupSettings = read_settings(&job.task.settings)?;
        let folder = self.folder.join(folder_name(job.task.id, &self.clock.now().to_string()));
        let (shop, clock, target) = (self.shop.clone(), self.clock.clone(), folder.clone());
        let written = run_blocking(async move || backup::back_up(&shop, &clock, &target).await).await?;
        let manifest = written.map_err(JobFailure::passing)?;
        let (parent, task, kept) = (self.folder.clone(), job.task.id, settings.kept);
        let removed = tokio::task::spawn_blocking(move || remove_oldest(&parent, task, kept)).await;
        let removed = removed.map_err(JobFailure::passing)?.map_err(|error| {
            JobFailure::passing(format!("The back-up is written, but an old one could not be removed: {error}."))
        })?;
        let (files, bytes) = (manifest.files.len(), manifest.total_bytes());
        let message = format!("{} written and verified: {files} files, {bytes} bytes", folder.display());
        Ok(JobOutcome::Completed { message, metadata: json!({"files": files, "bytes": bytes, "removed": removed}) })
    }
}

/// Does work that now and then blocks, as copying and hashing files do, on a thread for that.
///
/// # Cancel safety
/// If the future is dropped, the work ends when it waits next.
async fn run_blocking<T: Send + 'static>(work: impl AsyncFnOnce() -> T + Send + 'static) -> Result<T, JobFailure> {
    let (job, job_dropped) = tokio::sync::oneshot::channel::<Infallible>();
    let runtime = tokio::runtime::Handle::current();
    let done = tokio::task::spawn_blocking(move || {
        runtime.block_on(async {
            tokio::select! {
                done = work() => Ok(done),
                _dropped = job_dropped => Err(JobFailure::passing("The task was stopped.")),
            }
        })
    });
    let done = done.await.map_err(JobFailure::passing)?;
    drop(job);
    done
}

/// `2026-01-05T12-00-00Z-01997d3c…`: sorts by time, and names the task, whose own back-ups alone are removed.
fn folder_name(task: TaskId, time: &str) -> String {
    format!("{}-{task}", time.replace(':', "-"))
}

/// Removes all but the newest `kept` back-ups of the task; returns the number of those removed.
fn remove_oldest(folder: &Path, task: TaskId, kept: usize) -> std::io::Result<usize> {
    let suffix = format!("-{task}");
    let mut own = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() && name.ends_with(&suffix) && !name.starts_with('.') {
            own.push(path);
        }
    }
    own.sort_unstable();
    let surplus = own.len().saturating_sub(kept);
    for path in &own[..surplus] {
        std::fs::remove_dir_all(path)?;
    }
    Ok(surplus)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Timestamp;

    #[tokio::test]
    async fn work_ends_with_the_job_that_waits_for_it() {
        let (work, mut work_dropped) = tokio::sync::oneshot::channel::<()>();
        let waiting = run_blocking(async move || {
            let _dropped_with_the_work = work;
            std::future::pending::<()>().await;
        });
        let mut waiting = Box::pin(waiting);
        tokio::select! {
            _ = &mut waiting => panic!("it never ends by itself"),
            () = tokio::time::sleep(std::time::Duration::from_millis(50)) => {}
        }
        assert!(work_dropped.try_recv().is_err());
        drop(waiting);
        let ended = tokio::time::timeout(std::time::Duration::from_secs(5), work_dropped).await;
        assert!(ended.unwrap().is_err(), "dropped, and not completed");
        assert_eq!(run_blocking(async || 7).await.unwrap(), 7);
    }

    #[test]
    fn only_the_oldest_back_ups_of_the_task_are_removed() {
        let root = tempfile::tempdir().unwrap();
        let [own, other] = [1, 2].map(|second| TaskId::generate(Timestamp::from_micros(second * 1_000_000)));
        let times = ["2026-01-05T12:00:00Z", "2026-01-06T12:00:00Z", "2026-01-07T12:00:00Z"];
        for time in times {
            std::fs::create_dir(root.path().join(folder_name(own, time))).unwrap();
        }
        std::fs::create_dir(root.path().join(folder_name(other, times[0]))).unwrap();
        assert_eq!(remove_oldest(root.path(), own, 2).unwrap(), 1);
        assert!(!root.path().join(folder_name(own, times[0])).exists());
        assert!(root.path().join(folder_name(own, times[1])).exists());
        assert!(root.path().join(folder_name(other, times[0])).exists());
        assert_eq!(remove_oldest(root.path(), own, 2).unwrap(), 0);
    }
}
