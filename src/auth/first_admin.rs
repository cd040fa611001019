//! The first admin. There is no default account: the first start takes the password from the settings or generates one.
//!
//! The password in the settings counts only until the first admin has one. Later starts never change a password: a reset
//! must not be undone by a variable that was left in a file.

use secrecy::SecretString;

use super::password_policy::{self, WELL_KNOWN_PASSWORDS};
use super::passwords::PasswordCheck;
use super::sign_in::insert_user;
use super::users::audit_user;
use super::{Auth, AuthError, secrets};
use crate::config::Environment;
use crate::db::users::{self, UserRow};
use crate::db::{Tx, refresh_tokens};
use crate::domain::{Caller, Role, UserId};

const USERNAME: &str = "admin";

/// What the start found or created.
#[derive(Debug)]
pub enum FirstAdmin {
    Existing,
    /// `admin` has another password than `TILLSIGHT_ADMIN_PASSWORD`, which is ignored.
    ExistingWithOtherPassword,
    /// `admin` exists and has never changed the one-time password.
    OneTimePasswordUnchanged,
    /// Created, or given its password, from `TILLSIGHT_ADMIN_PASSWORD`.
    FromSettings,
    /// Created with this password. It is printed once and must be changed at the first sign-in.
    WithOneTimePassword(SecretString),
}

impl Auth {
    /// Makes sure that an admin exists. If `admin` has never changed a lost one-time password, the password from the settings
    /// replaces it.
    pub async fn ensure_first_admin(&self) -> Result<FirstAdmin, AuthError> {
        if let Some(password) = &self.0.admin_password {
            password_policy::check("TILLSIGHT_ADMIN_PASSWORD", password, USERNAME)?;
        }
        let admins = users::list_active_admins(&mut self.0.db.read().await?).await?;
        if admins.is_empty() {
            return self.create_first_admin().await;
        }
        let admin = admins.iter().find(|row| row.username == USERNAME);
        match (admin, &self.0.admin_password) {
            (Some(row), Some(password)) if has_first_password(row) => self.replace_lost_password(row, password).await,
            (Some(row), None) if row.must_change_password => Ok(FirstAdmin::OneTimePasswordUnchanged),
            (_, None) => Ok(FirstAdmin::Existing),
            (admin, Some(password)) => {
                let check = self.0.passwords.verify(password, admin.map(|row| &row.password_hash)).await?;
                let is_current = check != PasswordCheck::Wrong;
                Ok(if is_current { FirstAdmin::Existing } else { FirstAdmin::ExistingWithOtherPassword })
            }
        }
    }

    async fn create_first_admin(&self) -> Result<FirstAdmin, AuthError> {
        let one_time = match &self.0.admin_password {
            Some(_) => None,
            None => Some(secrets::new_one_time_password()?),
        };
        let password = one_time.as_ref().or(self.0.admin_password.as_ref());
        let password = password.ok_or_else(|| AuthError::Internal("the first admin has no password".to_owned()))?;
        let now = self.0.clock.now();
        let row = UserRow {
            id: UserId::generate(now),
            username: USERNAME.to_owned(),
            password_hash: self.0.passwords.hash(password).await?,
            role: Role::Admin,
            store_id: None,
            disabled: false,
            must_change_password: one_time.is_some(),
            token_epoch: 0,
            created_at: now,
        };
        let mut tx = self.0.db.begin().await?;
        match insert_user(&mut tx, &row).await {
            Ok(()) => {}
            Err(AuthError::UsernameTaken(_)) => {
                drop(tx);
                return self.resolve_taken_name().await;
            }
            Err(error) => return Err(error),
        }
        audit_user(&mut tx, &Caller::system(), now, "user.create", &row).await?;
        tx.commit().await?;
        Ok(one_time.map_or(FirstAdmin::FromSettings, FirstAdmin::WithOneTimePassword))
    }

    /// The name is taken, either by another server that started at the same moment or by a user who is no admin.
    async fn resolve_taken_name(&self) -> Result<FirstAdmin, AuthError> {
        let admins = users::list_active_admins(&mut self.0.db.read().await?).await?;
        if admins.is_empty() { Err(AuthError::AdminNameTaken) } else { Ok(FirstAdmin::Existing) }
    }

    async fn replace_lost_password(&self, admin: &UserRow, password: &SecretString) -> Result<FirstAdmin, AuthError> {
        if self.0.passwords.verify(password, Some(&admin.password_hash)).await? != PasswordCheck::Wrong {
            return Ok(FirstAdmin::Existing);
        }
        let password_hash = self.0.passwords.hash(password).await?;
        let now = self.0.clock.now();
        let mut tx: Tx = self.0.db.begin().await?;
        let Some(mut row) = users::lock(&mut tx, admin.id).await?.filter(has_first_password) else {
            return Ok(FirstAdmin::Existing);
        };
        row.password_hash = password_hash;
        row.must_change_password = false;
        row.token_epoch += 1;
        users::update(&mut tx, &row).await?;
        refresh_tokens::end_user(&mut tx, row.id, now).await?;
        audit_user(&mut tx, &Caller::system(), now, "user.password", &row).await?;
        tx.commit().await?;
        Ok(FirstAdmin::FromSettings)
    }

