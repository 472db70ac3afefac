//! Who is where.
//!
//! Most nodes of a large world stand in a row: the so-many-eth node at the so-many-eth
//! [`endpoint`]. For them the way from an endpoint to a node and back is a subtraction. Those that
//! stand at such endpoints in another order are found in two tables of numbers, which cost 8 bytes
//! a node and a missed cache line for each datagram; all others by hashing.

use core::net::{IpAddr, Ipv4Addr};
use core::ops::Range;

use hashbrown::HashMap;
use machine::{Endpoint, ListenerId, prefetch};

use crate::engine::event::{Listening, NodeId};

/// The endpoints of all nodes.
#[derive(Debug)]
pub(crate) struct Directory {
    row: Row,
    numbered: Numbered,
    /// Who listens at all other endpoints.
    listening: Index<Endpoint, Listening>,
    /// Some node that has the address: if the port is another's, or nobody's, it refuses.
    addresses: Index<IpAddr, NodeId>,
    /// Where the nodes are that have several endpoints, or one without a number.
    places: Index<NodeId, Vec<Endpoint>>,
}

/// Nodes with growing numbers at endpoints with growing numbers.
#[derive(Debug, Clone, Copy, Default)]
struct Row {
    /// The first node.
    node: u32,
    /// The number of its endpoint.
    number: u32,
    /// How many there are.
    len: u32,
}

/// Nodes at numbered endpoints in any order.
#[derive(Debug, Default)]
struct Numbered {
    /// One more than the node, by the number of its endpoint; 0 if there is none.
    nodes: Vec<u32>,
    /// One more than the number of its endpoint, by node; 0 if it has none.
    numbers: Vec<u32>,
}

/// An endpoint for the so-many-eth node: an address of 10.0.0.0/8 (RFC 1918), which has room for
/// 2^24 nodes, and one port for all.
#[must_use]
#[inline]
pub fn endpoint(number: u32) -> Endpoint {
    let [_, a, b, c] = number.to_be_bytes();
    Endpoint::new(Ipv4Addr::new(10, a, b, c).into(), PORT)
}

/// From where the system takes the ports of connections that are opened (RFC 6335, section 6).
pub(crate) const EPHEMERAL_PORTS: Range<u16> = 49_152..65_535;

/// The port of [`endpoint`]: the first of BitTorrent's usual ones.
const PORT: u16 = 6881;

/// The number of an endpoint's address, if it is one that [`endpoint`] gives.
fn number_of(address: [u8; 16]) -> Option<u32> {
    const MAPPED: u128 = 0xffff_0a00_0000;
    let offset = u128::from_be_bytes(address).wrapping_sub(MAPPED);
    u32::try_from(offset)
        .ok()
        .filter(|&number| number < 1 << 24)
}

impl Row {
    /// The node at a number.
    #[inline]
    const fn node_at(self, number: u32) -> Option<NodeId> {
        let place = number.wrapping_sub(self.number);
        if place < self.len {
            Some(NodeId(self.node + place))
        } else {
            None
        }
    }

    /// The number of a node's endpoint.
    #[inline]
    const fn number_of(self, node: NodeId) -> Option<u32> {
        let place = node.0.wrapping_sub(self.node);
        if place < self.len {
            Some(self.number + place)
        } else {
            None
        }
    }

    /// Appends a node, if it is the next one at the next place.
    const fn append(&mut self, node: NodeId, number: u32) -> bool {
        if self.len == 0 {
            (self.node, self.number) = (node.0, number);
        }
        let fits = node.0 == self.node + self.len && number == self.number + self.len;
        self.len += fits as u32;
        fits
    }
}

impl Numbered {
    fn insert(&mut self, node: NodeId, number: u32) {
        let put = |table: &mut Vec<u32>, at: u32, value: u32| {
            let at = at as usize;
            if table.len() <= at {
                table.resize((at + 1).next_power_of_two(), 0);
            }
            table[at] = value;
        };
        put(&mut self.nodes, number, node.0 + 1);
        put(&mut self.numbers, node.0, number + 1);
    }

    fn node_at(&self, number: u32) -> Option<NodeId> {
        let node = self.nodes.get(number as usize)?.checked_sub(1);
        node.map(NodeId)
    }

    fn number_of(&self, node: NodeId) -> Option<u32> {
        self.numbers.get(node.index())?.checked_sub(1)
    }
}

impl Directory {
    pub(crate) fn new() -> Self {
        Self {
            row: Row::default(),
            numbered: Numbered::default(),
            listening: Index::default(),
            addresses: Index::default(),
            places: Index::default(),
        }
    }

    /// Notes where a node is.
    ///
    /// # Panics
    /// When another one is there.
    pub(crate) fn add(&mut self, node: NodeId, at: Vec<Endpoint>) {
        for &endpoint in &at {
            assert!(
                self.listening(endpoint).is_none(),
                "two nodes at {endpoint}"
            );
        }
        if let &[one] = at.as_slice()
            && one.port() == PORT
            && let Some(number) = number_of(one.octets())
        {
            if !self.row.append(node, number) {
                self.numbered.insert(node, number);
            }
            return;
        }
        for (listener, &endpoint) in (0..).zip(&at) {
            let listener = ListenerId(listener);
            let before = self
                .listening
                .insert(endpoint, Listening { node, listener });
            assert!(before.is_none(), "two nodes at {endpoint}");
            self.addresses.insert(endpoint.ip(), node);
        }
        self.places.insert(node, at);
    }

