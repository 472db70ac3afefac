//! Datagrams: sent once, and lost, doubled, damaged or overtaken as the seed will have it.

use bytes::Bytes;
use machine::{Endpoint, Input, Instant, Protocol, Wire};

use crate::chance::{Dice, Purpose};
use crate::config::Form;
use crate::engine::event::{Content, Datagram, NodeId, Passage, Sealed, Unusual, What};
use crate::engine::wheel::Tick;
use crate::engine::work::{Shared, Work};

/// What IPv4 and UDP put before each datagram (RFC 791, RFC 768): charged with it.
const HEADER_LEN: usize = 20 + 8;

impl<P: Protocol> Work<'_, P> {
    /// Sends bytes that need be no message to a node, in the name of a stranger.
    pub(crate) fn throw(&mut self, from: Endpoint, to: NodeId, bytes: Bytes) {
        let datagram = Box::new(Unusual {
            from,
            to: None,
            len: u32::try_from(bytes.len()).expect("shorter than 4 GiB"),
            content: Content::Raw(bytes),
            passage: Passage::Done,
        });
        self.post(self.shard.tick.next(), to, to, What::Datagram(datagram));
    }

    /// Sends a datagram.
    #[inline]
    pub(crate) fn send_datagram(&mut self, id: NodeId, to: Endpoint, message: P::Message) {
        let now = self.now();
        let len = message.encoded_len(self.shared.see());
        if let Some(traffic) = self.shard.traffic.get_mut(message.kind()) {
            traffic.count(len);
        }
        let leaves = match self.host_of(id) {
            Some(host) => match host.uplink.send_datagram(now, len + HEADER_LEN) {
                Some(leaves) => leaves,
                None => {
                    self.shard.fates.dropped += 1;
                    return;
                }
            },
            None => {
                self.cell(id).bytes += (len + HEADER_LEN) as u64;
                now.as_nanos()
            }
        };
        let directory = &self.world.directory;
        let listening = directory.listening(to).map(|listening| listening.node);
        let Some(at) = listening.or_else(|| directory.host(to)) else {
            self.shard.fates.nowhere += 1;
            return;
        };
        if self.world.is_cut(id, at) {
            self.shard.fates.cut += 1;
            return;
        }
        let arrives = leaves + self.world.latency(id, at);
        let network = &self.world.config.network;
        if network.is_faultless() && listening.is_some() && self.has_one_face(id) {
            let datagram = Datagram {
                at,
                from: id,
                order: self.count_sent(id),
                len: u32::try_from(len).expect("shorter than 4 GiB"),
                message: Sealed::new(message),
            };
            return self.post_datagram(Tick::not_before(Instant::from_nanos(arrives)), datagram);
        }
        self.send_through_faults(id, at, to, arrives, message, len);
    }

    /// Whether a node's endpoint is the same for all who hear from it.
    #[inline]
    fn has_one_face(&mut self, id: NodeId) -> bool {
        self.world.directory.has_one(id) && self.host_of(id).is_none_or(|host| host.gate.is_none())
    }

    /// Sends a datagram into a network that may do anything to it.
    #[inline(never)]
    fn send_through_faults(
        &mut self,
        id: NodeId,
        at: NodeId,
        to: Endpoint,
        arrives: u64,
        message: P::Message,
        len: usize,
    ) {
        let network = &self.world.config.network;
        let sent = self.shard.cells[self.world.place_of(id)].sent;
        let mut dice = Dice::new(self.world.salt, Purpose::Datagram, id.0, sent);
        if network.loss.strikes(&mut dice) {
            // The number is used up, so that the next datagram draws another fate.
            self.count_sent(id);
            self.shard.fates.lost += 1;
            return;
        }
        let damaged = network.damage.strikes(&mut dice);
        let copies = 1 + u32::from(network.duplication.strikes(&mut dice));
        let jitter = (Instant::ZERO + network.jitter).as_nanos();
        let mut late = || match jitter {
            0 => 0,
            jitter => dice.below(jitter.saturating_add(1)),
        };
        let own = self.world.directory.source(id, to);
        let now = self.now();
        let gate = self.host_of(id).and_then(|host| host.gate.as_mut());
        let from = gate.map_or(own, |gate| gate.leave(own, to, now));
        let charged = u32::try_from(len).expect("shorter than 4 GiB");
        let values = network.form == Form::Values && !damaged && copies == 1;
        if values {
            let arrives = Tick::not_before(Instant::from_nanos(arrives + late()));
            if self.has_one_face(id) && self.world.directory.listening(to).is_some() {
                let datagram = Datagram {
                    at,
                    from: id,
                    order: self.count_sent(id),
                    len: charged,
                    message: Sealed::new(message),
                };
                return self.post_datagram(arrives, datagram);
            }
            let datagram = Box::new(Unusual {
                from,
                to: Some(to),
                content: Content::Value(message),
                len: charged,
                passage: Passage::Ahead,
            });
            return self.post(arrives, id, at, What::Datagram(datagram));
        }
        let mut bytes = Vec::with_capacity(len);
        message.encode(self.shared.see(), &mut bytes);
        assert_eq!(
            bytes.len(),
            len,
            "encoded_len tells another length than encode"
        );
        let arrivals = [late(), late()].map(|late| arrives + late);
        if damaged && len > 0 {
            bytes[dice.below(len as u64) as usize] ^= 1 << dice.below(8);
        }
        let bytes = Bytes::from(bytes);
        for arrives in arrivals.into_iter().take(copies as usize) {
            let datagram = Box::new(Unusual {
                from,
                to: Some(to),
                content: Content::Raw(bytes.clone()),
                len: charged,
                passage: Passage::Ahead,
            });
            let arrives = Tick::not_before(Instant::from_nanos(arrives));
            self.post(arrives, id, at, What::Datagram(datagram));
        }
    }

    /// A datagram comes in.
    #[inline(never)]
    pub(crate) fn datagram_arrives(&mut self, datagram: Datagram<P::Message>) {
        if self.host_of(datagram.at).is_some() {
            return self.datagram_passes_link(datagram);
        }
        let input = Input::Message {
            from: self.world.directory.endpoint(datagram.from),
            message: datagram.message.open(),
        };
        self.turn_here(datagram.at, input, datagram.len);
    }

    /// A datagram comes in at a host.
    #[inline(never)]
    fn datagram_passes_link(&mut self, datagram: Datagram<P::Message>) {
        let own = self.world.directory.endpoint(datagram.at);
        let unusual = Unusual {
            from: self.world.directory.endpoint(datagram.from),
            to: Some(own),
            content: Content::Value(datagram.message.open()),
            len: datagram.len,
            passage: Passage::Ahead,
        };
        self.unusual_arrives(datagram.at, unusual);
    }

    /// A datagram comes in that is not told by its sender and its value alone.
    pub(crate) fn unusual_arrives(&mut self, id: NodeId, datagram: Unusual<P::Message>) {
        let now = self.now();
        if !self.is_let_in(id, &datagram) {
            self.shard.fates.kept_out += 1;
            return;
        }
        let len = datagram.len as usize + HEADER_LEN;
        if let Some(host) = self.host_of(id) {
            match datagram.passage {
                Passage::Ahead => {
                    if let Some(tick) = host.downlink.pass(now, len) {
                        let passage = Passage::Queued;
                        let queued = Box::new(Unusual {
                            passage,
                            ..datagram
                        });
                        return self.post(tick, id, id, What::Datagram(queued));
                    }
                }
                Passage::Queued => host.downlink.has_passed(),
                Passage::Done => {}
            }
        }
        if self.cell(id).node.is_none() {
            self.shard.fates.unheard += 1;
            return;
        }
        let Unusual {
            from, content, len, ..
        } = datagram;
        let input = match content {
            Content::Value(message) => Input::Message { from, message },
            Content::Raw(bytes) => {
                let Shared::Alone(shared) = &mut self.shared else {
                    unreachable!("no message comes as bytes while several shards are at work");
                };
                match P::Message::decode(&bytes, shared) {
                    Ok(message) => Input::Message { from, message },
                    Err(error) => {
                        self.shard.fates.garbled += 1;
                        Input::Garbled { from, error }
                    }
                }
            }
        };
        self.turn(id, input, len);
    }

    /// Whether anybody is at the port to which a datagram was sent, and what stands before the node
    /// lets it in.
    fn is_let_in(&mut self, id: NodeId, datagram: &Unusual<P::Message>) -> bool {
        let (now, own) = (self.now(), self.world.directory.endpoint(id));
        let Some(to) = datagram.to.filter(|_| datagram.passage == Passage::Ahead) else {
            return true;
        };
        let directory = &self.world.directory;
        match self.host_of(id).and_then(|host| host.gate.as_ref()) {
            Some(gate) => gate.admits(own, to.port(), datagram.from, now),
            None => directory
                .listening(to)
                .is_some_and(|listening| listening.node == id),
        }
    }
}
