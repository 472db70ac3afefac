//! What waits in the queue.

use core::cell::Cell;
use core::fmt;
use core::num::NonZeroU32;

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

impl Order {
    /// The order of the so-many-eth.
    #[inline]
    pub(crate) const fn of(count: u32) -> Self {
        // One of 2^32 shares its number with its neighbour, which it never meets.
        match NonZeroU32::new(count) {
            Some(count) => Self(count),
            None => Self(NonZeroU32::MAX),
        }
    }
}

impl<M> Sealed<M> {
    #[inline]
    pub(crate) const fn new(message: M) -> Self {
        Self(Cell::new(message))
    }

    #[inline]
    pub(crate) fn open(self) -> M {
        self.0.into_inner()
    }

    #[inline]
    pub(crate) const fn look(&mut self) -> &M {
        self.0.get_mut()
    }
}

impl<M> fmt::Debug for Sealed<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealed")
    }
}

impl Sleeper {
    pub(crate) const fn new(node: NodeId) -> Self {
        Self(NonZeroU32::MIN.saturating_add(node.0))
    }

    pub(crate) const fn node(self) -> NodeId {
        NodeId(self.0.get() - 1)
    }
}

/// A datagram under way: what most events are, in a form as short as can be. Millions of them wait
/// at once.
#[derive(Debug)]
pub(crate) struct Datagram<M> {
    /// Where it goes.
    pub(crate) at: NodeId,
    /// Who sent it; the sender's endpoint follows from that.
    pub(crate) from: NodeId,
    /// The how-many-eth that `from` sent.
    pub(crate) order: Order,
    /// How many bytes it has on the wire.
    pub(crate) len: u32,
    /// What it says.
    pub(crate) message: Sealed<M>,
}

/// A message that is moved in one piece.
///
/// A cell changes nothing but that the compiler sees no spare values in it. Else it would say "no
/// datagram" by one of the message's own, and would then take messages apart to move them: parts of
/// odd lengths, put together again at once, for which a core must wait until all it has written
/// before has reached the cache.
pub(crate) struct Sealed<M>(Cell<M>);

/// Counts what a node sends. Events of one tick come to a node in the order of (sender, send
/// order). It begins again after four thousand million, which nothing that is under way can see.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Order(NonZeroU32);

/// A node that is to be woken, if its deadline still stands: as short as can be, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Sleeper(NonZeroU32);

/// Anything else that will happen at a node. All that nodes do to each other goes through events,
/// and is under way for one tick at least; so the events of one tick do not depend on each other's
/// order but at the same node, and nodes can be spread over cores.
#[derive(Debug)]
pub(crate) struct Event<M> {
    /// Where it happens.
    pub(crate) at: NodeId,
    /// Who sent it: the node itself, if it is its own affair.
    pub(crate) from: NodeId,
    /// The how-many-eth that `from` sent.
    pub(crate) order: Order,
    /// What it is.
    pub(crate) what: What<M>,
}

/// What happens.
#[derive(Debug)]
pub(crate) enum What<M> {
    /// The uplink is free for the next bytes.
    UplinkFree,
    /// A datagram comes in that needs more words than a [`Datagram`].
    Datagram(Box<Unusual<M>>),
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

/// A datagram whose sender's endpoint must be told, or that comes as bytes, or that has queued at
/// the receiver's link.
#[derive(Debug)]
pub(crate) struct Unusual<M> {
    /// The sender's endpoint, as the receiver sees it.
    pub(crate) from: Endpoint,
    /// The endpoint to which it was sent; none if it came by no network.
    pub(crate) to: Option<Endpoint>,
    /// The value, or its bytes.
    pub(crate) content: Content<M>,
    /// How many bytes it has on the wire.
    pub(crate) len: u32,
    /// Whether it must still pass the receiver's link.
    pub(crate) passage: Passage,
}

/// Whether something must still pass the receiver's link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Passage {
    /// It must.
    Ahead,
    /// It stands in the queue there.
    Queued,
    /// It came by no link.
    Done,
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
    /// What the other side would say does not get through, since the cut with this number.
    Unheard {
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
        assert_eq!(size_of::<Option<Sleeper>>(), 4);
        assert_eq!(size_of::<Option<Datagram<[u64; 3]>>>(), 16 + 24);
        assert!(size_of::<Event<Infallible>>() <= 72);
    }

    #[test]
    fn a_sleeper_is_the_node_it_was_made_of() {
        for node in [0, 1, u32::MAX - 1] {
            assert_eq!(Sleeper::new(NodeId(node)).node(), NodeId(node));
        }
    }
}
