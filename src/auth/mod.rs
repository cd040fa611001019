//! Accounts: people, their sessions, stores, and the kiosks in them.
//!
//! Invariants: a password is hashed in a bounded pool, never on the thread of a request; what is kept of a token is its
//! hash; who someone is and what they may do is read from the database with each request, so that a change counts at once;
//! every act of an admin is in the audit log, written in the same transaction; no answer tells which usernames exist
//! (except to the one who tries to take a name).
//!
//! This module knows nothing of HTTP: it takes text and gives views.

mod error;
mod first_admin;
mod kiosks;
mod login_throttle;
mod password_policy;
mod passwords;
mod people;
mod secrets;
mod sessions;
mod sign_in;
mod stores;
#[cfg(test)]
mod test_support;
mod token_key;
mod tokens;
mod views;

use std::sync::Arc;

pub use error::{AuthError, TokenFault};
pub use first_admin::FirstAdmin;
pub use people::{NewUser, UserChange};
pub use secrets::IssuedSecret;
pub use stores::{NewStore, StoreChange};
pub use views::{EnrolledKiosk, KioskStatus, KioskView, NewKiosk, StoreView, TokenPair, UserView};

use crate::clock::Clock;
use crate::config::{Environment, Settings};
use crate::db::{self, Database, users};
use crate::domain::{Actor, Caller, Currency, Role, TimeZone};
use crate::pool::Pool;
use login_throttle::Throttle;
use passwords::Passwords;
use secrecy::SecretString;
use token_key::TokenKey;
use tokens::AccessTokens;

/// The accounts of this server; cheap to clone.
#[derive(Clone)]
pub struct Auth(Arc<Inner>);

struct Inner {
    db: Database,
    clock: Clock,
    passwords: Passwords,
    tokens: AccessTokens,
    throttle: Throttle,
    refresh_s: i64,
    refresh_grace_s: i64,
    enrolment_s: i64,
    currency: Currency,
    time_zone: TimeZone,
    environment: Environment,
    admin_password: Option<SecretString>,
    /// Counts sessions that were opened, for the clean-up of expired ones now and then.
    opened: std::sync::atomic::AtomicU64,
}

/// Who sent a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    /// The person or device.
    pub actor: Actor,
    /// Whether only a change of the password, a look at oneself and signing out are allowed.
    pub must_change_password: bool,
}

impl Auth {
    /// The accounts in `store`. Passwords are hashed in `pool`. Reads or makes the key that signs tokens.
    pub fn new(db: Database, clock: Clock, pool: Pool, settings: &Settings) -> Result<Self, AuthError> {
        let key = TokenKey::load(settings)?;
        Ok(Self(Arc::new(Inner {
            passwords: Passwords::new(pool, &settings.tokens)?,
            tokens: AccessTokens::new(&key, clock.clone(), settings.tokens.access_s),
            throttle: Throttle::new(db.clone(), clock.clone(), key, &settings.limits),
            refresh_s: settings.tokens.refresh_s,
            refresh_grace_s: settings.tokens.refresh_grace_s,
            enrolment_s: settings.tokens.enrolment_s,
            currency: Currency::parse("currency", &settings.currency)?,
            time_zone: TimeZone::parse("time_zone", &settings.time_zone)?,
            environment: settings.environment,
            admin_password: settings.admin_password.clone(),
            opened: std::sync::atomic::AtomicU64::new(0),
            db,
            clock,
        })))
    }

    /// Whose `bearer` token this is: an access token or a kiosk's key. The database is asked each time, so a disabled
    /// account, another role, an ended session or a revoked kiosk counts with the next request, on every server.
    pub async fn authenticate(&self, bearer: &str) -> Result<Identity, AuthError> {
        if bearer.starts_with(secrets::KIOSK_KEY_PREFIX) {
            return self.authenticate_kiosk(bearer).await;
        }
        let proof = self.0.tokens.check(bearer)?;
        let mut reader = self.0.db.read().await?;
        let user = users::find_in_session(&mut reader, proof.user, proof.family).await?;
        let user = user.filter(|user| !user.disabled && user.token_epoch == proof.epoch).ok_or(TokenFault::Ended)?;
        let actor = Actor::Person { id: user.id, role: user.role, store: user.store_id };
        Ok(Identity { actor, must_change_password: user.must_change_password })
    }

    async fn authenticate_kiosk(&self, key: &str) -> Result<Identity, AuthError> {
        let mut reader = self.0.db.read().await?;
        let row = db::kiosks::find_by_key(&mut reader, &secrets::token_hash(key)).await?;
        let row = row.ok_or(TokenFault::KioskUnknown)?;
        Ok(Identity { actor: Actor::Kiosk { id: row.id, store: row.store_id }, must_change_password: false })
    }
}

/// Lets admins and the server itself pass.
fn require_admin(caller: &Caller) -> Result<(), AuthError> {
    match caller.actor {
        Actor::System | Actor::CommandLine | Actor::Person { role: Role::Admin, .. } => Ok(()),
        Actor::Person { .. } | Actor::Kiosk { .. } => Err(AuthError::Forbidden("only an admin may do this")),
    }
}
