//! The share of one address in the connections of this server, so that strangers at one address cannot take all of them.
//!
//! A connection counts for its address from the moment it is accepted, a TLS handshake included, until it ends or a kiosk or
//! staff send a request on it. Shoppers' connections count, since anybody can become a shopper. Those of trusted proxies do
//! not: they bring everybody's requests.
//!
//! | connections that count for the address | a further one |
//! |---|---|
//! | fewer than its share | is served |
//! | up to an eighth more | serves kiosks and staff, and answers others with 429 |
//! | more | is closed |
//!
//! Invariant: the memory for this is bounded by the number of open connections.

use std::cell::Cell;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::problem::{Problem, ProblemKind};
use crate::auth::Identity;
use crate::config::Settings;
use crate::domain::{Actor, Role, network_of};
use crate::telemetry::{ANONYMOUS_CONNECTIONS, CONNECTIONS_REFUSED_TOTAL};

/// Seconds after which a client may try again: as long as a request's head may take.
const RETRY_S: u64 = 5;
/// How often a flood is logged.
const WARNING_PERIOD: Duration = Duration::from_secs(60);

tokio::task_local! {
    /// The connection that this task serves.
    static SERVED: Connection;
}

/// The connections that count, by address. Shared by all HTTP workers.
#[derive(Clone)]
pub struct ConnectionShares(Arc<Shares>);

struct Shares {
    share: usize,
    trusted_proxies: Vec<IpAddr>,
    /// Never held across I/O.
    open: Mutex<OpenConnections>,
}

#[derive(Default)]
struct OpenConnections {
    by_network: HashMap<IpAddr, usize>,
    warned_at: Option<Instant>,
}

/// An accepted connection. It no longer counts when it is dropped.
pub struct Connection {
    shares: ConnectionShares,
    /// For which address it counts.
    network: Cell<Option<IpAddr>>,
    is_surplus: bool,
}

impl ConnectionShares {
    /// The share is at most half of all connections, so that other addresses have the other half.
    pub fn new(settings: &Settings) -> Self {
        let limits = &settings.limits;
        Self(Arc::new(Shares {
            share: limits.connections_per_address.min((limits.connections / 2).max(1)),
            trusted_proxies: settings.trusted_proxies.iter().map(IpAddr::to_canonical).collect(),
            open: Mutex::default(),
        }))
    }

    /// Counts a new connection. `None`: its address has too many, and it is to be closed.
    pub fn admit(&self, peer: IpAddr) -> Option<Connection> {
        if self.0.trusted_proxies.contains(&peer.to_canonical()) {
            return Some(Connection { shares: self.clone(), network: Cell::new(None), is_surplus: false });
        }
        let network = network_of(peer);
        let Some(before) = self.count(network) else {
            metrics::counter!(CONNECTIONS_REFUSED_TOTAL, "outcome" => "closed").increment(1);
            return None;
        };
        metrics::gauge!(ANONYMOUS_CONNECTIONS).increment(1.0);
        let is_surplus = before >= self.0.share;
        Some(Connection { shares: self.clone(), network: Cell::new(Some(network)), is_surplus })
    }

    /// Adds a connection of `network`, unless it has too many. Returns the number before.
    fn count(&self, network: IpAddr) -> Option<usize> {
        let share = self.0.share;
        let mut open = self.0.open.lock().unwrap_or_else(PoisonError::into_inner);
        let connections = open.by_network.entry(network).or_default();
        let before = *connections;
        let is_admitted = before < share + share.div_ceil(8);
        *connections += usize::from(is_admitted);
        let is_news = before >= share && open.warned_at.is_none_or(|at| at.elapsed() > WARNING_PERIOD);
        if is_news {
            open.warned_at = Some(Instant::now());
        }
        drop(open);
        if is_news {
            // Without the address, which would be personal data.
            tracing::warn!(
                "one address has {share} connections on which neither a kiosk nor staff sent a request; its further ones are \
                 refused (limits.connections_per_address; said once a minute)"
            );
        }
        is_admitted.then_some(before)
    }

