//! Sign-up, sign-in and password changes.
//!
//! An unknown name, a wrong password and a disabled account get the same reply after the same work: one look-up, the
//! same hashing, one recorded failure.

use secrecy::{ExposeSecret, SecretString};

use super::full_disk::{NO_SESSION, is_disk_full};
use super::login_throttle::NamedAccount;
use super::passwords::{PasswordCheck, normalize};
use super::{Auth, AuthError, TokenPair, UserView, password_policy};
use crate::db::users::UserRow;
use crate::db::{Tx, audit, refresh_tokens, users};
use crate::domain::{Actor, Caller, InvalidField, Role, UserId, parse_username};
use crate::telemetry::{LOGINS_TOTAL, SIGN_UPS_TOTAL};

impl Auth {
    /// Creates a shopper's account and signs in. A taken name counts as a failure of the address, since this is the one
    /// place that reveals which names exist.
    pub async fn sign_up(
        &self,
        name: &str,
        password: &SecretString,
        address: Option<&str>,
    ) -> Result<TokenPair, AuthError> {
        let outcome = self.try_sign_up(name, password, address).await;
        let label = match &outcome {
            Ok(_) => "ok",
            Err(AuthError::UsernameTaken(_) | AuthError::Invalid(_)) => "refused",
            Err(AuthError::Throttled { .. } | AuthError::TooManySignUps { .. }) => "throttled",
            Err(_) => "failed",
        };
        metrics::counter!(SIGN_UPS_TOTAL, "outcome" => label).increment(1);
        outcome
    }

    async fn try_sign_up(
        &self,
        name: &str,
        password: &SecretString,
        address: Option<&str>,
    ) -> Result<TokenPair, AuthError> {
        let name = parse_username("username", name)?;
        password_policy::check("password", password, &name)?;
        let attempt = self.0.throttle.admit_sign_up(address).await?;
        let password_hash = self.0.passwords.hash(password).await?;
        let now = self.0.clock.now();
        let row = UserRow {
            id: UserId::generate(now),
            username: name,
            password_hash,
            role: Role::User,
            store_id: None,
            disabled: false,
            must_change_password: false,
            token_epoch: 0,
            created_at: now,
        };
        let mut tx = self.0.db.begin().await?;
        if let Err(error) = insert_user(&mut tx, &row).await {
            drop(tx);
            if matches!(error, AuthError::UsernameTaken(_)) {
                self.0.throttle.record_failure(&attempt).await?;
            }
            return Err(error);
        }
        self.0.throttle.record_sign_up(&mut tx, address, now).await?;
        self.0.throttle.remember_address(&mut tx, &row.username, address, now).await?;
        let pair = self.open_session(&mut tx, &row, now).await?;
        tx.commit().await?;
        Ok(pair)
    }

    /// Starts a session if the password is correct.
    pub async fn login(
        &self,
        name: &str,
        password: &SecretString,
        address: Option<&str>,
    ) -> Result<TokenPair, AuthError> {
        let outcome = self.try_login(name, password, address).await;
        let label = match &outcome {
            Ok(_) => "ok",
            Err(AuthError::WrongCredentials) => "wrong",
            Err(AuthError::Throttled { .. }) => "throttled",
            Err(_) => "failed",
        };
        metrics::counter!(LOGINS_TOTAL, "outcome" => label).increment(1);
        outcome
    }

