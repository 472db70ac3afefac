//! What a peer is answered over HTTP.

use super::query::{PeerIds, PeersForm};
use super::registry::Accepted;
use super::swarm::Peer;
use crate::numbers::InfoHash;
use crate::tracker::announce::ScrapeCounts;
use crate::tracker::compact::{self, Family};
use alloc::string::ToString as _;
use alloc::vec::Vec;
use core::fmt;
use core::net::IpAddr;
use core::time::Duration;
use machine::Rng;
use wire::Encode;
use wire::bencode::encode_dict;
use wire::http::Version;

/// The least interval that is asked of peers without news; more often than the interval, less
/// often than this (spec section 5).
const MIN_INTERVAL: Duration = Duration::from_secs(60);

/// A response with its head.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) version: Version,
    pub(super) status: Status,
    pub(super) then: Then,
    pub(super) body: Vec<u8>,
}

/// The few statuses of a tracker; what a peer got wrong is told in bencode, with status 200, for
/// many clients look no further at another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    Ok,
    BadRequest,
    NotFound,
    MethodNotAllowed,
}

/// What becomes of the connection after the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Then {
    Stays,
    Ends,
}

impl Encode for Answer {
    fn encode(&self, out: &mut Vec<u8>) {
        let (version, default) = match self.version {
            Version::Http10 => ("1.0", Then::Ends),
            Version::Http11 => ("1.1", Then::Stays),
        };
        let connection = match self.then {
            then if then == default => "",
            Then::Stays => "Connection: keep-alive\r\n",
            Then::Ends => "Connection: close\r\n",
        };
        let (status, length) = (self.status.line(), self.body.len());
        let head = format_args!(
            "HTTP/{version} {status}\r\nContent-Type: text/plain\r\n\
             Content-Length: {length}\r\n{connection}\r\n"
        );
        fmt::Write::write_fmt(&mut Text(out), head).expect("a buffer takes all that is written");
        self.body.encode(out);
    }
}

impl Status {
    const fn line(self) -> &'static str {
        match self {
            Self::Ok => "200 OK",
            Self::BadRequest => "400 Bad Request",
            Self::NotFound => "404 Not Found",
            Self::MethodNotAllowed => "405 Method Not Allowed",
        }
    }
}

/// Writes the answer to an announce.
pub(super) fn announce(
    accepted: &Accepted<'_>,
    form: PeersForm,
    interval: Duration,
    rng: &mut Rng,
) -> Vec<u8> {
    let peers = accepted.draw_both(rng);
    let ScrapeCounts {
        seeds,
        completed,
        leechers,
    } = accepted.counts;
    let (asker, _) = accepted.asker();
    encode_dict(|answer| {
        answer.int("complete", seeds);
        answer.int("downloaded", completed);
        match asker.ip() {
            IpAddr::V4(ip) => answer.bytes("external ip", ip.octets()),
            IpAddr::V6(ip) => answer.bytes("external ip", ip.octets()),
        }
        answer.int("incomplete", leechers);
        answer.int("interval", interval.as_secs());
        answer.int("min interval", interval.min(MIN_INTERVAL).as_secs());
        match form {
            PeersForm::Compact => {
                answer.bytes("peers", compact(&peers, Family::V4));
                let peers6 = compact(&peers, Family::V6);
                if !peers6.is_empty() {
                    answer.bytes("peers6", peers6);
                }
            }
            PeersForm::Dicts(ids) => answer.list("peers", |list| {
                for Peer {
                    endpoint, peer_id, ..
                } in &peers
                {
                    list.dict(|peer| {
                        peer.bytes("ip", endpoint.ip().to_string());
                        if ids == PeerIds::Told {
                            peer.bytes("peer id", peer_id.0);
                        }
                        peer.int("port", endpoint.port());
                    });
                }
            }),
        }
    })
}

/// Writes why a request cannot be granted.
pub(super) fn failure(reason: &str) -> Vec<u8> {
    encode_dict(|answer| answer.bytes("failure reason", reason))
}

/// Writes the answer to a scrape.
pub(super) fn scrape(torrents: impl Iterator<Item = (InfoHash, ScrapeCounts)>) -> Vec<u8> {
    encode_dict(|answer| {
        answer.dict("files", |files| {
            for (info_hash, counts) in torrents {
                files.dict(info_hash.0, |torrent| {
                    torrent.int("complete", counts.seeds);
                    torrent.int("downloaded", counts.completed);
                    torrent.int("incomplete", counts.leechers);
                });
            }
        });
    })
}

/// Writes the peers of one family side by side.
pub(super) fn compact(peers: &[Peer], family: Family) -> Vec<u8> {
    let mut out = Vec::with_capacity(peers.len() * family.peer_len());
    for peer in peers
        .iter()
        .filter(|peer| Family::of(peer.endpoint) == family)
    {
        compact::encode(peer.endpoint, &mut out);
    }
    out
}

/// Lets text be formatted straight into bytes.
struct Text<'a>(&'a mut Vec<u8>);

impl fmt::Write for Text<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.extend_from_slice(text.as_bytes());
        Ok(())
    }
}
