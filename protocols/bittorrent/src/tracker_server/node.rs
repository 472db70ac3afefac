//! The tracker as a node: inputs in, answers out.

use super::answer::{self, Answer, Status, Then};
use super::api::{Change, Command, Config, Event, IpParameter, Totals};
use super::connections::{Connections, Flow};
use super::query::{self, AnnounceQuery};
use super::registry::{Accepted, Registry};
use super::udp::ConnectionIds;
use crate::numbers::InfoHash;
use crate::tracker::announce::{Announce, ScrapeCounts};
use crate::tracker::compact::Family;
use crate::tracker::udp::{AnnounceResponse, Datagram, Request, Response, TransactionId};
use alloc::boxed::Box;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;
use core::time::Duration;
use machine::{BACKLOG_HIGH, ConnId, Endpoint, Input, Instant, Io, Protocol, Rng, StreamInput};
use wire::http::{Framing, RequestHead, Version};

/// The least interval that makes sense.
const INTERVAL_MIN: Duration = Duration::from_secs(1);

/// The requests of a client that are answered in one turn; who sends more ahead must go. Clients
/// send one ahead, ours 16.
const REQUESTS_AHEAD_MAX: usize = 64;

/// The bytes of compact peers in one datagram: it fits into a packet of any network.
const DATAGRAM_PEERS_MAX: usize = 1_200;

/// A tracker.
#[derive(Debug)]
pub struct Tracker {
    config: Config,
    registry: Registry,
    connections: Connections,
    ids: ConnectionIds,
    /// When to look for silent peers; `None` while there are no peers.
    sweep_at: Option<Instant>,
}

impl Tracker {
    /// Makes a tracker that knows nobody yet. The chance is for its secrets.
    #[must_use]
    pub fn new(config: Config, rng: &mut Rng) -> Self {
        let interval = config.interval.max(INTERVAL_MIN);
        let config = Config { interval, ..config };
        let registry = Registry::new(config, rng);
        let ids = ConnectionIds::draw(rng);
        Self {
            config,
            registry,
            connections: Connections::default(),
            ids,
            sweep_at: None,
        }
    }

    /// Tells how much the tracker holds.
    #[must_use]
    pub fn totals(&self) -> Totals {
        Totals {
            torrents: self.registry.torrents(),
            peers: self.registry.peers(),
            connections: self.connections.len(),
        }
    }
}

impl Protocol for Tracker {
    type Message = Datagram;
    type Command = Command;
    type Event = Event;
    type Shared = ();

    fn handle(&mut self, input: Input<Self>, io: &mut Io<'_, Self>) {
        match input {
            Input::Command(Command::Count) => io.emit(Event::Totals(self.totals())),
            Input::Message {
                from,
                message: Datagram::Request(request),
            } => {
                self.datagram(from, request, io);
            }
            Input::Stream { conn, input } => self.stream(conn, input, io),
            Input::Wake => self.wake(io),
            // Responses are for peers; nonsense is not answered, for its sender may be forged; and
            // a tracker asks for no disk work and no names.
            Input::Message {
                message: Datagram::Response(_),
                ..
            }
            | Input::Garbled { .. }
            | Input::Disk { .. }
            | Input::Resolved { .. } => {}
        }
    }

    fn next_wakeup(&self) -> Option<Instant> {
        [self.sweep_at, self.connections.next_wakeup()]
            .into_iter()
            .flatten()
            .min()
    }
}

impl Tracker {
    fn wake(&mut self, io: &mut Io<'_, Self>) {
        while let Some(conn) = self.connections.pop_late(io.now()) {
            io.close(conn);
        }
        if self.sweep_at.is_some_and(|at| at <= io.now()) {
            self.registry.sweep(io.now());
            self.sweep_at = self.registry.sweep_period().map(|period| io.now() + period);
        }
    }

