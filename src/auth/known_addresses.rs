//! The addresses that an account signed in from: they keep its owner from being locked out by strangers.
//!
//! An account is known at an address for 30 days after its last login or refresh there, and at 32 addresses at most, so that whoever
//! could sign in from many has no more guesses for it later. Addresses are stored as keyed hashes only.

use super::AuthError;
use super::token_key::TokenKey;
use crate::db::{Reader, Tx, known_addresses};
use crate::domain::{self, Timestamp};

/// 30 days.
const KNOWN_S: i64 = 30 * 86_400;
/// Of one account.
const ADDRESSES_MAX: i64 = 32;

#[derive(Clone)]
pub(super) struct KnownAddresses {
    key: TokenKey,
}

impl KnownAddresses {
    pub(super) fn new(key: TokenKey) -> Self {
        Self { key }
    }

    /// Whether the account signed in from `address` during the last 30 days.
    pub(super) async fn contains(
        &self,
        reader: &mut Reader,
        username: &str,
        address: &str,
        now: Timestamp,
    ) -> Result<bool, AuthError> {
        let (account, address) = (self.account(username), self.address(username, address));
        let last = known_addresses::find_last_login(reader, &account, &address).await?;
        let (since, until) = lifetime(now);
        Ok(last.is_some_and(|at| since < at && at < until))
    }

    pub(super) async fn remember(
        &self,
        tx: &mut Tx,
        username: &str,
        address: &str,
        now: Timestamp,
    ) -> Result<(), AuthError> {
        let account = self.account(username);
        known_addresses::upsert(tx, &account, &self.address(username, address), now).await?;
        Ok(known_addresses::delete_surplus(tx, &account, ADDRESSES_MAX).await?)
    }

    pub(super) async fn delete_expired(&self, tx: &mut Tx, now: Timestamp) -> Result<(), AuthError> {
        let (since, until) = lifetime(now);
        known_addresses::delete_outside(tx, since, until).await?;
        Ok(())
    }

    fn account(&self, username: &str) -> [u8; 32] {
        self.key.fingerprint("known account", username)
    }

    fn address(&self, username: &str, address: &str) -> [u8; 32] {
        self.key.fingerprint("known address", &format!("{} {username}", network_of(address)))
    }
}

/// Moments of logins that count now. One after now was written while a clock was wrong.
fn lifetime(now: Timestamp) -> (Timestamp, Timestamp) {
    (now.plus_seconds(-KNOWN_S), now.plus_seconds(KNOWN_S))
}

/// What counts as one address. A text that is no address counts as it is.
pub(super) fn network_of(address: &str) -> String {
    address.parse().map_or_else(|_| address.to_owned(), |address| domain::network_of(address).to_string())
}
