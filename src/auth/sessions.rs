//! Sessions: a pair of tokens given out, refreshed, ended.
//!
//! A refresh token is good for one refresh. One that comes back after it was rotated was either lost on the way to its
//! owner (two tabs, a broken connection), which the grace period forgives, or stolen, which ends the whole family.

use std::sync::atomic::Ordering;

use secrecy::{ExposeSecret, SecretString};

use super::secrets::{refresh_token, token_hash};
use super::tokens::TokenSubject;
use super::{Auth, AuthError, TokenFault, TokenPair, UserView};
use crate::db::refresh_tokens::{self, RefreshTokenRow};
use crate::db::{Tx, users};
use crate::domain::{Timestamp, TokenId};

/// Sessions opened between two clean-ups of expired ones.
const CLEAN_EVERY: u64 = 64;

/// What became of a refresh token that was shown.
enum Shown {
    Good,
    Expired,
    Ended,
    Stolen,
}

impl Auth {
    /// A new pair of tokens for one refresh token.
    pub async fn refresh(&self, token: &SecretString) -> Result<TokenPair, AuthError> {
        let now = self.0.clock.now();
        let hash = token_hash(token.expose_secret());
        let mut tx = self.0.db.begin().await?;
        let first = refresh_tokens::find_by_hash(&mut tx, &hash).await?.ok_or(TokenFault::Malformed)?;
        // The lock on the person comes before the decision: a password that is being changed ends this token first.
        let user = users::lock(&mut tx, first.user_id).await?.ok_or(TokenFault::Ended)?;
        let row = refresh_tokens::find_by_hash(&mut tx, &hash).await?.ok_or(TokenFault::Ended)?;
        match self.judge(&row, now) {
            Shown::Good if !user.disabled => {}
            Shown::Good | Shown::Ended => return Err(TokenFault::Ended.into()),
            Shown::Expired => return Err(TokenFault::Expired.into()),
            Shown::Stolen => {
                refresh_tokens::end_family(&mut tx, row.family, now).await?;
                tx.commit().await?;
                tracing::warn!(user.id = %row.user_id, "a refresh token was used twice; its session was ended");
                return Err(TokenFault::Ended.into());
            }
        }
        refresh_tokens::rotate(&mut tx, row.id, now).await?;
        let pair = self.give_pair(&mut tx, &user, Some(row.family), now).await?;
        tx.commit().await?;
        Ok(pair)
    }

    /// Ends the session of a refresh token. Nothing happens where there is none: signing out twice is no mistake.
    pub async fn logout(&self, token: &SecretString) -> Result<(), AuthError> {
        let mut tx = self.0.db.begin().await?;
        if let Some(row) = refresh_tokens::find_by_hash(&mut tx, &token_hash(token.expose_secret())).await? {
            // A refresh under way holds the user's row; its new token must be there when the family is ended.
            users::lock(&mut tx, row.user_id).await?;
            refresh_tokens::end_family(&mut tx, row.family, self.0.clock.now()).await?;
            tx.commit().await?;
        }
        Ok(())
    }

    fn judge(&self, row: &RefreshTokenRow, now: Timestamp) -> Shown {
        if row.ended_at.is_some() {
            return Shown::Ended;
        }
        if row.expires_at <= now {
            return Shown::Expired;
        }
        match row.rotated_at {
            Some(at) if at.plus_seconds(self.0.refresh_grace_s) < now => Shown::Stolen,
            Some(_) | None => Shown::Good,
        }
    }

    /// Begins a session of `user`, whose row is locked.
    pub(super) async fn open_session(
        &self,
        tx: &mut Tx,
        user: &users::UserRow,
        now: Timestamp,
    ) -> Result<TokenPair, AuthError> {
        if self.0.opened.fetch_add(1, Ordering::Relaxed) % CLEAN_EVERY == CLEAN_EVERY - 1 {
            refresh_tokens::delete_expired(tx, now).await?;
        }
        self.give_pair(tx, user, None, now).await
    }

