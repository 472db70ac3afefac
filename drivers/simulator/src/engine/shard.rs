//! The nodes that one core looks after, and what waits for them.
//!
//! Nodes are dealt out to the shards in turn, by their numbers. No node touches another but by an
//! event that is under way for one tick at least, so a shard needs nothing of the others but their
//! mail.

use bytes::Bytes;
use machine::{Effects, Ids, Instant, Protocol, Wire};

use super::event::{Datagram, Event, NodeId, Sleeper};
use super::inbox::Inbox;
use super::wheel::{Tick, Wheel};
use crate::config::{NodeConfig, Reach};
use crate::directory::EPHEMERAL_PORTS;
use crate::disk::Disk;
use crate::network::Waiting;
use crate::network::connection::Connections;
use crate::network::link::{Downlink, Uplink};
use crate::network::nat::Gate;
use crate::tally::{Fates, Traffic};
use crate::trace::TraceHash;
use crate::world::World;

/// The nodes that one core looks after.
///
/// Shards lie side by side and are written by different cores: each keeps to its own cache lines.
#[repr(align(128))]
pub(crate) struct Shard<P: Protocol> {
    /// Which one this is.
    pub(crate) number: usize,
    /// The tick that was lived through last.
    pub(crate) tick: Tick,
    pub(crate) cells: Vec<Cell<P>>,
    pub(crate) hosts: Vec<Host>,
    pub(crate) inbox: Inbox<P::Message>,
    /// All other events.
    pub(crate) events: Wheel<Event<P::Message>>,
    /// The nodes that have a deadline.
    pub(crate) sleepers: Wheel<Sleeper>,
    /// What is for other shards, by their numbers.
    pub(crate) outboxes: Vec<Mail<P::Message>>,
    /// Whose deadline falls into the tick that is being lived through.
    pub(crate) due: Vec<Sleeper>,
    /// Packets of streams that wait for a partition to heal, in the order of their sending.
    pub(crate) limbo: Vec<Waiting>,
    /// What nodes told their users.
    pub(crate) told: Vec<(NodeId, Instant, P::Event)>,
    pub(crate) trace: TraceHash,
    pub(crate) turns: u64,
    /// What was sent, by the kinds of messages.
    pub(crate) traffic: Vec<Traffic>,
    pub(crate) fates: Fates,
    /// Lent to each turn.
    pub(crate) effects: Effects<P>,
    /// What was written last: a broadcast writes the same to many.
    pub(crate) written: Bytes,
    /// Lent to each turn of an uplink.
    pub(crate) parcels: Vec<Bytes>,
    /// Lent to each tick.
    pub(crate) batch: Vec<Event<P::Message>>,
}

/// A node, and the little that is kept for each. What a node of datagrams does not need is in its
/// [`Host`], which it does not have.
///
/// In memory it stands as it is written: what every turn touches comes first, so that it comes with
/// the first lines.
#[repr(C)]
pub(crate) struct Cell<P> {
    /// The tick of the sleeper that wakes it, if one is queued and still counts.
    pub(crate) armed: Tick,
    /// The tick of another, later sleeper that is queued too.
    pub(crate) beyond: Tick,
    /// The node's deadline, as it told after its last turn; [`Cell::NO_DEADLINE`] if it has none.
    /// Half of all sleepers are void: to see that needs no more than this line of memory.
    pub(crate) deadline: Instant,
    /// How many bytes of datagrams it has sent, while it had no host.
    pub(crate) bytes: u64,
    /// How many inputs it has taken.
    pub(crate) turns: u32,
    /// How many events it has sent.
    pub(crate) sent: u32,
    /// Which host is its; [`Cell::PLAIN`] if none.
    pub(crate) host: u32,
    /// The node; none after a crash.
    pub(crate) node: Option<P>,
}

