//! A node's link: what leaves shares the uplink, what arrives passes the downlink.

use std::collections::VecDeque;

use bytes::Bytes;
use machine::{CloseReason, ConnId, DiskError, FileId, Instant, Protocol};

use super::connection::{End, Interest, Peer};
use super::queue::{Parcel, QUANTUM, Queue};
use crate::chance::{Dice, Purpose};
use crate::config::{Bandwidth, Cuts};
use crate::engine::event::{NodeId, Notice, Packet, Segment, What};
use crate::engine::wheel::{TICK_NANOS, Tick};
use crate::engine::work::Work;

/// What leaves a node.
#[derive(Debug)]
pub(crate) struct Uplink {
    speed: Bandwidth,
    /// How many bytes were given to it so far.
    pub(crate) sent: u64,
    /// When what was given to it so far will have left, in nanoseconds.
    free_at: u64,
    /// The connections that want to send, in the order of their turns.
    pub(crate) ring: VecDeque<ConnId>,
    /// Whether an event is queued for the moment when it is free.
    pub(crate) armed: bool,
}

/// What arrives at a node.
#[derive(Debug)]
pub(crate) struct Downlink {
    speed: Bandwidth,
    /// When what has arrived so far will have passed, in nanoseconds.
    free_at: u64,
    /// How many parcels have arrived and not passed.
    queued: usize,
}

/// How many bytes of datagrams may wait for the uplink; what comes then is dropped.
const DATAGRAM_QUEUE: usize = 64 * 1024;

impl Uplink {
    pub(crate) const fn new(speed: Bandwidth) -> Self {
        Self {
            speed,
            sent: 0,
            free_at: 0,
            ring: VecDeque::new(),
            armed: false,
        }
    }

    /// Sends so many bytes behind what was given before; tells when the last will have left.
    pub(crate) fn send(&mut self, now: Instant, bytes: usize) -> u64 {
        self.sent += bytes as u64;
        self.free_at = self.free_from(now) + self.speed.nanos(bytes);
        self.free_at
    }

    /// As [`send`](Self::send), for a datagram, which is dropped when too much waits.
    pub(crate) fn send_datagram(&mut self, now: Instant, bytes: usize) -> Option<u64> {
        let wait = self.free_from(now) - now.as_nanos();
        (wait <= self.speed.nanos(DATAGRAM_QUEUE)).then(|| self.send(now, bytes))
    }

    /// Tells from when on it is free.
    pub(crate) fn free_from(&self, now: Instant) -> u64 {
        self.free_at.max(now.as_nanos())
    }

    /// Puts a connection into the ring if it has something to send and may.
    pub(crate) fn enter_ring(&mut self, conn: ConnId, end: &mut End) {
        if end.can_send() && !end.in_ring {
            end.in_ring = true;
            self.ring.push_back(conn);
        }
    }

    /// Whether it will be free within this tick: then the next may begin, as seen from the tick's
    /// end, without a gap.
    fn is_free(&self, now: Instant) -> bool {
        self.free_at < now.as_nanos() + TICK_NANOS
    }
}

impl Downlink {
    pub(crate) const fn new(speed: Bandwidth) -> Self {
        Self {
            speed,
            free_at: 0,
            queued: 0,
        }
    }

    /// Lets a parcel pass; tells its tick if it must wait. An idle link costs no time, for the
    /// bytes have passed it while they came in.
    pub(crate) fn pass(&mut self, now: Instant, bytes: usize) -> Option<Tick> {
        let time = self.speed.nanos(bytes);
        self.free_at = self.free_at.max(now.as_nanos().saturating_sub(time)) + time;
        if self.queued == 0 && self.free_at < now.as_nanos() + TICK_NANOS {
            return None;
        }
        self.queued += 1;
        Some(Tick::not_after(Instant::from_nanos(self.free_at)))
    }

    /// Notes that a parcel that had to wait has passed.
    pub(crate) const fn has_passed(&mut self) {
        self.queued -= 1;
    }
}

