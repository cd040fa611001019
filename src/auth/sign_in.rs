//! Signing up, signing in, changing one's password.
//!
//! An unknown name, a wrong password and a disabled account get the same answer after the same work: one look-up, one
//! Argon2id, one counted failure.

use secrecy::{ExposeSecret, SecretString};

use super::passwords::PasswordCheck;
use super::{Auth, AuthError, TokenPair, UserView, password_policy};
use crate::db::users::UserRow;
use crate::db::{Tx, audit, refresh_tokens, users};
use crate::domain::{Actor, Caller, InvalidField, Role, UserId, username};
use crate::telemetry::LOGINS_TOTAL;

impl Auth {
    /// Makes an account for a shopper and signs it in. A name that is taken counts as a failure of the address, since
    /// this is the one place that tells which names exist.
    pub async fn sign_up(
        &self,
        name: &str,
        password: &SecretString,
        address: Option<&str>,
    ) -> Result<TokenPair, AuthError> {
        let name = username("username", name)?;
        password_policy::check("password", password, &name)?;
        let suspect = self.0.throttle.suspect(None, address);
        self.0.throttle.admit(&suspect).await?;
        let password_hash = self.0.passwords.hash(password).await?;
        let now = self.0.clock.now();
        let row = UserRow {
            id: UserId::at(now),
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
                self.0.throttle.failed(&suspect).await?;
            }
            return Err(error);
        }
        let pair = self.open_session(&mut tx, &row, now).await?;
        tx.commit().await?;
        Ok(pair)
    }

    /// Begins a session for whoever knows the password.
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
        // A text that cannot be a name belongs to nobody; it is tried like any other name that does.
        let name = username("username", name).unwrap_or_else(|_| name.trim().to_lowercase());
        let suspect = self.0.throttle.suspect(Some(&name), address);
        let _turn = self.0.throttle.turn(&suspect).await;
        self.0.throttle.admit(&suspect).await?;
        let user = match username("username", &name) {
            Ok(name) => users::find_by_username(&mut self.0.db.read().await?, &name).await?,
            Err(_) => None,
        };
        let verdict = self.0.passwords.verify(password, user.as_ref().map(|user| &user.password_hash)).await?;
        let Some(user) = user.filter(|user| verdict != PasswordCheck::Wrong && !user.disabled) else {
            self.0.throttle.failed(&suspect).await?;
            return Err(AuthError::WrongCredentials);
        };
        let stronger = match verdict {
            PasswordCheck::RightButWeak => Some(self.0.passwords.hash(password).await?),
            PasswordCheck::Right | PasswordCheck::Wrong => None,
        };
        let mut tx = self.0.db.begin().await?;
        let mut user = lock_unchanged(&mut tx, &user).await?.ok_or(AuthError::WrongCredentials)?;
        if let Some(stronger) = stronger {
            user.password_hash = stronger;
            users::update(&mut tx, &user).await?;
        }
        self.0.throttle.succeeded(&mut tx, &suspect).await?;
        let pair = self.open_session(&mut tx, &user, self.0.clock.now()).await?;
        tx.commit().await?;
        Ok(pair)
    }

    /// The caller's own account.
    pub async fn me(&self, caller: &Caller) -> Result<UserView, AuthError> {
        let id = person(caller)?;
        let user = users::find(&mut self.0.db.read().await?, id).await?;
        let user = user.ok_or_else(|| AuthError::NotFound { what: "user", id: id.to_string() })?;
        Ok(UserView::from(&user))
    }

    /// Gives the caller another password, ends every session there was and begins a new one.
    pub async fn change_password(
        &self,
        caller: &Caller,
        current: &SecretString,
        new: &SecretString,
    ) -> Result<TokenPair, AuthError> {
        let id = person(caller)?;
        let gone = || AuthError::NotFound { what: "user", id: id.to_string() };
        let user = users::find(&mut self.0.db.read().await?, id).await?.ok_or_else(gone)?;
        password_policy::check("new_password", new, &user.username)?;
        if current.expose_secret() == new.expose_secret() {
            return Err(InvalidField::new("new_password", "is the current one; choose another one").into());
        }
        let suspect = self.0.throttle.suspect(Some(&user.username), caller.address.as_deref());
        let _turn = self.0.throttle.turn(&suspect).await;
        self.0.throttle.admit(&suspect).await?;
        if self.0.passwords.verify(current, Some(&user.password_hash)).await? == PasswordCheck::Wrong {
            self.0.throttle.failed(&suspect).await?;
            return Err(AuthError::WrongPassword);
        }
        let password_hash = self.0.passwords.hash(new).await?;
        let now = self.0.clock.now();
        let mut tx = self.0.db.begin().await?;
        let mut user = lock_unchanged(&mut tx, &user).await?.ok_or(AuthError::WrongPassword)?;
        user.password_hash = password_hash;
        user.must_change_password = false;
        user.token_epoch += 1;
        users::update(&mut tx, &user).await?;
        refresh_tokens::end_user(&mut tx, user.id, now).await?;
        self.0.throttle.succeeded(&mut tx, &suspect).await?;
        let pair = self.open_session(&mut tx, &user, now).await?;
        let (subject, details) = (user.id.to_string(), serde_json::json!({}));
        let entry = audit::AuditEntry { at: now, caller, action: "user.password", subject, details };
        audit::append(&mut tx, entry).await?;
        tx.commit().await?;
        Ok(pair)
    }
}