/// What is kept for a node that has streams, a disk, or a link with limits.
#[derive(Debug)]
pub(crate) struct Host {
    pub(crate) ids: Ids,
    pub(crate) reach: Reach,
    pub(crate) connections_max: usize,
    pub(crate) next_port: u16,
    pub(crate) connections: Connections,
    pub(crate) uplink: Uplink,
    pub(crate) downlink: Downlink,
    pub(crate) disk: Disk,
    /// What stands between it and the rest, if anything does.
    pub(crate) gate: Option<Gate>,
}

/// What one shard has for another.
#[derive(Debug)]
pub(crate) struct Mail<M> {
    pub(crate) datagrams: Vec<(Tick, Datagram<M>)>,
    pub(crate) events: Vec<(Tick, Event<M>)>,
}

impl<P> Cell<P> {
    pub(crate) const PLAIN: u32 = u32::MAX;

    pub(crate) const NO_DEADLINE: Instant = Instant::from_nanos(u64::MAX);

    pub(crate) const fn new(node: P) -> Self {
        Self {
            armed: Tick::NEVER,
            beyond: Tick::NEVER,
            deadline: Self::NO_DEADLINE,
            bytes: 0,
            turns: 0,
            sent: 0,
            host: Self::PLAIN,
            node: Some(node),
        }
    }
}

impl Host {
    pub(crate) fn new(world: &World, config: &NodeConfig) -> Self {
        Self {
            ids: Ids::NEW,
            reach: config.reach,
            connections_max: config.connections_max,
            next_port: EPHEMERAL_PORTS.start,
            connections: Connections::new(),
            uplink: Uplink::new(config.up),
            downlink: Downlink::new(config.down),
            disk: Disk::new(world.config.disk, config.slots),
            gate: config.nat.map(Gate::new),
        }
    }

    /// Takes the next port for a connection to elsewhere.
    pub(crate) const fn take_port(&mut self) -> u16 {
        let port = self.next_port;
        self.next_port = if port + 1 < EPHEMERAL_PORTS.end {
            port + 1
        } else {
            EPHEMERAL_PORTS.start
        };
        port
    }

    /// Whether a stranger's connection is accepted.
    pub(crate) fn is_willing(&self) -> bool {
        self.reach == Reach::Open && self.connections.len() < self.connections_max
    }
}

impl<M> Mail<M> {
    pub(crate) const fn new() -> Self {
        Self {
            datagrams: Vec::new(),
            events: Vec::new(),
        }
    }

    /// The first tick for which there is anything.
    pub(crate) fn next(&self) -> Option<Tick> {
        let datagrams = self.datagrams.iter().map(|&(tick, _)| tick);
        let events = self.events.iter().map(|&(tick, _)| tick);
        datagrams.chain(events).min()
    }
}

impl<P: Protocol> Shard<P> {
    pub(crate) fn new(number: usize, of: usize) -> Self {
        Self {
            number,
            tick: Tick(0),
            cells: Vec::new(),
            hosts: Vec::new(),
            inbox: Inbox::new(),
            events: Wheel::new(),
            sleepers: Wheel::new(),
            outboxes: (0..of).map(|_| Mail::new()).collect(),
            due: Vec::new(),
            limbo: Vec::new(),
            told: Vec::new(),
            trace: TraceHash(0),
            turns: 0,
            traffic: Traffic::of_kinds(P::Message::KINDS),
            fates: Fates::default(),
            effects: Effects::new(),
            written: Bytes::new(),
            parcels: Vec::new(),
            batch: Vec::new(),
        }
    }

    /// Tells the next tick in which anything happens here.
    pub(crate) fn next(&self) -> Option<Tick> {
        let soonest = |one: Option<Tick>, other: Option<Tick>| match (one, other) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
        let events = soonest(self.events.next(), self.sleepers.next());
        soonest(self.inbox.next(), events)
    }

    /// Takes in what another shard had for this one.
    pub(crate) fn take_in(&mut self, mail: &mut Mail<P::Message>) {
        for (tick, datagram) in mail.datagrams.drain(..) {
            self.inbox.push(tick, datagram);
        }
        for (tick, event) in mail.events.drain(..) {
            self.events.push(tick, event);
        }
    }
}
