//! Datagrams: sent once, and lost, doubled, damaged or overtaken as the seed will have it.

use bytes::Bytes;
use machine::{Endpoint, Input, Instant, Protocol, Rng, Wire};

use crate::config::Form;
use crate::engine::event::{Content, NodeId, What};
use crate::engine::wheel::Tick;
use crate::simulation::Simulation;

/// Keeps the chance of datagrams apart from the chance of nodes.
const DATAGRAMS: u64 = 1 << 63;

/// What IPv4 and UDP put before each datagram (RFC 791, RFC 768): charged with it.
const HEADER_LEN: usize = 20 + 8;

impl<P: Protocol> Simulation<P> {
    /// Sends bytes that need be no message to an endpoint, in the name of a stranger, as one
    /// datagram that arrives with the next tick.
    pub fn throw(&mut self, from: Endpoint, to: Endpoint, bytes: impl Into<Bytes>) {
        if let Some(listening) = self.network.listening.get(&to).copied() {
            let bytes: Bytes = bytes.into();
            let what = What::Datagram {
                from,
                len: u32::try_from(bytes.len()).expect("shorter than 4 GiB"),
                content: Content::Raw(bytes),
            };
            self.post(self.tick.next(), listening.node, listening.node, what);
        }
    }

    /// Sends a datagram.
    pub(crate) fn send_datagram(&mut self, id: NodeId, to: Endpoint, message: P::Message) {
        let now = self.now();
        let len = message.encoded_len(&self.shared);
        let host = &mut self.hosts[id.index()];
        let Some(leaves) = host.uplink.send_datagram(now, len + HEADER_LEN) else {
            return;
        };
        let Some(listening) = self.network.listening.get(&to).copied() else {
            return;
        };
        if self.is_cut(id, listening.node) {
            return;
        }
        let network = &self.config.network;
        let sent = self.hosts[id.index()].sent;
        let mut rng = Rng::new(self.config.seed, DATAGRAMS | u64::from(id.0), sent);
        if network.loss.strikes(&mut rng) {
            // The number is used up, so that the next datagram draws another fate.
            self.hosts[id.index()].sent += 1;
            return;
        }
        let jitter = (Instant::ZERO + network.jitter).as_nanos();
        let damaged = network.damage.strikes(&mut rng);
        let copies = 1 + u32::from(network.duplication.strikes(&mut rng));
        let values = network.form == Form::Values && !damaged && copies == 1;
        let from = self.source(id, to);
        let latency = self.latency(id, listening.node);
        let charged = u32::try_from(len).expect("shorter than 4 GiB");
        let post = |simulation: &mut Self, rng: &mut Rng, content| {
            let late = rng.below(jitter.saturating_add(1));
            let arrives = Instant::from_nanos(leaves + latency + late);
            let what = What::Datagram {
                from,
                content,
                len: charged,
            };
            simulation.post(Tick::not_before(arrives), id, listening.node, what);
        };
        if values {
            return post(self, &mut rng, Content::Value(message));
        }
        let mut bytes = Vec::with_capacity(len);
        message.encode(&self.shared, &mut bytes);
        assert_eq!(
            bytes.len(),
            len,
            "encoded_len tells another length than encode"
        );
        if damaged && let Some(at) = rng.index(len) {
            bytes[at] ^= 1 << rng.below(8);
        }
        let bytes = Bytes::from(bytes);
        for _ in 0..copies {
            post(self, &mut rng, Content::Raw(bytes.clone()));
        }
    }

    /// A datagram comes in.
    pub(crate) fn datagram_arrives(
        &mut self,
        id: NodeId,
        sender: NodeId,
        from: Endpoint,
        content: Content<P::Message>,
        len: u32,
    ) {
        let now = self.now();
        let host = &mut self.hosts[id.index()];
        let queued_here = sender == id;
        let wait = if queued_here {
            None
        } else {
            host.downlink.pass(now, len as usize + HEADER_LEN)
        };
        if let Some(tick) = wait {
            host.downlink.has_passed();
            return self.post(tick, id, id, What::Datagram { from, content, len });
        }
        if self.hosts[id.index()].node.is_none() {
            return;
        }
        let input = match content {
            Content::Value(message) => Input::Message { from, message },
            Content::Raw(bytes) => match P::Message::decode(&bytes, &mut self.shared) {
                Ok(message) => Input::Message { from, message },
                Err(error) => Input::Garbled { from, error },
            },
        };
        self.turn(id, input);
    }
}
