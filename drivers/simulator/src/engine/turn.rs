//! A node's turn: one input goes in, and what it asks for is carried out.

use bytes::Bytes;
use machine::{
    DiskDone, Effect, Endpoint, Ids, Input, Instant, NoStreams, Protocol, StreamInput, Streams,
    Turns,
};

use super::event::{Event, NodeId, Order, Sleeper, What};
use super::shard::Cell;
use super::wheel::Tick;
use super::work::Work;
use crate::trace::{Kind, Turn};

impl<M> Event<M> {
    /// By this the events of a tick are ordered.
    pub(crate) const fn key(&self) -> (NodeId, NodeId, Order) {
        (self.at, self.from, self.order)
    }
}

impl<P: Protocol> Work<'_, P> {
    /// Lets an event happen.
    pub(crate) fn happen(&mut self, event: Event<P::Message>) {
        let Event { at, from, what, .. } = event;
        match what {
            What::UplinkFree => {
                self.host(at).uplink.armed = false;
                self.pump(at);
            }
            What::Datagram(datagram) => self.unusual_arrives(at, *datagram),
            What::Packet(packet) => self.packet_arrives(at, from, packet),
            What::Notice { conn, notice } => self.heed(at, conn, notice),
            What::Disk(job) => {
                if let Some(result) = self.host(at).disk.finish(job) {
                    self.turn(at, Input::Disk { job, result }, 0);
                }
            }
            What::Resolved { job, result } => self.turn(at, Input::Resolved { job, result }, 0),
        }
    }

    /// Gives a node one input, carries out what it asks for, and lets its links work. A node that
    /// has crashed gets none. `len` is that of a datagram on the wire.
    pub(crate) fn turn(&mut self, id: NodeId, input: Input<P>, len: u32) {
        self.turn_here(id, input, len);
    }

    /// As [`turn`](Self::turn), put where it stands: a datagram is a few words, and to move it from
    /// call to call costs as much as to deliver it.
    #[inline(always)]
    pub(crate) fn turn_here(&mut self, id: NodeId, input: Input<P>, len: u32) {
        let now = self.now();
        let shard = &mut *self.shard;
        let cell = &mut shard.cells[self.world.place_of(id)];
        let Some(node) = cell.node.as_mut() else {
            shard.fates.unheard += u64::from(matches!(input, Input::Message { .. }));
            return;
        };
        let turn = Turn {
            tick: shard.tick,
            node: id,
            number: cell.turns,
        };
        shard.turns += 1;
        let (kind, subject, bytes) = subject_of(&input, len);
        shard.trace.add(turn, kind, subject, bytes);
        let host = shard.hosts.get(cell.host as usize);
        let ids = host.map_or(Ids::NEW, |host| host.ids);
        let streams: &dyn Streams = match host {
            Some(host) => &host.connections,
            None => &NoStreams,
        };
        let (seed, count) = (self.world.config.seed, u64::from(cell.turns));
        let mut turns = Turns::resumed(seed, u64::from(id.0), count, ids);
        let shared = self.shared.see();
        turns.take(node, input, now, shared, streams, &mut shard.effects);
        cell.turns = cell.turns.wrapping_add(1);
        for observer in self.observers.iter_mut() {
            observer(id, node, now);
        }
        if turns.ids() != ids {
            self.host(id).ids = turns.ids();
        }
        if !self.shard.effects.is_empty() {
            self.carry_out(id, now);
        }
        self.arm(id);
    }

    /// Gives a command, which may come between two ticks.
    pub(crate) fn take_command(&mut self, id: NodeId, command: P::Command) {
        self.turn(id, Input::Command(command), 0);
        self.arm_what_is_due();
    }

    /// Wakes a node whose deadline has come, and asks for the next.
    #[inline]
    pub(crate) fn wake(&mut self, id: NodeId) {
        let tick = self.shard.tick;
        let cell = self.cell(id);
        if cell.armed != tick {
            // It was woken already, or the deadline was put off and comes again.
            return;
        }
        cell.armed = core::mem::replace(&mut cell.beyond, Tick::NEVER);
        let (now, deadline) = (tick.instant(), cell.deadline);
        if deadline > now {
            return self.arm_for(id, deadline);
        }
        self.turn(id, Input::Wake, 0);
        let deadline = self.cell(id).deadline;
        assert!(
            deadline > now,
            "{id:?} would spin: woken at {now:?}, its deadline stays at {deadline:?}"
        );
    }

    /// Asks a node for its deadline, and sees to it that it is woken then.
    #[inline]
    pub(crate) fn arm(&mut self, id: NodeId) {
        let cell = self.cell(id);
        let deadline = cell.node.as_ref().and_then(P::next_wakeup);
        cell.deadline = deadline.unwrap_or(Cell::<P>::NO_DEADLINE);
        let deadline = cell.deadline;
        self.arm_for(id, deadline);
    }

    /// Sees to it that a node is woken at its deadline. Sleepers for a deadline that has moved
    /// since stay in the queue and are found void when they come; a later one counts again then.
    #[inline]
    fn arm_for(&mut self, id: NodeId, deadline: Instant) {
        let now = self.shard.tick;
        if deadline == Cell::<P>::NO_DEADLINE {
            return;
        }
        let cell = self.cell(id);
        let tick = Tick::not_before(deadline).max(now);
        if tick >= cell.armed {
            return;
        }
        cell.beyond = cell.beyond.min(cell.armed);
        cell.armed = tick;
        if tick == now {
            self.shard.due.push(Sleeper::new(id));
        } else {
            self.shard.sleepers.push(tick, Sleeper::new(id));
        }
    }

    /// Outside of a tick, what is due at once is due in the next one.
    pub(crate) fn arm_what_is_due(&mut self) {
        let tick = self.shard.tick.next();
        while let Some(sleeper) = self.shard.due.pop() {
            self.cell(sleeper.node()).armed = tick;
            self.shard.sleepers.push(tick, sleeper);
        }
    }

    /// Carries out, in order, what a node asked for in its turn.
    fn carry_out(&mut self, id: NodeId, now: Instant) {
        let mut list = self.shard.effects.take();
        for effect in list.drain(..) {
            self.carry_out_one(id, now, effect);
        }
        self.shard.effects.restore(list);
        if self
            .host_of(id)
            .is_some_and(|host| !host.uplink.ring.is_empty())
        {
            self.pump(id);
        }
    }

    #[inline]
    fn carry_out_one(&mut self, id: NodeId, now: Instant, effect: Effect<P>) {
        match effect {
            Effect::SendTo { to, message } => self.send_datagram(id, to, message),
            Effect::Connect { conn, to } => self.connect(id, conn, to),
            Effect::Write { conn, written } => {
                let shard = &mut *self.shard;
                let written = shard.effects.written(written);
                if shard.written != written {
                    shard.written = Bytes::copy_from_slice(written);
                }
                let bytes = shard.written.clone();
                self.send_bytes(id, conn, bytes);
            }
            Effect::SendBytes { conn, bytes } => self.send_bytes(id, conn, bytes),
            Effect::SendSpan { conn, span } => self.send_span(id, conn, span),
            Effect::Close { conn } => self.close(id, conn),
            Effect::Pause { conn } => self.pause(id, conn),
            Effect::Resume { conn } => self.resume(id, conn),
            Effect::Put { slot, at, bytes } => self.host(id).disk.put(slot, at, &bytes),
            Effect::Free { slot } => self.host(id).disk.free(slot),
            Effect::Disk { job, work } => {
                let done = self.host(id).disk.begin(job, work, now.as_nanos());
                let done = Tick::not_before(Instant::from_nanos(done));
                self.post(done, id, id, What::Disk(job));
            }
            // Simulated disks do not wait for company.
            Effect::HurryDisk => {}
            Effect::Resolve { job, name, port } => self.resolve(id, job, &name, port),
            Effect::Emit(event) => self.shard.told.push((id, now, event)),
        }
    }
}