    fn subtract(&self, network: IpAddr) {
        let mut open = self.0.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(connections) = open.by_network.get_mut(&network) {
            *connections -= 1;
            if *connections == 0 {
                open.by_network.remove(&network);
            }
        }
        metrics::gauge!(ANONYMOUS_CONNECTIONS).decrement(1.0);
    }
}

impl Connection {
    /// Runs `serving`, whose requests ask [`check_share`].
    pub async fn serve<F: Future>(self, serving: F) -> F::Output {
        SERVED.scope(self, serving).await
    }

    fn release(&self) {
        if let Some(network) = self.network.take() {
            self.shares.subtract(network);
        }
    }

    fn check(&self, sender: Option<&Identity>) -> Result<(), Problem> {
        if sender.is_some_and(|sender| is_trusted(&sender.actor)) {
            self.release();
        }
        if !self.is_surplus || self.network.get().is_none() {
            return Ok(());
        }
        metrics::counter!(CONNECTIONS_REFUSED_TOTAL, "outcome" => "answered").increment(1);
        let detail = format!(
            "Your network has more than {} connections to this server open at once. Try again in {RETRY_S} seconds.",
            self.shares.0.share
        );
        Err(Problem::new(ProblemKind::TooManyConnections, detail).retry_after(RETRY_S))
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.release();
    }
}

/// Refuses a request of a stranger on a connection beyond the share of its address. The connection of `sender`, if that is a
/// kiosk or staff, no longer counts.
pub(super) fn check_share(sender: Option<&Identity>) -> Result<(), Problem> {
    // A request that came over no connection is one of a unit test.
    SERVED.try_with(|connection| connection.check(sender)).unwrap_or(Ok(()))
}

fn is_trusted(actor: &Actor) -> bool {
    match actor {
        Actor::Kiosk { .. } | Actor::System | Actor::CommandLine => true,
        Actor::Person { role, .. } => matches!(role, Role::Clerk | Role::Admin),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STRANGER: &str = "203.0.113.9";

    fn shares(overlay: &str) -> ConnectionShares {
        ConnectionShares::new(&Settings::from_toml(overlay).unwrap())
    }

    fn admit(shares: &ConnectionShares, peer: &str) -> Option<Connection> {
        shares.admit(peer.parse().unwrap())
    }

    #[test]
    fn an_address_has_its_share_an_eighth_to_be_told_in_and_no_more() {
        let shares = shares("limits.connections_per_address = 16");
        let mut open: Vec<_> = (0..16).map(|_| admit(&shares, STRANGER).unwrap()).collect();
        assert!(open.iter().all(|connection| connection.check(None).is_ok()));
        let surplus = [admit(&shares, STRANGER).unwrap(), admit(&shares, "::ffff:203.0.113.9").unwrap()];
        assert!(surplus.iter().all(|connection| connection.check(None).is_err()));
        assert!(admit(&shares, STRANGER).is_none());
        assert!(admit(&shares, "203.0.113.10").unwrap().check(None).is_ok());
        open.pop();
        assert!(admit(&shares, STRANGER).unwrap().check(None).is_err(), "the surplus ones are open");
        drop((open, surplus));
        assert!(shares.0.open.lock().unwrap().by_network.is_empty());
    }

    #[test]
    fn the_other_half_of_all_connections_is_for_other_addresses_and_a_proxy_has_no_share() {
        let shares = shares("limits.connections = 4\ntrusted_proxies = [\"10.0.0.1\"]");
        let open: Vec<_> = (0..9).filter_map(|_| admit(&shares, "2001:db8:1:2::3")).collect();
        assert_eq!(open.len(), 3, "two, and one to tell it in");
        assert!(admit(&shares, "2001:db8:1:2:ffff::9").is_none());
        let of_proxy: Vec<_> = (0..9).filter_map(|_| admit(&shares, "::ffff:10.0.0.1")).collect();
        assert_eq!(of_proxy.iter().filter(|connection| connection.check(None).is_ok()).count(), 9);
    }
}
