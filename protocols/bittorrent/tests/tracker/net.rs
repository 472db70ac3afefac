//! A small world for conversations: hosts by their addresses, 10 ms apart, in virtual time.
//!
//! Datagrams cross it as bytes, so every test also tests the codecs.

use bittorrent::tracker::Datagram;
use bytes::Bytes;
use core::time::Duration;
use machine::{
    CloseReason, ConnId, Effect, Effects, Endpoint, Input, Instant, JobId, ListenerId, Protocol,
    ResolveError, Seed, StreamInput, Streams, Target, Turns, Wire as _,
};
use std::collections::{BTreeMap, BTreeSet};

/// One way from host to host.
pub(crate) const LATENCY: Duration = Duration::from_millis(10);

/// What reaches a host.
pub(crate) enum Coming {
    Datagram {
        from: Endpoint,
        bytes: Vec<u8>,
    },
    Stream {
        link: u64,
        input: StreamInput,
    },
    Resolved {
        job: JobId,
        result: Result<Vec<Endpoint>, ResolveError>,
    },
    Wake,
}

/// What a host does.
pub(crate) enum Going {
    Datagram { to: Endpoint, bytes: Vec<u8> },
    Connect { conn: ConnId, to: Target },
    Bytes { link: u64, bytes: Bytes },
    Close { link: u64 },
    Resolve { job: JobId, name: String, port: u16 },
}

pub(crate) trait Host {
    fn take(&mut self, coming: Coming, now: Instant) -> Vec<Going>;
    fn opened(&mut self, _conn: ConnId, _link: u64) {}
    fn next_wakeup(&self) -> Option<Instant> {
        None
    }
}

/// A protocol's node as a host.
pub(crate) struct Node<P: Protocol> {
    pub(crate) node: P,
    pub(crate) heard: Vec<P::Event>,
    turns: Turns,
    effects: Effects<P>,
    links: BTreeMap<u64, ConnId>,
}

/// A web server that a test writes as a function: the request as text, the answer as bytes, and
/// whether it then closes.
pub(crate) struct Script<F> {
    pub(crate) answer: F,
    pub(crate) requests: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Then {
    Stays,
    Closes,
}

pub(crate) struct World {
    pub(crate) now: Instant,
    names: BTreeMap<String, Vec<Endpoint>>,
    /// Addresses that swallow all that is sent there.
    silent: BTreeSet<Endpoint>,
    queue: BTreeMap<(Instant, u64), (usize, Coming)>,
    sequence: u64,
    links: BTreeMap<u64, [usize; 2]>,
    addresses: Vec<Endpoint>,
    /// Connections that were opened, and how many are open.
    pub(crate) opened: u64,
    pub(crate) most_open: usize,
    /// Datagrams that get lost from now on.
    pub(crate) lose: usize,
    pub(crate) datagrams: usize,
}

struct NoBacklog;

impl Streams for NoBacklog {
    fn backlog(&self, _conn: ConnId) -> usize {
        0
    }
}

impl<P: Protocol<Message = Datagram, Shared = ()>> Node<P> {
    pub(crate) fn new(node: P, number: u64) -> Self {
        Self {
            node,
            heard: Vec::new(),
            turns: Turns::new(Seed(7), number),
            effects: Effects::new(),
            links: BTreeMap::new(),
        }
    }

    pub(crate) fn command(&mut self, command: P::Command, now: Instant) -> Vec<Going> {
        self.turn(Input::Command(command), now)
    }

    fn turn(&mut self, input: Input<P>, now: Instant) -> Vec<Going> {
        let Self {
            turns,
            node,
            effects,
            ..
        } = self;
        turns.take(node, input, now, &(), &NoBacklog, effects);
        let due = self.node.next_wakeup();
        assert!(
            due.is_none_or(|at| at > now) || !self.effects.is_empty(),
            "{due:?} at {now:?}"
        );
        let mut list = self.effects.take();
        let going = list
            .drain(..)
            .filter_map(|effect| self.going(effect))
            .collect();
        self.effects.restore(list);
        going
    }

