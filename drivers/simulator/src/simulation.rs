//! The world: its nodes, its clock, and the doors for those who watch and those who meddle.

use core::fmt;
use core::net::IpAddr;
use core::ops::Range;
use core::time::Duration;
use std::collections::BTreeMap;

use bytes::Bytes;
use hashbrown::HashMap;
use machine::{Effects, Endpoint, Instant, ListenerId, Protocol, Turns};

use crate::config::{Config, NodeConfig, Reach};
use crate::disk::Disk;
use crate::engine::event::{Event, Listening, NodeId, What};
use crate::engine::wheel::{Tick, Wheel};
use crate::network::Network;
use crate::network::connection::Connections;
use crate::network::link::{Downlink, Uplink};
use crate::trace::TraceHash;

/// Many nodes, one clock, one seed. See the crate's page for how it is used.
pub struct Simulation<P: Protocol> {
    pub(crate) config: Config,
    pub(crate) shared: P::Shared,
    /// The tick that was lived through last.
    pub(crate) tick: Tick,
    pub(crate) wheel: Wheel<Event<P::Message>>,
    pub(crate) hosts: Vec<Host<P>>,
    pub(crate) network: Network,
    /// What was written last: a broadcast writes the same to many.
    pub(crate) written: Bytes,
    /// Lent to each turn of an uplink.
    pub(crate) parcels: Vec<Bytes>,
    pub(crate) trace: TraceHash,
    pub(crate) turns: u64,
    /// Lent to each turn.
    pub(crate) effects: Effects<P>,
    /// Whose deadline fell into the tick that is being lived through.
    pub(crate) due: Vec<NodeId>,
    pub(crate) events: Vec<(NodeId, Instant, P::Event)>,
    pub(crate) observers: Vec<Box<Observer<P>>>,
    script: BTreeMap<(Tick, u64), Box<Scene<P>>>,
    scenes: u64,
    batch: Vec<Event<P::Message>>,
}

/// Looks at a node after each of its turns.
type Observer<P> = dyn FnMut(NodeId, &P, Instant);

/// Something that the user planned for a moment.
type Scene<P> = dyn FnOnce(&mut Simulation<P>);

/// A node, and all that the driver keeps for it.
pub(crate) struct Host<P> {
    /// The node; none after a crash.
    pub(crate) node: Option<P>,
    pub(crate) turns: Turns,
    /// The tick of the event that wakes it, if one is queued and still counts.
    pub(crate) armed: Tick,
    /// How many events it has sent.
    pub(crate) sent: u64,
    /// On which side of a partition it stands.
    pub(crate) side: u32,
    pub(crate) addresses: Vec<Endpoint>,
    pub(crate) reach: Reach,
    pub(crate) connections_max: usize,
    pub(crate) next_port: u16,
    pub(crate) connections: Connections,
    pub(crate) uplink: Uplink,
    pub(crate) downlink: Downlink,
    pub(crate) disk: Disk,
}

impl<P: Protocol> Simulation<P> {
    /// Makes an empty world.
    #[must_use]
    pub fn new(config: Config, shared: P::Shared) -> Self {
        Self {
            config,
            shared,
            tick: Tick(0),
            wheel: Wheel::new(),
            hosts: Vec::new(),
            network: Network::new(),
            written: Bytes::new(),
            parcels: Vec::new(),
            trace: TraceHash(0),
            turns: 0,
            effects: Effects::new(),
            due: Vec::new(),
            events: Vec::new(),
            observers: Vec::new(),
            script: BTreeMap::new(),
            scenes: 0,
            batch: Vec::new(),
        }
    }

