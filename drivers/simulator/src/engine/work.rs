//! A shard at work: its nodes, and what it sees of the world.

use machine::{Instant, Protocol};

use super::event::{Datagram, Event, NodeId, Order, What};
use super::shard::{Cell, Host, Shard};
use super::wheel::Tick;
use crate::config::NodeConfig;
use crate::world::World;

/// A shard at work. All that happens to nodes is a method of it: the turns here, the network in
/// `network`.
pub(crate) struct Work<'a, P: Protocol> {
    pub(crate) shard: &'a mut Shard<P>,
    pub(crate) world: &'a World,
    pub(crate) shared: Shared<'a, P::Shared>,
    /// Those who look on; none while several shards are at work.
    pub(crate) observers: &'a mut [Box<Observer<P>>],
}

/// Looks at a node after each of its turns.
pub(crate) type Observer<P> = dyn FnMut(NodeId, &P, Instant);

/// What all nodes share. To decode a message may add to it, which only one can do at a time.
pub(crate) enum Shared<'a, S> {
    /// Nobody else is at work.
    Alone(&'a mut S),
    /// Others are, and no message comes as bytes.
    Together(&'a S),
}

impl<S> Shared<'_, S> {
    #[inline]
    pub(crate) const fn see(&self) -> &S {
        match self {
            Self::Alone(shared) => shared,
            Self::Together(shared) => shared,
        }
    }
}

impl<P: Protocol> Work<'_, P> {
    /// The moment of the tick that is being lived through.
    #[inline]
    pub(crate) const fn now(&self) -> Instant {
        self.shard.tick.instant()
    }

    /// A node of this shard.
    #[inline]
    pub(crate) fn cell(&mut self, id: NodeId) -> &mut Cell<P> {
        &mut self.shard.cells[self.world.place_of(id)]
    }

    /// The host of a node, if it has one.
    #[inline]
    pub(crate) fn host_of(&mut self, id: NodeId) -> Option<&mut Host> {
        let cell = &self.shard.cells[self.world.place_of(id)];
        self.shard.hosts.get_mut(cell.host as usize)
    }

    /// The host of a node, which has one from now on.
    #[inline]
    pub(crate) fn host(&mut self, id: NodeId) -> &mut Host {
        let cell = &mut self.shard.cells[self.world.place_of(id)];
        if cell.host == Cell::<P>::PLAIN {
            let config = NodeConfig::anywhere();
            cell.host = add_host(&mut self.shard.hosts, Host::new(self.world, &config));
        }
        &mut self.shard.hosts[cell.host as usize]
    }

    /// Numbers what a node sends next.
    #[inline]
    pub(crate) fn count_sent(&mut self, id: NodeId) -> Order {
        let cell = self.cell(id);
        cell.sent = cell.sent.wrapping_add(1);
        Order::of(cell.sent)
    }

    /// Queues an event in the name of `from`.
    pub(crate) fn post(&mut self, tick: Tick, from: NodeId, at: NodeId, what: What<P::Message>) {
        let order = self.count_sent(from);
        let event = Event {
            at,
            from,
            order,
            what,
        };
        let tick = tick.max(self.shard.tick.next());
        let shard = self.world.shard_of(at);
        if shard == self.shard.number {
            self.shard.events.push(tick, event);
        } else {
            self.shard.outboxes[shard].events.push((tick, event));
        }
    }

    /// Sends a datagram on its way.
    #[inline]
    pub(crate) fn post_datagram(&mut self, tick: Tick, datagram: Datagram<P::Message>) {
        let tick = tick.max(self.shard.tick.next());
        let shard = self.world.shard_of(datagram.at);
        if shard == self.shard.number {
            self.shard.inbox.push(tick, datagram);
        } else {
            self.shard.outboxes[shard].datagrams.push((tick, datagram));
        }
    }
}

/// Adds a host and tells its place.
pub(crate) fn add_host(hosts: &mut Vec<Host>, host: Host) -> u32 {
    hosts.push(host);
    u32::try_from(hosts.len() - 1).expect("fewer hosts than nodes")
}
