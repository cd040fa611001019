//! The sales reports that a task has written, for whoever wants to read them.

use std::io::ErrorKind;
use std::path::Path;

use super::{Automation, AutomationError};
use crate::domain::TaskId;

/// How the name of a report's file begins.
pub(super) const REPORT_PREFIX: &str = "sales-";

impl Automation {
    /// The names of the files, the newest day first. Empty for a task that wrote none.
    pub async fn list_report_files(&self, id: TaskId) -> Result<Vec<String>, AutomationError> {
        let folder = self.0.files.folder(id);
        let listed =
            tokio::task::spawn_blocking(move || list_reports(&folder)).await.map_err(|error| failure(&error))?;
        listed.map_err(|error| failure(&error))
    }

    /// A file by one of those names; `None` if the task has no such report.
    pub async fn read_report_file(&self, id: TaskId, name: &str) -> Result<Option<Vec<u8>>, AutomationError> {
        // A name that is not listed could lead out of the folder.
        if !self.list_report_files(id).await?.iter().any(|known| known == name) {
            return Ok(None);
        }
        let path = self.0.files.folder(id).join(name);
        let bytes = tokio::task::spawn_blocking(move || std::fs::read(path)).await.map_err(|error| failure(&error))?;
        bytes.map(Some).map_err(|error| failure(&error))
    }
}

fn list_reports(folder: &Path) -> std::io::Result<Vec<String>> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut names = Vec::new();
    for entry in entries {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.retain(|name| name.starts_with(REPORT_PREFIX));
    names.sort_unstable_by(|one, other| other.cmp(one));
    Ok(names)
}

fn failure(error: &dyn std::fmt::Display) -> AutomationError {
    AutomationError::File(format!("The report cannot be read: {error}"))
}
