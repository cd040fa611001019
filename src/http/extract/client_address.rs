//! The network address that a request comes from.
//!
//! Invariants: what a client itself writes into `X-Forwarded-For` is never trusted, and neither is an entry that is no
//! address, nor anything to the left of it. RFC 7239's `Forwarded` is not read: a proxy that writes one of the two headers
//! passes on the other as the client sent it.

use std::future::{Ready, ready};
use std::net::IpAddr;
use std::sync::Once;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};

use super::body::services;
use crate::http::problem::{Problem, excerpt};

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

/// An entry of `X-Forwarded-For` that is no address.
#[derive(Debug, PartialEq, Eq)]
struct UnreadableEntry<'a> {
    text: &'a str,
    /// The trusted proxy that wrote the entry. Its address stands for the client's.
    proxy: IpAddr,
}

/// The client's address: the peer's or, if the peer is a trusted proxy, the last untrusted address that the proxies wrote
/// into `X-Forwarded-For`.
pub fn client_address(request: &HttpRequest, trusted_proxies: &[IpAddr]) -> Option<String> {
    static WARNING: Once = Once::new();
    let peer = request.peer_addr()?.ip();
    // A proxy may append a header line instead of extending the client's; the last entry is the nearest proxy's. A client's
    // bytes that are not UTF-8 must not hide what the proxy appended to the same line.
    let lines = request.headers().get_all("x-forwarded-for");
    let lines: Vec<_> = lines.map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
    let address = resolve_address(peer, &lines.join(","), trusted_proxies).unwrap_or_else(|entry| {
        WARNING.call_once(|| {
            tracing::warn!(
                proxy.address = %entry.proxy,
                entry = ?excerpt(entry.text),
                "an entry of X-Forwarded-For from a trusted proxy is no address; such clients count as one, with the \
                 proxy's address, until the proxy sends theirs (said once)"
            );
        });
        entry.proxy
    });
    Some(address.to_string())
}

fn resolve_address<'a>(
    peer: IpAddr,
    forwarded_for: &'a str,
    trusted_proxies: &[IpAddr],
) -> Result<IpAddr, UnreadableEntry<'a>> {
    let is_trusted = |address: IpAddr| trusted_proxies.iter().any(|proxy| proxy.to_canonical() == address);
    // An IPv4 client of an IPv6 socket is the same client.
    let mut nearest = peer.to_canonical();
    // RFC 9110 allows empty entries in a list.
    let mut entries = forwarded_for.rsplit(',').map(str::trim).filter(|entry| !entry.is_empty());
    while is_trusted(nearest) {
        let Some(entry) = entries.next() else { break };
        nearest = parse_entry(entry).ok_or(UnreadableEntry { text: entry, proxy: nearest })?;
    }
    Ok(nearest)
}

/// Reads an address as proxies write it: with or without a port, IPv6 with or without brackets, in quotation marks or not.
fn parse_entry(entry: &str) -> Option<IpAddr> {
    let entry = entry.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(entry);
    let (host, port) = match entry.strip_prefix('[') {
        Some(rest) => {
            let (host, after) = rest.split_once(']')?;
            let port = if after.is_empty() { None } else { Some(after.strip_prefix(':')?) };
            (host, port)
        }
        // An address with several colons is IPv6 without a port.
        None => match entry.split_once(':') {
            Some((host, port)) if !port.contains(':') => (host, Some(port)),
            _ => (entry, None),
        },
    };
    if port.is_some_and(|port| port.parse::<u16>().is_err()) {
        return None;
    }
    // The zone of a link-local address names an interface of the proxy.
    let host = host.split_once('%').map_or(host, |(address, _zone)| address);
    host.parse::<IpAddr>().ok().map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_forwarded_header_counts_only_from_a_trusted_proxy() {
        let (client, proxy) = (ip("203.0.113.9"), ip("10.0.0.1"));
        assert_eq!(resolve_address(client, "198.51.100.1", &[proxy]), Ok(client));
        assert_eq!(resolve_address(proxy, "198.51.100.1, 203.0.113.9", &[proxy]), Ok(client));
        assert_eq!(resolve_address(proxy, "203.0.113.9, 10.0.0.1", &[proxy]), Ok(client));
        assert_eq!(resolve_address(proxy, "", &[proxy]), Ok(proxy));
        assert_eq!(resolve_address(proxy, "203.0.113.9, ,", &[proxy]), Ok(client));
        assert_eq!(resolve_address(ip("::ffff:10.0.0.1"), "203.0.113.9", &[proxy]), Ok(client));
        assert_eq!(resolve_address(proxy, "203.0.113.9", &[ip("::ffff:10.0.0.1")]), Ok(client));
        // A chain of trusted proxies, of which the first is the client itself.
        assert_eq!(resolve_address(proxy, "10.0.0.2:4000, 10.0.0.1", &[proxy, ip("10.0.0.2")]), Ok(ip("10.0.0.2")));
    }

    #[test]
    fn an_address_is_read_in_every_form_that_proxies_send() {
        let proxy = ip("10.0.0.1");
        for (entry, client) in [
            ("203.0.113.9", "203.0.113.9"),
            ("203.0.113.9:5678", "203.0.113.9"),
            ("\"203.0.113.9:5678\"", "203.0.113.9"),
            ("2001:db8::9", "2001:db8::9"),
            ("[2001:db8::9]", "2001:db8::9"),
            ("[2001:db8::9]:80", "2001:db8::9"),
            ("\"[2001:db8::9]:80\"", "2001:db8::9"),
            ("[::1]:80", "::1"),
            ("fe80::1%eth0", "fe80::1"),
            ("[fe80::1%eth0]:443", "fe80::1"),
            ("::ffff:203.0.113.9", "203.0.113.9"),
            ("[::ffff:203.0.113.9]:80", "203.0.113.9"),
        ] {
            assert_eq!(resolve_address(proxy, entry, &[proxy]), Ok(ip(client)), "{entry}");
            assert_eq!(resolve_address(proxy, &format!("192.0.2.1, {entry}"), &[proxy]), Ok(ip(client)), "{entry}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_not_trusted_and_neither_is_what_stands_before_it() {
        let proxy = ip("10.0.0.1");
        for entry in [
            "nonsense",
            "unknown",
            "_hidden",
            "203.0.113.9:",
            "203.0.113.9:port",
            "203.0.113.9:99999",
            "203.0.113",
            "[2001:db8::9",
            "[2001:db8::9]80",
            "[203.0.113.9:80]",
            "for=203.0.113.9",
            "\u{fffd}",
            "\"",
        ] {
            let unreadable = Err(UnreadableEntry { text: entry, proxy });
            assert_eq!(resolve_address(proxy, entry, &[proxy]), unreadable);
            assert_eq!(resolve_address(proxy, &format!("198.51.100.1, {entry}"), &[proxy]), unreadable);
        }
    }
}
