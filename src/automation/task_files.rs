//! The files of tasks: under `tasks/{task_id}/` of the data folder, by rule, so that the database keeps no path.
//!
//! Servers that share a database share this folder, as they share the photos. File work blocks, so it runs on tokio's
//! blocking threads.

use std::fs::Permissions;
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::{AutomationError, JobFailure};
use crate::atomic_file::{self, IfExists};
use crate::domain::TaskId;

/// Longer than an upload takes.
const IDLE: Duration = Duration::from_secs(86_400);
/// The file that an import was created with: a ZIP or a clip.
pub(super) const UPLOAD: &str = "upload";

/// The folder of the files of all tasks; cheap to clone.
#[derive(Debug, Clone)]
pub struct TaskFiles {
    root: Arc<Path>,
}

impl TaskFiles {
    pub fn new(data_dir: &Path) -> Self {
        Self { root: data_dir.join("tasks").into() }
    }

    /// The folder of one task, which exists if it has files.
    pub fn folder(&self, task: TaskId) -> PathBuf {
        self.root.join(task.to_string())
    }

    /// Writes a file of a task under a plain name, whole or not at all.
    pub(super) async fn write(&self, task: TaskId, name: &Path, bytes: Vec<u8>) -> Result<(), JobFailure> {
        let (folder, path) = (self.folder(task), self.folder(task).join(name));
        let written = tokio::task::spawn_blocking(move || {
            make_private_folder(&folder)?;
            atomic_file::write(&path, &bytes, Permissions::from_mode(0o600), IfExists::Replace)
        });
        let written = written.await.map_err(JobFailure::passing)?;
        written.map_err(|error| {
            if [ErrorKind::StorageFull, ErrorKind::QuotaExceeded].contains(&error.kind()) {
                return JobFailure::passing(
                    "The disk of the data folder is full. Free some space, then retry the item.",
                );
            }
            JobFailure::passing(format!("{}: {error}", name.display()))
        })
    }

    /// Reads a file that an earlier stage wrote.
    pub(super) async fn read(&self, task: TaskId, name: &Path) -> Result<Vec<u8>, JobFailure> {
        let path = self.folder(task).join(name);
        let read = tokio::task::spawn_blocking(move || std::fs::read(path)).await.map_err(JobFailure::passing)?;
        read.map_err(|error| {
            if error.kind() == ErrorKind::NotFound {
                // A retry of this stage cannot bring it back.
                return JobFailure::lasting("The task's files are gone, or in the data folder of another server.");
            }
            JobFailure::passing(format!("{}: {error}", name.display()))
        })
    }

    /// Removes a file of a task that is no longer needed.
    pub(super) async fn remove_file(&self, task: TaskId, name: &Path) -> Result<(), JobFailure> {
        let path = self.folder(task).join(name);
        let removed = tokio::task::spawn_blocking(move || match std::fs::remove_file(path) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            Ok(()) | Err(_) => Ok(()),
        });
        removed.await.map_err(JobFailure::passing)?.map_err(JobFailure::passing)
    }

    /// The tasks whose folders nobody has written to for a day.
    pub(super) async fn list_idle(&self) -> Result<Vec<TaskId>, JobFailure> {
        let root = Arc::clone(&self.root);
        let listed = tokio::task::spawn_blocking(move || list_idle(&root)).await.map_err(JobFailure::passing)?;
        listed.map_err(JobFailure::passing)
    }

    /// Removes all files of a task.
    pub(super) async fn remove(&self, task: TaskId) -> Result<(), AutomationError> {
        let folder = self.folder(task);
        let failed = |error: &dyn std::fmt::Display| AutomationError::File(format!("The task's files stay: {error}"));
        let removed = tokio::task::spawn_blocking(move || match std::fs::remove_dir_all(&folder) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            Ok(()) | Err(_) => Ok(()),
        });
        removed.await.map_err(|error| failed(&error))?.map_err(|error| failed(&error))
    }
}

fn list_idle(root: &Path) -> std::io::Result<Vec<TaskId>> {
    let entries = match std::fs::read_dir(root) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut tasks = Vec::new();
    for entry in entries {
        let entry = entry?;
        let is_idle = entry.metadata()?.modified()?.elapsed().is_ok_and(|age| age >= IDLE);
        tasks.extend(entry.file_name().to_string_lossy().parse::<TaskId>().ok().filter(|_| is_idle));
    }
    Ok(tasks)
}

/// Creates `folder` and its missing parents, readable only by their owner.
pub(super) fn make_private_folder(folder: &Path) -> std::io::Result<()> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}