    async fn try_login(
        &self,
        name: &str,
        password: &SecretString,
        address: Option<&str>,
    ) -> Result<TokenPair, AuthError> {
        // A text that cannot be a username is treated like an unknown one.
        let name = parse_username("username", name).unwrap_or_else(|_| name.trim().to_lowercase());
        let user = match parse_username("username", &name) {
            Ok(name) => users::find_by_username(&mut self.0.db.read().await?, &name).await?,
            Err(_) => None,
        };
        let account = NamedAccount {
            username: &name,
            epoch: user.as_ref().map_or(0, |user| user.token_epoch),
            role: user.as_ref().map(|user| user.role),
        };
        let attempt = self.0.throttle.admit_login(account, address).await?;
        let check = self.0.passwords.verify(password, user.as_ref().map(|user| &user.password_hash)).await?;
        let Some(user) = user.filter(|user| check != PasswordCheck::Wrong && !user.disabled) else {
            self.0.throttle.record_failure(&attempt).await?;
            return Err(AuthError::WrongCredentials);
        };
        let new_hash = match check {
            PasswordCheck::NeedsRehash => Some(self.0.passwords.hash(password).await?),
            PasswordCheck::Correct | PasswordCheck::Wrong => None,
        };
        let opened: Result<TokenPair, AuthError> = async {
            let mut tx = self.0.db.begin().await?;
            let mut user = lock_unchanged(&mut tx, &user).await?.ok_or(AuthError::WrongCredentials)?;
            if let Some(new_hash) = new_hash {
                user.password_hash = new_hash;
                users::update(&mut tx, &user).await?;
            }
            let now = self.0.clock.now();
            self.0.throttle.clear_failures(&mut tx, &attempt).await?;
            self.0.throttle.remember_address(&mut tx, &name, address, now).await?;
            let pair = self.open_session(&mut tx, &user, now).await?;
            tx.commit().await?;
            Ok(pair)
        }
        .await;
        if is_disk_full(&opened) {
            return self.issue_access_token(&user, NO_SESSION, self.0.clock.now());
        }
        opened
    }

    pub async fn get_own_user(&self, caller: &Caller) -> Result<UserView, AuthError> {
        let id = require_person(caller)?;
        let user = users::find(&mut self.0.db.read().await?, id).await?;
        let user = user.ok_or_else(|| AuthError::NotFound { what: "user", id: id.to_string() })?;
        Ok(UserView::from(&user))
    }

    /// Changes the caller's password, ends all their sessions and starts a new one.
    pub async fn change_password(
        &self,
        caller: &Caller,
        current: &SecretString,
        new: &SecretString,
    ) -> Result<TokenPair, AuthError> {
        let id = require_person(caller)?;
        let not_found = || AuthError::NotFound { what: "user", id: id.to_string() };
        let user = users::find(&mut self.0.db.read().await?, id).await?.ok_or_else(not_found)?;
        password_policy::check("new_password", new, &user.username)?;
        if normalize(current).expose_secret() == normalize(new).expose_secret() {
            return Err(InvalidField::new("new_password", "is the current password; choose another one").into());
        }
        let attempt = self.0.throttle.admit_password_change(&user).await?;
        if self.0.passwords.verify(current, Some(&user.password_hash)).await? == PasswordCheck::Wrong {
            self.0.throttle.record_failure(&attempt).await?;
            return Err(AuthError::WrongCurrentPassword);
        }
        let password_hash = self.0.passwords.hash(new).await?;
        let now = self.0.clock.now();
        let mut tx = self.0.db.begin().await?;
        let mut user = lock_unchanged(&mut tx, &user).await?.ok_or(AuthError::WrongCurrentPassword)?;
        user.password_hash = password_hash;
        user.must_change_password = false;
        user.token_epoch += 1;
        users::update(&mut tx, &user).await?;
        refresh_tokens::end_user(&mut tx, user.id, now).await?;
        let pair = self.open_session(&mut tx, &user, now).await?;
        let (subject, details) = (user.id.to_string(), serde_json::json!({}));
        let entry = audit::AuditEntry { at: now, caller, action: "user.password", subject, details };
        audit::append(&mut tx, entry).await?;
        tx.commit().await?;
        Ok(pair)
    }
}

pub(super) async fn insert_user(tx: &mut Tx, row: &UserRow) -> Result<(), AuthError> {
    users::insert(tx, row).await.map_err(|error| match error.is_taken("users_username") {
        true => AuthError::UsernameTaken(row.username.clone()),
        false => error.into(),
    })
}

