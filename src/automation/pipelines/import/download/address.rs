//! Which addresses of the network a download may go to: public ones, of hosts that the operator allows.
//!
//! A name is resolved once, and the connection goes to the addresses that were checked. So a name server that answers
//! differently the second time gains nothing.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use url::{Host, Url};

use crate::automation::JobFailure;

const RESOLVE_TIMEOUT: Duration = Duration::from_secs(5);
const URL_CHARS_MAX: usize = 2_000;

/// The hosts that the operator allows.
#[derive(Debug, Clone, Default)]
pub(super) struct AllowedHosts {
    /// Names of hosts at public addresses; `*` is each.
    pub public: Vec<String>,
    /// `host:port` of servers that may be at any address, such as one in the shop's own network.
    pub private: Vec<String>,
}

/// An address that may be asked, and where it leads.
#[derive(Debug)]
pub(super) struct Target {
    pub url: Url,
    /// `host:port`.
    pub server: String,
    /// The name, and what it was resolved to; `None` if the address is a number.
    pub resolved: Option<(String, Vec<SocketAddr>)>,
}

impl AllowedHosts {
    pub(super) fn is_empty(&self) -> bool {
        self.public.is_empty() && self.private.is_empty()
    }

    /// Checks an address, and resolves its name.
    pub(super) async fn resolve(&self, url: &str) -> Result<Target, JobFailure> {
        let (url, server, is_private_allowed) = self.check_url(url)?;
        let (host, port) = (url.host().map(|host| host.to_owned()), url.port_or_known_default().unwrap_or(0));
        let name = match host {
            Some(Host::Domain(name)) => name,
            Some(Host::Ipv4(ip)) => return check_ip(ip.into(), is_private_allowed).map(|()| without_name(url, server)),
            Some(Host::Ipv6(ip)) => return check_ip(ip.into(), is_private_allowed).map(|()| without_name(url, server)),
            None => return Err(JobFailure::lasting(format!("\"{url}\" names no server."))),
        };
        let found = tokio::time::timeout(RESOLVE_TIMEOUT, tokio::net::lookup_host((name.clone(), port))).await;
        let found: Vec<SocketAddr> = match found {
            Ok(Ok(addresses)) => addresses.collect(),
            Ok(Err(_)) | Err(_) => Vec::new(),
        };
        if found.is_empty() {
            return Err(JobFailure::passing(format!("The server \"{name}\" cannot be found (DNS).")));
        }
        // All of them: which one is used is not ours to say.
        for address in &found {
            check_ip(address.ip(), is_private_allowed)?;
        }
        Ok(Target { url, server, resolved: Some((name, found)) })
    }

    /// The parsed address, its `host:port`, and whether that may be at a private address.
    fn check_url(&self, text: &str) -> Result<(Url, String, bool), JobFailure> {
        let refuse = |what: &str| {
            let shown: String = text.chars().take(200).collect();
            Err(JobFailure::lasting(format!("\"{shown}\" {what}.")))
        };
        if text.chars().count() > URL_CHARS_MAX {
            return refuse("is too long for the address of a picture");
        }
        let Ok(url) = Url::parse(text) else {
            return refuse("is no address; write it as https://images.example.com/milk.jpg");
        };
        if !["http", "https"].contains(&url.scheme()) {
            return refuse("is not an address of the web; it must begin with https:// or http://");
        }
        if !url.username().is_empty() || url.password().is_some() {
            return refuse("has a user name in it; pictures are downloaded without signing in");
        }
        let host = url.host_str().unwrap_or_default().trim_end_matches('.').to_lowercase();
        let server = format!("{host}:{}", url.port_or_known_default().unwrap_or(0));
        let is_private_allowed = self.private.iter().any(|allowed| allowed.eq_ignore_ascii_case(&server));
        let is_allowed = |allowed: &String| allowed == "*" || allowed.eq_ignore_ascii_case(&host);
        if !is_private_allowed && !self.public.iter().any(is_allowed) {
            return refuse(&format!(
                "is not on a server that pictures may be downloaded from. An operator can add \"{host}\" to the setting \
                 automation.download.hosts"
            ));
        }
        Ok((url, server, is_private_allowed))
    }
}

fn without_name(url: Url, server: String) -> Target {
    Target { url, server, resolved: None }
}

fn check_ip(ip: IpAddr, is_private_allowed: bool) -> Result<(), JobFailure> {
    if is_private_allowed || is_public(ip) {
        return Ok(());
    }
    Err(JobFailure::lasting(format!(
        "The picture is at {ip}, which is not a public address. An operator can allow a server of the own network in the \
         setting automation.download.private_servers."
    )))
}