    /// Registers an announce from `endpoint` and lets `answer` make of it what the asker is told.
    fn announce<A>(
        &mut self,
        announce: &Announce,
        endpoint: Endpoint,
        io: &mut Io<'_, Self>,
        answer: impl FnOnce(&Accepted<'_>, &mut Rng) -> A,
    ) -> Result<A, String> {
        let accepted = self.registry.announce(announce, endpoint, io.now());
        let accepted = accepted.map_err(|refusal| refusal.to_string())?;
        let (change, counts) = (accepted.change, accepted.counts);
        let answer = answer(&accepted, io.rng());
        if let Some(change) = change {
            tell(announce.info_hash, endpoint, change, counts, io);
        }
        if self.sweep_at.is_none() {
            self.sweep_at = self.registry.sweep_period().map(|period| io.now() + period);
        }
        Ok(answer)
    }
}

/// Datagrams.
impl Tracker {
    fn datagram(&mut self, from: Endpoint, request: Request, io: &mut Io<'_, Self>) {
        let now = io.now();
        let response = match request {
            Request::Connect { transaction } => Response::Connect {
                transaction,
                connection: self.ids.issue(from, now),
            },
            Request::Announce(request) if self.ids.accepts(request.connection, from, now) => {
                let endpoint = from.with_port(request.announce.port);
                let transaction = request.transaction;
                let interval = self.config.interval;
                let answer = |accepted: &Accepted<'_>, rng: &mut Rng| {
                    announce_response(transaction, accepted, interval, rng)
                };
                match self.announce(&request.announce, endpoint, io, answer) {
                    Ok(response) => response,
                    Err(reason) => refuse(transaction, from, reason, io),
                }
            }
            Request::Scrape {
                connection,
                transaction,
                info_hashes,
            } if self.ids.accepts(connection, from, now) => {
                let counts = info_hashes
                    .iter()
                    .map(|&hash| self.registry.scrape(hash))
                    .collect();
                Response::Scrape {
                    transaction,
                    counts,
                }
            }
            // Not worth an event: the sender may be forged.
            Request::Announce(request) => unknown_connection(request.transaction),
            Request::Scrape { transaction, .. } => unknown_connection(transaction),
        };
        io.send_to(from, Datagram::Response(response));
    }
}

fn announce_response(
    transaction: TransactionId,
    accepted: &Accepted<'_>,
    interval: Duration,
    rng: &mut Rng,
) -> Response {
    let (asker, _) = accepted.asker();
    let family = Family::of(asker);
    let peers = accepted.draw(family, DATAGRAM_PEERS_MAX / family.peer_len(), rng);
    let ScrapeCounts {
        seeds, leechers, ..
    } = accepted.counts;
    Response::Announce(Box::new(AnnounceResponse {
        transaction,
        interval: u32::try_from(interval.as_secs()).unwrap_or(u32::MAX),
        leechers,
        seeds,
        compact_peers: answer::compact(&peers, family),
    }))
}

fn refuse(
    transaction: TransactionId,
    from: Endpoint,
    reason: String,
    io: &mut Io<'_, Tracker>,
) -> Response {
    io.emit(Event::Refused {
        from,
        reason: reason.clone(),
    });
    Response::Error {
        transaction,
        message: reason,
    }
}

fn unknown_connection(transaction: TransactionId) -> Response {
    Response::Error {
        transaction,
        message: "connection id unknown or too old".into(),
    }
}

/// Connections.
impl Tracker {
    fn stream(&mut self, conn: ConnId, input: StreamInput, io: &mut Io<'_, Self>) {
        match input {
            StreamInput::Accepted { from, .. } => {
                if self.connections.len() < self.config.connections_max {
                    self.connections.accept(conn, from, io.now());
                } else {
                    io.close(conn);
                    let reason = "too many connections".into();
                    io.emit(Event::Refused { from, reason });
                }
            }
            StreamInput::Received(bytes) => {
                if let Some(connection) = self.connections.find(conn) {
                    connection.received(bytes);
                    self.serve(conn, io);
                }
            }
            StreamInput::Flushed => {
                if let Some(connection) = self.connections.find(conn)
                    && connection.flow == Flow::Paused
                {
                    connection.flow = Flow::Reading;
                    io.resume(conn);
                    self.serve(conn, io);
                }
            }
            StreamInput::Closed(_) => self.connections.remove(conn),
            StreamInput::Connected { .. } => {}
        }
    }