/// Locks the account. `None` if, since `known` was read, its password was changed or it was disabled.
async fn lock_unchanged(tx: &mut Tx, known: &UserRow) -> Result<Option<UserRow>, AuthError> {
    let locked = users::lock(tx, known.id).await?;
    Ok(locked.filter(|row| !row.disabled && row.password_hash.expose_secret() == known.password_hash.expose_secret()))
}

pub(super) fn require_person(caller: &Caller) -> Result<UserId, AuthError> {
    match caller.actor {
        Actor::Person { id, .. } => Ok(id),
        Actor::System | Actor::CommandLine | Actor::Kiosk { .. } => {
            Err(AuthError::Forbidden("Only a signed-in person has an account."))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::TokenFault;
    use super::super::test_support::{PASSWORD, TestAuth};
    use super::*;

    #[tokio::test]
    async fn a_shopper_signs_up_and_in_with_a_name_in_any_case() {
        let test = TestAuth::new().await;
        let first = test.auth.sign_up(" Ann.Lee ", &PASSWORD.into(), None).await.unwrap();
        assert_eq!((first.user.username.as_str(), first.user.role), ("ann.lee", Role::User));
        let second = test.auth.login("ANN.LEE", &PASSWORD.into(), None).await.unwrap();
        assert_eq!(second.user, first.user);
        assert_eq!((second.token_type.as_str(), second.expires_in), ("Bearer", 600));
        let identity = test.auth.authenticate(second.access_token.expose()).await.unwrap();
        assert_eq!(identity.actor.user_id(), Some(first.user.id));
        let taken = test.auth.sign_up("ann.lee", &PASSWORD.into(), None).await;
        assert!(matches!(taken, Err(AuthError::UsernameTaken(name)) if name == "ann.lee"));
    }

    #[tokio::test]
    async fn a_new_password_ends_every_session_but_the_new_one() {
        let test = TestAuth::new().await;
        let (caller, old) = test.sign_up_shopper("ann.lee").await;
        let refused = test.auth.change_password(&caller, &"not the old one".into(), &"harvest trombone".into()).await;
        assert!(matches!(refused, Err(AuthError::WrongCurrentPassword)));
        let same = test.auth.change_password(&caller, &PASSWORD.into(), &PASSWORD.into()).await;
        assert!(matches!(same, Err(AuthError::Invalid(field)) if field.field == "new_password"));
        let new = test.auth.change_password(&caller, &PASSWORD.into(), &"harvest trombone".into()).await.unwrap();
        let ended = test.auth.authenticate(old.access_token.expose()).await;
        assert!(matches!(ended, Err(AuthError::TokenInvalid(TokenFault::SessionEnded))));
        assert!(test.auth.refresh(&old.refresh_token.unwrap().expose().into(), None).await.is_err());
        test.auth.authenticate(new.access_token.expose()).await.unwrap();
        test.auth.refresh(&new.refresh_token.unwrap().expose().into(), None).await.unwrap();
        assert!(test.auth.login("ann.lee", &PASSWORD.into(), None).await.is_err());
        assert_eq!(test.audited_actions().await, ["user.password"]);
    }

    #[tokio::test]
    async fn a_login_rehashes_with_the_current_parameters() {
        let test = TestAuth::new().await;
        let (_, pair) = test.sign_up_shopper("ann.lee").await;
        let stronger = test.restart_with("tokens.argon2_passes = 3");
        stronger.login("ann.lee", &PASSWORD.into(), None).await.unwrap();
        let row = users::find(&mut test.db.read().await.unwrap(), pair.user.id).await.unwrap().unwrap();
        assert!(row.password_hash.expose_secret().contains("t=3"));
        stronger.login("ann.lee", &PASSWORD.into(), None).await.unwrap();
        // The old session continues: the password is the same.
        test.auth.authenticate(pair.access_token.expose()).await.unwrap();
    }
}