/// What the trace keeps of an input besides its kind: what it is about, and its bytes.
#[inline]
fn subject_of<P: Protocol>(input: &Input<P>, len: u32) -> (Kind, u64, &[u8]) {
    match input {
        Input::Command(_) => (Kind::Command, 0, &[]),
        Input::Message { from, .. } => (Kind::Message, sender_of(*from, len), &[]),
        Input::Garbled { from, .. } => (Kind::Garbled, sender_of(*from, len), &[]),
        Input::Stream { conn, input } => {
            let (kind, bytes): (_, &[u8]) = match input {
                StreamInput::Accepted { .. } => (Kind::Accepted, &[]),
                StreamInput::Connected { .. } => (Kind::Connected, &[]),
                StreamInput::Received(bytes) => (Kind::Received, bytes),
                StreamInput::Flushed => (Kind::Flushed, &[]),
                StreamInput::Closed(_) => (Kind::Closed, &[]),
            };
            (kind, conn.0, bytes)
        }
        Input::Disk { job, result } => {
            let len = match result {
                Ok(DiskDone::Read(bytes)) => bytes.len() as u64,
                Ok(_) => 0,
                Err(_) => 1 << 32,
            };
            (Kind::Disk, job.0 << 33 | len, &[])
        }
        Input::Resolved { job, .. } => (Kind::Resolved, job.0, &[]),
        Input::Wake => (Kind::Wake, 0, &[]),
    }
}

/// A datagram's sender and length: enough of both to tell two datagrams apart.
#[inline]
const fn sender_of(from: Endpoint, len: u32) -> u64 {
    let [.., a, b, c, d] = from.octets();
    let host = u32::from_be_bytes([a, b, c, d]);
    (host as u64) << 32 | (len ^ (from.port() as u32) << 16) as u64
}
