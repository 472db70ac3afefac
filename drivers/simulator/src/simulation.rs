//! The world: its nodes, its clock, and the doors for those who watch and those who meddle.

use core::fmt;
use core::net::IpAddr;
use core::time::Duration;
use std::collections::BTreeMap;

use bytes::Bytes;
use hardware::prefer_huge_pages;
use machine::{Endpoint, Instant, Protocol, SlotPlan, Wire};

use crate::config::{Config, Network, NodeConfig};
use crate::disk::Disk;
use crate::engine::event::NodeId;
use crate::engine::shard::{Cell, Host, Mail, Shard};
use crate::engine::threads::{self, Sprint};
use crate::engine::wheel::Tick;
use crate::engine::work::{Observer, Shared, Work, add_host};
use crate::tally::{Fates, Traffic};
use crate::trace::TraceHash;
use crate::world::World;

/// Many nodes, one clock, one seed. See the crate's page for how it is used.
pub struct Simulation<P: Protocol> {
    pub(crate) world: World,
    pub(crate) shared: P::Shared,
    pub(crate) shards: Vec<Shard<P>>,
    /// The tick that was lived through last.
    tick: Tick,
    /// How many nodes there are, dead or alive.
    nodes: u32,
    observers: Vec<Box<Observer<P>>>,
    script: BTreeMap<(Tick, u64), Box<Scene<P>>>,
    scenes: u64,
    /// Whether somebody threw bytes.
    thrown: bool,
    /// How all shards run at the same time, if they may.
    sprint: Option<Sprint<P>>,
    /// The disk of those who have none.
    no_disk: Disk,
}

/// Something that the user planned for a moment.
type Scene<P> = dyn FnOnce(&mut Simulation<P>);

impl<P: Protocol> Simulation<P> {
    /// Makes an empty world.
    #[must_use]
    pub fn new(config: Config, shared: P::Shared) -> Self {
        Self::of(config, shared, 1, None)
    }

    /// Makes an empty world whose nodes are spread over so many cores. It tells the same story as
    /// on one core: [`trace_hash`](Self::trace_hash) is the same.
    ///
    /// The cores work at the same time as long as nothing needs to look at all nodes at once: in
    /// [`run_until`](Self::run_until), without observers, and without datagrams in the form of
    /// bytes (whose decoding may change what all share). They meet once in each least latency, so
    /// that should be some milliseconds, and the nodes many thousands.
    ///
    /// # Panics
    /// When `shards` is 0.
    #[must_use]
    pub fn sharded(config: Config, shared: P::Shared, shards: u32) -> Self
    where
        P: Send,
        P::Message: Send,
        P::Event: Send,
        P::Shared: Sync,
    {
        assert!(shards > 0, "somebody must look after the nodes");
        Self::of(config, shared, shards, Some(threads::sprint))
    }

    fn of(config: Config, shared: P::Shared, shards: u32, sprint: Option<Sprint<P>>) -> Self {
        let no_disk = Disk::new(config.disk, SlotPlan { count: 0, len: 0 });
        Self {
            world: World::new(config, shards),
            shared,
            shards: (0..shards as usize)
                .map(|number| Shard::new(number, shards as usize))
                .collect(),
            tick: Tick(0),
            nodes: 0,
            observers: Vec::new(),
            script: BTreeMap::new(),
            scenes: 0,
            thrown: false,
            sprint: sprint.filter(|_| shards > 1),
            no_disk,
        }
    }

    /// Makes room for so many more nodes. A world that grows by itself does so too, but for some
    /// moments needs more memory.
    pub fn reserve(&mut self, nodes: usize) {
        let each = nodes.div_ceil(self.shards.len());
        for shard in &mut self.shards {
            make_room(&mut shard.cells, each);
        }
    }

