//! Peers written side by side: 6 bytes each for IPv4, 18 for IPv6 (BEP 23, 7).
//!
//! The address comes first, then the port, both big-endian. HTTP trackers tell the families apart
//! by the key (`peers`, `peers6`), UDP trackers by the family over which the packet came.

use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use machine::Endpoint;
use wire::Encode as _;

/// The family of addresses in a compact list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// IPv4: 6 bytes a peer.
    V4,
    /// IPv6: 18 bytes a peer.
    V6,
}

impl Family {
    /// Tells the family of an endpoint; IPv4 mapped into IPv6 is IPv4.
    #[must_use]
    pub fn of(endpoint: Endpoint) -> Self {
        match endpoint.ip() {
            IpAddr::V4(_) => Self::V4,
            IpAddr::V6(_) => Self::V6,
        }
    }

    /// Tells how many bytes a peer takes.
    #[must_use]
    pub const fn peer_len(self) -> usize {
        match self {
            Self::V4 => 6,
            Self::V6 => 18,
        }
    }
}

/// Reads the peers of a compact list that one can dial.
///
/// Bytes after the last whole entry are no peer and are passed over: trackers do pad.
pub fn decode(family: Family, bytes: &[u8]) -> impl Iterator<Item = Endpoint> {
    bytes
        .chunks_exact(family.peer_len())
        .filter_map(move |entry| {
            let (address, port) = entry.split_last_chunk::<2>()?;
            let address = match family {
                Family::V4 => IpAddr::from(<[u8; 4]>::try_from(address).ok()?),
                Family::V6 => IpAddr::from(<[u8; 16]>::try_from(address).ok()?),
            };
            Some(Endpoint::new(address, u16::from_be_bytes(*port)))
        })
        .filter(|&endpoint| is_dialable(endpoint))
}

/// Appends the compact form of a peer, in its own family.
pub fn encode(peer: Endpoint, out: &mut Vec<u8>) {
    match peer.ip() {
        IpAddr::V4(address) => address.octets().encode(out),
        IpAddr::V6(address) => address.octets().encode(out),
    }
    peer.port().encode(out);
}

/// Tells whether a connection to `endpoint` makes sense at all.
///
/// Trackers are seen to send port 0 and addresses that name nobody, or everybody (spec section
/// 24b). Private and loopback addresses make sense in one's own network.
#[must_use]
pub fn is_dialable(endpoint: Endpoint) -> bool {
    let names_one_host = match endpoint.ip() {
        IpAddr::V4(address) => {
            address != Ipv4Addr::UNSPECIFIED && !address.is_multicast() && !address.is_broadcast()
        }
        IpAddr::V6(address) => address != Ipv6Addr::UNSPECIFIED && !address.is_multicast(),
    };
    endpoint.port() != 0 && names_one_host
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn peer(text: &str) -> Endpoint {
        text.parse().expect("an endpoint")
    }

    #[test]
    fn reads_whole_entries_only() {
        let bytes = [192, 0, 2, 1, 0x1a, 0xe1, 192, 0, 2, 2, 0, 80, 9, 9];
        let peers: Vec<_> = decode(Family::V4, &bytes).collect();
        assert_eq!(peers, [peer("192.0.2.1:6881"), peer("192.0.2.2:80")]);
    }

    #[test]
    fn passes_over_what_nobody_can_dial() {
        let mut bytes = Vec::new();
        for text in [
            "192.0.2.1:0",
            "0.0.0.0:1",
            "224.0.0.1:1",
            "255.255.255.255:1",
            "10.0.0.1:1",
        ] {
            encode(peer(text), &mut bytes);
        }
        assert_eq!(
            decode(Family::V4, &bytes).collect::<Vec<_>>(),
            [peer("10.0.0.1:1")]
        );
        bytes.clear();
        for text in ["[::]:1", "[ff02::1]:1", "[::1]:1"] {
            encode(peer(text), &mut bytes);
        }
        assert_eq!(
            decode(Family::V6, &bytes).collect::<Vec<_>>(),
            [peer("[::1]:1")]
        );
    }

    #[test]
    fn a_mapped_address_is_ipv4() {
        let mut bytes = Vec::new();
        "::ffff:192.0.2.1"
            .parse::<Ipv6Addr>()
            .expect("an address")
            .octets()
            .encode(&mut bytes);
        6881u16.encode(&mut bytes);
        assert_eq!(
            decode(Family::V6, &bytes).collect::<Vec<_>>(),
            [peer("192.0.2.1:6881")]
        );
    }

    proptest! {
        #[test]
        fn peers_survive_the_wire(address in any::<[u8; 16]>(), port in 1u16..) {
            let peer = Endpoint::new(IpAddr::from(address), port);
            prop_assume!(is_dialable(peer));
            let mut bytes = Vec::new();
            encode(peer, &mut bytes);
            let family = Family::of(peer);
            prop_assert_eq!(bytes.len(), family.peer_len());
            prop_assert_eq!(decode(family, &bytes).collect::<Vec<_>>(), [peer]);
        }
    }
}