    fn going(&mut self, effect: Effect<P>) -> Option<Going> {
        let links = &self.links;
        let link = |conn| {
            links
                .iter()
                .find_map(|(&link, &known)| (known == conn).then_some(link))
        };
        match effect {
            Effect::SendTo { to, message } => {
                let mut bytes = Vec::new();
                message.encode(&(), &mut bytes);
                assert_eq!(bytes.len(), message.encoded_len(&()));
                Some(Going::Datagram { to, bytes })
            }
            Effect::Connect { conn, to } => Some(Going::Connect { conn, to }),
            Effect::Write { conn, written } => {
                let bytes = Bytes::copy_from_slice(self.effects.written(written));
                Some(Going::Bytes {
                    link: link(conn)?,
                    bytes,
                })
            }
            Effect::Close { conn } => {
                let link = link(conn)?;
                self.links.remove(&link);
                Some(Going::Close { link })
            }
            Effect::Resolve { job, name, port } => Some(Going::Resolve {
                job,
                name: name.into(),
                port,
            }),
            Effect::Emit(event) => {
                self.heard.push(event);
                None
            }
            Effect::SendBytes { .. }
            | Effect::SendSpan { .. }
            | Effect::Pause { .. }
            | Effect::Resume { .. }
            | Effect::Put { .. }
            | Effect::Free { .. }
            | Effect::Disk { .. }
            | Effect::HurryDisk => panic!("trackers need no such effect"),
        }
    }
}

impl<P: Protocol<Message = Datagram, Shared = ()>> Host for Node<P> {
    fn take(&mut self, coming: Coming, now: Instant) -> Vec<Going> {
        let input = match coming {
            Coming::Datagram { from, bytes } => match Datagram::decode(&bytes, &mut ()) {
                Ok(message) => Input::Message { from, message },
                Err(error) => Input::Garbled { from, error },
            },
            Coming::Stream { link, input } => {
                if matches!(input, StreamInput::Accepted { .. }) {
                    self.links.insert(link, self.turns.accept());
                }
                let Some(&conn) = self.links.get(&link) else {
                    return Vec::new();
                };
                if matches!(input, StreamInput::Closed(_)) {
                    self.links.remove(&link);
                }
                Input::Stream { conn, input }
            }
            Coming::Resolved { job, result } => Input::Resolved { job, result },
            Coming::Wake => Input::Wake,
        };
        self.turn(input, now)
    }

    fn opened(&mut self, conn: ConnId, link: u64) {
        self.links.insert(link, conn);
    }

    fn next_wakeup(&self) -> Option<Instant> {
        self.node.next_wakeup()
    }
}

impl<F: FnMut(&str) -> (Vec<u8>, Then)> Script<F> {
    pub(crate) fn new(answer: F) -> Self {
        Self {
            answer,
            requests: Vec::new(),
        }
    }
}

impl<F: FnMut(&str) -> (Vec<u8>, Then)> Host for Script<F> {
    fn take(&mut self, coming: Coming, _now: Instant) -> Vec<Going> {
        let Coming::Stream {
            link,
            input: StreamInput::Received(bytes),
        } = coming
        else {
            return Vec::new();
        };
        let text = String::from_utf8(bytes.to_vec()).expect("requests are text");
        let mut going = Vec::new();
        for request in text.split_terminator("\r\n\r\n") {
            self.requests.push(request.into());
            let (answer, then) = (self.answer)(request);
            if !answer.is_empty() {
                going.push(Going::Bytes {
                    link,
                    bytes: answer.into(),
                });
            }
            if then == Then::Closes {
                going.push(Going::Close { link });
                break;
            }
        }
        going
    }
}

impl World {
    /// A world with so many hosts at these addresses; the hosts themselves stay the test's.
    pub(crate) fn new(addresses: &[&str]) -> Self {
        Self {
            now: Instant::ZERO + Duration::from_secs(1),
            names: BTreeMap::new(),
            silent: BTreeSet::new(),
            queue: BTreeMap::new(),
            sequence: 0,
            links: BTreeMap::new(),
            addresses: addresses
                .iter()
                .map(|text| text.parse().expect("an address"))
                .collect(),
            opened: 0,
            most_open: 0,
            lose: 0,
            datagrams: 0,
        }
    }

    pub(crate) fn name(&mut self, name: &str, address: &str) {
        let address = address.parse().expect("an address");
        self.names.entry(name.into()).or_default().push(address);
    }

    pub(crate) fn silence(&mut self, address: &str) {
        self.silent.insert(address.parse().expect("an address"));
    }

