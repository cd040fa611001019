//! The settings of each type of task, checked when a task is created.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::super::JobFailure;
use super::import;
use crate::domain::{CheckDepth, InvalidField, StoreId, TaskType, ValueFault};

/// Settings of a back-up.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct BackupSettings {
    /// How many back-ups of this task are kept; older ones are removed.
    pub kept: usize,
}

impl Default for BackupSettings {
    fn default() -> Self {
        Self { kept: 7 }
    }
}

/// Settings of a report.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ReportSettings {
    /// The day as `2026-01-31`; without one, the store's business day before the one of the run.
    pub date: Option<String>,
    /// Only this store; without one, all stores.
    pub store_id: Option<StoreId>,
}

/// Settings of a check of receipt numbers.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct IntegritySettings {
    pub depth: CheckDepth,
    /// Only this store; without one, all stores.
    pub store_id: Option<StoreId>,
}

impl Default for IntegritySettings {
    fn default() -> Self {
        Self { depth: CheckDepth::Deep, store_id: None }
    }
}

/// A clean-up has no settings of its own: what is kept is a setting of the server.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct CleanupSettings {}

/// Checks the settings of a task and completes them with their defaults.
pub fn check_settings(kind: TaskType, settings: &Value) -> Result<Value, InvalidField> {
    match kind {
        TaskType::Cleanup => complete::<CleanupSettings>(settings, |_| Ok(())),
        TaskType::Integrity => complete::<IntegritySettings>(settings, |_| Ok(())),
        TaskType::Report => complete::<ReportSettings>(settings, |report| match &report.date {
            Some(date) if !is_date(date) => Err(format!("date is \"{date}\"; write it as 2026-01-31")),
            Some(_) | None => Ok(()),
        }),
        TaskType::Backup => complete::<BackupSettings>(settings, |backup| match backup.kept {
            1..=1_000 => Ok(()),
            kept => Err(format!("kept is {kept}; it must be between 1 and 1000")),
        }),
        TaskType::Import => import::check_import_settings(settings),
    }
}

/// Whether a task with these settings, which were checked, needs a file, and without one means nothing.
pub fn needs_file(kind: TaskType, settings: &Value) -> bool {
    kind == TaskType::Import && import::needs_file(settings)
}

/// The settings with the defaults of those that are missing, if `check` finds nothing wrong.
pub(super) fn complete<T: Default + Serialize + DeserializeOwned>(
    settings: &Value,
    check: impl FnOnce(&T) -> Result<(), String>,
) -> Result<Value, InvalidField> {
    let invalid = |reason: String| InvalidField::new("settings", reason);
    let parsed = if settings.is_null() {
        T::default()
    } else {
        serde_path_to_error::deserialize(settings).map_err(|error| {
            let path = error.path().to_string();
            invalid(ValueFault::from_text(&error.inner().to_string()).describe("the setting", path.trim_matches('.')))
        })?
    };
    check(&parsed).map_err(invalid)?;
    serde_json::to_value(parsed).map_err(|error| invalid(error.to_string()))
}

/// The settings of a task that was created with them; another version of the program may have known others.
pub(super) fn read_settings<T: DeserializeOwned>(settings: &Value) -> Result<T, JobFailure> {
    serde_json::from_value(settings.clone())
        .map_err(|error| JobFailure::lasting(format!("The task's settings cannot be read: {error}.")))
}

/// A day of the calendar.
fn is_date(text: &str) -> bool {
    crate::domain::BusinessDays::utc().parse_day("date", text).is_ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn settings_are_completed_and_wrong_ones_named() {
        let backup = check_settings(TaskType::Backup, &Value::Null).unwrap();
        assert_eq!(backup, json!({"kept": 7}));
        let refuse = |kind, settings: Value| check_settings(kind, &settings).unwrap_err().to_string();
        assert!(refuse(TaskType::Backup, json!({"kept": 0})).contains("kept is 0"));
        assert!(refuse(TaskType::Backup, json!({"keep": 3})).contains("keep"));
        assert!(refuse(TaskType::Report, json!({"date": "2026-02-30"})).contains("2026-02-30"));
        assert!(refuse(TaskType::Cleanup, json!({"hard": true})).contains("hard"));
        assert!(check_settings(TaskType::Report, &json!({"date": "2028-02-29"})).is_ok());
        assert_eq!(check_settings(TaskType::Integrity, &json!({})).unwrap()["depth"], "deep");
    }
}
