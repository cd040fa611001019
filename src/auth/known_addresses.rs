//! The addresses that an account signed in from: they keep its owner from being locked out by strangers.
//!
//! An account is known at an address for 30 days after its last login or refresh there, and at 32 addresses at most, so that whoever
//! could sign in from many has no more guesses for it later. Addresses are stored as keyed hashes only.

use std::net::{IpAddr, Ipv6Addr};

use super::AuthError;
use super::token_key::TokenKey;
use crate::db::{Reader, Tx, known_addresses};
use crate::domain::Timestamp;

/// 30 days.
const KNOWN_S: i64 = 30 * 86_400;
/// Of one account.
const ADDRESSES_MAX: i64 = 32;
/// A provider gives a household, a shop or a server one /64 at least, and its devices choose the rest as they like.
const IPV6_NETWORK_MASK: u128 = u128::MAX << 64;

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

/// What counts as one address: an IPv4 address or the /64 of an IPv6 address. A text that is no address counts as it is.
pub(super) fn network_of(address: &str) -> String {
    match address.parse::<IpAddr>().map(|address| address.to_canonical()) {
        Ok(IpAddr::V4(address)) => address.to_string(),
        Ok(IpAddr::V6(address)) => Ipv6Addr::from_bits(address.to_bits() & IPV6_NETWORK_MASK).to_string(),
        Err(_) => address.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_addresses_of_an_ipv6_network_count_as_one() {
        assert_eq!(network_of("2001:db8:1:2::3"), network_of("2001:db8:1:2:ffff:ffff:ffff:ffff"));
        assert_ne!(network_of("2001:db8:1:2::3"), network_of("2001:db8:1:3::3"));
        assert_ne!(network_of("192.0.2.1"), network_of("192.0.2.2"));
        assert_eq!(network_of("::ffff:192.0.2.1"), "192.0.2.1");
    }
}
