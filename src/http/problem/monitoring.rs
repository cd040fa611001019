//! Maps errors of integrity checks, repairs and alerts to problems.

use super::{Problem, ProblemKind};
use crate::alerts::AlertError;
use crate::integrity::{IntegrityError, RepairError};
use crate::performance::TrendError;

/// Seconds after which a client may ask for a check again while another one is running.
const CHECK_RETRY_S: u64 = 5;

impl From<AlertError> for Problem {
    fn from(error: AlertError) -> Self {
        match error {
            AlertError::NotFiring(_) | AlertError::NotFound(_) => Self::new(ProblemKind::NotFound, error.to_string()),
            AlertError::Database(error) => error.into(),
        }
    }
}

impl From<TrendError> for Problem {
    fn from(error: TrendError) -> Self {
        match error {
            TrendError::Invalid(invalid) => invalid.into(),
            TrendError::Database(error) => error.into(),
        }
    }
}

impl From<IntegrityError> for Problem {
    fn from(error: IntegrityError) -> Self {
        match error {
            IntegrityError::StoreNotFound(_) => Self::new(ProblemKind::NotFound, error.to_string()),
            IntegrityError::Busy => Self::new(ProblemKind::Overloaded, error.to_string()).retry_after(CHECK_RETRY_S),
            IntegrityError::Database(error) => error.into(),
        }
    }
}

impl From<RepairError> for Problem {
    fn from(error: RepairError) -> Self {
        match error {
            RepairError::Invalid(invalid) => invalid.into(),
            RepairError::StoreNotFound(_) => Self::new(ProblemKind::NotFound, error.to_string()),
            RepairError::Fiscal(_)
            | RepairError::TooManyMissing { .. }
            | RepairError::TooManyRecords(_)
            | RepairError::Closed { .. }
            | RepairError::HasPlaceholders { .. }
            | RepairError::Copied { .. }
            | RepairError::Unsealable { .. } => Self::new(ProblemKind::RepairRefused, error.to_string()),
            RepairError::Database(error) => error.into(),
        }
    }
}
