//! Requests and responses in datagrams (BEP 15; spec section 6).

use super::answer;
use super::api::Event;
use super::node::Tracker;
use super::registry::Accepted;
use crate::tracker::announce::ScrapeCounts;
use crate::tracker::compact::Family;
use crate::tracker::udp::{AnnounceResponse, Datagram, Request, Response, TransactionId};
use alloc::boxed::Box;
use alloc::string::String;
use core::time::Duration;
use machine::{Endpoint, Io, Rng};

/// The bytes of compact peers in one datagram: it fits into a packet of any network.
const PEERS_MAX: usize = 1_200;

impl Tracker {
    pub(super) fn datagram(&mut self, from: Endpoint, request: Request, io: &mut Io<'_, Self>) {
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
    let peers = accepted.draw(family, PEERS_MAX / family.peer_len(), rng);
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
