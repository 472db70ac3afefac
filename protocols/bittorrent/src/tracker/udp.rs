//! Datagrams between a peer and a UDP tracker (BEP 15, 41; spec section 6).
//!
//! UDP proves nothing about the sender, so a client first fetches a *connection id* from the
//! tracker and shows it with each request: who can show it did receive a packet at the address
//! from which it asks.
//!
//! ```text
//!   peer ── connect ───────────────▶ tracker
//!        ◀── connection id ─────────           usable for 60 s, accepted for 120 s
//!        ── id, announce ──────────▶
//!        ◀── interval, peers ───────
//! ```
//!
//! # Telling requests from responses
//!
//! A request and the response to it carry the same action number; by the letter of the BEP only
//! the direction tells them apart. Responses have the action in their first word, requests in
//! their third: the first holds a constant for [`Request::Connect`] and half of the connection id
//! for the others. So any datagram whose first word is a response's action (0 to 3) is taken for
//! a response, and everything else for a request. That is exact for a client, which receives
//! nothing but responses, and for a tracker that never gives out a connection id that begins with
//! such a word; ours does not ([`ConnectionId::new`]).

use super::announce::{Announce, AnnounceEvent, ScrapeCounts};
use super::compact::{self, Family};
use crate::numbers::{InfoHash, PeerId};
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use machine::{Endpoint, Wire};
use wire::{Decode, Encode, Malformed, Problem, Reader};

/// The hashes that one scrape may ask for (BEP 15): the response then fits into one packet.
pub const SCRAPE_HASHES_MAX: usize = 74;

/// The bytes that a connect request begins with, in place of a connection id.
const PROTOCOL_MAGIC: u64 = 0x0417_2710_1980;

/// The bytes of a URL that an announce may carry (BEP 41); a packet has no room for more.
const URL_DATA_MAX: usize = 1024;

const CONNECT: u32 = 0;
const ANNOUNCE: u32 = 1;
const SCRAPE: u32 = 2;
const ERROR: u32 = 3;

const OPTION_END: u8 = 0;
const OPTION_NOP: u8 = 1;
const OPTION_URL_DATA: u8 = 2;

/// Ties a response to its request: random, so that who cannot read the request cannot forge the
/// response.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TransactionId(pub u32);

/// Proves that the sender of a request receives at its address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(pub u64);

/// What a peer asks of a tracker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// For a connection id.
    Connect {
        /// To be repeated in the response.
        transaction: TransactionId,
    },
    /// To be listed, and for peers.
    Announce(Box<AnnounceRequest>),
    /// How many peers some torrents have.
    Scrape {
        /// The proof of address.
        connection: ConnectionId,
        /// To be repeated in the response.
        transaction: TransactionId,
        /// The torrents, at most [`SCRAPE_HASHES_MAX`].
        info_hashes: Vec<InfoHash>,
    },
}

/// An announce over UDP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnnounceRequest {
    /// The proof of address.
    pub connection: ConnectionId,
    /// To be repeated in the response.
    pub transaction: TransactionId,
    /// What is announced.
    pub announce: Announce,
    /// Path and query of the tracker's URL (BEP 41), empty if it has none: private trackers put
    /// their users' keys there.
    pub url_data: Box<[u8]>,
}

/// What a tracker answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Response {
    /// Here is your connection id.
    Connect {
        /// The request's.
        transaction: TransactionId,
        /// The proof of address from now on.
        connection: ConnectionId,
    },
    /// You are listed; here are others.
    Announce(Box<AnnounceResponse>),
    /// These are the torrents' counts.
    Scrape {
        /// The request's.
        transaction: TransactionId,
        /// One for each hash of the request, in its order.
        counts: Vec<ScrapeCounts>,
    },
    /// No, and why.
    Error {
        /// The request's.
        transaction: TransactionId,
        /// A text for the user.
        message: String,
    },
}

/// The answer to an announce over UDP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnnounceResponse {
    /// The request's.
    pub transaction: TransactionId,
    /// When to announce again, in seconds.
    pub interval: u32,
    /// How many peers lack something.
    pub leechers: u32,
    /// How many lack nothing.
    pub seeds: u32,
    /// Compact peers, still as bytes: their family is the sender's ([`AnnounceResponse::peers`]).
    pub compact_peers: Vec<u8>,
}

/// Any datagram between a peer and a tracker, in either direction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Datagram {
    /// From a peer.
    Request(Request),
    /// From a tracker.
    Response(Response),
}

impl ConnectionId {
    /// Makes a connection id of random or hashed bits, such that no datagram which begins with it
    /// can be taken for a response.
    #[must_use]
    pub const fn new(bits: u64) -> Self {
        Self(bits | 1 << 63)
    }
}

