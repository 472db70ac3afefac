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
        let leaves = match self.host_of(id) {
            Some(host) => match host.uplink.send_datagram(now, len + HEADER_LEN) {
                Some(leaves) => leaves,
                None => return,
            },
            None => {
                self.cell(id).bytes += (len + HEADER_LEN) as u64;
                now.as_nanos()
            }
        };
        let Some(listening) = self.world.directory.listening(to) else {
            return;
        };
        let at = listening.node;
        if self.world.is_cut(id, at) {
            return;
        }
        let arrives = leaves + self.world.latency(id, at);
        let network = &self.world.config.network;
        if network.is_faultless() && self.world.directory.has_one(id) {
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
            return;
        }
        let damaged = network.damage.strikes(&mut dice);
        let copies = 1 + u32::from(network.duplication.strikes(&mut dice));
        let jitter = (Instant::ZERO + network.jitter).as_nanos();
        let mut late = || match jitter {
            0 => 0,
            jitter => dice.below(jitter.saturating_add(1)),
        };
        let from = self.world.directory.source(id, to);
        let charged = u32::try_from(len).expect("shorter than 4 GiB");
        let values = network.form == Form::Values && !damaged && copies == 1;
        if values {
            let arrives = Tick::not_before(Instant::from_nanos(arrives + late()));
            if self.world.directory.has_one(id) {
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

    /// A datagram comes in at a link.
    #[inline(never)]
    fn datagram_passes_link(&mut self, datagram: Datagram<P::Message>) {
        let unusual = Unusual {
            from: self.world.directory.endpoint(datagram.from),
            content: Content::Value(datagram.message.open()),
            len: datagram.len,
            passage: Passage::Ahead,
        };
        self.unusual_arrives(datagram.at, unusual);
    }

    /// A datagram comes in that is not told by its sender and its value alone.
    pub(crate) fn unusual_arrives(&mut self, id: NodeId, datagram: Unusual<P::Message>) {
        let Unusual {
            from,
            content,
            len,
            passage,
        } = datagram;
        let now = self.now();
        if passage == Passage::Ahead
            && let Some(host) = self.host_of(id)
            && let Some(tick) = host.downlink.pass(now, len as usize + HEADER_LEN)
        {
            return self.queue(id, tick, from, content, len);
        }
        if passage == Passage::Queued
            && let Some(host) = self.host_of(id)
        {
            host.downlink.has_passed();
        }
        if self.cell(id).node.is_none() {
            return;
        }
        let input = match content {
            Content::Value(message) => Input::Message { from, message },
            Content::Raw(bytes) => {
                let Shared::Alone(shared) = &mut self.shared else {
                    unreachable!("no message comes as bytes while several shards are at work");
                };
                match P::Message::decode(&bytes, shared) {
                    Ok(message) => Input::Message { from, message },
                    Err(error) => Input::Garbled { from, error },
                }
            }
        };
        self.turn(id, input, len);
    }

    /// Lets a datagram wait for its turn on the receiver's link.
    fn queue(
        &mut self,
        id: NodeId,
        tick: Tick,
        from: Endpoint,
        content: Content<P::Message>,
        len: u32,
    ) {
        let datagram = Box::new(Unusual {
            from,
            content,
            len,
            passage: Passage::Queued,
        });
        self.post(tick, id, id, What::Datagram(datagram));
    }
}