    /// Adds a node, which lives from now on.
    ///
    /// # Panics
    /// When another node has one of its addresses.
    pub fn add(&mut self, node: P, config: NodeConfig) -> NodeId {
        let id = NodeId(self.nodes);
        assert!(id.0 < Cell::<P>::PLAIN - 1, "fewer than 2^32 nodes");
        self.nodes += 1;
        let shard = &mut self.shards[self.world.shard_of(id)];
        let mut cell = Cell::new(node);
        if !config.is_plain() {
            cell.host = add_host(&mut shard.hosts, Host::new(&self.world, &config));
        }
        if shard.cells.len() == shard.cells.capacity() {
            let more = shard.cells.len().max(4);
            make_room(&mut shard.cells, more);
        }
        shard.cells.push(cell);
        self.world.directory.add(id, config.addresses);
        let mut work = self.work_on(id);
        work.arm(id);
        work.arm_what_is_due();
        id
    }

    /// Gives a name to some endpoints: for [`Target::Host`](machine::Target::Host), which looks at
    /// their addresses only, and for [`Io::resolve`](machine::Io::resolve).
    pub fn name(&mut self, name: &str, addresses: &[IpAddr]) {
        self.world.names.insert(name.into(), addresses.to_vec());
    }

    /// Gives a node a command, now.
    pub fn command(&mut self, node: NodeId, command: P::Command) {
        self.work_on(node).take_command(node, command);
        self.deliver_mail();
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

    /// Sends bytes that need be no message to an endpoint, in the name of a stranger, as one
    /// datagram that arrives with the next tick.
    pub fn throw(&mut self, from: Endpoint, to: Endpoint, bytes: impl Into<Bytes>) {
        if let Some(listening) = self.world.directory.listening(to) {
            self.thrown = true;
            let node = listening.node;
            self.work_on(node).throw(from, node, bytes.into());
        }
    }

    /// Kills a node: its connections are reset, its memory and the disk jobs under way are lost,
    /// what is on its disk stays. Returns the node as it was.
    pub fn crash(&mut self, node: NodeId) -> Option<P> {
        let dead = self.work_on(node).crash(node);
        self.deliver_mail();
        dead
    }

    /// Starts a node where another crashed, with its addresses and its disk.
    ///
    /// # Panics
    /// When the other one still lives.
    pub fn restart(&mut self, id: NodeId, node: P) {
        self.work_on(id).restart(id, node);
    }

    /// Cuts the network into parts: these groups, and the rest. Datagrams from one to another are
    /// lost; streams wait, and time out if it takes too long.
    pub fn partition(&mut self, groups: &[&[NodeId]]) {
        self.heal();
        let partition = &mut self.world.partition;
        partition.cuts += 1;
        partition.sides = vec![0; self.nodes as usize];
        for (side, group) in (1..).zip(groups) {
            for node in *group {
                partition.sides[node.index()] = side;
            }
        }
    }

    /// Makes the network whole again.
    pub fn heal(&mut self) {
        self.world.partition.sides.clear();
        for shard in 0..self.shards.len() {
            self.work(shard).heal();
        }
        self.deliver_mail();
    }

    /// Lives through the next tick in which anything happens; tells whether there was one.
    pub fn step(&mut self) -> bool {
        self.live(Tick::NEVER)
    }

    /// Runs up to a moment, and stands there.
    pub fn run_until(&mut self, moment: Instant) {
        let limit = Tick::not_after(moment);
        while self.sprint_to(limit) || self.live(limit) {}
        self.stand_at(limit);
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
                self.stand_at(limit);
                return false;
            }
        }
    }

    /// Runs until so many inputs were given, to the end of that tick: to where a replay line says that
    /// something went wrong, or to just before it. Tells whether it came so far.
    pub fn run_until_turn(&mut self, turn: u64) -> bool {
        while self.turns() < turn {
            if !self.live(Tick::NEVER) {
                return false;
            }
        }
        true
    }

    /// The moment up to which all was lived through.
    #[must_use]
    pub const fn now(&self) -> Instant {
        self.tick.instant()
    }

    /// A node; none between its crash and its restart.
    #[must_use]
    pub fn node(&self, node: NodeId) -> Option<&P> {
        self.cell(node).node.as_ref()
    }

    /// All nodes, in the order in which they were added.
    pub fn nodes(&self) -> impl Iterator<Item = NodeId> + use<P> {
        (0..self.nodes).map(NodeId)
    }

    /// The first endpoint of a node.
    #[must_use]
    pub fn endpoint(&self, node: NodeId) -> Endpoint {
        self.world.directory.endpoint(node)
    }

    /// How long a message is under way between two nodes, one way: what measures of stretch compare
    /// with.
    #[must_use]
    pub fn latency(&self, one: NodeId, other: NodeId) -> Duration {
        Duration::from_nanos(self.world.latency(one, other))
    }

    /// How many connections a node has, being opened and being closed included.
    #[must_use]
    pub fn connections(&self, node: NodeId) -> usize {
        let host = self.host(node);
        host.map_or(0, |host| host.connections.len())
    }

    /// The disk of a node, to look at.
    #[must_use]
    pub fn disk_of(&self, node: NodeId) -> &Disk {
        let host = self.host(node);
        host.map_or(&self.no_disk, |host| &host.disk)
    }

    /// The disk of a node, to lay files on or to damage.
    pub fn disk(&mut self, node: NodeId) -> &mut Disk {
        let (shard, place) = (self.world.shard_of(node), self.world.place_of(node));
        self.work(shard).host(node);
        let shard = &mut self.shards[shard];
        &mut shard.hosts[shard.cells[place].host as usize].disk
    }

    /// What the nodes told since this was asked last: by moment, then by node, then in the order in
    /// which it was told.
    pub fn take_events(&mut self) -> Vec<(NodeId, Instant, P::Event)> {
        let mut told = core::mem::take(&mut self.shards[0].told);
        for shard in &mut self.shards[1..] {
            told.append(&mut shard.told);
        }
        told.sort_by_key(|&(node, at, _)| (at, node));
        told
    }

    /// What all nodes share.
    #[must_use]
    pub const fn shared(&self) -> &P::Shared {
        &self.shared
    }

    /// The hash of all inputs so far: the same seed gives the same, on every machine, on one core
    /// or on several.
    #[must_use]
    pub fn trace_hash(&self) -> TraceHash {
        let hashes = self.shards.iter().map(|shard| shard.trace.0);
        TraceHash(hashes.fold(0, u64::wrapping_add))
    }

    /// How many inputs were given so far.
    #[must_use]
    pub fn turns(&self) -> u64 {
        self.shards.iter().map(|shard| shard.turns).sum()
    }

    /// What was sent so far, by the kinds of datagrams.
    #[must_use]
    pub fn traffic(&self) -> Vec<Traffic> {
        let mut sum = Traffic::of_kinds(P::Message::KINDS);
        for shard in &self.shards {
            for (sum, traffic) in sum.iter_mut().zip(&shard.traffic) {
                sum.messages += traffic.messages;
                sum.bytes += traffic.bytes;
            }
        }
        sum
    }

    /// What became of the datagrams that did not arrive.
    #[must_use]
    pub fn fates(&self) -> Fates {
        let mut sum = Fates::default();
        for shard in &self.shards {
            sum += shard.fates;
        }
        sum
    }

    /// How many bytes have left all nodes so far.
    #[must_use]
    pub fn bytes_sent(&self) -> u64 {
        self.nodes().map(|node| self.bytes_sent_by(node)).sum()
    }

    /// How many bytes have left a node so far.
    #[must_use]
    pub fn bytes_sent_by(&self, node: NodeId) -> u64 {
        let host = self.host(node).map_or(0, |host| host.uplink.sent);
        self.cell(node).bytes + host
    }

    /// The network's properties, which may be changed while it runs. (The latency of connections
    /// that are open stays.)
    pub const fn network(&mut self) -> &mut Network {
        &mut self.world.config.network
    }

    /// Lives through the next tick in which anything happens, if it is not after `limit`: first
    /// what comes in, then the wakes, then what was planned.
    fn live(&mut self, limit: Tick) -> bool {
        let planned = self.script.first_key_value().map(|(&(tick, _), _)| tick);
        let next = self.shards.iter().filter_map(Shard::next).min();
        let Some(tick) = next.into_iter().chain(planned).min() else {
            return false;
        };
        if tick > limit {
            return false;
        }
        self.world.prepare();
        self.stand_at(tick);
        // With several shards others may still have mail for the very next tick.
        let alone = self.shards.len() == 1;
        let open = if alone { Tick::NEVER } else { tick.next() };
        for shard in 0..self.shards.len() {
            self.work(shard).live(tick, open);
        }
        self.deliver_mail();
        self.play(tick);
        true
    }

    /// Lets all shards run at the same time up to `limit`, or to the next scene, if they may; tells
    /// whether they did.
    fn sprint_to(&mut self, limit: Tick) -> bool {
        let Some(sprint) = self.sprint else {
            return false;
        };
        let planned = self.script.first_key_value().map(|(&(tick, _), _)| tick);
        let bytes = self.thrown || self.world.config.network.has_bytes();
        let end = planned.unwrap_or(Tick::NEVER).min(limit.next());
        let next = self.shards.iter().filter_map(Shard::next).min();
        if bytes || !self.observers.is_empty() || next.is_none_or(|next| next >= end) {
            return false;
        }
        self.world.prepare();
        let last = sprint(&mut self.shards, &self.world, &self.shared, end);
        self.stand_at(last);
        true
    }

    fn play(&mut self, tick: Tick) {
        while let Some(entry) = self.script.first_entry()
            && entry.key().0 <= tick
        {
            let scene = entry.remove();
            scene(self);
        }
    }

    /// Sets the clock, never back.
    fn stand_at(&mut self, tick: Tick) {
        self.tick = self.tick.max(tick);
        for shard in &mut self.shards {
            shard.tick = self.tick;
        }
    }

    /// Brings what shards have for each other.
    fn deliver_mail(&mut self) {
        if self.shards.len() == 1 {
            return;
        }
        for to in 0..self.shards.len() {
            for from in 0..self.shards.len() {
                let mut mail = core::mem::replace(&mut self.shards[from].outboxes[to], Mail::new());
                self.shards[to].take_in(&mut mail);
                self.shards[from].outboxes[to] = mail;
            }
        }
    }

    fn work(&mut self, shard: usize) -> Work<'_, P> {
        Work {
            shard: &mut self.shards[shard],
            world: &self.world,
            shared: Shared::Alone(&mut self.shared),
            observers: &mut self.observers,
        }
    }

    fn work_on(&mut self, node: NodeId) -> Work<'_, P> {
        self.work(self.world.shard_of(node))
    }

    fn cell(&self, node: NodeId) -> &Cell<P> {
        &self.shards[self.world.shard_of(node)].cells[self.world.place_of(node)]
    }

    fn host(&self, node: NodeId) -> Option<&Host> {
        let shard = &self.shards[self.world.shard_of(node)];
        let cell = &shard.cells[self.world.place_of(node)];
        shard.hosts.get(cell.host as usize)
    }
}

/// Makes room for more cells, in huge pages from the first one on: what is moved there later stays
/// in the small pages in which it came.
fn make_room<T>(cells: &mut Vec<T>, more: usize) {
    let mut roomy = Vec::with_capacity(cells.len() + more);
    prefer_huge_pages(&roomy);
    roomy.append(cells);
    *cells = roomy;
}

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
            self.world.config.seed.0,
            self.now().since(Instant::ZERO),
            self.turns(),
            self.trace_hash().0,
            self.nodes,
        )
    }
}