    /// Adds a node, which lives from now on.
    ///
    /// # Panics
    /// When another node has one of its addresses.
    pub fn add(&mut self, node: P, config: NodeConfig) -> NodeId {
        let id = NodeId(u32::try_from(self.hosts.len()).expect("fewer than 2^32 nodes"));
        for (listener, &endpoint) in (0..).zip(&config.addresses) {
            let listening = Listening {
                node: id,
                listener: ListenerId(listener),
            };
            let before = self.network.listening.insert(endpoint, listening);
            assert!(before.is_none(), "two nodes at {endpoint}");
            self.network.addresses.insert(endpoint.ip(), id);
        }
        self.hosts.push(Host {
            node: Some(node),
            turns: Turns::new(self.config.seed, u64::from(id.0)),
            armed: Tick::NEVER,
            sent: 0,
            side: 0,
            addresses: config.addresses,
            reach: config.reach,
            connections_max: config.connections_max,
            next_port: EPHEMERAL_PORTS.start,
            connections: Connections::new(),
            uplink: Uplink::new(config.up),
            downlink: Downlink::new(config.down),
            disk: Disk::new(self.config.disk, config.slots),
        });
        self.arm(id);
        self.arm_what_is_due();
        id
    }

    /// Gives a name to some endpoints: for [`Target::Host`](machine::Target::Host), which looks at
    /// their addresses only, and for [`Io::resolve`](machine::Io::resolve).
    pub fn name(&mut self, name: &str, addresses: &[IpAddr]) {
        self.network.names.insert(name.into(), addresses.to_vec());
    }

    /// Gives a node a command, now.
    pub fn command(&mut self, node: NodeId, command: P::Command) {
        self.take_command(node, command);
    }

    /// Plans something for a moment, after all else that happens then. What is planned for the
    /// past happens with the next tick.
    pub fn at(&mut self, moment: Instant, scene: impl FnOnce(&mut Self) + 'static) {
        let tick = Tick::not_before(moment).max(self.tick.next());
        self.scenes += 1;
        self.script.insert((tick, self.scenes), Box::new(scene));
    }

    /// Plans something for some time from now.
    pub fn after(&mut self, delay: Duration, scene: impl FnOnce(&mut Self) + 'static) {
        self.at(self.now() + delay, scene);
    }

    /// Looks at a node after each of its turns: the place to check what must always hold.
    pub fn observe(&mut self, observer: impl FnMut(NodeId, &P, Instant) + 'static) {
        self.observers.push(Box::new(observer));
    }

    /// Lives through the next tick in which anything happens; tells whether there was one.
    pub fn step(&mut self) -> bool {
        self.live(Tick::NEVER)
    }

    /// Runs up to a moment, and stands there.
    pub fn run_until(&mut self, moment: Instant) {
        let limit = Tick::not_after(moment);
        while self.live(limit) {}
        self.tick = self.tick.max(limit);
    }

    /// Runs for some time.
    pub fn run_for(&mut self, time: Duration) {
        self.run_until(self.now() + time);
    }

    /// Runs until something holds, asked after each tick, or until the moment; tells whether it
    /// holds.
    pub fn run_until_holds(
        &mut self,
        moment: Instant,
        mut holds: impl FnMut(&mut Self) -> bool,
    ) -> bool {
        let limit = Tick::not_after(moment);
        loop {
            if holds(self) {
                return true;
            }
            if !self.live(limit) {
                self.tick = self.tick.max(limit);
                return false;
            }
        }
    }

    /// The moment up to which all was lived through.
    #[must_use]
    pub const fn now(&self) -> Instant {
        self.tick.instant()
    }

    /// A node; none between its crash and its restart.
    #[must_use]
    pub fn node(&self, node: NodeId) -> Option<&P> {
        self.hosts[node.index()].node.as_ref()
    }

    /// All nodes, in the order in which they were added.
    pub fn nodes(&self) -> impl Iterator<Item = NodeId> + use<P> {
        (0..self.hosts.len()).map(|index| NodeId(u32::try_from(index).expect("counted in u32")))
    }

    /// The first endpoint of a node.
    #[must_use]
    pub fn endpoint(&self, node: NodeId) -> Endpoint {
        self.hosts[node.index()].addresses[0]
    }

