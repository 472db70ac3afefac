//! What goes wrong by somebody's will: crashes, restarts, partitions.

use machine::{ConnId, Instant, Protocol};

use super::Waiting;
use super::connection::Connections;
use crate::engine::event::{NodeId, Notice, Packet, Segment, What};
use crate::engine::shard::Cell;
use crate::engine::wheel::Tick;
use crate::engine::work::Work;

impl<P: Protocol> Work<'_, P> {
    /// Kills a node: its connections are reset, its memory and the disk jobs under way are lost,
    /// what is on its disk stays. Returns the node as it was.
    pub(crate) fn crash(&mut self, id: NodeId) -> Option<P> {
        let now = self.now().as_nanos();
        let cell = self.cell(id);
        (cell.armed, cell.beyond) = (Tick::NEVER, Tick::NEVER);
        cell.deadline = Cell::<P>::NO_DEADLINE;
        let dead = cell.node.take();
        let Some(host) = self.host_of(id) else {
            return dead;
        };
        host.uplink.ring.clear();
        host.disk.crash();
        let mut connections = core::mem::replace(&mut host.connections, Connections::new());
        for (conn, end) in connections.iter_mut() {
            if let Some(peer) = end.peer() {
                self.transmit(id, conn, peer, now, Segment::Reset);
            }
        }
        dead
    }

    /// Starts a node where another crashed.
    ///
    /// # Panics
    /// When the other one still lives.
    pub(crate) fn restart(&mut self, id: NodeId, node: P) {
        let cell = self.cell(id);
        assert!(cell.node.is_none(), "{id:?} still lives");
        cell.node = Some(node);
        self.arm(id);
        self.arm_what_is_due();
    }

    /// Lets what waited for the network to be whole go on, now that it is.
    pub(crate) fn heal(&mut self) {
        let now = self.now().as_nanos();
        for host in &mut self.shard.hosts {
            for (_, end) in host.connections.iter_mut() {
                end.stalled = None;
            }
        }
        for waiting in core::mem::take(&mut self.shard.limbo) {
            let Waiting {
                from,
                to,
                latency,
                packet,
            } = waiting;
            self.dispatch(from, to, now, latency, packet);
        }
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
        if !self.world.is_cut(from, to) {
            let arrives = Instant::from_nanos(leaves.saturating_add(latency));
            return self.post(Tick::not_before(arrives), from, to, What::Packet(packet));
        }
        let cut = self.world.partition.cuts;
        self.stall(from, packet.reply, cut);
        if matches!(packet.segment, Segment::Credit(_)) {
            // The other side sent what this would acknowledge, and waits. It would notice by
            // itself; here it is told.
            let conn = packet.conn;
            let notice = Notice::Unheard { cut };
            let arrives = Tick::not_before(Instant::from_nanos(leaves.saturating_add(latency)));
            self.post(arrives, from, to, What::Notice { conn, notice });
        }
        self.shard.limbo.push(Waiting {
            from,
            to,
            latency,
            packet,
        });
    }

    /// Begins to count the time in which a connection gets nothing through, unless that partition
    /// is over.
    pub(crate) fn stall(&mut self, id: NodeId, conn: ConnId, cut: u32) {
        let now = self.now();
        if self.world.partition.sides.is_empty() || self.world.partition.cuts != cut {
            return;
        }
        if let Some(end) = self.host(id).connections.get_mut(conn)
            && end.stalled.is_none()
        {
            end.stalled = Some(cut);
            let timeout = Tick::not_before(now + self.world.config.network.stream_timeout);
            let notice = Notice::Stalled { cut };
            self.post(timeout, id, id, What::Notice { conn, notice });
        }
    }

    /// Forgets a connection and what of it waits for the network to heal.
    pub(crate) fn forget(&mut self, id: NodeId, conn: ConnId) {
        if let Some(end) = self.host(id).connections.remove(conn)
            && end.stalled.is_some()
        {
            let theirs = |waiting: &Waiting| waiting.from == id && waiting.packet.reply == conn;
            self.shard.limbo.retain(|waiting| !theirs(waiting));
        }
    }
}
