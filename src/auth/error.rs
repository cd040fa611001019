//! Everything that accounts, stores and kiosks can answer with instead of a result.

use std::path::PathBuf;

use crate::db::DatabaseError;
use crate::domain::{InvalidField, StoreId};
use crate::pool::PoolError;

/// Why something about accounts was not done. Messages are for the person who asked, and tell no secret.
#[derive(Debug, thiserror::Error)]
pub enum AuthError {
    /// A value that cannot be taken.
    #[error(transparent)]
    Invalid(#[from] InvalidField),
    /// The database.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// Unknown name, wrong password or disabled account: which of them is not told.
    #[error("the username or the password is wrong, or the account is disabled")]
    WrongCredentials,
    /// The old password that was given for a change is not the current one.
    #[error("the current password is wrong")]
    WrongPassword,
    /// Too many failures of this account or from this address.
    #[error("too many failed attempts; try again in {retry_after_s} seconds")]
    Throttled {
        /// Seconds until an attempt is taken again, at least 1.
        retry_after_s: i64,
    },
    /// A bearer or refresh token that is not good.
    #[error("{0}")]
    TokenInvalid(TokenFault),
    /// The actor may not do this; the text says who may.
    #[error("{0}")]
    Forbidden(&'static str),
    /// Nothing of this kind has this id, or the actor may not know of it.
    #[error("there is no {what} {id}")]
    NotFound {
        /// What was looked for: user, store, kiosk.
        what: &'static str,
        /// The id that was asked for.
        id: String,
    },
    /// Someone else has this name.
    #[error("the username \"{0}\" is taken; choose another one")]
    UsernameTaken(String),
    /// The change would leave nobody who can administer.
    #[error("\"{0}\" is the last active admin: give another account the role admin first")]
    LastAdmin(String),
    /// Closings were made under the rule that no number changes.
    #[error("store {0} has daily closings, which name its numbers, and stays fiscal")]
    StaysFiscal(StoreId),
    /// The code is wrong, was used or has expired: which of them is not told.
    #[error("the enrolment code is wrong, was used already or has expired; ask an admin for a new one")]
    EnrolmentRefused,
    /// As many passwords as can wait are waiting to be hashed.
    #[error("too many people are signing in at this moment; try again in a second")]
    Busy,
    /// The server is going down.
    #[error("the server is stopping")]
    Stopping,
    /// Start-up: the file with the key that signs tokens cannot be used.
    #[error("token key {path}: {reason}", path = path.display())]
    KeyFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it and what to do.
        reason: String,
    },
    /// Start-up: an admin could be anybody.
    #[error(
        "the admin \"{0}\" has a password that everybody tries first; change it before the server is reachable \
         (with TILLSIGHT_ENVIRONMENT=development it starts nevertheless)"
    )]
    WellKnownPassword(String),
    /// Start-up: the name `admin` belongs to somebody who is none.
    #[error("no account has the role admin, and the account \"admin\" exists without it; rename or promote it")]
    AdminNameTaken,
    /// A defect or a failure of the machine; the text is for the log, never for the client.
    #[error("accounts: {0}")]
    Internal(String),
}

/// What is wrong with a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenFault {
    /// Not ours: another format, algorithm, key, issuer, audience or purpose, or a claim is missing.
    #[error("the token is not one that this server gave out")]
    Malformed,
    /// Its time is over.
    #[error("the token has expired; refresh it or sign in again")]
    Expired,
    /// The session was ended: sign-out, another password or role, a disabled account, or a token used twice.
    #[error("the session has ended; sign in again")]
    Ended,
    /// A device key that is unknown or was revoked.
    #[error("the kiosk key is unknown or was revoked; enrol the kiosk again")]
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
