//! How a request came here: encrypted, from this machine, or neither. Decides whether a browser may sign in.
//!
//! Invariant: what a client itself writes into a forwarding header makes nothing safe. Only a trusted proxy's header counts,
//! and any such header on a request from this machine shows that it came through a proxy that nobody named.

use std::net::IpAddr;

use actix_web::HttpRequest;
use actix_web::http::header::{HOST, HeaderMap};

use super::Services;

/// Headers that a proxy adds.
const FORWARDING_HEADERS: [&str; 6] =
    ["forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip"];

/// The way of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// HTTPS, here or at a trusted proxy.
    Secure,
    /// Plain HTTP from this machine to itself, which nobody can listen to.
    Loopback,
    /// Plain HTTP over a network: no password and no cookie may travel on it.
    Plain,
}

impl Transport {
    pub fn of(request: &HttpRequest, services: &Services) -> Self {
        let Some(peer) = request.peer_addr().map(|peer| peer.ip().to_canonical()) else { return Self::Plain };
        let is_trusted_proxy = services.trusted_proxies.iter().any(|proxy| proxy.to_canonical() == peer);
        Self::judge(services.is_https, peer, is_trusted_proxy, request.headers())
    }

    fn judge(is_tls: bool, peer: IpAddr, is_trusted_proxy: bool, headers: &HeaderMap) -> Self {
        if is_trusted_proxy && headers.contains_key("x-forwarded-proto") {
            let is_https =
                last_value(headers, "x-forwarded-proto").is_some_and(|value| value.eq_ignore_ascii_case("https"));
            return if is_https { Self::Secure } else { Self::Plain };
        }
        if is_tls {
            return Self::Secure;
        }
        let is_forwarded = FORWARDING_HEADERS.iter().any(|name| headers.contains_key(*name));
        // A proxy on this machine may add no header, but it passes on the public name.
        let is_local_name = last_value(headers, "host").is_some_and(|host| is_loopback_name(host_name(&host)));
        if peer.is_loopback() && !is_forwarded && is_local_name { Self::Loopback } else { Self::Plain }
    }

    pub fn scheme(self) -> &'static str {
        match self {
            Self::Secure => "https",
            Self::Loopback | Self::Plain => "http",
        }
    }

    /// Whether a browser may sign in this way.
    pub fn allows_sign_in(self) -> bool {
        self != Self::Plain
    }
}

/// The origin of this server as the browser sees it, for example `https://shop.example`.
pub fn own_origin(request: &HttpRequest, transport: Transport, trusted_proxies: &[IpAddr]) -> Option<String> {
    let peer = request.peer_addr()?.ip().to_canonical();
    let is_trusted_proxy = trusted_proxies.iter().any(|proxy| proxy.to_canonical() == peer);
    let forwarded = last_value(request.headers(), "x-forwarded-host").filter(|_| is_trusted_proxy);
    let host = forwarded.or_else(|| last_value(request.headers(), HOST.as_str()))?;
    Some(normal_origin(&format!("{}://{host}", transport.scheme())))
}

/// The address of a page of this server for somebody else's device, for QR codes: under the setting `public_url`, else as this
/// browser reached the server. `None` over plain HTTP, where nobody can sign in from elsewhere, and at an address that only this
/// machine has.
pub fn public_address(request: &HttpRequest, services: &Services, path: &str) -> Option<String> {
    if let Some(url) = &services.public_url {
        return Some(format!("{}{path}", url.trim_end_matches('/')));
    }
    let transport = Transport::of(request, services);
    let origin = own_origin(request, transport, &services.trusted_proxies)?;
    let is_reachable = transport == Transport::Secure && !is_loopback_origin(&origin);
    is_reachable.then(|| format!("{origin}{path}"))
}

