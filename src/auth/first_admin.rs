//! The first admin. There is no default account: the first start takes a password from the settings or makes one up.

use secrecy::SecretString;

use super::password_policy::{self, WELL_KNOWN};
use super::passwords::PasswordCheck;
use super::people::record;
use super::sign_in::insert_user;
use super::{Auth, AuthError, secrets};
use crate::config::Environment;
use crate::db::users::{self, UserRow};
use crate::db::{Tx, refresh_tokens};
use crate::domain::{Caller, Role, UserId};

/// The name of the first admin.
const USERNAME: &str = "admin";

/// How this server came by its first admin.
#[derive(Debug)]
pub enum FirstAdmin {
    /// There was one already.
    Existing,
    /// There is `admin`, who has never changed the one-time password.
    Waiting,
    /// Made (or given its password) from `TILLSIGHT_ADMIN_PASSWORD`.
    FromSettings,
    /// Made with this password, which is to be printed once and must be changed at the first sign-in.
    OneTime(SecretString),
}

impl Auth {
    /// Sees to it that there is an admin. One called `admin` who never changed a lost one-time password gets the one from
    /// the settings.
    pub async fn ensure_first_admin(&self) -> Result<FirstAdmin, AuthError> {
        if let Some(password) = &self.0.admin_password {
            password_policy::check("TILLSIGHT_ADMIN_PASSWORD", password, USERNAME)?;
        }
        let admins = users::active_admins(&mut self.0.db.read().await?).await?;
        if admins.is_empty() {
            return self.make_admin().await;
        }
        let stuck = admins.iter().find(|row| row.username == USERNAME && row.must_change_password);
        match (stuck, &self.0.admin_password) {
            (Some(row), Some(password)) => self.replace_lost_password(row, password).await,
            (Some(_), None) => Ok(FirstAdmin::Waiting),
            (None, _) => Ok(FirstAdmin::Existing),
        }
    }

