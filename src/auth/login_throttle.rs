//! Slowing down those who guess: failures are counted per account and per address, in the database.
//!
//! An account may fail `limits.login_failures` times within `limits.login_window_s`, an address five times as often,
//! since many people can sit behind one. Guesses at one account are taken one after another within a server, so that a
//! burst cannot be verified before its first failure counts. Names that do not exist are counted like those that do.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::{Mutex, MutexGuard};

use super::AuthError;
use super::token_key::TokenKey;
use crate::clock::Clock;
use crate::config::Limits;
use crate::db::{Database, Tx, login_failures};

/// How many more failures an address has than an account.
const ADDRESS_FACTOR: i64 = 5;
/// Locks among which accounts are spread: memory stays bounded whatever names are tried.
const STRIPES: usize = 256;
/// Failures between two clean-ups of old ones.
const CLEAN_EVERY: u64 = 64;

/// Counts failures and says when enough is enough.
#[derive(Clone)]
pub(super) struct Throttle {
    db: Database,
    clock: Clock,
    key: TokenKey,
    account_limit: i64,
    window_s: i64,
    /// Guards the time between looking at an account's failures and counting the next one.
    turns: Arc<[Mutex<()>]>,
    failures: Arc<AtomicU64>,
}

/// Who tries: hashes, so that neither names nor addresses are kept.
#[derive(Debug, Clone)]
pub(super) struct LoginAttempt {
    account: Option<[u8; 32]>,
    address: Option<[u8; 32]>,
}

impl Throttle {
    pub(super) fn new(db: Database, clock: Clock, key: TokenKey, limits: &Limits) -> Self {
        Self {
            db,
            clock,
            key,
            account_limit: limits.login_failures,
            window_s: limits.login_window_s,
            turns: (0..STRIPES).map(|_| Mutex::new(())).collect(),
            failures: Arc::new(AtomicU64::new(0)),
        }
    }

    /// Somebody at `address` (where known) who tries to be `username` (where a name is tried).
    pub(super) fn suspect(&self, username: Option<&str>, address: Option<&str>) -> LoginAttempt {
        LoginAttempt {
            account: username.map(|name| self.key.fingerprint("account", name)),
            address: address.map(|address| self.key.fingerprint("address", address)),
        }
    }

    /// Waits until nobody else tries the same account. Hold it until the outcome was counted.
    pub(super) async fn turn(&self, suspect: &LoginAttempt) -> Option<MutexGuard<'_, ()>> {
        match suspect.account {
            Some(account) => Some(self.turns[usize::from(account[0]) % STRIPES].lock().await),
            None => None,
        }
    }

    /// Refuses those who failed too often.
    pub(super) async fn admit(&self, suspect: &LoginAttempt) -> Result<(), AuthError> {
        let now = self.clock.now();
        let since = now.plus_seconds(-self.window_s);
        let mut reader = self.db.read().await?;
        for (subject, limit) in self.subjects(suspect) {
            if let Some(at) = login_failures::nth_newest(&mut reader, subject, since, limit).await? {
                let micros = at.plus_seconds(self.window_s).micros() - now.micros();
                return Err(AuthError::Throttled { retry_after_s: (micros / 1_000_000 + 1).min(self.window_s).max(1) });
            }
        }
        Ok(())
    }

    /// Counts a failure.
    pub(super) async fn failed(&self, suspect: &LoginAttempt) -> Result<(), AuthError> {
        let now = self.clock.now();
        let mut tx = self.db.begin().await?;
        for (subject, _) in self.subjects(suspect) {
            login_failures::insert(&mut tx, subject, now).await?;
        }
        if self.failures.fetch_add(1, Ordering::Relaxed) % CLEAN_EVERY == CLEAN_EVERY - 1 {
            login_failures::delete_before(&mut tx, now.plus_seconds(-self.window_s)).await?;
        }
        Ok(tx.commit().await?)
    }

    /// Forgives the account, not the address: who owns one account must not be able to try others without end.
    pub(super) async fn succeeded(&self, tx: &mut Tx, suspect: &LoginAttempt) -> Result<(), AuthError> {
        if let Some(account) = &suspect.account {
            login_failures::clear(tx, account).await?;
        }
        Ok(())
    }

    fn subjects<'a>(&self, suspect: &'a LoginAttempt) -> impl Iterator<Item = (&'a [u8], i64)> {
        let account = suspect.account.iter().map(|subject| (subject.as_slice(), self.account_limit));
        let address_limit = self.account_limit.saturating_mul(ADDRESS_FACTOR);
        account.chain(suspect.address.iter().map(move |subject| (subject.as_slice(), address_limit)))
    }
}
