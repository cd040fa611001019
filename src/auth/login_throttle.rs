//! Throttling of guesses: failures are counted in the database, or in memory while its disk is full, for those who made them.
//!
//! | attempt | its failures count for | budget within `limits.login_window_s` |
//! |---|---|---|
//! | login from an address that the account is known at | account and address together | `limits.login_failures` |
//! | login from another address | the account at all such addresses | `limits.login_failures` |
//! | | the address | five times as many |
//! | sign-up, enrolment | the address, for each of the two | five times as many |
//! | | sign-ups that succeed: the address | `limits.sign_ups` |
//! | change of a password | the account | `limits.login_failures` |
//!
//! Invariants:
//! - Strangers use up neither the budget of people at an address that their account is known at, nor that of another kind of
//!   attempt. Strangers and shoppers, whom anybody can become, do not use up the queue of passwords to hash.
//! - Attempts with a common budget are admitted a few at a time, so that a burst cannot be verified before its first
//!   failures count. What is held in memory for that has a fixed size, whatever names and addresses are tried.
//! - Unknown names are counted like existing ones.

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::{Mutex, MutexGuard, Semaphore, SemaphorePermit};

use super::AuthError;
use super::known_addresses::{KnownAddresses, network_of};
use super::token_key::TokenKey;
use super::unwritten_failures::UnwrittenFailures;
use crate::clock::Clock;
use crate::config::Settings;
use crate::db::users::UserRow;
use crate::db::{Database, DatabaseError, Reader, Tx, login_failures};
use crate::domain::{Role, Timestamp};

/// An address may fail this many times as often as an account, since many people can share one.
const ADDRESS_FACTOR: i64 = 5;
/// Attempts from one address that are verified at the same time. So few can fail beyond its budget.
const ADDRESS_ATTEMPTS_MAX: usize = 4;
/// The accounts, and likewise the addresses, share this many locks.
const LOCK_STRIPES: usize = 256;
/// Failures between two deletions of old ones.
const CLEAN_UP_EVERY: u64 = 64;

#[derive(Clone)]
pub(super) struct LoginThrottle {
    db: Database,
    clock: Clock,
    key: TokenKey,
    known_addresses: KnownAddresses,
    account_limit: i64,
    sign_ups_max: i64,
    window_s: i64,
    locks: Arc<Locks>,
    failures: Arc<AtomicU64>,
    unwritten: Arc<UnwrittenFailures>,
}

/// Held from the check of the failures until the outcome of an attempt is recorded.
struct Locks {
    /// For attempts from unknown addresses.
    accounts: [Mutex<()>; LOCK_STRIPES],
    /// For logins from known addresses and for people who are signed in.
    owners: [Mutex<()>; LOCK_STRIPES],
    addresses: [Semaphore; LOCK_STRIPES],
    /// Half of the queue of passwords to hash. Staff who are signed in or at a known address need no permit.
    public: Semaphore,
}

/// Whom failures count for, as a keyed hash, and how many are allowed.
#[derive(Debug)]
struct Budget {
    subject: [u8; 32],
    failures_max: i64,
}

/// The account that a login names.
#[derive(Debug, Clone, Copy)]
pub(super) struct NamedAccount<'a> {
    pub(super) username: &'a str,
    /// `token_epoch`, or 0 without an account: a new password begins a new count.
    pub(super) epoch: i64,
    pub(super) role: Option<Role>,
}

/// An attempt within its budgets. Hold it until its outcome is recorded.
pub(super) struct AdmittedAttempt<'a> {
    /// Of what the attempt tries to guess, if it is the password of an account.
    account: Option<Budget>,
    address: Option<Budget>,
    _account_lock: Option<MutexGuard<'a, ()>>,
    _address_permit: Option<SemaphorePermit<'a>>,
    _public_permit: Option<SemaphorePermit<'a>>,
}

/// What an attempt from an address without an account tries.
#[derive(Debug, Clone, Copy)]
pub(super) enum AnonymousAttempt {
    SignUp,
    Enrolment,
}

impl AnonymousAttempt {
    fn as_str(self) -> &'static str {
        match self {
            Self::SignUp => "sign-up",
            Self::Enrolment => "enrolment",
        }
    }
}

impl LoginThrottle {
    pub(super) fn new(db: Database, clock: Clock, key: TokenKey, settings: &Settings) -> Self {
        let locks = Locks {
            accounts: std::array::from_fn(|_| Mutex::new(())),
            owners: std::array::from_fn(|_| Mutex::new(())),
            addresses: std::array::from_fn(|_| Semaphore::new(ADDRESS_ATTEMPTS_MAX)),
            public: Semaphore::new((settings.engine.queue / 2).max(1)),
        };
        Self {
            known_addresses: KnownAddresses::new(key.clone()),
            db,
            clock,
            key,
            account_limit: settings.limits.login_failures,
            sign_ups_max: settings.limits.sign_ups,
            window_s: settings.limits.login_window_s,
            locks: Arc::new(locks),
            failures: Arc::new(AtomicU64::new(0)),
            unwritten: Arc::default(),
        }
    }

