//! Requests and answers on connections (spec section 5).

use super::answer::{self, Answer, Status, Then};
use super::api::{Event, IpParameter};
use super::connections::Flow;
use super::node::Tracker;
use super::query::{self, AnnounceQuery};
use super::registry::Accepted;
use alloc::string::ToString as _;
use alloc::vec::Vec;
use machine::{BACKLOG_HIGH, ConnId, Endpoint, Io, Rng, StreamInput};
use wire::http::{Framing, RequestHead, Version};

/// The requests of a client that are answered in one turn; who sends more ahead must go. Clients
/// send one ahead, ours 16.
const REQUESTS_AHEAD_MAX: usize = 64;

impl Tracker {
    pub(super) fn stream(&mut self, conn: ConnId, input: StreamInput, io: &mut Io<'_, Self>) {
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
