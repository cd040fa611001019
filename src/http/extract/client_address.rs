//! The network address that a request comes from.

use std::future::{Ready, ready};
use std::net::IpAddr;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};

use super::body::services;
use crate::http::problem::Problem;

/// See [`client_address`]. For routes that have no caller yet.
#[derive(Debug, Clone)]
pub struct ClientAddress(pub Option<String>);

impl FromRequest for ClientAddress {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _payload: &mut Payload) -> Self::Future {
        ready(services(request).map(|services| Self(client_address(request, &services.trusted_proxies))))
    }
}

/// The client's address: the peer's or, if the peer is a trusted proxy, the last untrusted address that the proxies wrote
/// into `X-Forwarded-For`. What a client itself writes there is never trusted.
pub fn client_address(request: &HttpRequest, trusted_proxies: &[IpAddr]) -> Option<String> {
    let peer = request.peer_addr()?.ip();
    // A proxy may append a header line instead of extending the client's; the last entry is the nearest proxy's.
    let lines = request.headers().get_all("x-forwarded-for").filter_map(|value| value.to_str().ok());
    let forwarded_for = lines.collect::<Vec<_>>().join(",");
    Some(resolve_address(peer, &forwarded_for, trusted_proxies).to_string())
}

fn resolve_address(peer: IpAddr, forwarded_for: &str, trusted_proxies: &[IpAddr]) -> IpAddr {
    // An IPv4 client of an IPv6 socket is the same client.
    let peer = peer.to_canonical();
    if !trusted_proxies.contains(&peer) {
        return peer;
    }
    let mut nearest = peer;
    for hop in forwarded_for.rsplit(',') {
        match hop.trim().parse::<IpAddr>().map(|address| address.to_canonical()) {
            Ok(address) if trusted_proxies.contains(&address) => nearest = address,
            Ok(address) => return address,
            Err(_) => break,
        }
    }
    nearest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_forwarded_header_counts_only_from_a_trusted_proxy() {
        let (client, proxy): (IpAddr, IpAddr) = ("203.0.113.9".parse().unwrap(), "10.0.0.1".parse().unwrap());
        assert_eq!(resolve_address(client, "198.51.100.1", &[proxy]), client);
        assert_eq!(resolve_address(proxy, "198.51.100.1, 203.0.113.9", &[proxy]), client);
        assert_eq!(resolve_address(proxy, "203.0.113.9, 10.0.0.1", &[proxy]), client);
        assert_eq!(resolve_address(proxy, "", &[proxy]), proxy);
        assert_eq!(resolve_address(proxy, "nonsense", &[proxy]), proxy);
        assert_eq!(resolve_address("::ffff:10.0.0.1".parse().unwrap(), "203.0.113.9", &[proxy]), client);
    }
}
