//! What lies between the nodes: links, streams, datagrams, names, and what can go wrong with them.
//!
//! Three things cost time: the sender's uplink, the way, and the receiver's downlink. A link
//! serves one parcel at a time at its speed. At the uplink the connections that have something to
//! send stand in a ring and are served in turn, up to 16 KiB each, so they share it fairly; at the
//! downlink parcels pass in the order in which they arrive. Both are reckoned in nanoseconds.
//!
//! Streams neither lose nor swap bytes; how they manage that on a bad line is not simulated. Each
//! direction has a window: the receiver grants as many bytes as its node has taken, so a node that
//! pauses makes the sender's backlog grow.

pub(crate) mod connection;
mod datagrams;
mod faults;
pub(crate) mod link;
mod names;
mod queue;
mod streams;

use core::net::IpAddr;
use std::collections::BTreeMap;

use machine::Endpoint;

use crate::engine::event::{Listening, NodeId, Packet};
use crate::simulation::Index;

/// The state of the network.
#[derive(Debug)]
pub(crate) struct Network {
    /// Who listens where.
    pub(crate) listening: Index<Endpoint, Listening>,
    /// Some node that has the address: if the port is another's, or nobody's, it refuses.
    pub(crate) addresses: Index<IpAddr, NodeId>,
    pub(crate) names: BTreeMap<String, Vec<IpAddr>>,
    /// Counts the partitions so far.
    cuts: u32,
    /// Whether there is one now.
    partition: Partition,
    /// Packets of streams that wait for the partition to heal, in the order of their sending.
    limbo: Vec<Waiting>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Partition {
    Whole,
    Cut,
}

/// A packet that waits for a partition to heal.
#[derive(Debug)]
struct Waiting {
    from: NodeId,
    to: NodeId,
    latency: u64,
    packet: Packet,
}

impl Network {
    pub(crate) fn new() -> Self {
        Self {
            listening: Index::default(),
            addresses: Index::default(),
            names: BTreeMap::new(),
            cuts: 0,
            partition: Partition::Whole,
            limbo: Vec::new(),
        }
    }
}