    /// How many connections a node has, being opened and being closed included.
    #[must_use]
    pub fn connections(&self, node: NodeId) -> usize {
        self.hosts[node.index()].connections.len()
    }

    /// The disk of a node, to look at.
    #[must_use]
    pub fn disk_of(&self, node: NodeId) -> &Disk {
        &self.hosts[node.index()].disk
    }

    /// The disk of a node, to lay files on or to damage.
    pub fn disk(&mut self, node: NodeId) -> &mut Disk {
        &mut self.hosts[node.index()].disk
    }

    /// What the nodes told since this was asked last, in order.
    pub fn take_events(&mut self) -> Vec<(NodeId, Instant, P::Event)> {
        core::mem::take(&mut self.events)
    }

    /// What all nodes share.
    #[must_use]
    pub const fn shared(&self) -> &P::Shared {
        &self.shared
    }

    /// The hash of all inputs so far: the same seed gives the same, on every machine.
    #[must_use]
    pub const fn trace_hash(&self) -> TraceHash {
        self.trace
    }

    /// How many inputs were given so far.
    #[must_use]
    pub const fn turns(&self) -> u64 {
        self.turns
    }

    /// How many bytes have left all nodes so far.
    #[must_use]
    pub fn bytes_sent(&self) -> u64 {
        self.hosts.iter().map(|host| host.uplink.sent).sum()
    }

    /// How many bytes have left a node so far.
    #[must_use]
    pub fn bytes_sent_by(&self, node: NodeId) -> u64 {
        self.hosts[node.index()].uplink.sent
    }

    /// The network's properties, which may be changed while it runs. (The latency of connections
    /// that are open stays.)
    pub const fn network(&mut self) -> &mut crate::config::Network {
        &mut self.config.network
    }

    /// Lives through the next tick in which anything happens, if it is not after `limit`: first
    /// what comes in, then the wakes, then what was planned.
    fn live(&mut self, limit: Tick) -> bool {
        let planned = self.script.first_key_value().map(|(&(tick, _), _)| tick);
        let planned = planned.filter(|&tick| tick <= limit);
        let mut batch = core::mem::take(&mut self.batch);
        let popped = self.wheel.pop(planned.unwrap_or(limit), &mut batch);
        let tick = popped.or(planned);
        if let Some(tick) = tick {
            self.tick = tick;
            self.happen(&mut batch);
            self.play(tick);
        }
        self.batch = batch;
        tick.is_some()
    }

    fn happen(&mut self, batch: &mut Vec<Event<P::Message>>) {
        if batch.len() > 1 {
            batch.sort_unstable_by_key(|event| (event.at, event.from, event.order));
        }
        for event in batch.drain(..) {
            if matches!(event.what, What::Wake) {
                self.note_due(event.at);
            } else {
                self.happen_at(event);
            }
        }
        // A turn of a wake may not make another node due in this tick, so the list is whole.
        let mut due = core::mem::take(&mut self.due);
        due.sort_unstable();
        for node in due.drain(..) {
            self.wake(node);
        }
        self.due = due;
    }

    fn play(&mut self, tick: Tick) {
        while let Some(entry) = self.script.first_entry()
            && entry.key().0 <= tick
        {
            let scene = entry.remove();
            scene(self);
        }
    }
}

/// From where the system takes the ports of connections that are opened (RFC 6335, section 6).
pub(crate) const EPHEMERAL_PORTS: Range<u16> = 49_152..65_535;

/// Says how to see a failure again.
impl<P: Protocol> Drop for Simulation<P> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            crate::seeds::say(format_args!("{self:?}"));
        }
    }
}

impl<P: Protocol> fmt::Debug for Simulation<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "replay: seed={} at={:?} turns={} trace={:016x} nodes={}",
            self.config.seed.0,
            self.now().since(Instant::ZERO),
            self.turns,
            self.trace.0,
            self.hosts.len(),
        )
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
