//! A node's turn: one input goes in, and what it asks for is carried out.

use bytes::Bytes;
use machine::{DiskDone, Effect, Input, Instant, Protocol, StreamInput, Wire};

use crate::engine::event::{Event, NodeId, What};
use crate::engine::wheel::Tick;
use crate::simulation::Simulation;
use crate::trace::{Kind, Turn};

impl<P: Protocol> Simulation<P> {
    /// Queues an event in the name of `from`.
    pub(crate) fn post(&mut self, tick: Tick, from: NodeId, at: NodeId, what: What<P::Message>) {
        let host = &mut self.hosts[from.index()];
        host.sent += 1;
        let event = Event {
            at,
            from,
            order: host.sent,
            what,
        };
        self.wheel.push(tick.max(self.tick.next()), event);
    }

    /// Lets an event happen.
    pub(crate) fn happen_at(&mut self, event: Event<P::Message>) {
        let Event { at, from, what, .. } = event;
        match what {
            What::Wake => self.note_due(at),
            What::UplinkFree => {
                self.hosts[at.index()].uplink.armed = false;
                self.pump(at);
            }
            What::Datagram {
                from: sender,
                content,
                len,
            } => {
                self.datagram_arrives(at, from, sender, content, len);
            }
            What::Packet(packet) => self.packet_arrives(at, from, packet),
            What::Notice { conn, notice } => self.heed(at, conn, notice),
            What::Disk(job) => {
                if let Some(result) = self.hosts[at.index()].disk.finish(job) {
                    self.turn(at, Input::Disk { job, result });
                }
            }
            What::Resolved { job, result } => self.turn(at, Input::Resolved { job, result }),
        }
    }

    /// Gives a node one input, carries out what it asks for, and lets its links work. A node that
    /// has crashed gets none.
    pub(crate) fn turn(&mut self, id: NodeId, input: Input<P>) {
        let now = self.now();
        let host = &mut self.hosts[id.index()];
        let Some(node) = host.node.as_mut() else {
            return;
        };
        self.turns += 1;
        let turn = Turn {
            tick: self.tick,
            node: id,
            number: host.turns.count(),
        };
        match &input {
            Input::Command(_) => self.trace.add(turn, Kind::Command, 0, 0, &[]),
            Input::Message { message, .. } => {
                let len = message.encoded_len(&self.shared);
                self.trace.add(turn, Kind::Message, 0, len, &[]);
            }
            Input::Garbled { error, .. } => {
                self.trace.add(turn, Kind::Garbled, 0, error.offset, &[]);
            }
            Input::Stream { conn, input } => {
                let (kind, bytes) = kind_of(input);
                self.trace.add(turn, kind, conn.0, bytes.len(), bytes);
            }
            Input::Disk { job, result } => {
                let len = match result {
                    Ok(DiskDone::Read(bytes)) => bytes.len(),
                    Ok(_) => 0,
                    Err(_) => usize::MAX,
                };
                self.trace.add(turn, Kind::Disk, job.0, len, &[]);
            }
            Input::Resolved { job, .. } => self.trace.add(turn, Kind::Resolved, job.0, 0, &[]),
            Input::Wake => self.trace.add(turn, Kind::Wake, 0, 0, &[]),
        }
        let streams = &host.connections;
        host.turns
            .take(node, input, now, &self.shared, streams, &mut self.effects);
        for observer in &mut self.observers {
            observer(id, node, now);
        }
        self.carry_out(id, now);
        self.arm(id);
    }

    /// Gives a command, which may come between two ticks.
    pub(crate) fn take_command(&mut self, id: NodeId, command: P::Command) {
        self.turn(id, Input::Command(command));
        self.arm_what_is_due();
    }

    /// Notes that an event came that was to wake a node, if it still counts.
    pub(crate) fn note_due(&mut self, id: NodeId) {
        if self.hosts[id.index()].armed == self.tick {
            self.due.push(id);
        }
    }

