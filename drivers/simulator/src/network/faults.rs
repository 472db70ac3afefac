//! What goes wrong by somebody's will: crashes, restarts, partitions.

use machine::{ConnId, Instant, Protocol};

use super::connection::Connections;
use super::{Partition, Waiting};
use crate::engine::event::{NodeId, Notice, Packet, Segment, What};
use crate::engine::wheel::Tick;
use crate::simulation::Simulation;

impl<P: Protocol> Simulation<P> {
    /// Kills a node: its connections are reset, its memory and the disk jobs under way are lost,
    /// what is on its disk stays. Returns the node as it was.
    pub fn crash(&mut self, node: NodeId) -> Option<P> {
        let now = self.now().as_nanos();
        let host = &mut self.hosts[node.index()];
        host.armed = Tick::NEVER;
        host.uplink.ring.clear();
        host.disk.crash();
        let mut connections = core::mem::replace(&mut host.connections, Connections::new());
        let dead = host.node.take();
        for (conn, end) in connections.iter_mut() {
            if let Some(peer) = end.peer() {
                self.transmit(node, conn, peer, now, Segment::Reset);
            }
        }
        dead
    }

    /// Starts a node where another crashed, with its addresses and its disk.
    ///
    /// # Panics
    /// When the other one still lives.
    pub fn restart(&mut self, id: NodeId, node: P) {
        let host = &mut self.hosts[id.index()];
        assert!(host.node.is_none(), "{id:?} still lives");
        host.node = Some(node);
        self.arm(id);
        self.arm_what_is_due();
    }

    /// Cuts the network into parts: these groups, and the rest. Datagrams from one to another are
    /// lost; streams wait, and time out if it takes too long.
    pub fn partition(&mut self, groups: &[&[NodeId]]) {
        self.heal();
        self.network.cuts += 1;
        self.network.partition = Partition::Cut;
        for (side, group) in (1..).zip(groups) {
            for node in *group {
                self.hosts[node.index()].side = side;
            }
        }
    }

    /// Makes the network whole again.
    pub fn heal(&mut self) {
        let now = self.now().as_nanos();
        self.network.partition = Partition::Whole;
        for host in &mut self.hosts {
            host.side = 0;
            for (_, end) in host.connections.iter_mut() {
                end.stalled = None;
            }
        }
        for waiting in core::mem::take(&mut self.network.limbo) {
            let Waiting {
                from,
                to,
                latency,
                packet,
            } = waiting;
            self.dispatch(from, to, now, latency, packet);
        }
    }

    /// Whether nothing gets from one node to the other.
    pub(crate) fn is_cut(&self, one: NodeId, other: NodeId) -> bool {
        self.network.partition == Partition::Cut
            && self.hosts[one.index()].side != self.hosts[other.index()].side
    }

    /// Sends a packet on its way, or lets it wait for the network to heal.
    pub(crate) fn dispatch(
        &mut self,
        from: NodeId,
        to: NodeId,
        leaves: u64,
        latency: u64,
        packet: Packet,
    ) {
        if !self.is_cut(from, to) {
            let arrives = Instant::from_nanos(leaves.saturating_add(latency));
            return self.post(Tick::not_before(arrives), from, to, What::Packet(packet));
        }
        self.stall(from, packet.reply);
        if matches!(packet.segment, Segment::Credit(_)) {
            // The other side sent what this would acknowledge, and waits.
            self.stall(to, packet.conn);
        }
        self.network.limbo.push(Waiting {
            from,
            to,
            latency,
            packet,
        });
    }

    /// Begins to count the time in which a connection gets nothing through.
    fn stall(&mut self, id: NodeId, conn: ConnId) {
        let cut = self.network.cuts;
        if let Some(end) = self.hosts[id.index()].connections.get_mut(conn)
            && end.stalled.is_none()
        {
            end.stalled = Some(cut);
            let timeout = Tick::not_before(self.now() + self.config.network.stream_timeout);
            let notice = Notice::Stalled { cut };
            self.post(timeout, id, id, What::Notice { conn, notice });
        }
    }

    /// Forgets a connection and what of it waits for the network to heal.
    pub(crate) fn forget(&mut self, id: NodeId, conn: ConnId) {
        if let Some(end) = self.hosts[id.index()].connections.remove(conn)
            && end.stalled.is_some()
        {
            let theirs = |waiting: &Waiting| waiting.from == id && waiting.packet.reply == conn;
            self.network.limbo.retain(|waiting| !theirs(waiting));
        }
    }
}
