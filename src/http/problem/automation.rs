//! Maps errors of tasks to problems.

use super::database::disk_full;
use super::{Problem, ProblemKind};
use crate::automation::AutomationError;

impl From<AutomationError> for Problem {
    fn from(error: AutomationError) -> Self {
        let detail = error.to_string();
        match error {
            AutomationError::NotFound { .. } => Self::new(ProblemKind::NotFound, detail),
            AutomationError::Invalid(invalid) => invalid.into(),
            AutomationError::StillRunning { .. } => Self::new(ProblemKind::TaskRunning, detail),
            AutomationError::NothingFailed { .. } => Self::new(ProblemKind::NothingFailed, detail),
            AutomationError::DiskFull(_) => {
                tracing::error!(error = %detail, "disk full");
                disk_full()
            }
            AutomationError::File(_) => Self::internal(&detail),
            AutomationError::Database(error) => error.into(),
        }
    }
}