impl Response {
    /// Tells which request this answers.
    #[must_use]
    pub fn transaction(&self) -> TransactionId {
        match self {
            Self::Announce(response) => response.transaction,
            Self::Connect { transaction, .. }
            | Self::Scrape { transaction, .. }
            | Self::Error { transaction, .. } => *transaction,
        }
    }
}

impl AnnounceResponse {
    /// Reads the peers, given the family of the address from which the packet came.
    pub fn peers(&self, family: Family) -> impl Iterator<Item = Endpoint> {
        compact::decode(family, &self.compact_peers)
    }
}

impl Wire<()> for Datagram {
    fn encode(&self, _shared: &(), out: &mut Vec<u8>) {
        match self {
            Self::Request(request) => request.encode(out),
            Self::Response(response) => response.encode(out),
        }
    }

    fn decode(bytes: &[u8], _shared: &mut ()) -> Result<Self, Malformed> {
        let first_word = Reader::new(bytes).u32("action")?;
        let mut reader = Reader::new(bytes);
        if first_word <= ERROR {
            Response::decode(&mut reader).map(Self::Response)
        } else {
            Request::decode(&mut reader).map(Self::Request)
        }
    }

    fn encoded_len(&self, _shared: &()) -> usize {
        match self {
            Self::Request(request) => request.encoded_len(),
            Self::Response(response) => response.encoded_len(),
        }
    }
}

impl Request {
    fn encoded_len(&self) -> usize {
        match self {
            Self::Connect { .. } => 16,
            Self::Announce(request) => {
                let url = request.url_data.len();
                98 + url + 2 * url.div_ceil(usize::from(u8::MAX))
            }
            Self::Scrape { info_hashes, .. } => 16 + 20 * info_hashes.len(),
        }
    }
}

impl Response {
    fn encoded_len(&self) -> usize {
        match self {
            Self::Connect { .. } => 16,
            Self::Announce(response) => 20 + response.compact_peers.len(),
            Self::Scrape { counts, .. } => 8 + 12 * counts.len(),
            Self::Error { message, .. } => 8 + message.len(),
        }
    }
}

impl Encode for Request {
    fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Connect { transaction } => {
                PROTOCOL_MAGIC.encode(out);
                CONNECT.encode(out);
                transaction.encode(out);
            }
            Self::Announce(request) => request.encode(out),
            Self::Scrape {
                connection,
                transaction,
                info_hashes,
            } => {
                connection.encode(out);
                SCRAPE.encode(out);
                transaction.encode(out);
                info_hashes
                    .iter()
                    .for_each(|info_hash| info_hash.0.encode(out));
            }
        }
    }
}

impl Decode for Request {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let connection = ConnectionId(reader.u64("connection id")?);
        let action = reader.u32("action")?;
        let transaction = TransactionId::decode(reader)?;
        match action {
            CONNECT if connection.0 == PROTOCOL_MAGIC => Ok(Self::Connect { transaction }),
            CONNECT => Err(Malformed::invalid("connect", 0, "the number 0x41727101980")),
            ANNOUNCE => {
                let announce = decode_announce(reader)?;
                let url_data = decode_url_data(reader)?;
                Ok(Self::Announce(Box::new(AnnounceRequest {
                    connection,
                    transaction,
                    announce,
                    url_data,
                })))
            }
            SCRAPE => Ok(Self::Scrape {
                connection,
                transaction,
                info_hashes: hashes(reader)?,
            }),
            _ => Err(Malformed::invalid(
                "action",
                8,
                "connect, announce or scrape",
            )),
        }
    }
}

impl Encode for AnnounceRequest {
    fn encode(&self, out: &mut Vec<u8>) {
        let announce = &self.announce;
        self.connection.encode(out);
        ANNOUNCE.encode(out);
        self.transaction.encode(out);
        announce.info_hash.0.encode(out);
        announce.peer_id.0.encode(out);
        announce.downloaded.encode(out);
        announce.left.encode(out);
        announce.uploaded.encode(out);
        event_number(announce.event).encode(out);
        0u32.encode(out); // The address is the packet's: a tracker must not believe this one.
        announce.key.encode(out);
        let numwant = announce
            .numwant
            .map_or(-1, |n| i32::try_from(n).unwrap_or(i32::MAX));
        numwant.to_be_bytes().encode(out);
        announce.port.encode(out);
        for chunk in self.url_data.chunks(usize::from(u8::MAX)) {
            OPTION_URL_DATA.encode(out);
            u8::try_from(chunk.len())
                .expect("chunks of at most 255")
                .encode(out);
            chunk.encode(out);
        }
    }
}

