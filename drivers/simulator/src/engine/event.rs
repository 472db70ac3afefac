//! What waits in the queue.

use bytes::Bytes;
use machine::{CloseReason, ConnId, Endpoint, JobId, ListenerId, ResolveError};

/// A node's place in the simulation, from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub u32);

impl NodeId {
    pub(crate) const fn index(self) -> usize {
        self.0 as usize
    }
}

/// Something that will happen at a node. All that nodes do to each other goes through events, and
/// is under way for one tick at least; so the events of one tick do not depend on each other's
/// order but at the same node, and nodes could be spread over cores.
#[derive(Debug)]
pub(crate) struct Event<M> {
    /// Where it happens.
    pub(crate) at: NodeId,
    /// Who sent it: the node itself, if it is its own affair.
    pub(crate) from: NodeId,
    /// The how-many-eth that `from` sent: events of one tick come to a node in the order of
    /// (sender, send order).
    pub(crate) order: u64,
    /// What it is.
    pub(crate) what: What<M>,
}

/// What happens.
#[derive(Debug)]
pub(crate) enum What<M> {
    /// The deadline, if it still stands.
    Wake,
    /// The uplink is free for the next bytes.
    UplinkFree,
    /// A datagram comes in.
    Datagram {
        /// The sender's endpoint.
        from: Endpoint,
        /// The value, or its bytes.
        content: Content<M>,
        /// How many bytes it has on the wire.
        len: u32,
    },
    /// A packet of a stream comes in, or passes the queue of the downlink.
    Packet(Packet),
    /// A connection has something to tell its own node.
    Notice {
        /// Which one.
        conn: ConnId,
        /// What.
        notice: Notice,
    },
    /// A disk job is done.
    Disk(JobId),
    /// A name was looked up.
    Resolved {
        /// The look-up.
        job: JobId,
        /// The addresses.
        result: Result<Vec<Endpoint>, ResolveError>,
    },
}

/// What a datagram brings.
#[derive(Debug)]
pub(crate) enum Content<M> {
    /// The value that was sent.
    Value(M),
    /// Bytes that may be no message: damaged on the way, or thrown by a stranger.
    Raw(Bytes),
}

/// What the two ends of a stream say to each other.
#[derive(Debug)]
pub(crate) struct Packet {
    /// The connection's number at the receiver; meaningless in [`Segment::Open`].
    pub(crate) conn: ConnId,
    /// The connection's number at the sender.
    pub(crate) reply: ConnId,
    /// What is said.
    pub(crate) segment: Segment,
}

/// One thing said on a stream.
#[derive(Debug)]
pub(crate) enum Segment {
    /// May I connect?
    Open(Box<Way>),
    /// You may.
    Opened,
    /// You may not.
    Refused,
    /// Bytes.
    Data(Bytes),
    /// Bytes, or the end, that have passed the queue of the downlink.
    Queued(Option<Bytes>),
    /// No bytes will follow.
    Fin,
    /// The connection is broken.
    Reset,
    /// So many bytes were read: there is room for as many more.
    Credit(u32),
}

/// From where and where to a connection is to go.
#[derive(Debug)]
pub(crate) struct Way {
    pub(crate) from: Endpoint,
    pub(crate) to: Endpoint,
}

/// What a connection tells its own node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Notice {
    /// The backlog is gone.
    Flushed,
    /// Reading goes on: what was held back may come.
    Resumed,
    /// The connection cannot be made, or can no longer be kept.
    Failed(CloseReason),
    /// Nobody answered the attempt with this number.
    NoAnswer {
        /// Counts the addresses that were tried.
        attempt: u32,
    },
    /// Nothing got through since the cut with this number.
    Stalled {
        /// Counts the partitions.
        cut: u32,
    },
}

/// Where a node listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Listening {
    /// The node.
    pub(crate) node: NodeId,
    /// The number of the listener there.
    pub(crate) listener: ListenerId,
}

#[cfg(test)]
mod tests {
    use core::convert::Infallible;

    use super::*;

    #[test]
    fn events_are_small() {
        // Millions of them are under way at once.
        assert!(size_of::<Event<Infallible>>() <= 80);
    }
}