    /// Carries out what a host does.
    pub(crate) fn carry(&mut self, from: usize, hosts: &mut [&mut dyn Host], going: Vec<Going>) {
        for going in going {
            match going {
                Going::Datagram { to, bytes } => self.datagram(from, to, bytes),
                Going::Connect { conn, to } => self.connect(from, hosts, conn, &to),
                Going::Bytes { link, bytes } => {
                    self.stream(from, link, StreamInput::Received(bytes))
                }
                Going::Close { link } => {
                    self.stream(from, link, StreamInput::Closed(CloseReason::ByPeer));
                    self.links.remove(&link);
                }
                Going::Resolve { job, name, port } => {
                    let found = self.names.get(&name).map(|found| {
                        found
                            .iter()
                            .map(|address| address.with_port(port))
                            .collect::<Vec<_>>()
                    });
                    let result = found.ok_or(ResolveError::NotFound);
                    self.post(from, LATENCY, Coming::Resolved { job, result });
                }
            }
        }
    }

    /// Lets time pass until nothing more happens before `until`.
    pub(crate) fn run(&mut self, hosts: &mut [&mut dyn Host], until: Instant) {
        loop {
            let wake = (0..hosts.len())
                .filter_map(|host| Some((hosts[host].next_wakeup()?, host)))
                .min();
            let next = self.queue.keys().next().map(|&(at, _)| at);
            let (host, coming) = match (next, wake) {
                (Some(at), _) if at <= until && wake.is_none_or(|(wake, _)| at <= wake) => {
                    self.now = self.now.max(at);
                    self.queue.pop_first().expect("it was there").1
                }
                (_, Some((at, host))) if at <= until => {
                    self.now = self.now.max(at);
                    (host, Coming::Wake)
                }
                _ => break,
            };
            let going = hosts[host].take(coming, self.now);
            self.carry(host, hosts, going);
        }
        self.now = until;
    }

    pub(crate) fn run_for(&mut self, hosts: &mut [&mut dyn Host], duration: Duration) {
        self.run(hosts, self.now + duration);
    }

    fn datagram(&mut self, from: usize, to: Endpoint, bytes: Vec<u8>) {
        self.datagrams += 1;
        if self.lose > 0 {
            self.lose -= 1;
            return;
        }
        let to = self.addresses.iter().position(|&address| address == to);
        if let Some(to) = to.filter(|&to| !self.silent.contains(&self.addresses[to])) {
            self.post(
                to,
                LATENCY,
                Coming::Datagram {
                    from: self.addresses[from],
                    bytes,
                },
            );
        }
    }

    fn connect(&mut self, from: usize, hosts: &mut [&mut dyn Host], conn: ConnId, to: &Target) {
        self.opened += 1;
        let link = self.opened;
        hosts[from].opened(conn, link);
        let address = match to {
            Target::Endpoint(endpoint) => Some(*endpoint),
            Target::Host { name, port, .. } => {
                let literal = name
                    .parse()
                    .ok()
                    .map(|address| Endpoint::new(address, *port));
                let named = self.names.get(name).and_then(|found| found.first());
                literal.or(named.map(|address| address.with_port(*port)))
            }
        };
        let Some(address) = address else {
            let input = StreamInput::Closed(CloseReason::NameNotFound);
            return self.post(from, LATENCY, Coming::Stream { link, input });
        };
        if self.silent.contains(&address) {
            return;
        }
        let Some(to) = self.addresses.iter().position(|&known| known == address) else {
            let input = StreamInput::Closed(CloseReason::Refused);
            return self.post(from, 2 * LATENCY, Coming::Stream { link, input });
        };
        self.links.insert(link, [from, to]);
        self.most_open = self.most_open.max(self.links.len());
        let accepted = StreamInput::Accepted {
            from: self.addresses[from],
            listener: ListenerId(0),
        };
        self.post(
            to,
            LATENCY,
            Coming::Stream {
                link,
                input: accepted,
            },
        );
        let connected = StreamInput::Connected { to: address };
        self.post(
            from,
            2 * LATENCY,
            Coming::Stream {
                link,
                input: connected,
            },
        );
    }

    fn stream(&mut self, from: usize, link: u64, input: StreamInput) {
        if let Some(&[a, b]) = self.links.get(&link) {
            self.post(
                if from == a { b } else { a },
                LATENCY,
                Coming::Stream { link, input },
            );
        }
    }

    fn post(&mut self, to: usize, after: Duration, coming: Coming) {
        self.sequence += 1;
        self.queue
            .insert((self.now + after, self.sequence), (to, coming));
    }
}