    /// Wakes a node whose deadline has come, and asks for the next.
    pub(crate) fn wake(&mut self, id: NodeId) {
        let host = &mut self.hosts[id.index()];
        if host.armed != self.tick {
            return;
        }
        host.armed = Tick::NEVER;
        let now = self.tick.instant();
        let deadline = |host: &Self| host.hosts[id.index()].node.as_ref()?.next_wakeup();
        if deadline(self).is_some_and(|deadline| deadline <= now) {
            self.turn(id, Input::Wake);
            if let Some(deadline) = deadline(self) {
                assert!(
                    deadline > now,
                    "{id:?} would spin: woken at {now:?}, its deadline stays at {deadline:?}"
                );
            }
        } else {
            self.arm(id);
        }
    }

    /// Sees to it that a node is woken at its deadline. Events for a deadline that has moved since
    /// stay in the queue and are found void when they come.
    pub(crate) fn arm(&mut self, id: NodeId) {
        let host = &mut self.hosts[id.index()];
        let Some(deadline) = host.node.as_ref().and_then(P::next_wakeup) else {
            return;
        };
        let tick = Tick::not_before(deadline).max(self.tick);
        if tick >= host.armed {
            return;
        }
        host.armed = tick;
        if tick == self.tick {
            self.due.push(id);
        } else {
            self.post(tick, id, id, What::Wake);
        }
    }

    /// Outside of a tick, what is due at once is due in the next one.
    pub(crate) fn arm_what_is_due(&mut self) {
        for id in core::mem::take(&mut self.due) {
            let tick = self.tick.next();
            self.hosts[id.index()].armed = tick;
            self.post(tick, id, id, What::Wake);
        }
    }

    /// Carries out, in order, what a node asked for in its turn.
    fn carry_out(&mut self, id: NodeId, now: Instant) {
        if self.effects.is_empty() {
            return;
        }
        let mut list = self.effects.take();
        for effect in list.drain(..) {
            match effect {
                Effect::SendTo { to, message } => self.send_datagram(id, to, message),
                Effect::Connect { conn, to } => self.connect(id, conn, to),
                Effect::Write { conn, written } => {
                    let written = self.effects.written(written);
                    if self.written != written {
                        self.written = Bytes::copy_from_slice(written);
                    }
                    self.send_bytes(id, conn, self.written.clone());
                }
                Effect::SendBytes { conn, bytes } => self.send_bytes(id, conn, bytes),
                Effect::SendSpan { conn, span } => self.send_span(id, conn, span),
                Effect::Close { conn } => self.close(id, conn),
                Effect::Pause { conn } => self.pause(id, conn),
                Effect::Resume { conn } => self.resume(id, conn),
                Effect::Put { slot, at, bytes } => {
                    self.hosts[id.index()].disk.put(slot, at, &bytes);
                }
                Effect::Free { slot } => self.hosts[id.index()].disk.free(slot),
                Effect::Disk { job, work } => {
                    let disk = &mut self.hosts[id.index()].disk;
                    let done = Instant::from_nanos(disk.begin(job, work, now.as_nanos()));
                    self.post(Tick::not_before(done), id, id, What::Disk(job));
                }
                // Simulated disks do not wait for company.
                Effect::HurryDisk => {}
                Effect::Resolve { job, name, port } => self.resolve(id, job, &name, port),
                Effect::Emit(event) => self.events.push((id, now, event)),
            }
        }
        self.effects.restore(list);
        self.pump(id);
    }
}

fn kind_of(input: &StreamInput) -> (Kind, &[u8]) {
    match input {
        StreamInput::Accepted { .. } => (Kind::Accepted, &[]),
        StreamInput::Connected { .. } => (Kind::Connected, &[]),
        StreamInput::Received(bytes) => (Kind::Received, bytes),
        StreamInput::Flushed => (Kind::Flushed, &[]),
        StreamInput::Closed(_) => (Kind::Closed, &[]),
    }
}