fn decode_announce(reader: &mut Reader<'_>) -> Result<Announce, Malformed> {
    let info_hash = InfoHash(reader.array("info hash")?);
    let peer_id = PeerId(reader.array("peer id")?);
    let downloaded = reader.u64("downloaded")?;
    let left = reader.u64("left")?;
    let uploaded = reader.u64("uploaded")?;
    let event = match reader.u32("event")? {
        1 => AnnounceEvent::Completed,
        2 => AnnounceEvent::Started,
        3 => AnnounceEvent::Stopped,
        _ => AnnounceEvent::None,
    };
    reader.u32("ip address")?;
    let key = reader.u32("key")?;
    let numwant = i32::from_be_bytes(reader.array("num want")?);
    let port = reader.u16("port")?;
    let numwant = u32::try_from(numwant).ok();
    Ok(Announce {
        info_hash,
        peer_id,
        port,
        uploaded,
        downloaded,
        left,
        event,
        key,
        numwant,
    })
}

const fn event_number(event: AnnounceEvent) -> u32 {
    match event {
        AnnounceEvent::None => 0,
        AnnounceEvent::Completed => 1,
        AnnounceEvent::Started => 2,
        AnnounceEvent::Stopped => 3,
    }
}

/// Joins the chunks of the URL among the options behind an announce; all other options are
/// passed over.
fn decode_url_data(reader: &mut Reader<'_>) -> Result<Box<[u8]>, Malformed> {
    let mut url_data = Vec::new();
    while !reader.is_empty() {
        match reader.u8("option")? {
            OPTION_END => break,
            OPTION_NOP => {}
            option => {
                let len = usize::from(reader.u8("option length")?);
                let data = reader.take(len, "option data")?;
                if option == OPTION_URL_DATA {
                    url_data.extend_from_slice(data);
                }
            }
        }
    }
    if url_data.len() > URL_DATA_MAX {
        let len = url_data.len() as u64;
        let problem = Problem::TooLong {
            len,
            max: URL_DATA_MAX as u64,
        };
        return Err(reader.malformed("URL data", problem));
    }
    Ok(url_data.into())
}

fn hashes(reader: &mut Reader<'_>) -> Result<Vec<InfoHash>, Malformed> {
    let count = reader.remaining() / 20;
    if count > SCRAPE_HASHES_MAX {
        let problem = Problem::TooMany {
            max: SCRAPE_HASHES_MAX as u64,
        };
        return Err(reader.malformed("info hashes", problem));
    }
    (0..count)
        .map(|_| reader.array("info hash").map(InfoHash))
        .collect()
}

impl Encode for Response {
    fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Connect {
                transaction,
                connection,
            } => {
                CONNECT.encode(out);
                transaction.encode(out);
                connection.encode(out);
            }
            Self::Announce(response) => {
                ANNOUNCE.encode(out);
                response.transaction.encode(out);
                response.interval.encode(out);
                response.leechers.encode(out);
                response.seeds.encode(out);
                response.compact_peers.encode(out);
            }
            Self::Scrape {
                transaction,
                counts,
            } => {
                SCRAPE.encode(out);
                transaction.encode(out);
                for count in counts {
                    count.seeds.encode(out);
                    count.completed.encode(out);
                    count.leechers.encode(out);
                }
            }
            Self::Error {
                transaction,
                message,
            } => {
                ERROR.encode(out);
                transaction.encode(out);
                message.as_bytes().encode(out);
            }
        }
    }
}

impl Decode for Response {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let action = reader.u32("action")?;
        let transaction = TransactionId::decode(reader)?;
        match action {
            CONNECT => {
                let connection = ConnectionId(reader.u64("connection id")?);
                Ok(Self::Connect {
                    transaction,
                    connection,
                })
            }
            ANNOUNCE => Ok(Self::Announce(Box::new(AnnounceResponse {
                transaction,
                interval: reader.u32("interval")?,
                leechers: reader.u32("leechers")?,
                seeds: reader.u32("seeders")?,
                compact_peers: reader.rest().to_vec(),
            }))),
            SCRAPE => {
                let mut counts = Vec::with_capacity(reader.remaining() / 12);
                while reader.remaining() >= 12 {
                    counts.push(ScrapeCounts {
                        seeds: reader.u32("seeders")?,
                        completed: reader.u32("completed")?,
                        leechers: reader.u32("leechers")?,
                    });
                }
                Ok(Self::Scrape {
                    transaction,
                    counts,
                })
            }
            ERROR => {
                let message = String::from_utf8_lossy(reader.rest()).into_owned();
                Ok(Self::Error {
                    transaction,
                    message,
                })
            }
            _ => Err(Malformed::invalid(
                "action",
                0,
                "connect, announce, scrape or error",
            )),
        }
    }
}

impl Encode for TransactionId {
    fn encode(&self, out: &mut Vec<u8>) {
        self.0.encode(out);
    }
}

impl Decode for TransactionId {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        reader.u32("transaction id").map(Self)
    }
}

impl Encode for ConnectionId {
    fn encode(&self, out: &mut Vec<u8>) {
        self.0.encode(out);
    }
}
