//! Signing in when nothing can be written: an access token alone, so that staff can still read and recognise.
//!
//! Such a token belongs to no session that could be ended. It ends with its lifetime, a new password, or the account.

use secrecy::{ExposeSecret, SecretString};

use super::access_tokens::TokenSubject;
use super::secrets::hash_token;
use super::sessions::RefreshTokenState;
use super::{Auth, AuthError, TokenFault, TokenPair, UserView};
use crate::db::users::UserRow;
use crate::db::{DatabaseError, refresh_tokens, users};
use crate::domain::{Timestamp, TokenId};

/// The family of access tokens without a session.
pub(super) const NO_SESSION: TokenId = TokenId::NIL;

/// Whether the error says that nothing can be written.
pub(super) fn is_disk_full<T>(outcome: &Result<T, AuthError>) -> bool {
    matches!(outcome, Err(AuthError::Database(DatabaseError::DiskFull)))
}

impl Auth {
    /// An access token for a user whose password is correct.
    pub(super) fn issue_access_token(
        &self,
        user: &UserRow,
        family: TokenId,
        now: Timestamp,
    ) -> Result<TokenPair, AuthError> {
        tracing::warn!(user.id = %user.id, "the disk is full; an access token is issued without a refresh token");
        let subject = TokenSubject { user: user.id, family, epoch: user.token_epoch };
        Ok(TokenPair {
            access_token: self.0.access_tokens.issue(subject, now)?.into(),
            refresh_token: None,
            token_type: "Bearer".to_owned(),
            expires_in: self.0.access_tokens.lifetime_s(),
            user: UserView::from(user),
        })
    }

    /// An access token for the session of a valid refresh token, which stays valid.
    pub(super) async fn refresh_access_token(&self, token: &SecretString) -> Result<TokenPair, AuthError> {
        let now = self.0.clock.now();
        let mut reader = self.0.db.read().await?;
        let row = refresh_tokens::find_by_hash(&mut reader, &hash_token(token.expose_secret())).await?;
        let row = row.ok_or(TokenFault::Malformed)?;
        let user = users::find(&mut reader, row.user_id).await?.ok_or(TokenFault::SessionEnded)?;
        match self.refresh_token_state(&row, now) {
            RefreshTokenState::Valid if !user.disabled => self.issue_access_token(&user, row.family, now),
            RefreshTokenState::Expired => Err(TokenFault::Expired.into()),
            RefreshTokenState::Valid | RefreshTokenState::SessionEnded | RefreshTokenState::Reused => {
                Err(TokenFault::SessionEnded.into())
            }
        }
    }
}
