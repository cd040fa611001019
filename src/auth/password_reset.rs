//! A way back after a forgotten password: a one-time password, shown once, that must be changed at the first sign-in.
//!
//! An admin resets the password of another account, and whoever administers the machine that of any account, also while
//! the server runs. A reset ends the account's sessions. It also ends a lock of the account, since failures count for one
//! `token_epoch`.

use serde::Serialize;
use utoipa::ToSchema;

use super::passwords::Passwords;
use super::users::{audit_user, user_not_found};
use super::{Auth, AuthError, IssuedSecret, UserView, require_admin, secrets};
use crate::clock::Clock;
use crate::config::TokenSettings;
use crate::db::{Database, refresh_tokens, users};
use crate::domain::{Caller, InvalidField, UserId, parse_username};
use crate::pool::Pool;
use secrecy::ExposeSecret;

/// An account with a new one-time password.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct PasswordReset {
    pub user: UserView,
    /// Shown only once. The person signs in with it and must then choose a password.
    #[schema(value_type = String, examples("K7QW2-9M4HX-TR8PA-3CZVB"))]
    pub one_time_password: IssuedSecret,
}

impl Auth {
    /// Gives an account a one-time password and ends its sessions. For admins.
    pub async fn reset_password(&self, caller: &Caller, id: UserId) -> Result<PasswordReset, AuthError> {
        require_admin(caller)?;
        reset(&self.0.db, &self.0.clock, &self.0.passwords, caller, id).await?.ok_or_else(|| user_not_found(id))
    }
}

/// The same for somebody who administers this machine; needs no server.
pub async fn reset_password_by_name(
    db: &Database,
    clock: &Clock,
    settings: &TokenSettings,
    username: &str,
) -> Result<PasswordReset, AuthError> {
    let name = parse_username("username", username)?;
    let Some(user) = users::find_by_username(&mut db.read().await?, &name).await? else {
        let admins = users::list_active_admins(&mut db.read().await?).await?;
        return Err(AuthError::UsernameUnknown { name, admins: admins.into_iter().map(|row| row.username).collect() });
    };
    let pool = Pool::new("tillsight-hash", 1, 1)
        .map_err(|error| AuthError::Internal(format!("the operating system refuses a thread: {error}")))?;
    let passwords = Passwords::new(pool, settings)?;
    reset(db, clock, &passwords, &Caller::command_line(), user.id).await?.ok_or_else(|| user_not_found(user.id))
}

async fn reset(
    db: &Database,
    clock: &Clock,
    passwords: &Passwords,
    caller: &Caller,
    id: UserId,
) -> Result<Option<PasswordReset>, AuthError> {
    let password = secrets::new_one_time_password()?;
    let password_hash = passwords.hash(&password).await?;
    let now = clock.now();
    let mut tx = db.begin().await?;
    let Some(mut row) = users::lock(&mut tx, id).await? else { return Ok(None) };
    if row.disabled {
        let message = format!("{} is disabled, so no password would open it; enable the account first", row.username);
        return Err(InvalidField::new("user", message).into());
    }
    row.password_hash = password_hash;
    row.must_change_password = true;
    row.token_epoch += 1;
    users::update(&mut tx, &row).await?;
    refresh_tokens::end_user(&mut tx, id, now).await?;
    audit_user(&mut tx, caller, now, "user.password.reset", &row).await?;
    tx.commit().await?;
    let one_time_password = password.expose_secret().to_owned().into();
    Ok(Some(PasswordReset { user: UserView::from(&row), one_time_password }))
}
