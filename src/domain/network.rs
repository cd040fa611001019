//! What counts as one address of clients.

use std::net::{IpAddr, Ipv6Addr};

/// A provider gives a household, a shop or a server one /64 at least, and its devices choose the rest as they like.
const IPV6_NETWORK_MASK: u128 = u128::MAX << 64;

/// An IPv4 address as it is, an IPv6 address without its lower half. An IPv4 client of an IPv6 socket is the same client.
pub fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & IPV6_NETWORK_MASK)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_addresses_of_an_ipv6_network_count_as_one() {
        let network = |text: &str| network_of(text.parse().unwrap()).to_string();
        assert_eq!(network("2001:db8:1:2::3"), network("2001:db8:1:2:ffff:ffff:ffff:ffff"));
        assert_ne!(network("2001:db8:1:2::3"), network("2001:db8:1:3::3"));
        assert_ne!(network("192.0.2.1"), network("192.0.2.2"));
        assert_eq!(network("::ffff:192.0.2.1"), "192.0.2.1");
    }
}