    /// Answers what a connection has asked whole.
    fn serve(&mut self, conn: ConnId, io: &mut Io<'_, Self>) {
        let mut served = 0;
        while let Some(connection) = self.connections.find(conn) {
            if io.backlog(conn) >= BACKLOG_HIGH {
                if connection.flow == Flow::Reading {
                    connection.flow = Flow::Paused;
                    io.pause(conn);
                }
                break;
            }
            let from = connection.from;
            let answer = match connection.next_request() {
                Ok(None) => break,
                Ok(Some(_)) if served >= REQUESTS_AHEAD_MAX => bad_request("too many requests"),
                Ok(Some(request)) => self.answer(&request, from, io),
                Err(malformed) => bad_request(&malformed.to_string()),
            };
            served += 1;
            io.send(conn, &answer);
            if answer.then == Then::Ends {
                io.close(conn);
                self.connections.remove(conn);
            }
        }
        self.connections.served(conn, io.now());
    }

    fn answer(&mut self, request: &RequestHead, from: Endpoint, io: &mut Io<'_, Self>) -> Answer {
        let has_body = Framing::of_request(request) != Ok(Framing::Length(0));
        let then = if request.keeps_alive() && !has_body {
            Then::Stays
        } else {
            Then::Ends
        };
        let (status, body) = match (request.method.as_str(), request.path()) {
            ("GET", "/announce") => (Status::Ok, self.announce_answer(request.query(), from, io)),
            ("GET", "/scrape") => (Status::Ok, self.scrape_answer(request.query())),
            ("GET", _) => (
                Status::NotFound,
                b"Trackers have /announce and /scrape.\n".to_vec(),
            ),
            _ => (
                Status::MethodNotAllowed,
                b"Trackers are asked by GET.\n".to_vec(),
            ),
        };
        Answer {
            version: request.version,
            status,
            then,
            body,
        }
    }

    fn announce_answer(&mut self, query: &str, from: Endpoint, io: &mut Io<'_, Self>) -> Vec<u8> {
        let answered = match query::parse_announce(query) {
            Ok(AnnounceQuery { announce, form, ip }) => {
                let ip = ip
                    .filter(|_| self.believes_ip_of(from))
                    .unwrap_or_else(|| from.ip());
                let interval = self.config.interval;
                let answer = |accepted: &Accepted<'_>, rng: &mut Rng| {
                    answer::announce(accepted, form, interval, rng)
                };
                self.announce(&announce, Endpoint::new(ip, announce.port), io, answer)
            }
            Err(error) => Err(error.to_string()),
        };
        answered.unwrap_or_else(|reason| {
            let body = answer::failure(&reason);
            io.emit(Event::Refused { from, reason });
            body
        })
    }

    fn scrape_answer(&self, query: &str) -> Vec<u8> {
        match query::parse_scrape(query) {
            Ok(info_hashes) if info_hashes.is_empty() => {
                answer::failure("name the torrents by info_hash")
            }
            Ok(mut info_hashes) => {
                info_hashes.sort_unstable();
                let torrents = info_hashes
                    .iter()
                    .map(|&hash| (hash, self.registry.scrape(hash)));
                answer::scrape(torrents)
            }
            Err(error) => answer::failure(&error.to_string()),
        }
    }

    fn believes_ip_of(&self, from: Endpoint) -> bool {
        match self.config.ip_parameter {
            IpParameter::Ignored => false,
            IpParameter::FromLoopback => from.ip().is_loopback(),
        }
    }
}

fn bad_request(problem: &str) -> Answer {
    let body = problem.as_bytes().to_vec();
    Answer {
        version: Version::Http11,
        status: Status::BadRequest,
        then: Then::Ends,
        body,
    }
}

fn tell(
    info_hash: InfoHash,
    peer: Endpoint,
    change: Change,
    counts: ScrapeCounts,
    io: &mut Io<'_, Tracker>,
) {
    io.emit(Event::Peer {
        info_hash,
        peer,
        change,
        counts,
    });
}
