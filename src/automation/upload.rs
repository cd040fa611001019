//! An upload on its way into the folder of a task that is not created yet.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use tokio::runtime::Handle;

use super::task_files::{TaskFiles, UPLOAD, make_private_folder};
use super::{Automation, AutomationError};
use crate::domain::TaskId;

/// Bytes that are collected before they are written: each writing goes to another thread.
const BUFFER_BYTES: usize = 1 << 20;

/// A file that is being received. Unless [`TaskUpload::finish`] is called, it is removed.
pub struct TaskUpload {
    pub task: TaskId,
    folder: PathBuf,
    file: Option<File>,
    buffer: Vec<u8>,
    bytes: u64,
    is_kept: bool,
}

impl Automation {
    /// Begins to receive the file of a task that is to be created.
    pub async fn begin_upload(&self) -> Result<TaskUpload, AutomationError> {
        let task = self.new_task_id();
        let folder = self.files().folder(task);
        let path = folder.clone();
        let opened = tokio::task::spawn_blocking(move || {
            make_private_folder(&path)?;
            File::create(path.join(UPLOAD))
        });
        let opened = opened.await.map_err(|error| AutomationError::File(error.to_string()))?;
        let file = opened.map_err(|error| file_error(&error))?;
        Ok(TaskUpload { task, folder, file: Some(file), buffer: Vec::new(), bytes: 0, is_kept: false })
    }

    pub(super) fn files(&self) -> &TaskFiles {
        &self.0.files
    }
}

impl TaskUpload {
    /// The bytes received so far.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    pub async fn write(&mut self, chunk: Bytes) -> Result<(), AutomationError> {
        self.bytes += chunk.len() as u64;
        self.buffer.extend_from_slice(&chunk);
        if self.buffer.len() >= BUFFER_BYTES { self.flush(false).await } else { Ok(()) }
    }

    /// Makes the file durable. The task can be created now.
    pub async fn finish(mut self) -> Result<TaskId, AutomationError> {
        self.flush(true).await?;
        self.is_kept = true;
        Ok(self.task)
    }

    async fn flush(&mut self, is_last: bool) -> Result<(), AutomationError> {
        let Some(mut file) = self.file.take() else {
            return Err(AutomationError::File("the upload failed before".to_owned()));
        };
        let buffer = std::mem::take(&mut self.buffer);
        let written = tokio::task::spawn_blocking(move || {
            file.write_all(&buffer)?;
            if is_last {
                file.sync_all()?;
            }
            Ok(file)
        });
        let written = written.await.map_err(|error| AutomationError::File(error.to_string()))?;
        self.file = Some(written.map_err(|error: std::io::Error| file_error(&error))?);
        Ok(())
    }
}

impl Drop for TaskUpload {
    /// Removes an abandoned upload on a thread for blocking work: this one serves requests. If the server stops before that thread
    /// gets to it, the next clean-up removes the folder.
    fn drop(&mut self) {
        if self.is_kept {
            return;
        }
        let folder = std::mem::take(&mut self.folder);
        match Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn_blocking(move || remove_folder(&folder))),
            Err(_) => remove_folder(&folder),
        }
    }
}

fn remove_folder(folder: &Path) {
    if let Err(error) = std::fs::remove_dir_all(folder) {
        tracing::warn!(folder = %folder.display(), %error, "a broken upload stays until the next clean-up");
    }
}

fn file_error(error: &std::io::Error) -> AutomationError {
    if [std::io::ErrorKind::StorageFull, std::io::ErrorKind::QuotaExceeded].contains(&error.kind()) {
        return AutomationError::DiskFull(error.to_string());
    }
    AutomationError::File(format!("the uploaded file cannot be written: {error}"))
}