    /// Outside development, refuses to start if an admin has a well-known password. It hashes a dozen passwords per admin,
    /// one after another because the pool's queue may be short.
    pub async fn refuse_well_known_passwords(&self) -> Result<(), AuthError> {
        if self.0.environment == Environment::Development {
            return Ok(());
        }
        for admin in users::list_active_admins(&mut self.0.db.read().await?).await? {
            for guess in WELL_KNOWN_PASSWORDS {
                let check = self.0.passwords.verify(&SecretString::from(guess), Some(&admin.password_hash)).await?;
                if check != PasswordCheck::Wrong {
                    return Err(AuthError::WellKnownPassword(admin.username.clone()));
                }
            }
        }
        Ok(())
    }
}

/// Whether the account still has the one-time password that it was created with: a reset raises the epoch.
fn has_first_password(row: &UserRow) -> bool {
    row.must_change_password && row.token_epoch == 0
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::super::test_support::TestAuth;
    use super::*;

    const OWN: &str = "admin_password = \"harvest trombone\"";

    #[tokio::test]
    async fn without_a_password_in_the_settings_a_one_time_password_is_generated() {
        let test = TestAuth::new().await;
        let FirstAdmin::WithOneTimePassword(password) = test.auth.ensure_first_admin().await.unwrap() else {
            panic!("no one-time password");
        };
        assert_eq!(password.expose_secret().len(), 23);
        let pair = test.auth.login("admin", &password, None).await.unwrap();
        assert_eq!(pair.user.role, Role::Admin);
        assert!(pair.user.must_change_password);
        assert!(matches!(test.auth.ensure_first_admin().await.unwrap(), FirstAdmin::OneTimePasswordUnchanged));
        // If the password is lost, the one from the settings replaces it once and ends the old sessions.
        let restarted = test.restart_with(OWN);
        assert!(matches!(restarted.ensure_first_admin().await.unwrap(), FirstAdmin::FromSettings));
        assert!(!restarted.login("admin", &"harvest trombone".into(), None).await.unwrap().user.must_change_password);
        assert!(test.auth.authenticate(pair.access_token.expose()).await.is_err());
    }

    #[tokio::test]
    async fn the_password_from_the_settings_need_not_be_changed_and_is_set_once() {
        let test = TestAuth::new().await;
        let auth = test.restart_with(OWN);
        assert!(matches!(auth.ensure_first_admin().await.unwrap(), FirstAdmin::FromSettings));
        assert!(!auth.login("admin", &"harvest trombone".into(), None).await.unwrap().user.must_change_password);
        let restarted = test.restart_with("admin_password = \"another trombone\"");
        assert!(matches!(restarted.ensure_first_admin().await.unwrap(), FirstAdmin::ExistingWithOtherPassword));
        assert!(restarted.login("admin", &"another trombone".into(), None).await.is_err());
        let same = test.restart_with(OWN);
        assert!(matches!(same.ensure_first_admin().await.unwrap(), FirstAdmin::Existing));
    }

    #[tokio::test]
    async fn a_reset_is_not_undone_by_the_password_in_the_settings() {
        let test = TestAuth::new().await;
        let admin = test.sign_in_admin().await;
        let id = admin.actor.user_id().unwrap();
        let reset = test.auth.reset_password(&admin, id).await.unwrap();
        let restarted = test.restart_with(OWN);
        assert!(matches!(restarted.ensure_first_admin().await.unwrap(), FirstAdmin::ExistingWithOtherPassword));
        assert!(restarted.login("admin", &"harvest trombone".into(), None).await.is_err());
        let one_time = reset.one_time_password.expose().into();
        assert!(restarted.login("admin", &one_time, None).await.unwrap().user.must_change_password);
    }

    #[tokio::test]
    async fn a_refused_password_is_reported_under_its_setting() {
        let test = TestAuth::new().await;
        let refused =
            test.restart_with("admin_password = \"short\"").ensure_first_admin().await.unwrap_err().to_string();
        assert!(refused.contains("TILLSIGHT_ADMIN_PASSWORD") && refused.contains("5 characters"), "{refused}");
    }

    #[tokio::test]
    async fn a_well_known_password_stops_the_start_outside_development() {
        let test = TestAuth::new().await;
        test.auth.ensure_first_admin().await.unwrap();
        let mut tx = test.db.begin().await.unwrap();
        let mut row = users::find_by_username(&mut tx, "admin").await.unwrap().unwrap();
        row.password_hash = test.auth.0.passwords.hash(&"changeme".into()).await.unwrap();
        users::update(&mut tx, &row).await.unwrap();
        tx.commit().await.unwrap();
        let refused = test.auth.refuse_well_known_passwords().await;
        assert!(matches!(refused, Err(AuthError::WellKnownPassword(name)) if name == "admin"));
        test.restart_with("environment = \"development\"").refuse_well_known_passwords().await.unwrap();
    }

    #[tokio::test]
    async fn a_shopper_named_admin_is_not_promoted() {
        let test = TestAuth::new().await;
        test.sign_up_shopper("admin").await;
        assert!(matches!(test.auth.ensure_first_admin().await, Err(AuthError::AdminNameTaken)));
    }
}
