//! An upload on its way into the folder of a task that is not created yet: one file, or the files of a folder, which are packed
//! into a ZIP as they arrive.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use tokio::runtime::Handle;
use zip::ZipWriter;
use zip::result::ZipError;
use zip::write::SimpleFileOptions;

use super::task_files::{TaskFiles, UPLOAD, make_private_folder};
use super::{Automation, AutomationError};
use crate::domain::{InvalidField, TaskId};

/// Bytes that are collected before they are written: each writing goes to another thread.
const BUFFER_BYTES: usize = 1 << 20;
/// Names of files that are collected before they are written.
const BUFFER_FILES: usize = 256;

/// What is being received. Unless [`TaskUpload::finish`] is called, it is removed.
pub struct TaskUpload {
    pub task: TaskId,
    folder: PathBuf,
    target: Option<Target>,
    pending: Vec<Piece>,
    pending_bytes: usize,
    bytes: u64,
    is_kept: bool,
}

enum Target {
    File(File),
    Folder(Box<ZipWriter<File>>),
}

enum Piece {
    /// The next bytes are of this file of the folder.
    FileName(String),
    Bytes(Bytes),
}

impl Automation {
    /// Begins to receive the file of a task that is to be created.
    pub async fn begin_upload(&self) -> Result<TaskUpload, AutomationError> {
        self.begin(Target::File).await
    }

    /// Begins to receive a folder: [`TaskUpload::begin_file`] comes before the bytes of each file.
    pub async fn begin_folder_upload(&self) -> Result<TaskUpload, AutomationError> {
        self.begin(|file| Target::Folder(Box::new(ZipWriter::new(file)))).await
    }

    async fn begin(&self, target: impl FnOnce(File) -> Target) -> Result<TaskUpload, AutomationError> {
        let task = self.new_task_id();
        let folder = self.files().folder(task);
        let path = folder.clone();
        let opened = tokio::task::spawn_blocking(move || {
            make_private_folder(&path)?;
            File::create(path.join(UPLOAD))
        });
        let opened = opened.await.map_err(|error| AutomationError::File(error.to_string()))?;
        let target = Some(target(opened.map_err(|error| file_error(&error))?));
        Ok(TaskUpload { task, folder, target, pending: Vec::new(), pending_bytes: 0, bytes: 0, is_kept: false })
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

    /// Begins a file of a folder. Its path is checked when the upload is read.
    pub async fn begin_file(&mut self, path: &str) -> Result<(), AutomationError> {
        self.pending.push(Piece::FileName(path.to_owned()));
        if self.pending.len() >= BUFFER_FILES { self.flush(false).await } else { Ok(()) }
    }

    pub async fn write(&mut self, chunk: Bytes) -> Result<(), AutomationError> {
        self.bytes += chunk.len() as u64;
        self.pending_bytes += chunk.len();
        self.pending.push(Piece::Bytes(chunk));
        if self.pending_bytes >= BUFFER_BYTES { self.flush(false).await } else { Ok(()) }
    }

    /// Makes the file durable, and the folders that name it. The task can be created now.
    pub async fn finish(mut self) -> Result<TaskId, AutomationError> {
        self.flush(true).await?;
        let folder = self.folder.clone();
        let synced = tokio::task::spawn_blocking(move || {
            let parent = crate::atomic_file::parent_folder(&folder);
            [folder.as_path(), parent].into_iter().try_for_each(|folder| File::open(folder)?.sync_all())
        });
        let synced = synced.await.map_err(|error| AutomationError::File(error.to_string()))?;
        synced.map_err(|error| file_error(&error))?;
        self.is_kept = true;
        Ok(self.task)
    }

    async fn flush(&mut self, is_last: bool) -> Result<(), AutomationError> {
        let Some(mut target) = self.target.take() else {
            return Err(AutomationError::File("the upload failed before".to_owned()));
        };
        let pending = std::mem::take(&mut self.pending);
        self.pending_bytes = 0;
        let written = tokio::task::spawn_blocking(move || -> Result<Option<Target>, AutomationError> {
            for piece in pending {
                target.write(piece)?;
            }
            if is_last { target.close().map(|()| None) } else { Ok(Some(target)) }
        });
        self.target = written.await.map_err(|error| AutomationError::File(error.to_string()))??;
        Ok(())
    }
}

impl Target {
    fn write(&mut self, piece: Piece) -> Result<(), AutomationError> {
        match (self, piece) {
            (Self::File(file), Piece::Bytes(bytes)) => file.write_all(&bytes).map_err(|error| file_error(&error)),
            (Self::Folder(zip), Piece::Bytes(bytes)) => zip.write_all(&bytes).map_err(|error| file_error(&error)),
            (Self::Folder(zip), Piece::FileName(path)) => {
                // Photos are compressed already.
                let stored = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
                zip.start_file(path.as_str(), stored.large_file(true)).map_err(|error| zip_error(&path, error))
            }
            (Self::File(_), Piece::FileName(_)) => Ok(()),
        }
    }

    fn close(self) -> Result<(), AutomationError> {
        let file = match self {
            Self::File(file) => file,
            Self::Folder(zip) => zip.finish().map_err(|error| zip_error("the folder", error))?,
        };
        file.sync_all().map_err(|error| file_error(&error))
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

fn zip_error(path: &str, error: ZipError) -> AutomationError {
    if let ZipError::Io(error) = &error {
        return file_error(error);
    }
    let shown: String = path.chars().filter(|c| !c.is_control()).take(120).collect();
    AutomationError::Invalid(InvalidField::new("file", format!("\"{shown}\" cannot be taken: {error}")))
}

fn file_error(error: &std::io::Error) -> AutomationError {
    if [std::io::ErrorKind::StorageFull, std::io::ErrorKind::QuotaExceeded].contains(&error.kind()) {
        return AutomationError::DiskFull(error.to_string());
    }
    AutomationError::File(format!("the uploaded file cannot be written: {error}"))
}
