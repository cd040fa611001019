//! Sessions: a pair of tokens is issued, refreshed and ended.
//!
//! A refresh token is valid for one refresh, which rotates it. If it is used again, either its reply was lost (two tabs, a
//! broken connection), which the grace period allows, or it was stolen, which ends the whole token family.

use std::sync::atomic::Ordering;

use secrecy::{ExposeSecret, SecretString};

use super::access_tokens::TokenSubject;
use super::full_disk::is_disk_full;
use super::secrets::{hash_token, new_refresh_token};
use super::{Auth, AuthError, TokenFault, TokenPair, UserView};
use crate::db::refresh_tokens::{self, RefreshTokenRow};
use crate::db::{Tx, users};
use crate::domain::{Timestamp, TokenId};

/// New sessions between two deletions of expired ones.
const CLEAN_UP_INTERVAL: u64 = 64;

pub(super) enum RefreshTokenState {
    Valid,
    Expired,
    SessionEnded,
    /// Used again after the grace period.
    Reused,
}

impl Auth {
    /// Exchanges a refresh token for a new pair of tokens; on a full disk, for an access token alone. The account stays known
    /// at `address`, where a session may go on for months without a login.
    pub async fn refresh(&self, token: &SecretString, address: Option<&str>) -> Result<TokenPair, AuthError> {
        let outcome = self.rotate_refresh_token(token, address).await;
        if is_disk_full(&outcome) { self.refresh_access_token(token).await } else { outcome }
    }

    async fn rotate_refresh_token(&self, token: &SecretString, address: Option<&str>) -> Result<TokenPair, AuthError> {
        let now = self.0.clock.now();
        let hash = hash_token(token.expose_secret());
        let mut tx = self.0.db.begin().await?;
        let unlocked = refresh_tokens::find_by_hash(&mut tx, &hash).await?.ok_or(TokenFault::Malformed)?;
        // Lock the user before judging the token, so that a concurrent change of the password ends the session first.
        let user = users::lock(&mut tx, unlocked.user_id).await?.ok_or(TokenFault::SessionEnded)?;
        let row = refresh_tokens::find_by_hash(&mut tx, &hash).await?.ok_or(TokenFault::SessionEnded)?;
        match self.refresh_token_state(&row, now) {
            RefreshTokenState::Valid if !user.disabled => {}
            RefreshTokenState::Valid | RefreshTokenState::SessionEnded => return Err(TokenFault::SessionEnded.into()),
            RefreshTokenState::Expired => return Err(TokenFault::Expired.into()),
            RefreshTokenState::Reused => {
                refresh_tokens::end_family(&mut tx, row.family, now).await?;
                tx.commit().await?;
                tracing::warn!(user.id = %row.user_id, "a refresh token was reused; its session is ended");
                return Err(TokenFault::SessionEnded.into());
            }
        }
        refresh_tokens::rotate(&mut tx, row.id, now).await?;
        self.0.throttle.remember_address(&mut tx, &user.username, address, now).await?;
        let pair = self.issue_pair(&mut tx, &user, Some(row.family), now).await?;
        tx.commit().await?;
        Ok(pair)
    }

    /// Ends the session of a refresh token. An unknown token is not an error, so a client can sign out twice.
    pub async fn logout(&self, token: &SecretString) -> Result<(), AuthError> {
        let mut tx = self.0.db.begin().await?;
        if let Some(row) = refresh_tokens::find_by_hash(&mut tx, &hash_token(token.expose_secret())).await? {
            // Wait for a concurrent refresh, which locks the user: its new token belongs to the family that ends.
            users::lock(&mut tx, row.user_id).await?;
            refresh_tokens::end_family(&mut tx, row.family, self.0.clock.now()).await?;
            tx.commit().await?;
        }
        Ok(())
    }

