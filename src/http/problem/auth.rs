//! Which error of accounts, stores and kiosks is which problem.

use super::mapping::OVERLOAD_RETRY_S;
use super::{Kind, Problem};
use crate::auth::AuthError;

/// Seconds after which a client may try again when this server is going down and another one is coming up.
const RESTART_RETRY_S: u64 = 5;

impl From<AuthError> for Problem {
    fn from(error: AuthError) -> Self {
        let detail = error.to_string();
        match error {
            AuthError::Invalid(invalid) => invalid.into(),
            AuthError::Database(error) => error.into(),
            AuthError::WrongCredentials => Self::new(Kind::WrongCredentials, detail),
            // Not a 401: the caller is known, and a client that sees one would sign out.
            AuthError::WrongPassword => Self::new(Kind::InvalidField, detail).with("field", "current_password"),
            AuthError::Throttled { retry_after_s } => {
                Self::new(Kind::Throttled, detail).retry_after(u64::try_from(retry_after_s).unwrap_or(1))
            }
            AuthError::TokenInvalid(_) => Self::new(Kind::NotAuthenticated, detail),
            AuthError::Forbidden(_) => Self::new(Kind::Forbidden, detail),
            AuthError::NotFound { .. } => Self::new(Kind::NotFound, detail),
            AuthError::UsernameTaken(_) => Self::new(Kind::Taken, detail).with("field", "username"),
            AuthError::LastAdmin(_) => Self::new(Kind::LastAdmin, detail),
            AuthError::StaysFiscal(_) => Self::new(Kind::StaysFiscal, detail).with("field", "fiscal"),
            AuthError::EnrolmentRefused => Self::new(Kind::EnrolmentRefused, detail),
            AuthError::Busy => Self::new(Kind::Overloaded, detail).retry_after(OVERLOAD_RETRY_S),
            AuthError::Stopping => Self::new(Kind::Unavailable, detail).retry_after(RESTART_RETRY_S),
            // The first three end a start and never reach a client.
            AuthError::KeyFile { .. }
            | AuthError::WellKnownPassword(_)
            | AuthError::AdminNameTaken
            | AuthError::Internal(_) => Self::internal(&detail),
        }
    }
}
