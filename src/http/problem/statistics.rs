//! Maps errors of statistics and the audit log to problems.

use super::{Problem, ProblemKind};
use crate::audit::AuditError;
use crate::statistics::StatisticsError;

impl From<StatisticsError> for Problem {
    fn from(error: StatisticsError) -> Self {
        match error {
            StatisticsError::Invalid(invalid) => invalid.into(),
            StatisticsError::StoreNotFound(_) => Self::new(ProblemKind::NotFound, error.to_string()),
            StatisticsError::NoStore => Self::new(ProblemKind::Forbidden, error.to_string()),
            StatisticsError::Database(error) => error.into(),
        }
    }
}

impl From<AuditError> for Problem {
    fn from(error: AuditError) -> Self {
        match error {
            AuditError::Invalid(invalid) => invalid.into(),
            AuditError::Database(error) => error.into(),
        }
    }
}
