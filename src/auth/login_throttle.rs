//! Throttling of password guessing: failures are counted per account and per address, in the database.
//!
//! An account may fail `limits.login_failures` times within `limits.login_window_s`, an address five times as often, since
//! many people can share one. A server checks guesses at one account one after another, so that a burst cannot be verified
//! before its first failure counts. Unknown names are counted like existing ones.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::{Mutex, MutexGuard};

use super::AuthError;
use super::token_key::TokenKey;
use crate::clock::Clock;
use crate::config::Limits;
use crate::db::{Database, Tx, login_failures};

/// An address may fail this many times as often as an account.
const ADDRESS_FACTOR: i64 = 5;
/// The accounts share this many locks, so memory stays bounded whatever names are tried.
const LOCK_STRIPES: usize = 256;
/// Failures between two deletions of old ones.
const CLEAN_UP_EVERY: u64 = 64;

#[derive(Clone)]
pub(super) struct LoginThrottle {
    db: Database,
    clock: Clock,
    key: TokenKey,
    account_limit: i64,
    window_s: i64,
    /// Held from the check of an account's failures until the outcome is recorded.
    account_locks: Arc<[Mutex<()>]>,
    failures: Arc<AtomicU64>,
}

/// The account and the address of an attempt, as keyed hashes: neither names nor addresses are stored.
#[derive(Debug, Clone)]
pub(super) struct LoginAttempt {
    account: Option<[u8; 32]>,
    address: Option<[u8; 32]>,
}

impl LoginThrottle {
    pub(super) fn new(db: Database, clock: Clock, key: TokenKey, limits: &Limits) -> Self {
        Self {
            db,
            clock,
            key,
            account_limit: limits.login_failures,
            window_s: limits.login_window_s,
            account_locks: (0..LOCK_STRIPES).map(|_| Mutex::new(())).collect(),
            failures: Arc::new(AtomicU64::new(0)),
        }
    }

    /// An attempt at the account `username`, or at no particular account, from `address`.
    pub(super) fn new_attempt(&self, username: Option<&str>, address: Option<&str>) -> LoginAttempt {
        LoginAttempt {
            account: username.map(|name| self.key.fingerprint("account", name)),
            address: address.map(|address| self.key.fingerprint("address", address)),
        }
    }

    /// Waits for other attempts at the same account. Hold the guard until the outcome is recorded.
    pub(super) async fn lock_account(&self, attempt: &LoginAttempt) -> Option<MutexGuard<'_, ()>> {
        match attempt.account {
            Some(account) => Some(self.account_locks[usize::from(account[0]) % LOCK_STRIPES].lock().await),
            None => None,
        }
    }

    /// Refuses an account or an address that has failed too often.
    pub(super) async fn check(&self, attempt: &LoginAttempt) -> Result<(), AuthError> {
        let now = self.clock.now();
        let since = now.plus_seconds(-self.window_s);
        let mut reader = self.db.read().await?;
        for (subject, limit) in self.subjects(attempt) {
            if let Some(at) = login_failures::find_nth_newest(&mut reader, subject, since, limit).await? {
                let micros = at.plus_seconds(self.window_s).micros() - now.micros();
                return Err(AuthError::Throttled { retry_after_s: (micros / 1_000_000 + 1).min(self.window_s).max(1) });
            }
        }
        Ok(())
    }

    pub(super) async fn record_failure(&self, attempt: &LoginAttempt) -> Result<(), AuthError> {
        let now = self.clock.now();
        let mut tx = self.db.begin().await?;
        for (subject, _) in self.subjects(attempt) {
            login_failures::insert(&mut tx, subject, now).await?;
        }
        if self.failures.fetch_add(1, Ordering::Relaxed) % CLEAN_UP_EVERY == CLEAN_UP_EVERY - 1 {
            login_failures::delete_before(&mut tx, now.plus_seconds(-self.window_s)).await?;
        }
        Ok(tx.commit().await?)
    }

    /// Deletes the failures of the account but not of the address, so that the owner of one account cannot guess the passwords
    /// of others without limit.
    pub(super) async fn clear_failures(&self, tx: &mut Tx, attempt: &LoginAttempt) -> Result<(), AuthError> {
        if let Some(account) = &attempt.account {
            login_failures::delete_by_subject(tx, account).await?;
        }
        Ok(())
    }

    /// The subjects that failures are counted for, with the limit of each.
    fn subjects<'a>(&self, attempt: &'a LoginAttempt) -> impl Iterator<Item = (&'a [u8], i64)> {
        let account = attempt.account.iter().map(|subject| (subject.as_slice(), self.account_limit));
        let address_limit = self.account_limit.saturating_mul(ADDRESS_FACTOR);
        account.chain(attempt.address.iter().map(move |subject| (subject.as_slice(), address_limit)))
    }
}
