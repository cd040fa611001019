//! The end of a shopper's account, by the shopper. Orders stay in the books, linked to nobody.

use secrecy::SecretString;
use serde_json::json;

use super::passwords::PasswordCheck;
use super::sign_in::require_person;
use super::users::user_not_found;
use super::{Auth, AuthError};
use crate::db::{account_removal, audit, users};
use crate::domain::{Caller, Role};

impl Auth {
    /// Deletes the caller's account if the password is correct. Staff accounts stay, since records name them; an admin can
    /// disable one. A failure counts as one of a password change.
    pub async fn delete_own_account(&self, caller: &Caller, password: &SecretString) -> Result<(), AuthError> {
        let id = require_person(caller)?;
        let user = users::find(&mut self.0.db.read().await?, id).await?.ok_or_else(|| user_not_found(id))?;
        if user.role != Role::User {
            return Err(AuthError::Forbidden("Only shoppers can delete their accounts. An admin can disable yours."));
        }
        let attempt = self.0.throttle.admit_password_change(&user).await?;
        if self.0.passwords.verify(password, Some(&user.password_hash)).await? == PasswordCheck::Wrong {
            self.0.throttle.record_failure(&attempt).await?;
            return Err(AuthError::WrongCurrentPassword);
        }
        let now = self.0.clock.now();
        let mut tx = self.0.db.begin().await?;
        // Its role may have changed since.
        let locked = users::lock(&mut tx, id).await?.filter(|row| row.role == Role::User && !row.disabled);
        let row = locked.ok_or_else(|| user_not_found(id))?;
        let orders = account_removal::delete_account(&mut tx, row.id, &caller.actor.label()).await?;
        // No name: what is deleted must not live on in the log.
        let (subject, details) = (id.to_string(), json!({"orders": orders}));
        audit::append(&mut tx, audit::AuditEntry { at: now, caller, action: "user.delete", subject, details }).await?;
        tx.commit().await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::TokenFault;
    use super::super::test_support::{PASSWORD, TestAuth};
    use super::*;

    #[tokio::test]
    async fn a_shopper_deletes_their_account_and_the_name_is_free_again() {
        let test = TestAuth::new().await;
        let (ann, pair) = test.sign_up_shopper("ann.lee").await;
        let wrong = test.auth.delete_own_account(&ann, &"not the password".into()).await;
        assert!(matches!(wrong, Err(AuthError::WrongCurrentPassword)));
        test.auth.delete_own_account(&ann, &PASSWORD.into()).await.unwrap();
        let ended = test.auth.authenticate(pair.access_token.expose()).await;
        assert!(matches!(ended, Err(AuthError::TokenInvalid(TokenFault::SessionEnded))));
        let unknown = test.auth.login("ann.lee", &PASSWORD.into(), None).await;
        assert!(matches!(unknown, Err(AuthError::WrongCredentials)));
        test.auth.sign_up("ann.lee", &PASSWORD.into(), None).await.unwrap();
        assert_eq!(test.audited_actions().await, ["user.delete"]);
    }

    #[tokio::test]
    async fn staff_accounts_stay() {
        let test = TestAuth::new().await;
        let admin = test.sign_in_admin().await;
        let refused = test.auth.delete_own_account(&admin, &"harvest trombone".into()).await;
        assert!(matches!(refused, Err(AuthError::Forbidden(_))));
    }
}