    /// # Errors
    /// The account or the address has failed too often, or too many strangers are logging in.
    pub(super) async fn admit_login(
        &self,
        account: NamedAccount<'_>,
        address: Option<&str>,
    ) -> Result<AdmittedAttempt<'_>, AuthError> {
        let NamedAccount { username, epoch, role } = account;
        let is_known = match address {
            Some(address) => {
                let mut reader = self.db.read().await?;
                self.known_addresses.contains(&mut reader, username, address, self.clock.now()).await?
            }
            None => false,
        };
        match address {
            Some(address) if is_known => {
                let subject = format!("{} {epoch} {username}", network_of(address));
                self.admit_owner(self.account_budget("account at address", &subject), role).await
            }
            _ => {
                let account = self.account_budget("account", &format!("{epoch} {username}"));
                let address = address.map(|address| self.address_budget("login", address));
                self.admit_stranger(Some(account), address).await
            }
        }
    }

    /// A change of the password of `user`, who is signed in.
    pub(super) async fn admit_password_change(&self, user: &UserRow) -> Result<AdmittedAttempt<'_>, AuthError> {
        let subject = format!("{} {}", user.token_epoch, user.id);
        self.admit_owner(self.account_budget("password change", &subject), Some(user.role)).await
    }

    pub(super) async fn admit_anonymous(
        &self,
        attempt: AnonymousAttempt,
        address: Option<&str>,
    ) -> Result<AdmittedAttempt<'_>, AuthError> {
        self.admit_stranger(None, address.map(|address| self.address_budget(attempt.as_str(), address))).await
    }

    /// # Errors
    /// [`AuthError::TooManySignUps`]: so many have succeeded from the address.
    pub(super) async fn admit_sign_up(&self, address: Option<&str>) -> Result<AdmittedAttempt<'_>, AuthError> {
        let attempt = self.admit_anonymous(AnonymousAttempt::SignUp, address).await?;
        if let Some(address) = address {
            let accounts = self.sign_up_budget(address);
            match self.check(&mut self.db.read().await?, &accounts).await {
                Err(AuthError::Throttled { retry_after_s }) => return Err(AuthError::TooManySignUps { retry_after_s }),
                checked => checked?,
            }
        }
        Ok(attempt)
    }

    /// Counts an account that somebody at `address` creates with `tx`.
    pub(super) async fn record_sign_up(
        &self,
        tx: &mut Tx,
        address: Option<&str>,
        now: Timestamp,
    ) -> Result<(), AuthError> {
        match address {
            Some(address) => Ok(login_failures::insert(tx, &self.sign_up_budget(address).subject, now).await?),
            None => Ok(()),
        }
    }

    async fn admit_owner(&self, account: Budget, role: Option<Role>) -> Result<AdmittedAttempt<'_>, AuthError> {
        let lock = self.locks.owners[account.stripe()].lock().await;
        self.check(&mut self.db.read().await?, &account).await?;
        let is_staff = matches!(role, Some(Role::Clerk | Role::Admin));
        Ok(AdmittedAttempt {
            account: Some(account),
            address: None,
            _account_lock: Some(lock),
            _address_permit: None,
            _public_permit: if is_staff { None } else { Some(self.public_permit()?) },
        })
    }

    /// The address comes first, so that a burst from one address waits there and does not queue up for an account.
    async fn admit_stranger(
        &self,
        account: Option<Budget>,
        address: Option<Budget>,
    ) -> Result<AdmittedAttempt<'_>, AuthError> {
        let address_permit = match &address {
            // The semaphores are never closed.
            Some(address) => self.locks.addresses[address.stripe()].acquire().await.ok(),
            None => None,
        };
        let account_lock = match &account {
            Some(account) => Some(self.locks.accounts[account.stripe()].lock().await),
            None => None,
        };
        let mut reader = self.db.read().await?;
        for budget in account.iter().chain(&address) {
            self.check(&mut reader, budget).await?;
        }
        Ok(AdmittedAttempt {
            account,
            address,
            _account_lock: account_lock,
            _address_permit: address_permit,
            _public_permit: Some(self.public_permit()?),
        })
    }

    fn public_permit(&self) -> Result<SemaphorePermit<'_>, AuthError> {
        self.locks.public.try_acquire().map_err(|_| AuthError::Busy)
    }

    async fn check(&self, reader: &mut Reader, budget: &Budget) -> Result<(), AuthError> {
        let now = self.clock.now();
        let (since, until) = self.window(now);
        let unwritten = self.unwritten.list(&budget.subject, since, until);
        let written_max = budget.failures_max - unwritten.len() as i64;
        let nth = match written_max {
            // The oldest of the newest `failures_max`: `written_max` is minus the number of older ones.
            ..=0 => unwritten.get(written_max.unsigned_abs() as usize).copied(),
            _ => login_failures::find_nth_newest(reader, &budget.subject, since, until, written_max).await?,
        };
        let Some(at) = nth else { return Ok(()) };
        let micros = at.plus_seconds(self.window_s).micros() - now.micros();
        Err(AuthError::Throttled { retry_after_s: (micros / 1_000_000 + 1).min(self.window_s).max(1) })
    }

    pub(super) async fn record_failure(&self, attempt: &AdmittedAttempt<'_>) -> Result<(), AuthError> {
        let now = self.clock.now();
        match self.write_failure(attempt, now).await {
            Err(AuthError::Database(DatabaseError::DiskFull)) => {
                let (since, _) = self.window(now);
                let mut budgets = attempt.account.iter().chain(&attempt.address);
                budgets.try_for_each(|budget| self.unwritten.record(budget.subject, now, since))
            }
            outcome => outcome,
        }
    }

    async fn write_failure(&self, attempt: &AdmittedAttempt<'_>, now: Timestamp) -> Result<(), AuthError> {
        let mut tx = self.db.begin().await?;
        for budget in attempt.account.iter().chain(&attempt.address) {
            login_failures::insert(&mut tx, &budget.subject, now).await?;
        }
        if self.failures.fetch_add(1, Ordering::Relaxed) % CLEAN_UP_EVERY == CLEAN_UP_EVERY - 1 {
            self.delete_expired_failures(&mut tx, now).await?;
        }
        Ok(tx.commit().await?)
    }

    /// Deletes the failures of the account but not of the address, so that the owner of one account cannot guess the passwords
    /// of others without limit. A success at a known address does not clear what strangers failed elsewhere.
    pub(super) async fn clear_failures(&self, tx: &mut Tx, attempt: &AdmittedAttempt<'_>) -> Result<(), AuthError> {
        if let Some(account) = &attempt.account {
            self.unwritten.clear(&account.subject);
            login_failures::delete_by_subject(tx, &account.subject).await?;
        }
        Ok(())
    }

    /// Remembers that the account signed in from the address.
    pub(super) async fn remember_address(
        &self,
        tx: &mut Tx,
        username: &str,
        address: Option<&str>,
        now: Timestamp,
    ) -> Result<(), AuthError> {
        match address {
            Some(address) => self.known_addresses.remember(tx, username, address, now).await,
            None => Ok(()),
        }
    }

    /// Deletes failures outside the window and addresses that are no longer known.
    pub(super) async fn delete_expired(&self) -> Result<(), AuthError> {
        let now = self.clock.now();
        let mut tx = self.db.begin().await?;
        self.delete_expired_failures(&mut tx, now).await?;
        self.known_addresses.delete_expired(&mut tx, now).await?;
        Ok(tx.commit().await?)
    }

    async fn delete_expired_failures(&self, tx: &mut Tx, now: Timestamp) -> Result<(), AuthError> {
        let (since, until) = self.window(now);
        login_failures::delete_outside(tx, since, until).await?;
        Ok(())
    }

    /// Failures count within the window to either side of now: one that a wrong clock dated a year ahead locks nobody out.
    fn window(&self, now: Timestamp) -> (Timestamp, Timestamp) {
        (now.plus_seconds(-self.window_s), now.plus_seconds(self.window_s))
    }

    fn account_budget(&self, kind: &str, account: &str) -> Budget {
        Budget { subject: self.key.fingerprint(kind, account), failures_max: self.account_limit }
    }

    fn sign_up_budget(&self, address: &str) -> Budget {
        let subject = self.key.fingerprint("created accounts address", &network_of(address));
        Budget { subject, failures_max: self.sign_ups_max }
    }

    fn address_budget(&self, kind: &str, address: &str) -> Budget {
        let subject = self.key.fingerprint(&format!("{kind} address"), &network_of(address));
        Budget { subject, failures_max: self.account_limit.saturating_mul(ADDRESS_FACTOR) }
    }
}

impl Budget {
    fn stripe(&self) -> usize {
        usize::from(self.subject[0]) % LOCK_STRIPES
    }
}
