//! Why a request about accounts, stores or kiosks fails.

use std::path::PathBuf;

use crate::db::DatabaseError;
use crate::domain::InvalidField;
use crate::idempotency::{DatabaseCause, IdempotencyError};
use crate::pool::PoolError;

/// An error of the accounts service. Its text is for the client and contains no secret.
#[derive(Debug, thiserror::Error)]
pub enum AuthError {
    #[error(transparent)]
    Invalid(#[from] InvalidField),
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// Unknown name, wrong password or disabled account: the client must not learn which.
    #[error("The username or the password is wrong, or the account is disabled.")]
    WrongCredentials,
    #[error("The current password is wrong.")]
    WrongCurrentPassword,
    /// Too many failures of this account or from this address.
    #[error("Too many failed attempts. Try again in {retry_after_s} seconds.")]
    Throttled {
        /// At least 1.
        retry_after_s: i64,
    },
    /// An address has created as many accounts as it may within a time.
    #[error("Too many accounts were created from your network. Try again in {retry_after_s} seconds.")]
    TooManySignUps {
        /// At least 1.
        retry_after_s: i64,
    },
    #[error("{0}")]
    TokenInvalid(TokenFault),
    /// The text says who may do it.
    #[error("{0}")]
    Forbidden(&'static str),
    /// Nothing of this kind has this id, or the caller may not know of it.
    #[error("No {what} with id {id} exists.")]
    NotFound {
        /// `user`, `store` or `kiosk`.
        what: &'static str,
        id: String,
    },
    #[error("The username \"{0}\" is taken. Choose another one.")]
    UsernameTaken(String),
    /// Only on the machine itself: no reply of the server reveals names.
    #[error("No account has the name \"{name}\". The admins are: {}.", admins.join(", "))]
    UsernameUnknown { name: String, admins: Vec<String> },
    /// The change would leave no active admin.
    #[error("\"{0}\" is the last active admin. Make another account an admin first.")]
    LastAdmin(String),
    /// A closing refers to the numbers of a fiscal store, so they must never change.
    #[error("Store \"{0}\" has daily closings, so it must stay fiscal.")]
    StaysFiscal(String),
    /// Unknown, used or expired code: the client must not learn which.
    #[error("The enrolment code is wrong, used or expired. Ask an admin for a new one.")]
    EnrolmentRefused,
    /// The queue of passwords to hash is full.
    #[error("Too many people are signing in right now. Try again in a second.")]
    Busy,
    #[error("The server is stopping.")]
    Stopping,
    /// At the start: the file with the key that signs tokens cannot be used.
    #[error("The token key file {path} {reason}.", path = path.display())]
    KeyFile {
        path: PathBuf,
        /// What is wrong with the file and what to do.
        reason: String,
    },
    /// At the start: anybody could guess an admin's password.
    #[error(
        "The admin \"{0}\" has a well-known password. Change it before the server is reachable. (With \
         TILLSIGHT_ENVIRONMENT=development the server starts anyway.)"
    )]
    WellKnownPassword(String),
    /// At the start: there is no admin, and a user who is no admin has the name `admin`.
    #[error("No account has the role admin, and the account \"admin\" has another role. Rename or promote it.")]
    AdminNameTaken,
    /// A defect or a failure of the machine. The text is for the log, never for the client.
    #[error("the accounts service failed: {0}")]
    Internal(String),
}

impl From<IdempotencyError> for AuthError {
    fn from(error: IdempotencyError) -> Self {
        match error {
            IdempotencyError::Database(error) => Self::Database(error),
            // The key of a form stands for all that the form says, and what is kept is an id.
            IdempotencyError::KeyReused | IdempotencyError::ReplyNotKept => Self::Internal(error.to_string()),
        }
    }
}

impl DatabaseCause for AuthError {
    fn database_error(&self) -> Option<&DatabaseError> {
        if let Self::Database(error) = self { Some(error) } else { None }
    }
}

/// Why a token is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenFault {
    /// Wrong format, algorithm, key, issuer, audience or purpose, or a claim is missing.
    #[error("The token was not issued by this server.")]
    Malformed,
    #[error("The token has expired. Refresh it or sign in again.")]
    Expired,
    /// By sign-out, a new password or role, a disabled account, or a refresh token used twice.
    #[error("The session has ended. Sign in again.")]
    SessionEnded,
    #[error("The kiosk key is unknown or revoked. Enrol the kiosk again.")]
    KioskUnknown,
}

impl From<TokenFault> for AuthError {
    fn from(fault: TokenFault) -> Self {
        Self::TokenInvalid(fault)
    }
}

impl From<PoolError> for AuthError {
    fn from(error: PoolError) -> Self {
        match error {
            PoolError::Full => Self::Busy,
            PoolError::Stopped => Self::Stopping,
            PoolError::Panicked(reason) => Self::Internal(format!("hashing a password panicked: {reason}")),
        }
    }
}
