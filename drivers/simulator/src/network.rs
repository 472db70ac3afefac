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
pub(crate) mod nat;
mod queue;
mod streams;

use crate::engine::event::{NodeId, Packet};

/// A packet that waits for a partition to heal.
#[derive(Debug)]
pub(crate) struct Waiting {
    from: NodeId,
    to: NodeId,
    latency: u64,
    packet: Packet,
}
