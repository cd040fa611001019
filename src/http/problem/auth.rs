//! Maps errors of accounts, stores and kiosks to problems.

use super::{OVERLOAD_RETRY_S, Problem, ProblemKind};
use crate::auth::AuthError;

/// Seconds after which a client may try again when this server is stopping and another one is starting.
const RESTART_RETRY_S: u64 = 5;

impl From<AuthError> for Problem {
    fn from(error: AuthError) -> Self {
        let detail = error.to_string();
        match error {
            AuthError::Invalid(invalid) => invalid.into(),
            AuthError::Database(error) => error.into(),
            AuthError::WrongCredentials => Self::new(ProblemKind::WrongCredentials, detail),
            // Not a 401: the caller is authenticated, and a client that gets a 401 would sign out.
            AuthError::WrongCurrentPassword => {
                Self::new(ProblemKind::InvalidField, detail).with("field", "current_password")
            }
            AuthError::Throttled { retry_after_s } | AuthError::TooManySignUps { retry_after_s } => {
                Self::new(ProblemKind::Throttled, detail).retry_after(u64::try_from(retry_after_s).unwrap_or(1))
            }
            AuthError::TokenInvalid(_) => Self::new(ProblemKind::NotAuthenticated, detail),
            AuthError::Forbidden(_) => Self::new(ProblemKind::Forbidden, detail),
            AuthError::NotFound { .. } => Self::new(ProblemKind::NotFound, detail),
            AuthError::UsernameTaken(_) => Self::new(ProblemKind::Taken, detail).with("field", "username"),
            AuthError::LastAdmin(_) => Self::new(ProblemKind::LastAdmin, detail),
            AuthError::StaysFiscal(_) => Self::new(ProblemKind::StaysFiscal, detail).with("field", "fiscal"),
            AuthError::EnrolmentRefused => Self::new(ProblemKind::EnrolmentRefused, detail),
            AuthError::Busy => Self::new(ProblemKind::Overloaded, detail).retry_after(OVERLOAD_RETRY_S),
            AuthError::Stopping => Self::new(ProblemKind::Unavailable, detail).retry_after(RESTART_RETRY_S),
            // The first three stop the server at its start and never reach a client.
            AuthError::KeyFile { .. }
            | AuthError::WellKnownPassword(_)
            | AuthError::AdminNameTaken
            | AuthError::UsernameUnknown { .. }
            | AuthError::Internal(_) => Self::internal(&detail),
        }
    }
}