/// An origin in lower case and without the scheme's usual port.
pub fn normal_origin(origin: &str) -> String {
    let origin = origin.to_ascii_lowercase();
    let usual_port = if origin.starts_with("https:") { ":443" } else { ":80" };
    origin.strip_suffix(usual_port).map_or(origin.clone(), str::to_owned)
}

/// The last entry of a header that may be a list: the nearest proxy's.
fn last_value(headers: &HeaderMap, name: &str) -> Option<String> {
    let value = headers.get_all(name).last()?.to_str().ok()?;
    Some(value.rsplit(',').next().unwrap_or(value).trim().to_owned())
}

/// A host without its port.
fn host_name(host: &str) -> &str {
    match host.strip_prefix('[') {
        Some(rest) => rest.split_once(']').map_or(host, |(name, _port)| name),
        None => host.split_once(':').map_or(host, |(name, _port)| name),
    }
}

fn is_loopback_origin(origin: &str) -> bool {
    origin.split_once("://").is_some_and(|(_scheme, host)| is_loopback_name(host_name(host)))
}

fn is_loopback_name(name: &str) -> bool {
    name.eq_ignore_ascii_case("localhost")
        || name.to_ascii_lowercase().ends_with(".localhost")
        || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn judge(is_tls: bool, peer: &str, is_proxy: bool, headers: &[(&'static str, &'static str)]) -> Transport {
        let request = headers.iter().fold(TestRequest::default(), |request, header| request.append_header(*header));
        Transport::judge(is_tls, peer.parse().unwrap(), is_proxy, request.to_http_request().headers())
    }

    #[test]
    fn plain_http_is_safe_only_from_this_machine_to_itself() {
        for host in ["localhost:8000", "127.0.0.1:8000", "[::1]:8000", "till.localhost"] {
            assert_eq!(judge(false, "127.0.0.1", false, &[("host", host)]), Transport::Loopback, "{host}");
        }
        assert_eq!(judge(false, "192.0.2.7", false, &[("host", "localhost")]), Transport::Plain);
        assert_eq!(judge(false, "127.0.0.1", false, &[("host", "shop.example")]), Transport::Plain);
        assert_eq!(judge(false, "127.0.0.1", false, &[]), Transport::Plain);
        for header in FORWARDING_HEADERS {
            let headers = [("host", "localhost"), (header, "https")];
            assert_eq!(judge(false, "127.0.0.1", false, &headers), Transport::Plain, "{header}");
        }
    }

    #[test]
    fn https_counts_here_and_at_a_trusted_proxy() {
        assert_eq!(judge(true, "192.0.2.7", false, &[("host", "shop.example")]), Transport::Secure);
        let https = [("host", "shop.example"), ("x-forwarded-proto", "https")];
        assert_eq!(judge(false, "10.0.0.1", true, &https), Transport::Secure);
        assert_eq!(judge(false, "10.0.0.9", false, &https), Transport::Plain, "not a trusted proxy");
        // The client's own entry stands before the proxy's.
        assert_eq!(judge(false, "10.0.0.1", true, &[("x-forwarded-proto", "https, http")]), Transport::Plain);
        assert_eq!(judge(true, "10.0.0.1", true, &[("x-forwarded-proto", "http")]), Transport::Plain);
    }

    #[test]
    fn an_origin_that_only_this_machine_has_is_known() {
        for origin in ["https://127.0.0.1:8443", "https://localhost", "https://[::1]:8443"] {
            assert!(is_loopback_origin(origin), "{origin}");
        }
        for origin in ["https://shop.example", "https://192.0.2.7:8443", "https://localhost.example"] {
            assert!(!is_loopback_origin(origin), "{origin}");
        }
    }

    #[test]
    fn the_usual_port_is_not_part_of_an_origin() {
        assert_eq!(normal_origin("https://Shop.example:443"), "https://shop.example");
        assert_eq!(normal_origin("http://shop.example:80"), "http://shop.example");
        assert_eq!(normal_origin("https://shop.example:8443"), "https://shop.example:8443");
    }
}
