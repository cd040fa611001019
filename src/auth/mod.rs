//! Accounts: people, their sessions, stores, and the kiosks in them.
//!
//! Invariants:
//! - A password is hashed in a bounded pool, never on the thread of a request.
//! - Only hashes of tokens and keys are stored.
//! - Identity, role and revocation are read from the database with each request, so a change counts at once.
//! - Every change by an admin is in the audit log, written in the same transaction.
//! - No reply reveals which usernames exist, except to somebody who tries to sign up with one or shares the address that
//!   the account is known at.
//!
//! This module knows nothing of HTTP: it takes text and returns views.

mod access_tokens;
mod account_deletion;
mod browser_sessions;
mod error;
mod first_admin;
mod full_disk;
mod kiosks;
mod known_addresses;
mod login_throttle;
mod password_policy;
mod password_reset;
mod passwords;
mod secrets;
mod sessions;
mod sign_in;
mod staff_calls;
mod stores;
#[cfg(test)]
mod test_support;
mod token_key;
mod unwritten_failures;
mod users;
mod views;

use std::sync::Arc;

pub use error::{AuthError, TokenFault};
pub use first_admin::FirstAdmin;
pub use password_reset::{PasswordReset, reset_password_by_name};
pub use secrets::IssuedSecret;
pub use stores::{NewStore, StoreChange};
pub use users::{NewUser, UserChange, UserSearch};
pub use views::{
    EnrolledKiosk, KioskChange, KioskEmptyView, KioskStatus, KioskView, ListedUser, NewKiosk, OwnKiosk, StaffCallView,
    StoreView, TokenPair, UserView,
};

use crate::clock::Clock;
use crate::config::{Environment, Settings};
use crate::db::{self, Database};
use crate::domain::{Actor, Caller, Currency, Role, TimeZone};
use crate::last_seen::LastSeen;
use crate::pool::Pool;
use access_tokens::AccessTokens;
use login_throttle::LoginThrottle;
use passwords::Passwords;
use secrecy::SecretString;
use token_key::TokenKey;

/// The service for accounts, stores and kiosks; cheap to clone.
#[derive(Clone)]
pub struct Auth(Arc<Inner>);

struct Inner {
    db: Database,
    clock: Clock,
    passwords: Passwords,
    access_tokens: AccessTokens,
    key_fingerprint: [u8; 32],
    throttle: LoginThrottle,
    refresh_s: i64,
    refresh_grace_s: i64,
    enrolment_s: i64,
    currency: Currency,
    time_zone: TimeZone,
    environment: Environment,
    admin_password: Option<SecretString>,
    last_seen: LastSeen,
    /// Counts new sessions, for the periodic deletion of expired ones.
    sessions_opened: std::sync::atomic::AtomicU64,
}

/// How long a second attempt waits for dead connections to be found.
const RETRY_DELAY: std::time::Duration = std::time::Duration::from_millis(50);

/// The sender of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    pub actor: Actor,
    /// The person's username, or the kiosk's name.
    pub name: String,
    /// Whether the person may only change the password, read their own account and sign out.
    pub must_change_password: bool,
    /// Whether it is a kiosk that an admin has closed.
    pub is_closed_kiosk: bool,
}

impl Auth {
    /// Passwords are hashed in `pool`. Loads or creates the key that signs tokens.
    pub fn new(db: Database, clock: Clock, pool: Pool, settings: &Settings) -> Result<Self, AuthError> {
        let key = TokenKey::load(settings)?;
        Ok(Self(Arc::new(Inner {
            passwords: Passwords::new(pool, &settings.tokens)?,
            access_tokens: AccessTokens::new(&key, clock.clone(), settings.tokens.access_s),
            key_fingerprint: key.fingerprint("servers", "token key"),
            throttle: LoginThrottle::new(db.clone(), clock.clone(), key, settings),
            refresh_s: settings.tokens.refresh_s,
            refresh_grace_s: settings.tokens.refresh_grace_s,
            enrolment_s: settings.tokens.enrolment_s,
            currency: Currency::parse("currency", &settings.currency)?,
            time_zone: TimeZone::parse("time_zone", &settings.time_zone)?,
            environment: settings.environment,
            admin_password: settings.admin_password.clone(),
            last_seen: LastSeen::new(db.clone()),
            sessions_opened: std::sync::atomic::AtomicU64::new(0),
            db,
            clock,
        })))
    }

    /// A keyed hash of the key that signs logins: equal on servers that accept each other's.
    pub fn key_fingerprint(&self) -> Vec<u8> {
        self.0.key_fingerprint.to_vec()
    }

    /// Identifies the owner of `bearer`, an access token or a kiosk's key. It is looked up each time, so a disabled account, a
    /// new role, an ended session or a revoked kiosk counts from the next request on, on every server.
    ///
    /// It is the first use of the database by a request, so it is what meets the dead connections after a restart of
    /// PostgreSQL: one is found and the others are replaced before the second attempt.
    pub async fn authenticate(&self, bearer: &str) -> Result<Identity, AuthError> {
        let identity = self.find_identity(bearer).await;
        if !matches!(identity, Err(AuthError::Database(db::DatabaseError::Unavailable(_)))) {
            return identity;
        }
        tokio::time::sleep(RETRY_DELAY).await;
        self.find_identity(bearer).await
    }

    async fn find_identity(&self, bearer: &str) -> Result<Identity, AuthError> {
        if bearer.starts_with(secrets::KIOSK_KEY_PREFIX) {
            return self.authenticate_kiosk(bearer).await;
        }
        let subject = self.0.access_tokens.verify(bearer)?;
        let mut reader = self.0.db.read().await?;
        let user = match subject.family {
            full_disk::NO_SESSION => db::users::find(&mut reader, subject.user).await?,
            family => db::users::find_in_session(&mut reader, subject.user, family).await?,
        };
        let user =
            user.filter(|user| !user.disabled && user.token_epoch == subject.epoch).ok_or(TokenFault::SessionEnded)?;
        self.0.last_seen.note(user.id.uuid(), self.0.clock.now());
        Ok(Identity::of_person(user))
    }

    /// Deletes failed attempts and known addresses that no longer count.
    pub async fn delete_expired(&self) -> Result<(), AuthError> {
        self.0.throttle.delete_expired().await
    }

    /// Writes when people and kiosks were last seen.
    pub async fn write_last_seen(&self) -> Result<(), AuthError> {
        Ok(self.0.last_seen.write().await?)
    }

    async fn authenticate_kiosk(&self, key: &str) -> Result<Identity, AuthError> {
        let mut reader = self.0.db.read().await?;
        let row = db::kiosks::find_by_key(&mut reader, &secrets::hash_token(key)).await?;
        let row = row.ok_or(TokenFault::KioskUnknown)?;
        self.0.last_seen.note(row.id.uuid(), self.0.clock.now());
        let actor = Actor::Kiosk { id: row.id, store: row.store_id };
        let is_closed_kiosk = row.closed_at.is_some();
        Ok(Identity { actor, name: row.name, must_change_password: false, is_closed_kiosk })
    }
}

/// Admits admins and the server itself.
fn require_admin(caller: &Caller) -> Result<(), AuthError> {
    match caller.actor {
        Actor::System | Actor::CommandLine | Actor::Person { role: Role::Admin, .. } => Ok(()),
        Actor::Person { .. } | Actor::Kiosk { .. } => Err(AuthError::Forbidden("Only an admin can do this.")),
    }
}