    pub(super) fn refresh_token_state(&self, row: &RefreshTokenRow, now: Timestamp) -> RefreshTokenState {
        if row.ended_at.is_some() {
            return RefreshTokenState::SessionEnded;
        }
        // A token that is further in the future than one issued now could be was issued before the clock was set back.
        if row.expires_at <= now || row.created_at > now.plus_seconds(self.0.refresh_s) {
            return RefreshTokenState::Expired;
        }
        let grace_s = self.0.refresh_grace_s;
        match row.rotated_at {
            Some(at) if at.plus_seconds(grace_s) < now || now.plus_seconds(grace_s) < at => RefreshTokenState::Reused,
            Some(_) | None => RefreshTokenState::Valid,
        }
    }

    /// Starts a session of `user`, whose row is locked.
    pub(super) async fn open_session(
        &self,
        tx: &mut Tx,
        user: &users::UserRow,
        now: Timestamp,
    ) -> Result<TokenPair, AuthError> {
        if self.0.sessions_opened.fetch_add(1, Ordering::Relaxed) % CLEAN_UP_INTERVAL == CLEAN_UP_INTERVAL - 1 {
            refresh_tokens::delete_expired(tx, now).await?;
        }
        self.issue_pair(tx, user, None, now).await
    }

    /// Issues the next pair of `family`, or the first pair of a new one.
    async fn issue_pair(
        &self,
        tx: &mut Tx,
        user: &users::UserRow,
        family: Option<TokenId>,
        now: Timestamp,
    ) -> Result<TokenPair, AuthError> {
        let secret = new_refresh_token()?;
        let id = TokenId::generate(now);
        let row = RefreshTokenRow {
            id,
            family: family.unwrap_or(id),
            user_id: user.id,
            created_at: now,
            expires_at: now.plus_seconds(self.0.refresh_s),
            rotated_at: None,
            ended_at: None,
        };
        refresh_tokens::insert(tx, &row, &hash_token(&secret)).await?;
        let subject = TokenSubject { user: user.id, family: row.family, epoch: user.token_epoch };
        Ok(TokenPair {
            access_token: self.0.access_tokens.issue(subject, now)?.into(),
            refresh_token: Some(secret.into()),
            token_type: "Bearer".to_owned(),
            expires_in: self.0.access_tokens.lifetime_s(),
            user: UserView::from(user),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::test_support::TestAuth;
    use super::*;

    fn secret(pair: &TokenPair) -> SecretString {
        pair.refresh_token.as_ref().unwrap().expose().into()
    }

    fn is_ended(outcome: &Result<TokenPair, AuthError>) -> bool {
        matches!(outcome, Err(AuthError::TokenInvalid(TokenFault::SessionEnded)))
    }

    #[tokio::test]
    async fn each_refresh_issues_the_next_pair_and_the_old_access_token_stays_valid() {
        let test = TestAuth::new().await;
        let (_, first) = test.sign_up_shopper("ann.lee").await;
        let second = test.auth.refresh(&secret(&first), None).await.unwrap();
        assert_ne!(first.refresh_token, second.refresh_token);
        let third = test.auth.refresh(&secret(&second), None).await.unwrap();
        for pair in [&first, &second, &third] {
            test.auth.authenticate(pair.access_token.expose()).await.unwrap();
        }
    }

    #[tokio::test]
    async fn a_reused_token_is_accepted_within_the_grace_period_and_ends_the_family_later() {
        let test = TestAuth::new().await;
        let (_, first) = test.sign_up_shopper("ann.lee").await;
        let elsewhere = test.auth.login("ann.lee", &super::super::test_support::PASSWORD.into(), None).await.unwrap();
        let second = test.auth.refresh(&secret(&first), None).await.unwrap();
        test.clock.advance(test.settings.tokens.refresh_grace_s);
        test.auth.refresh(&secret(&first), None).await.unwrap();
        test.clock.advance(1);
        assert!(is_ended(&test.auth.refresh(&secret(&first), None).await));
        assert!(is_ended(&test.auth.refresh(&secret(&second), None).await), "the whole family has ended");
        assert!(test.auth.authenticate(second.access_token.expose()).await.is_err(), "its access tokens too");
        test.auth.refresh(&secret(&elsewhere), None).await.unwrap();
    }

    #[tokio::test]
    async fn a_refresh_token_expires_and_nonsense_is_malformed() {
        let test = TestAuth::new().await;
        let (_, pair) = test.sign_up_shopper("ann.lee").await;
        test.clock.advance(test.settings.tokens.refresh_s);
        let expired = test.auth.refresh(&secret(&pair), None).await;
        assert!(matches!(expired, Err(AuthError::TokenInvalid(TokenFault::Expired))));
        for nonsense in ["", "x", pair.access_token.expose()] {
            let refused = test.auth.refresh(&nonsense.into(), None).await;
            assert!(matches!(refused, Err(AuthError::TokenInvalid(TokenFault::Malformed))));
        }
    }

    #[tokio::test]
    async fn a_token_from_before_the_clock_was_set_back_is_not_valid_for_a_year() {
        const YEAR_S: i64 = 365 * 86_400;
        let test = TestAuth::new().await;
        let (_, first) = test.sign_up_shopper("ann.lee").await;
        test.clock.advance(YEAR_S);
        let late = test.auth.login("ann.lee", &super::super::test_support::PASSWORD.into(), None).await.unwrap();
        let rotated = test.auth.login("ann.lee", &super::super::test_support::PASSWORD.into(), None).await.unwrap();
        test.auth.refresh(&secret(&rotated), None).await.unwrap();
        test.clock.advance(-YEAR_S);
        let expired = |outcome| matches!(outcome, Err(AuthError::TokenInvalid(TokenFault::Expired)));
        assert!(expired(test.auth.refresh(&secret(&late), None).await.map(drop)));
        assert!(expired(test.auth.authenticate(late.access_token.expose()).await.map(drop)));
        assert!(expired(test.auth.refresh(&secret(&rotated), None).await.map(drop)), "used or not");
        test.auth.refresh(&secret(&first), None).await.unwrap();

        // By less than a token's lifetime: it stays valid, but a used one is no longer within its grace.
        test.clock.advance(7_200);
        let soon = test.auth.login("ann.lee", &super::super::test_support::PASSWORD.into(), None).await.unwrap();
        test.clock.advance(-7_200);
        test.auth.refresh(&secret(&soon), None).await.unwrap();
        test.clock.advance(7_200);
        let soon = test.auth.login("ann.lee", &super::super::test_support::PASSWORD.into(), None).await.unwrap();
        test.auth.refresh(&secret(&soon), None).await.unwrap();
        test.clock.advance(-7_200);
        assert!(is_ended(&test.auth.refresh(&secret(&soon), None).await));
    }

    #[tokio::test]
    async fn signing_out_ends_the_session_and_can_be_repeated() {
        let test = TestAuth::new().await;
        let (_, first) = test.sign_up_shopper("ann.lee").await;
        let second = test.auth.refresh(&secret(&first), None).await.unwrap();
        test.auth.logout(&secret(&second)).await.unwrap();
        test.auth.logout(&secret(&second)).await.unwrap();
        test.auth.logout(&"unknown".into()).await.unwrap();
        assert!(is_ended(&test.auth.refresh(&secret(&second), None).await));
        assert!(is_ended(&test.auth.refresh(&secret(&first), None).await));
        for pair in [&first, &second] {
            let refused = test.auth.authenticate(pair.access_token.expose()).await;
            assert!(matches!(refused, Err(AuthError::TokenInvalid(TokenFault::SessionEnded))));
        }
    }

    #[tokio::test]
    async fn an_access_token_expires_while_the_session_continues() {
        let test = TestAuth::new().await;
        let (_, pair) = test.sign_up_shopper("ann.lee").await;
        test.clock.advance(test.settings.tokens.access_s + 30);
        let expired = test.auth.authenticate(pair.access_token.expose()).await;
        assert!(matches!(expired, Err(AuthError::TokenInvalid(TokenFault::Expired))));
        let next = test.auth.refresh(&secret(&pair), None).await.unwrap();
        test.auth.authenticate(next.access_token.expose()).await.unwrap();
        assert!(
            !format!("{next:?}").contains(next.refresh_token.as_ref().unwrap().expose()),
            "no secret shows in debug output"
        );
    }
}
