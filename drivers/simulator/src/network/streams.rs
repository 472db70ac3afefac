//! The life of a connection, from the knock to the end.

use std::collections::VecDeque;

use bytes::Bytes;
use machine::{CloseReason, ConnId, Endpoint, FileSpan, Input, Protocol, StreamInput, Target};

use super::connection::{End, Interest, Knock, Peer, Progress, Reading};
use super::queue::Parcel;
use crate::engine::event::{Listening, NodeId, Notice, Packet, Segment, Way, What};
use crate::engine::wheel::Tick;
use crate::engine::work::Work;

impl<P: Protocol> Work<'_, P> {
    /// Begins to open a connection.
    pub(crate) fn connect(&mut self, id: NodeId, conn: ConnId, to: Target) {
        let endpoints = match to {
            Target::Endpoint(endpoint) => vec![endpoint],
            Target::Host { name, port, .. } => self.look_up(&name, port).unwrap_or_default(),
        };
        let mut next = VecDeque::from(endpoints);
        let first = next.pop_front();
        let to = first.unwrap_or_else(|| self.world.directory.endpoint(id));
        let progress = Progress::Opening(Box::new(Knock {
            to,
            next,
            attempt: 0,
        }));
        let end = End::new(progress, self.world.config.network.window);
        let host = self.host(id);
        let full = host.connections.len() >= host.connections_max;
        host.connections.insert(conn, end);
        if full {
            self.notify(id, conn, Notice::Failed(CloseReason::TooMany));
        } else if first.is_none() {
            self.notify(id, conn, Notice::Failed(CloseReason::NameNotFound));
        } else {
            self.knock(id, conn, to, 0);
        }
    }

    pub(crate) fn send_bytes(&mut self, id: NodeId, conn: ConnId, bytes: Bytes) {
        self.send(id, conn, Parcel::Bytes(bytes));
    }

    pub(crate) fn send_span(&mut self, id: NodeId, conn: ConnId, span: FileSpan) {
        self.send(id, conn, Parcel::Span(span));
    }

    /// Closes a connection in the name of its node; what was sent still leaves.
    pub(crate) fn close(&mut self, id: NodeId, conn: ConnId) {
        let Some(end) = self.host(id).connections.get_mut(conn) else {
            return;
        };
        if end.interest == Interest::Closed {
            return;
        }
        end.interest = Interest::Closed;
        let mut unread = 0;
        while let Some(item) = end.take_held() {
            match item {
                Some(bytes) => unread += bytes.len(),
                // The other side said its last word already and is gone.
                None => return self.forget(id, conn),
            }
        }
        self.credit(id, conn, unread);
        self.finish_if_done(id, conn);
    }

    pub(crate) fn pause(&mut self, id: NodeId, conn: ConnId) {
        if let Some(end) = self.host(id).connections.get_mut(conn) {
            end.reading = Reading::Paused;
        }
    }

    pub(crate) fn resume(&mut self, id: NodeId, conn: ConnId) {
        if let Some(end) = self.host(id).connections.get_mut(conn) {
            end.reading = Reading::Flows;
            if end.has_held() {
                self.notify(id, conn, Notice::Resumed);
            }
        }
    }

    /// A packet comes in.
    pub(crate) fn packet_arrives(&mut self, id: NodeId, from: NodeId, packet: Packet) {
        let Packet {
            conn,
            reply,
            segment,
        } = packet;
        let sender = Peer {
            node: from,
            conn: reply,
            latency: 0,
        };
        match segment {
            Segment::Open(way) => self.is_knocked_at(id, sender, &way),
            Segment::Opened => self.is_opened(id, conn, sender),
            Segment::Refused => self.has_failed(id, conn, CloseReason::Refused),
            Segment::Data(bytes) => self.passes_downlink(id, conn, sender, Some(bytes)),
            Segment::Fin => self.passes_downlink(id, conn, sender, None),
            Segment::Queued(item) => {
                self.host(id).downlink.has_passed();
                self.is_delivered(id, conn, sender, item);
            }
            Segment::Reset => self.is_reset(id, conn),
            Segment::Credit(bytes) => {
                let host = self.host(id);
                if let Some(end) = host.connections.get_mut(conn) {
                    end.room += i64::from(bytes);
                    host.uplink.enter_ring(conn, end);
                    self.pump(id);
                }
            }
        }
    }

    /// A connection has something to tell its node.
    pub(crate) fn heed(&mut self, id: NodeId, conn: ConnId, notice: Notice) {
        let Some(end) = self.host(id).connections.get_mut(conn) else {
            return;
        };
        match notice {
            Notice::Flushed if end.interest == Interest::Kept => {
                self.tell(id, conn, StreamInput::Flushed);
            }
            Notice::Flushed => {}
            Notice::Resumed => self.read_on(id, conn),
            Notice::Failed(reason) => self.is_over(id, conn, reason),
            Notice::NoAnswer { attempt: asked } => {
                if let Progress::Opening(knock) = &end.progress
                    && knock.attempt == asked
                {
                    self.has_failed(id, conn, CloseReason::TimedOut);
                }
            }
            Notice::Stalled { cut } if end.stalled == Some(cut) => {
                self.is_over(id, conn, CloseReason::TimedOut);
            }
            Notice::Stalled { .. } => {}
            Notice::Unheard { cut } => self.stall(id, conn, cut),
        }
    }

    /// Says, behind all that was sent, that no more will follow, if so it is; and forgets the
    /// connection.
    pub(crate) fn finish_if_done(&mut self, id: NodeId, conn: ConnId) {
        let now = self.now();
        let host = self.host(id);
        if let Some(end) = host.connections.get_mut(conn)
            && end.is_done()
            && let Some(peer) = end.peer()
        {
            let leaves = host.uplink.free_from(now);
            host.connections.remove(conn);
            self.transmit(id, conn, peer, leaves, Segment::Fin);
        }
    }

    fn send(&mut self, id: NodeId, conn: ConnId, parcel: Parcel) {
        let host = self.host(id);
        if let Some(end) = host.connections.get_mut(conn)
            && end.interest == Interest::Kept
        {
            end.enqueue(parcel);
            host.uplink.enter_ring(conn, end);
        }
    }

    /// Asks the host of an endpoint for a connection.
    fn knock(&mut self, id: NodeId, conn: ConnId, to: Endpoint, attempt: u32) {
        let now = self.now();
        let timeout = Tick::not_before(now + self.world.config.network.connect_timeout);
        let notice = Notice::NoAnswer { attempt };
        self.post(timeout, id, id, What::Notice { conn, notice });
        let directory = &self.world.directory;
        let Some(node) = directory.host(to) else {
            return;
        };
        let port = self.host(id).take_port();
        let from = directory.source(id, to).with_port(port);
        let peer = Peer {
            node,
            conn: ConnId(0),
            latency: self.world.latency(id, node),
        };
        let way = Box::new(Way { from, to });
        self.transmit(id, conn, peer, now.as_nanos(), Segment::Open(way));
    }

    /// A stranger asks for a connection.
    fn is_knocked_at(&mut self, id: NodeId, sender: Peer, way: &Way) {
        let now = self.now().as_nanos();
        let stranger = Peer {
            latency: self.world.latency(id, sender.node),
            ..sender
        };
        let window = self.world.config.network.window;
        let lives = self.cell(id).node.is_some();
        let listening = self.world.directory.listening(way.to);
        let listening = listening.filter(|listening| lives && listening.node == id);
        let host = self.host(id);
        if host.gate.is_some() {
            // It does not even say that nobody listens.
            return;
        }
        let Some(Listening { listener, .. }) = listening.filter(|_| host.is_willing()) else {
            return self.transmit(id, ConnId(0), stranger, now, Segment::Refused);
        };
        let conn = host.ids.next_conn();
        let end = End::new(Progress::Open(stranger), window);
        host.connections.insert(conn, end);
        self.transmit(id, conn, stranger, now, Segment::Opened);
        let from = way.from;
        self.tell(id, conn, StreamInput::Accepted { from, listener });
    }

    /// The other side is there.
    fn is_opened(&mut self, id: NodeId, conn: ConnId, sender: Peer) {
        let now = self.now().as_nanos();
        let peer = Peer {
            latency: self.world.latency(id, sender.node),
            ..sender
        };
        let host = self.host(id);
        let Some(end) = host.connections.get_mut(conn) else {
            return self.transmit(id, conn, peer, now, Segment::Reset);
        };
        let Progress::Opening(knock) = &end.progress else {
            return;
        };
        let to = knock.to;
        end.progress = Progress::Open(peer);
        let interest = end.interest;
        host.uplink.enter_ring(conn, end);
        match interest {
            Interest::Kept => self.tell(id, conn, StreamInput::Connected { to }),
            Interest::Closed => self.finish_if_done(id, conn),
        }
        self.pump(id);
    }

    /// This address did not answer as wished: the next one may.
    fn has_failed(&mut self, id: NodeId, conn: ConnId, reason: CloseReason) {
        let Some(end) = self.host(id).connections.get_mut(conn) else {
            return;
        };
        let Progress::Opening(knock) = &mut end.progress else {
            return;
        };
        match knock.next.pop_front() {
            Some(to) => {
                knock.to = to;
                knock.attempt += 1;
                let attempt = knock.attempt;
                self.knock(id, conn, to, attempt);
            }
            None => self.is_over(id, conn, reason),
        }
    }

    /// Bytes, or the end, arrive at the node's link.
    fn passes_downlink(&mut self, id: NodeId, conn: ConnId, sender: Peer, item: Option<Bytes>) {
        let now = self.now();
        let len = item.as_ref().map_or(0, Bytes::len);
        match self.host(id).downlink.pass(now, len) {
            None => self.is_delivered(id, conn, sender, item),
            Some(tick) => {
                let packet = Packet {
                    conn,
                    reply: sender.conn,
                    segment: Segment::Queued(item),
                };
                // It queues here, at the receiver, whose affair it is from now on.
                self.post(tick, id, id, What::Packet(packet));
            }
        }
    }

    /// Bytes, or the end, have arrived.
    fn is_delivered(&mut self, id: NodeId, conn: ConnId, sender: Peer, item: Option<Bytes>) {
        let now = self.now().as_nanos();
        let Some(end) = self.host(id).connections.get_mut(conn) else {
            // Whoever sends to a connection that is gone learns it; a last word needs no answer.
            if item.is_some() && sender.node != id {
                let peer = Peer {
                    latency: self.world.latency(id, sender.node),
                    ..sender
                };
                self.transmit(id, conn, peer, now, Segment::Reset);
            }
            return;
        };
        match (end.interest, item) {
            (Interest::Closed, Some(bytes)) => self.credit(id, conn, bytes.len()),
            (Interest::Closed, None) => self.forget(id, conn),
            (Interest::Kept, item) if end.holds_back() => end.hold(item),
            (Interest::Kept, item) => self.read(id, conn, item),
        }
    }

    /// Gives the node what was held back while it paused.
    fn read_on(&mut self, id: NodeId, conn: ConnId) {
        while let Some(end) = self.host(id).connections.get_mut(conn)
            && end.reading == Reading::Flows
            && let Some(item) = end.take_held()
        {
            self.read(id, conn, item);
        }
    }

    /// Gives the node bytes, or tells it that no more will come.
    fn read(&mut self, id: NodeId, conn: ConnId, item: Option<Bytes>) {
        match item {
            Some(bytes) => {
                self.credit(id, conn, bytes.len());
                self.tell(id, conn, StreamInput::Received(bytes));
            }
            None => self.is_over(id, conn, CloseReason::ByPeer),
        }
    }

    /// Grants the other side as many bytes as were read, in portions of a quarter of the window.
    fn credit(&mut self, id: NodeId, conn: ConnId, bytes: usize) {
        let now = self.now().as_nanos();
        let portion = self.world.config.network.window / 4;
        let Some(end) = self.host(id).connections.get_mut(conn) else {
            return;
        };
        end.uncredited += u32::try_from(bytes).expect("a window's worth at most");
        if end.uncredited >= portion
            && let Some(peer) = end.peer()
        {
            let credit = core::mem::take(&mut end.uncredited);
            self.transmit(id, conn, peer, now, Segment::Credit(credit));
        }
    }

    /// The other side broke the connection. If it had said its last word before, that stands.
    fn is_reset(&mut self, id: NodeId, conn: ConnId) {
        let end = self.host(id).connections.get_mut(conn);
        if end.is_some_and(|end| !end.has_held_the_end()) {
            self.is_over(id, conn, CloseReason::Reset);
        }
    }

    /// Ends a connection, and tells the node if it still wanted it.
    fn is_over(&mut self, id: NodeId, conn: ConnId, reason: CloseReason) {
        let end = self.host(id).connections.get_mut(conn);
        let interest = end.map(|end| end.interest);
        self.forget(id, conn);
        if interest == Some(Interest::Kept) {
            self.tell(id, conn, StreamInput::Closed(reason));
        }
    }

    fn tell(&mut self, id: NodeId, conn: ConnId, input: StreamInput) {
        self.turn(id, Input::Stream { conn, input }, 0);
    }
}