impl<P: Protocol> Work<'_, P> {
    /// Lets the uplink work as far as it is free.
    pub(crate) fn pump(&mut self, id: NodeId) {
        let now = self.now();
        loop {
            let uplink = &mut self.host(id).uplink;
            if uplink.ring.is_empty() {
                return;
            }
            if !uplink.is_free(now) {
                break;
            }
            if let Some(conn) = uplink.ring.pop_front() {
                self.serve(id, conn);
            }
        }
        let uplink = &mut self.host(id).uplink;
        if !uplink.armed {
            uplink.armed = true;
            let free = Tick::not_after(Instant::from_nanos(uplink.free_at));
            self.post(free, id, id, What::UplinkFree);
        }
    }

    /// Sends what one connection may send in one turn of the ring.
    fn serve(&mut self, id: NodeId, conn: ConnId) {
        let now = self.now();
        let mut parcels = core::mem::take(&mut self.shard.parcels);
        let host = self.host(id);
        let Some(end) = host.connections.get_mut(conn) else {
            return;
        };
        end.in_ring = false;
        let Some(peer) = end.peer() else {
            return;
        };
        let mut len = 0;
        let mut unreadable = None;
        while len < QUANTUM
            && let Some(parcel) = end.take_parcel()
        {
            let bytes = match parcel {
                Parcel::Bytes(bytes) => bytes,
                Parcel::Span(span) => match host.disk.read(span) {
                    Ok(bytes) => bytes,
                    Err(error) => {
                        unreadable = Some(file_of(&error).unwrap_or(span.file));
                        break;
                    }
                },
            };
            len += bytes.len();
            parcels.push(bytes);
        }
        let leaves = host.uplink.send(now, len);
        let flushed = end.take_flushed();
        host.uplink.enter_ring(conn, end);
        let done = end.is_done();
        for bytes in parcels.drain(..) {
            self.transmit_data(id, conn, peer, leaves, bytes);
        }
        self.shard.parcels = parcels;
        if flushed {
            self.notify(id, conn, Notice::Flushed);
        }
        if let Some(file) = unreadable {
            self.give_up_sending(id, conn, peer, file);
        } else if done {
            self.finish_if_done(id, conn);
        }
    }

    /// Sends bytes, in more parts than one if the network cuts streams.
    fn transmit_data(
        &mut self,
        id: NodeId,
        conn: ConnId,
        peer: Peer,
        leaves: u64,
        mut bytes: Bytes,
    ) {
        if self.world.config.network.cuts == Cuts::Anywhere {
            let sent = self.cell(id).sent;
            let mut dice = Dice::new(self.world.salt, Purpose::Cut, id.0, sent);
            while bytes.len() > 1 && dice.below(2) == 0 {
                let at = 1 + dice.below(bytes.len() as u64 - 1) as usize;
                let part = bytes.split_to(at);
                self.transmit(id, conn, peer, leaves, Segment::Data(part));
            }
        }
        self.transmit(id, conn, peer, leaves, Segment::Data(bytes));
    }

    /// Ends a connection whose payload cannot be read: the other side got part of it.
    fn give_up_sending(&mut self, id: NodeId, conn: ConnId, peer: Peer, file: FileId) {
        let now = self.now();
        let host = self.host(id);
        let leaves = host.uplink.free_from(now);
        if let Some(end) = host.connections.get_mut(conn) {
            end.queue = Queue::default();
            if end.interest == Interest::Closed {
                host.connections.remove(conn);
            }
        }
        self.transmit(id, conn, peer, leaves, Segment::Reset);
        self.notify(id, conn, Notice::Failed(CloseReason::Unreadable(file)));
    }

    /// Sends one segment to the other end.
    pub(crate) fn transmit(
        &mut self,
        id: NodeId,
        conn: ConnId,
        peer: Peer,
        leaves: u64,
        segment: Segment,
    ) {
        let packet = Packet {
            conn: peer.conn,
            reply: conn,
            segment,
        };
        self.dispatch(id, peer.node, leaves, peer.latency, packet);
    }

    /// Tells a connection something of its own node's, with the next tick.
    pub(crate) fn notify(&mut self, id: NodeId, conn: ConnId, notice: Notice) {
        self.post(
            self.shard.tick.next(),
            id,
            id,
            What::Notice { conn, notice },
        );
    }
}

fn file_of(error: &DiskError) -> Option<FileId> {
    match error {
        DiskError::Mismatch { .. } => None,
        DiskError::NoSpace(file) | DiskError::Denied(file) | DiskError::Missing(file) => {
            Some(*file)
        }
        DiskError::Failed { file, .. } => Some(*file),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_uplink_sends_one_after_the_other() {
        let mut uplink = Uplink::new(Bandwidth::bytes_a_second(1_000_000));
        assert_eq!(uplink.send(Instant::ZERO, 1000), 1_000_000);
        assert_eq!(uplink.send(Instant::ZERO, 1000), 2_000_000);
        assert!(!uplink.is_free(Instant::from_nanos(1_900_000)));
        assert!(uplink.is_free(Instant::from_nanos(1_900_001)));
        let later = Instant::from_nanos(5_000_000);
        assert_eq!(uplink.send(later, 1000), 6_000_000);
        assert_eq!(uplink.send_datagram(later, 1000), Some(7_000_000));
        uplink.send(later, DATAGRAM_QUEUE);
        assert_eq!(uplink.send_datagram(later, 1000), None);
    }

    #[test]
    fn an_idle_downlink_costs_no_time_and_a_busy_one_keeps_the_order() {
        let mut downlink = Downlink::new(Bandwidth::bytes_a_second(1_000_000));
        let now = Instant::from_nanos(10_000_000);
        assert_eq!(downlink.pass(now, 1000), None);
        assert_eq!(downlink.pass(now, 1000), Some(Tick(110)));
        assert_eq!(downlink.pass(now, 0), Some(Tick(110)));
        downlink.has_passed();
        let later = Instant::from_nanos(20_000_000);
        assert_eq!(
            downlink.pass(later, 1000),
            Some(Tick(200)),
            "one still waits"
        );
        downlink.has_passed();
        downlink.has_passed();
        assert_eq!(downlink.pass(later, 0), None);
    }
}