    /// The next pair of `family`, or the first pair of a new one.
    async fn give_pair(
        &self,
        tx: &mut Tx,
        user: &users::UserRow,
        family: Option<TokenId>,
        now: Timestamp,
    ) -> Result<TokenPair, AuthError> {
        let secret = refresh_token()?;
        let id = TokenId::at(now);
        let row = RefreshTokenRow {
            id,
            family: family.unwrap_or(id),
            user_id: user.id,
            created_at: now,
            expires_at: now.plus_seconds(self.0.refresh_s),
            rotated_at: None,
            ended_at: None,
        };
        refresh_tokens::insert(tx, &row, &token_hash(&secret)).await?;
        let proof = TokenSubject { user: user.id, family: row.family, epoch: user.token_epoch };
        Ok(TokenPair {
            access_token: self.0.tokens.issue(proof, now)?.into(),
            refresh_token: secret.into(),
            token_type: "Bearer".to_owned(),
            expires_in: self.0.tokens.lifetime_s(),
            user: UserView::from(user),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::test_support::TestAuth;
    use super::*;

    fn secret(pair: &TokenPair) -> SecretString {
        pair.refresh_token.expose().into()
    }

    fn is_ended(outcome: &Result<TokenPair, AuthError>) -> bool {
        matches!(outcome, Err(AuthError::TokenInvalid(TokenFault::Ended)))
    }

    #[tokio::test]
    async fn each_refresh_gives_the_next_pair_and_the_old_access_token_stays_good() {
        let home = TestAuth::new().await;
        let (_, first) = home.shopper("ann.lee").await;
        let second = home.auth.refresh(&secret(&first)).await.unwrap();
        assert_ne!(first.refresh_token, second.refresh_token);
        let third = home.auth.refresh(&secret(&second)).await.unwrap();
        for pair in [&first, &second, &third] {
            home.auth.authenticate(pair.access_token.expose()).await.unwrap();
        }
    }

    #[tokio::test]
    async fn a_token_shown_again_within_the_grace_is_forgiven_and_later_ends_the_family() {
        let home = TestAuth::new().await;
        let (_, first) = home.shopper("ann.lee").await;
        let elsewhere = home.auth.login("ann.lee", &super::super::test_support::PASSWORD.into(), None).await.unwrap();
        let second = home.auth.refresh(&secret(&first)).await.unwrap();
        home.clock.advance(home.settings.tokens.refresh_grace_s);
        home.auth.refresh(&secret(&first)).await.unwrap();
        home.clock.advance(1);
        assert!(is_ended(&home.auth.refresh(&secret(&first)).await));
        assert!(is_ended(&home.auth.refresh(&secret(&second)).await), "the whole family has ended");
        assert!(home.auth.authenticate(second.access_token.expose()).await.is_err(), "its access tokens too");
        home.auth.refresh(&secret(&elsewhere)).await.unwrap();
    }

    #[tokio::test]
    async fn a_refresh_token_expires_and_nonsense_is_none() {
        let home = TestAuth::new().await;
        let (_, pair) = home.shopper("ann.lee").await;
        home.clock.advance(home.settings.tokens.refresh_s);
        let expired = home.auth.refresh(&secret(&pair)).await;
        assert!(matches!(expired, Err(AuthError::TokenInvalid(TokenFault::Expired))));
        for nonsense in ["", "x", pair.access_token.expose()] {
            let refused = home.auth.refresh(&nonsense.into()).await;
            assert!(matches!(refused, Err(AuthError::TokenInvalid(TokenFault::Malformed))));
        }
    }

    #[tokio::test]
    async fn signing_out_ends_the_session_and_twice_is_no_mistake() {
        let home = TestAuth::new().await;
        let (_, first) = home.shopper("ann.lee").await;
        let second = home.auth.refresh(&secret(&first)).await.unwrap();
        home.auth.logout(&secret(&second)).await.unwrap();
        home.auth.logout(&secret(&second)).await.unwrap();
        home.auth.logout(&"unknown".into()).await.unwrap();
        assert!(is_ended(&home.auth.refresh(&secret(&second)).await));
        assert!(is_ended(&home.auth.refresh(&secret(&first)).await));
        for pair in [&first, &second] {
            let refused = home.auth.authenticate(pair.access_token.expose()).await;
            assert!(matches!(refused, Err(AuthError::TokenInvalid(TokenFault::Ended))));
        }
    }

    #[tokio::test]
    async fn an_access_token_expires_while_the_session_goes_on() {
        let home = TestAuth::new().await;
        let (_, pair) = home.shopper("ann.lee").await;
        home.clock.advance(home.settings.tokens.access_s + 30);
        let expired = home.auth.authenticate(pair.access_token.expose()).await;
        assert!(matches!(expired, Err(AuthError::TokenInvalid(TokenFault::Expired))));
        let next = home.auth.refresh(&secret(&pair)).await.unwrap();
        home.auth.authenticate(next.access_token.expose()).await.unwrap();
        assert!(!format!("{next:?}").contains(next.refresh_token.expose()), "no secret shows in debug output");
    }
}
