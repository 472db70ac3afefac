//! What a peer tells a tracker and what it learns in return, whatever carries it.
//!
//! HTTP (spec section 5) and UDP (section 6) write the same facts in two ways. Client and server
//! share these values; [`http`](super::http) and [`udp`](super::udp) know the two forms.

use crate::numbers::{InfoHash, PeerId};
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;
use machine::Endpoint;

/// The bytes a peer says it lacks while it does not know how many there are: a magnet without its
/// metadata. Any number but 0 tells the tracker that this is no seed; this is what clients send.
pub const UNKNOWN_LEFT: u64 = 16_384;

/// The peers a client asks for, and a tracker gives, when nothing else is said (spec section 5).
pub const DEFAULT_NUMWANT: u32 = 50;

/// The peers of one answer that are kept: many times what a torrent connects to.
pub const PEERS_MAX: usize = 2_000;

/// The interval when a tracker names none (spec section 5).
pub const DEFAULT_INTERVAL: Duration = Duration::from_secs(1800);

/// Says why a peer announces now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AnnounceEvent {
    /// Because the interval has passed.
    #[default]
    None,
    /// Because its download just became complete; once, and never when it began complete.
    Completed,
    /// Because it begins; the first announce of every session.
    Started,
    /// Because it leaves.
    Stopped,
}

/// One announce: who asks, for which torrent, and how far it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Announce {
    /// The torrent.
    pub info_hash: InfoHash,
    /// The peer's name for this session.
    pub peer_id: PeerId,
    /// The port on which it accepts peers; its address is where the announce comes from.
    pub port: u16,
    /// Payload bytes sent to peers since `Started`.
    pub uploaded: u64,
    /// Payload bytes received from peers since `Started`.
    pub downloaded: u64,
    /// Payload bytes it still lacks; 0 makes it a seed.
    pub left: u64,
    /// Why it announces now.
    pub event: AnnounceEvent,
    /// A secret between peer and tracker, constant for a session and a torrent, by which a peer
    /// can prove itself from a new address (BEP 7).
    pub key: u32,
    /// The peers it would like; `None` leaves it to the tracker.
    pub numwant: Option<u32>,
}

/// What an announce brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnnounceOutcome {
    /// Peers of the torrent; the asker may be among them.
    pub peers: Vec<Endpoint>,
    /// When to announce again, as the tracker said it, sane or not.
    pub interval: Option<Duration>,
    /// How long to wait at least between announces, as the tracker said it.
    pub min_interval: Option<Duration>,
    /// How many peers have everything.
    pub seeds: Option<u32>,
    /// How many do not.
    pub leechers: Option<u32>,
    /// A text for the user.
    pub warning: Option<String>,
    /// Bytes to give back with the next announce to this tracker (HTTP only).
    pub tracker_id: Option<Box<[u8]>>,
    /// Our address as the tracker sees it.
    pub external_ip: Option<core::net::IpAddr>,
}

/// How many peers a torrent has, as a scrape tells it (BEP 48).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ScrapeCounts {
    /// Peers that have everything.
    pub seeds: u32,
    /// Downloads completed since the tracker knows the torrent.
    pub completed: u32,
    /// Peers that lack something.
    pub leechers: u32,
}

impl AnnounceOutcome {
    /// An outcome that brought these peers and nothing else.
    #[must_use]
    pub const fn of(peers: Vec<Endpoint>) -> Self {
        Self {
            peers,
            interval: None,
            min_interval: None,
            seeds: None,
            leechers: None,
            warning: None,
            tracker_id: None,
            external_ip: None,
        }
    }
}

impl AnnounceEvent {
    /// Names the event as HTTP does; [`AnnounceEvent::None`] has no name.
    #[must_use]
    pub const fn name(self) -> Option<&'static str> {
        match self {
            Self::None => None,
            Self::Completed => Some("completed"),
            Self::Started => Some("started"),
            Self::Stopped => Some("stopped"),
        }
    }
}