    /// Who listens at an endpoint.
    #[inline]
    pub(crate) fn listening(&self, at: Endpoint) -> Option<Listening> {
        match self.numbered_at(at) {
            Some(node) if at.port() == PORT => Some(Listening {
                node,
                listener: ListenerId(0),
            }),
            _ => self.listening.get(&at).copied(),
        }
    }

    /// Who answers at an endpoint, if only to say that nobody listens there.
    pub(crate) fn host(&self, at: Endpoint) -> Option<NodeId> {
        let listening = self.listening(at).map(|listening| listening.node);
        listening
            .or_else(|| self.numbered_at(at))
            .or_else(|| self.addresses.get(&at.ip()).copied())
    }

    /// The first endpoint of a node.
    #[inline]
    pub(crate) fn endpoint(&self, node: NodeId) -> Endpoint {
        match self.number_of(node) {
            Some(number) => endpoint(number),
            None => self.places[&node][0],
        }
    }

    /// Asks for what [`endpoint`](Self::endpoint) will need.
    #[inline]
    pub(crate) fn expect(&self, node: NodeId) {
        if let Some(number) = self.numbered.numbers.get(node.index()) {
            prefetch(number);
        }
    }

    /// The endpoint from which a node speaks to another: of the same family, if it has one.
    pub(crate) fn source(&self, node: NodeId, to: Endpoint) -> Endpoint {
        let Some(places) = self.places.get(&node) else {
            return self.endpoint(node);
        };
        let same = |from: &&Endpoint| from.ip().is_ipv4() == to.ip().is_ipv4();
        places.iter().find(same).copied().unwrap_or(places[0])
    }

    /// Whether a node speaks to all from one endpoint.
    #[inline]
    pub(crate) fn has_one(&self, node: NodeId) -> bool {
        self.places.is_empty() || self.places.get(&node).is_none_or(|at| at.len() == 1)
    }

    /// The node at the address of a numbered endpoint.
    #[inline]
    fn numbered_at(&self, at: Endpoint) -> Option<NodeId> {
        let number = number_of(at.octets())?;
        self.row
            .node_at(number)
            .or_else(|| self.numbered.node_at(number))
    }

    #[inline]
    fn number_of(&self, node: NodeId) -> Option<u32> {
        self.row
            .number_of(node)
            .or_else(|| self.numbered.number_of(node))
    }
}

/// Where things are. Looked up only, never walked through, for its order is nobody's business.
pub(crate) type Index<K, V> = HashMap<K, V, core::hash::BuildHasherDefault<FixedHasher>>;

/// A hasher without a secret: the same on every run. Nothing here is an attacker's choice.
#[derive(Debug, Default)]
pub(crate) struct FixedHasher(u64);

impl core::hash::Hasher for FixedHasher {
    fn finish(&self) -> u64 {
        self.0 ^ (self.0 >> 32)
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_stands_in_the_row_is_found_as_whoever_does_not() {
        let mut directory = Directory::new();
        let elsewhere: Endpoint = "192.0.2.1:80".parse().expect("an endpoint");
        let sixth: Endpoint = "[2001:db8::1]:80".parse().expect("an endpoint");
        let places = [
            vec![endpoint(5)],
            vec![endpoint(6)],
            vec![elsewhere, sixth],
            vec![endpoint(7)],
            vec![endpoint(100)],
            vec![endpoint(9)],
        ];
        for (node, at) in (0..).map(NodeId).zip(&places) {
            directory.add(node, at.clone());
        }
        for (node, at) in (0..).map(NodeId).zip(&places) {
            assert_eq!(directory.endpoint(node), at[0]);
            assert_eq!(directory.has_one(node), at.len() == 1);
            for (listener, &at) in (0..).map(ListenerId).zip(at) {
                assert_eq!(directory.listening(at), Some(Listening { node, listener }));
                assert_eq!(directory.source(node, at), at);
                assert_eq!(directory.listening(at.with_port(1)), None);
                assert_eq!(directory.host(at.with_port(1)), Some(node));
            }
        }
        for at in [endpoint(4), endpoint(8), elsewhere.with_port(81)] {
            assert_eq!(directory.listening(at), None);
        }
        assert_eq!(directory.host(endpoint(4)), None);
        assert_eq!(directory.source(NodeId(2), endpoint(5)), elsewhere);
    }

    #[test]
    #[should_panic(expected = "two nodes at 10.0.0.6:6881")]
    fn an_endpoint_is_given_once() {
        let mut directory = Directory::new();
        directory.add(NodeId(0), vec![endpoint(6)]);
        directory.add(NodeId(1), vec![endpoint(6)]);
    }
}