/// Whether an address belongs to the public internet (IANA's registries of special-purpose addresses, RFC 6890).
fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_public_v4(ip),
        // Among others, addresses that stand for IPv4 ones (mapped, NAT64) are outside 2000::/3.
        IpAddr::V6(ip) => is_public_v6(ip),
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    let is_special = match (a, b) {
        // This network, private, loopback; multicast and reserved.
        (0 | 10 | 127 | 224..=255, _) => true,
        // Shared by providers, link-local, private, for benchmarks.
        (100, 64..=127) | (169, 254) | (172, 16..=31) | (192, 168) | (198, 18 | 19) => true,
        // Protocol assignments and documentation, the old relays of 6to4.
        (192, 0) => c == 0 || c == 2,
        (192, 88) => c == 99,
        (198, 51) => c == 100,
        (203, 0) => c == 113,
        _ => false,
    };
    !is_special
}

fn is_public_v6(ip: Ipv6Addr) -> bool {
    let [first, second, ..] = ip.segments();
    // Global unicast is 2000::/3.
    // Protocol assignments with Teredo, documentation, 6to4.
    let is_special = matches!((first, second), (0x2001, 0..=0x1FF | 0xDB8) | (0x2002, _) | (0x3FFF, 0..=0xFFF));
    first & 0xE000 == 0x2000 && !is_special
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_public_addresses_are_public() {
        for public in
            ["1.1.1.1", "8.8.8.8", "172.32.0.1", "192.1.1.1", "100.128.0.1", "2606:4700::1111", "2a00:1450::1"]
        {
            assert!(is_public(public.parse().unwrap()), "{public}");
        }
        for special in [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "127.0.0.1",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.1",
            "192.0.2.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:8.8.8.8",
            "64:ff9b::7f00:1",
            "fe80::1",
            "fc00::1",
            "fd12::1",
            "ff02::1",
            "2001:db8::1",
            "2001::1",
            "2002:7f00:1::",
            "3fff::1",
        ] {
            assert!(!is_public(special.parse().unwrap()), "{special}");
        }
    }

    async fn resolve(allowed: &AllowedHosts, url: &str) -> Result<String, String> {
        allowed.resolve(url).await.map(|target| target.server).map_err(|failure| failure.reason)
    }

    #[tokio::test]
    async fn private_addresses_are_refused_in_every_spelling() {
        let everything = AllowedHosts { public: vec!["*".to_owned()], private: Vec::new() };
        for url in [
            "http://127.0.0.1/a.jpg",
            "http://2130706433/a.jpg",
            "http://0x7f.1/a.jpg",
            "http://0177.0.0.1/a.jpg",
            "http://[::1]/a.jpg",
            "http://[::ffff:169.254.169.254]/a.jpg",
            "http://169.254.169.254/latest/meta-data",
            // A name that leads inside, as a rebinding name server's would.
            "http://localhost/a.jpg",
        ] {
            let refused = resolve(&everything, url).await.unwrap_err();
            assert!(refused.contains("not a public address"), "{url}: {refused}");
        }
        assert_eq!(resolve(&everything, "https://8.8.8.8/a.jpg").await.unwrap(), "8.8.8.8:443");
    }

    #[tokio::test]
    async fn only_the_named_servers_are_asked() {
        let allowed = AllowedHosts { public: vec!["8.8.8.8".to_owned()], private: vec!["127.0.0.1:8081".to_owned()] };
        assert_eq!(resolve(&allowed, "http://8.8.8.8:8080/a.jpg").await.unwrap(), "8.8.8.8:8080");
        assert_eq!(resolve(&allowed, "http://127.0.0.1:8081/a.jpg").await.unwrap(), "127.0.0.1:8081");
        let refuse = async |url: &str| resolve(&allowed, url).await.unwrap_err();
        assert!(refuse("http://127.0.0.1:8082/a.jpg").await.contains("automation.download.hosts"), "another port");
        assert!(refuse("https://1.1.1.1/a.jpg").await.contains("automation.download.hosts"));
        assert!(refuse("ftp://8.8.8.8/a.jpg").await.contains("https://"));
        assert!(refuse("file:///etc/passwd").await.contains("https://"));
        assert!(refuse("images/milk.jpg").await.contains("no address"));
        assert!(refuse("http://me:secret@8.8.8.8/a.jpg").await.contains("user name"));
        assert!(refuse(&format!("http://8.8.8.8/{}", "a".repeat(2_000))).await.contains("too long"));
    }
}