    async fn make_admin(&self) -> Result<FirstAdmin, AuthError> {
        let one_time = match &self.0.admin_password {
            Some(_) => None,
            None => Some(secrets::one_time_password()?),
        };
        let password = one_time.as_ref().or(self.0.admin_password.as_ref());
        let password = password.ok_or_else(|| AuthError::Internal("no password for the first admin".to_owned()))?;
        let now = self.0.clock.now();
        let row = UserRow {
            id: UserId::at(now),
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
                return self.taken_by_whom().await;
            }
            Err(error) => return Err(error),
        }
        record(&mut tx, &Caller::system(), now, "user.create", &row).await?;
        tx.commit().await?;
        Ok(one_time.map_or(FirstAdmin::FromSettings, FirstAdmin::OneTime))
    }

    /// The name is taken: by another server that started at the same moment, or by somebody who is no admin.
    async fn taken_by_whom(&self) -> Result<FirstAdmin, AuthError> {
        let admins = users::active_admins(&mut self.0.db.read().await?).await?;
        if admins.is_empty() { Err(AuthError::AdminNameTaken) } else { Ok(FirstAdmin::Existing) }
    }

    async fn replace_lost_password(&self, seen: &UserRow, password: &SecretString) -> Result<FirstAdmin, AuthError> {
        if self.0.passwords.verify(password, Some(&seen.password_hash)).await? != PasswordCheck::Wrong {
            return Ok(FirstAdmin::Existing);
        }
        let password_hash = self.0.passwords.hash(password).await?;
        let now = self.0.clock.now();
        let mut tx: Tx = self.0.db.begin().await?;
        let Some(mut row) = users::lock(&mut tx, seen.id).await?.filter(|row| row.must_change_password) else {
            return Ok(FirstAdmin::Existing);
        };
        row.password_hash = password_hash;
        row.must_change_password = false;
        row.token_epoch += 1;
        users::update(&mut tx, &row).await?;
        refresh_tokens::end_user(&mut tx, row.id, now).await?;
        record(&mut tx, &Caller::system(), now, "user.password", &row).await?;
        tx.commit().await?;
        Ok(FirstAdmin::FromSettings)
    }

    /// Outside development no admin may have a password that everybody tries. A dozen hashes for each admin, at start only,
    /// one after another: the pool's queue may be short.
    pub async fn refuse_well_known_passwords(&self) -> Result<(), AuthError> {
        if self.0.environment == Environment::Development {
            return Ok(());
        }
        for admin in users::active_admins(&mut self.0.db.read().await?).await? {
            for guess in WELL_KNOWN {
                let verdict = self.0.passwords.verify(&SecretString::from(guess), Some(&admin.password_hash)).await?;
                if verdict != PasswordCheck::Wrong {
                    return Err(AuthError::WellKnownPassword(admin.username.clone()));
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::super::test_support::TestAuth;
    use super::*;

    const OWN: &str = "admin_password = \"harvest trombone\"";

    #[tokio::test]
    async fn without_a_password_in_the_settings_a_one_time_one_is_made_and_must_be_changed() {
        let home = TestAuth::new().await;
        let FirstAdmin::OneTime(password) = home.auth.ensure_first_admin().await.unwrap() else {
            panic!("no one-time password");
        };
        assert_eq!(password.expose_secret().len(), 23);
        let pair = home.auth.login("admin", &password, None).await.unwrap();
        assert_eq!(pair.user.role, Role::Admin);
        assert!(pair.user.must_change_password);
        assert!(matches!(home.auth.ensure_first_admin().await.unwrap(), FirstAdmin::Waiting));
        // The person lost it: the settings help out, once, and end what was begun with it.
        let helped = home.reopened(OWN);
        assert!(matches!(helped.ensure_first_admin().await.unwrap(), FirstAdmin::FromSettings));
        assert!(!helped.login("admin", &"harvest trombone".into(), None).await.unwrap().user.must_change_password);
        assert!(home.auth.authenticate(pair.access_token.expose()).await.is_err());
    }

    #[tokio::test]
    async fn the_password_from_the_settings_needs_no_change_and_is_not_set_again() {
        let home = TestAuth::new().await;
        let auth = home.reopened(OWN);
        assert!(matches!(auth.ensure_first_admin().await.unwrap(), FirstAdmin::FromSettings));
        assert!(!auth.login("admin", &"harvest trombone".into(), None).await.unwrap().user.must_change_password);
        let later = home.reopened("admin_password = \"another trombone\"");
        assert!(matches!(later.ensure_first_admin().await.unwrap(), FirstAdmin::Existing));
        assert!(later.login("admin", &"another trombone".into(), None).await.is_err());
    }

    #[tokio::test]
    async fn a_password_below_the_policy_is_named_by_its_setting() {
        let home = TestAuth::new().await;
        let refused = home.reopened("admin_password = \"short\"").ensure_first_admin().await.unwrap_err().to_string();
        assert!(refused.contains("TILLSIGHT_ADMIN_PASSWORD") && refused.contains("5 characters"), "{refused}");
    }

    #[tokio::test]
    async fn a_well_known_password_stops_the_start_outside_development() {
        let home = TestAuth::new().await;
        home.auth.ensure_first_admin().await.unwrap();
        let mut tx = home.db.begin().await.unwrap();
        let mut row = users::find_by_username(&mut tx, "admin").await.unwrap().unwrap();
        row.password_hash = home.auth.0.passwords.hash(&"changeme".into()).await.unwrap();
        users::update(&mut tx, &row).await.unwrap();
        tx.commit().await.unwrap();
        let refused = home.auth.refuse_well_known_passwords().await;
        assert!(matches!(refused, Err(AuthError::WellKnownPassword(name)) if name == "admin"));
        home.reopened("environment = \"development\"").refuse_well_known_passwords().await.unwrap();
    }

    #[tokio::test]
    async fn a_shopper_called_admin_is_not_made_one() {
        let home = TestAuth::new().await;
        home.shopper("admin").await;
        assert!(matches!(home.auth.ensure_first_admin().await, Err(AuthError::AdminNameTaken)));
    }
}
