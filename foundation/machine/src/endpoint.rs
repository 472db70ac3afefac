//! Where other nodes are.

use alloc::string::String;
use core::fmt;
use core::net::{IpAddr, Ipv6Addr, SocketAddr};
use core::str::FromStr;

/// An IP address and a port, in one form for both families: IPv4 stands mapped into IPv6
/// (`::ffff:a.b.c.d`), so that one host is one endpoint however its address was spelled.
///
/// It stands at multiples of 8 in memory, so that it is moved in whole words: every datagram moves
/// some endpoints.
#[repr(align(8))]
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Endpoint {
    address: [u8; 16],
    port: u16,
}

/// Text that is no endpoint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an endpoint is IP:PORT, as 192.0.2.1:6881 or [2001:db8::1]:6881; this is {0:?}")]
pub struct EndpointError(pub String);

/// Where a connection is to go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// To an address.
    Endpoint(Endpoint),
    /// To a host by its name; the driver looks it up and tries its addresses in turn.
    Host {
        /// The name, or an address as text.
        name: String,
        /// The port.
        port: u16,
        /// Whether the driver wraps the stream into TLS.
        security: Security,
    },
}

/// Whether a stream is protected by TLS, which is the driver's work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Security {
    /// Bytes as they are.
    Plain,
    /// TLS, with the host's name proven.
    Tls,
}

impl Endpoint {
    /// Makes an endpoint of an address and a port.
    #[must_use]
    pub fn new(address: IpAddr, port: u16) -> Self {
        let mapped = match address {
            IpAddr::V4(v4) => v4.to_ipv6_mapped(),
            IpAddr::V6(v6) => v6,
        };
        Self {
            address: mapped.octets(),
            port,
        }
    }

    /// Tells the address; IPv4 as IPv4.
    #[must_use]
    pub fn ip(&self) -> IpAddr {
        Ipv6Addr::from(self.address).to_canonical()
    }

    /// Tells the address as IPv6 has it, an IPv4 address mapped into it.
    #[must_use]
    pub const fn octets(&self) -> [u8; 16] {
        self.address
    }

    /// Tells the port.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// The same host at another port.
    #[must_use]
    pub const fn with_port(self, port: u16) -> Self {
        Self { port, ..self }
    }
}

impl From<SocketAddr> for Endpoint {
    fn from(address: SocketAddr) -> Self {
        Self::new(address.ip(), address.port())
    }
}

impl From<Endpoint> for SocketAddr {
    fn from(endpoint: Endpoint) -> Self {
        Self::new(endpoint.ip(), endpoint.port)
    }
}

impl FromStr for Endpoint {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Self, EndpointError> {
        text.parse::<SocketAddr>()
            .map(Self::from)
            .map_err(|_| EndpointError(text.into()))
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        SocketAddr::from(*self).fmt(f)
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mapped_address_is_the_same_host() {
        let plain: Endpoint = "192.0.2.1:6881".parse().expect("an endpoint");
        let mapped: Endpoint = "[::ffff:192.0.2.1]:6881".parse().expect("an endpoint");
        assert_eq!(plain, mapped);
        assert!(matches!(mapped.ip(), IpAddr::V4(_)));
    }

    #[test]
    fn an_endpoint_prints_as_it_is_read() {
        for text in ["192.0.2.1:6881", "[2001:db8::1]:80"] {
            let endpoint: Endpoint = text.parse().expect("an endpoint");
            assert_eq!(alloc::format!("{endpoint}"), text);
        }
        assert!("192.0.2.1".parse::<Endpoint>().is_err());
    }
}