/// Adds an account, or says that its name is taken.
pub(super) async fn insert_user(tx: &mut Tx, row: &UserRow) -> Result<(), AuthError> {
    users::insert(tx, row).await.map_err(|error| match error.is_taken("users_username") {
        true => AuthError::UsernameTaken(row.username.clone()),
        false => error.into(),
    })
}

/// Locks the account, unless its password was changed or it was disabled since `seen` was read.
async fn lock_unchanged(tx: &mut Tx, seen: &UserRow) -> Result<Option<UserRow>, AuthError> {
    let locked = users::lock(tx, seen.id).await?;
    Ok(locked.filter(|now| !now.disabled && now.password_hash.expose_secret() == seen.password_hash.expose_secret()))
}

fn person(caller: &Caller) -> Result<UserId, AuthError> {
    match caller.actor {
        Actor::Person { id, .. } => Ok(id),
        Actor::System | Actor::CommandLine | Actor::Kiosk { .. } => {
            Err(AuthError::Forbidden("only a signed-in person has an account"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::TokenFault;
    use super::super::test_support::{PASSWORD, TestAuth};
    use super::*;

    #[tokio::test]
    async fn a_shopper_signs_up_and_in_under_any_case_of_the_name() {
        let home = TestAuth::new().await;
        let first = home.auth.sign_up(" Ann.Lee ", &PASSWORD.into(), None).await.unwrap();
        assert_eq!((first.user.username.as_str(), first.user.role), ("ann.lee", Role::User));
        let second = home.auth.login("ANN.LEE", &PASSWORD.into(), None).await.unwrap();
        assert_eq!(second.user, first.user);
        assert_eq!((second.token_type.as_str(), second.expires_in), ("Bearer", 600));
        let identity = home.auth.authenticate(second.access_token.expose()).await.unwrap();
        assert_eq!(identity.actor.user_id(), Some(first.user.id));
        let taken = home.auth.sign_up("ann.lee", &PASSWORD.into(), None).await;
        assert!(matches!(taken, Err(AuthError::UsernameTaken(name)) if name == "ann.lee"));
    }

    #[tokio::test]
    async fn unknown_and_known_names_fail_alike_and_are_throttled_alike() {
        let home = TestAuth::new().await;
        home.shopper("ann.lee").await;
        for name in ["ann.lee", "nobody", "no name at all"] {
            for _ in 0..home.settings.limits.login_failures {
                let wrong = home.auth.login(name, &"something else".into(), None).await;
                assert!(matches!(wrong, Err(AuthError::WrongCredentials)), "{name}");
            }
            let throttled = home.auth.login(name, &PASSWORD.into(), None).await;
            assert!(matches!(throttled, Err(AuthError::Throttled { retry_after_s: 900 })), "{name}: {throttled:?}");
        }
        home.clock.advance(home.settings.limits.login_window_s + 1);
        home.auth.login("ann.lee", &PASSWORD.into(), None).await.unwrap();
    }

    #[tokio::test]
    async fn a_burst_of_guesses_is_not_verified_before_its_first_failures_count() {
        let home = TestAuth::with("limits.login_failures = 3").await;
        home.shopper("ann.lee").await;
        let wrong = SecretString::from("something else");
        let guesses = (0..12).map(|_| home.auth.login("ann.lee", &wrong, None));
        let outcomes = futures_util::future::join_all(guesses).await;
        let verified = outcomes.iter().filter(|outcome| matches!(outcome, Err(AuthError::WrongCredentials))).count();
        assert_eq!(verified, 3);
    }

    #[tokio::test]
    async fn an_address_may_fail_five_times_as_often_with_any_names_and_success_does_not_forgive_it() {
        let home = TestAuth::with("limits.login_failures = 2").await;
        home.shopper("ann.lee").await;
        for attempt in 0..10 {
            home.auth.login(&format!("name{attempt}"), &PASSWORD.into(), Some("192.0.2.1")).await.unwrap_err();
            if attempt == 5 {
                home.auth.login("ann.lee", &PASSWORD.into(), Some("192.0.2.1")).await.unwrap();
            }
        }
        let throttled = home.auth.login("ann.lee", &PASSWORD.into(), Some("192.0.2.1")).await;
        assert!(matches!(throttled, Err(AuthError::Throttled { .. })));
        home.auth.login("ann.lee", &PASSWORD.into(), Some("192.0.2.2")).await.unwrap();
        let sign_up = home.auth.sign_up("another", &PASSWORD.into(), Some("192.0.2.1")).await;
        assert!(matches!(sign_up, Err(AuthError::Throttled { .. })));
    }

    #[tokio::test]
    async fn failures_outlive_a_restart() {
        let home = TestAuth::with("limits.login_failures = 2").await;
        home.shopper("ann.lee").await;
        for _ in 0..2 {
            home.auth.login("ann.lee", &"something else".into(), None).await.unwrap_err();
        }
        let again = home.restarted();
        assert!(matches!(again.login("ann.lee", &PASSWORD.into(), None).await, Err(AuthError::Throttled { .. })));
    }

    #[tokio::test]
    async fn another_password_ends_every_session_but_the_new_one() {
        let home = TestAuth::new().await;
        let (caller, old) = home.shopper("ann.lee").await;
        let refused = home.auth.change_password(&caller, &"not the old one".into(), &"harvest trombone".into()).await;
        assert!(matches!(refused, Err(AuthError::WrongPassword)));
        let same = home.auth.change_password(&caller, &PASSWORD.into(), &PASSWORD.into()).await;
        assert!(matches!(same, Err(AuthError::Invalid(field)) if field.field == "new_password"));
        let new = home.auth.change_password(&caller, &PASSWORD.into(), &"harvest trombone".into()).await.unwrap();
        let ended = home.auth.authenticate(old.access_token.expose()).await;
        assert!(matches!(ended, Err(AuthError::TokenInvalid(TokenFault::Ended))));
        assert!(home.auth.refresh(&old.refresh_token.expose().into()).await.is_err());
        home.auth.authenticate(new.access_token.expose()).await.unwrap();
        home.auth.refresh(&new.refresh_token.expose().into()).await.unwrap();
        assert!(home.auth.login("ann.lee", &PASSWORD.into(), None).await.is_err());
        assert_eq!(home.audited().await, ["user.password"]);
    }

    #[tokio::test]
    async fn a_login_lifts_a_hash_to_todays_parameters() {
        let home = TestAuth::new().await;
        let (_, pair) = home.shopper("ann.lee").await;
        let stronger = home.reopened("tokens.argon2_passes = 3");
        stronger.login("ann.lee", &PASSWORD.into(), None).await.unwrap();
        let row = users::find(&mut home.db.read().await.unwrap(), pair.user.id).await.unwrap().unwrap();
        assert!(row.password_hash.expose_secret().contains("t=3"));
        stronger.login("ann.lee", &PASSWORD.into(), None).await.unwrap();
        // The old session goes on: the password is still the same.
        home.auth.authenticate(pair.access_token.expose()).await.unwrap();
    }
}
