//! Sessions of browsers: one opaque token in a cookie, for as long as the session lasts.
//!
//! The token is the first refresh token of its family, which nobody refreshes, since scripts cannot read the cookie. So a
//! browser's session ends with its family: by sign-out, a new password or role, a disabled account, or age. It is not
//! exchanged with each request: pages load in parallel, and a lost reply would sign the person out.

use super::secrets::hash_token;
use super::sessions::RefreshTokenState;
use super::{Auth, AuthError, Identity, TokenFault};
use crate::db::{refresh_tokens, users};
use crate::domain::{Actor, Role};

impl Auth {
    /// Identifies the person whose browser sends `token`.
    pub async fn authenticate_browser(&self, token: &str) -> Result<Identity, AuthError> {
        let mut reader = self.0.db.read().await?;
        let row = refresh_tokens::find_by_hash(&mut reader, &hash_token(token)).await?.ok_or(TokenFault::Malformed)?;
        match self.refresh_token_state(&row, self.0.clock.now()) {
            // A rotated one has been used by a client of the API.
            RefreshTokenState::Valid if row.rotated_at.is_none() => {}
            RefreshTokenState::Expired => return Err(TokenFault::Expired.into()),
            RefreshTokenState::Valid | RefreshTokenState::SessionEnded | RefreshTokenState::Reused => {
                return Err(TokenFault::SessionEnded.into());
            }
        }
        let user = users::find(&mut reader, row.user_id).await?.filter(|user| !user.disabled);
        let user = user.ok_or(TokenFault::SessionEnded)?;
        self.0.last_seen.note(user.id.uuid(), self.0.clock.now());
        Ok(Identity::of_person(user))
    }

    /// How long a browser's session lasts.
    pub fn browser_session_s(&self) -> i64 {
        self.0.refresh_s
    }

    /// Whether the server waits for the first admin's own password: the only account still has the one-time password that
    /// the first start printed.
    pub async fn awaits_first_password(&self) -> Result<bool, AuthError> {
        let admins = users::list_active_admins(&mut self.0.db.read().await?).await?;
        Ok(admins.len() == 1 && admins[0].must_change_password && admins[0].token_epoch == 0)
    }
}

impl Identity {
    pub(super) fn of_person(user: users::UserRow) -> Self {
        let actor = Actor::Person { id: user.id, role: user.role, store: user.store_id };
        let must_change_password = user.must_change_password;
        Self { actor, name: user.username, must_change_password, is_closed_kiosk: false }
    }

    pub fn role(&self) -> Option<Role> {
        match self.actor {
            Actor::Person { role, .. } => Some(role),
            Actor::System | Actor::CommandLine | Actor::Kiosk { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::TokenPair;
    use super::super::test_support::{PASSWORD, TestAuth};
    use super::*;

    fn token(pair: &TokenPair) -> &str {
        pair.refresh_token.as_ref().unwrap().expose()
    }

    fn fault<T: std::fmt::Debug>(outcome: Result<T, AuthError>) -> TokenFault {
        let Err(AuthError::TokenInvalid(fault)) = outcome else { panic!("{outcome:?}") };
        fault
    }

    #[tokio::test]
    async fn a_browser_stays_signed_in_until_its_session_ends_or_is_too_old() {
        let test = TestAuth::new().await;
        let (_, pair) = test.sign_up_shopper("ann.lee").await;
        let identity = test.auth.authenticate_browser(token(&pair)).await.unwrap();
        assert_eq!((identity.name.as_str(), identity.role()), ("ann.lee", Some(Role::User)));
        test.clock.advance(test.auth.browser_session_s() - 1);
        test.auth.authenticate_browser(token(&pair)).await.unwrap();
        test.clock.advance(1);
        assert_eq!(fault(test.auth.authenticate_browser(token(&pair)).await), TokenFault::Expired);
        assert_eq!(fault(test.auth.authenticate_browser("nonsense").await), TokenFault::Malformed);
    }

    #[tokio::test]
    async fn it_ends_with_its_family() {
        let test = TestAuth::new().await;
        let (caller, first) = test.sign_up_shopper("ann.lee").await;
        let second = test.auth.login("ann.lee", &PASSWORD.into(), None).await.unwrap();
        test.auth.logout(&token(&first).into()).await.unwrap();
        assert_eq!(fault(test.auth.authenticate_browser(token(&first)).await), TokenFault::SessionEnded);
        test.auth.authenticate_browser(token(&second)).await.unwrap();
        let new = test.auth.change_password(&caller, &PASSWORD.into(), &"harvest trombone".into()).await.unwrap();
        assert_eq!(fault(test.auth.authenticate_browser(token(&second)).await), TokenFault::SessionEnded);
        test.auth.authenticate_browser(token(&new)).await.unwrap();
        // A client of the API has refreshed with it: the cookie is no longer the session's token.
        test.auth.refresh(&token(&new).into(), None).await.unwrap();
        assert_eq!(fault(test.auth.authenticate_browser(token(&new)).await), TokenFault::SessionEnded);
    }

    #[tokio::test]
    async fn the_first_password_is_awaited_until_the_admin_has_one() {
        let test = TestAuth::new().await;
        assert!(!test.auth.awaits_first_password().await.unwrap(), "no admin yet");
        test.auth.ensure_first_admin().await.unwrap();
        assert!(test.auth.awaits_first_password().await.unwrap());
        test.sign_in_admin().await;
        assert!(!test.auth.awaits_first_password().await.unwrap());
    }
}
