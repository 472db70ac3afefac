//! All that a user of this crate sees: what a node can be asked, what it tells, how it is set up.
//!
//! A torrent's life in these words:
//!
//! ```text
//! Add(Known) ───────────────────────────────▶ downloading ─▶ Complete ─▶ seeding ─▶ Remove ─▶ Removed
//! Add(Magnet) ─▶ Metadata (event) ─▶ Begin ──▶     │
//!                                                Stored, Failed, Trouble (events)
//! ```

use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::num::NonZeroU64;
use core::ops::Range;
use core::time::Duration;

use bytes::Bytes;
use machine::{DiskError, Endpoint, FileId, SlotPlan};

use crate::bitfield::Bitfield;
use crate::metainfo::Info;
use crate::numbers::{InfoHash, PeerId, PieceIndex};

/// How a node is set up; the same for all its torrents.
#[derive(Debug, Clone)]
pub struct Config {
    /// Who we are in this run.
    pub peer_id: PeerId,
    /// The port where peers reach us, as trackers and peers are told; 0 if they cannot.
    pub port: u16,
    /// What trackers know us by across changes of address (BEP 7).
    pub key: u32,
    /// The driver's memory for pieces.
    pub slots: SlotPlan,
    /// How much of that memory may be in use at a time, in bytes. Of a piece longer than half of
    /// this only a part is held: it is written as it comes, and trusted when its hash is right.
    pub memory_bytes: u64,
    /// Connections with peers at most, all torrents together.
    pub connections_max: usize,
    /// Connections with peers at most, a torrent.
    pub connections_per_torrent: usize,
    /// Connections that we try to open at a time.
    pub half_open_max: usize,
    /// Peers that are unchoked for their merit (one more is for luck); spec section 17.
    pub upload_slots: usize,
    /// Rates of all torrents together.
    pub limits: Limits,
    /// How often a busy torrent tells its [`Progress`]; `None` for never.
    pub report_every: Option<Duration>,
}

/// The highest rates, in bytes of payload a second; `None` is no limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Limits {
    /// What we fetch.
    pub down: Option<NonZeroU64>,
    /// What we give.
    pub up: Option<NonZeroU64>,
}

/// A torrent of this node, numbered by its user; never used again after [`Event::Removed`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TorrentId(pub u32);

/// What a user may ask of a node.
#[derive(Debug)]
pub enum Command {
    /// Take up a torrent.
    Add(Box<Add>),
    /// Begin with a torrent whose metadata came from peers: the answer to [`Event::Metadata`].
    Begin {
        /// Which torrent.
        torrent: TorrentId,
        /// Its files.
        content: Box<Content>,
    },
    /// Try these peers of a torrent, now.
    AddPeers {
        /// Which torrent.
        torrent: TorrentId,
        /// Where they listen.
        peers: Vec<Endpoint>,
    },
    /// Take leave of a torrent: its trackers are told, its peers are closed, then comes
    /// [`Event::Removed`].
    Remove(TorrentId),
}

/// A torrent to take up.
#[derive(Debug)]
pub struct Add {
    /// Its number from now on.
    pub torrent: TorrentId,
    /// What is known of it.
    pub source: Source,
    /// Its trackers in tiers (BEP 12), as URLs.
    pub trackers: Vec<Vec<String>>,
    /// Peers that the user names.
    pub peers: Vec<Endpoint>,
    /// This torrent's own limits, within the node's.
    pub limits: Limits,
}

/// What is known of a torrent when it is added.
#[derive(Debug)]
pub enum Source {
    /// All of it.
    Known(Box<Content>),
    /// Its name only: the metadata is to be fetched from peers (BEP 9).
    Magnet(InfoHash),
}

/// A torrent's pieces and where they lie.
#[derive(Debug)]
pub struct Content {
    /// The metadata.
    pub info: Arc<Info>,
    /// Where each file of the torrent lies, in the torrent's order; empty if all lie at
    /// consecutive ids from `first_file` on, from their first byte.
    pub places: Places,
    /// The pieces that are on the disk and proven.
    pub have: Bitfield,
    /// The files (by their number in the torrent) that are wanted; `None` for all.
    pub wanted: Option<Vec<u32>>,
    /// In which order to fetch.
    pub order: Order,
}

/// Where the files of a torrent lie, by the driver's numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Places {
    /// File number `n` of the torrent is the driver's file `first + n`.
    Consecutive(FileId),
    /// File number `n` begins at `places[n].1` of the driver's file `places[n].0`: so the bytes
    /// of files that are not wanted, but share a piece with wanted ones, lie together elsewhere.
    Each(Box<[(FileId, u64)]>),
}

/// In which order pieces are fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// What fewest peers have, first: keeps the swarm alive.
    RarestFirst,
    /// From the first to the last, for who wants to look in while it still comes.
    Sequential,
}

/// What a node tells its user.
#[derive(Debug, Clone)]
pub enum Event {
    /// A magnet's metadata is here and its hash is right. Answer with [`Command::Begin`].
    Metadata {
        /// Which torrent.
        torrent: TorrentId,
        /// The bytes of the `info` dictionary.
        info: Bytes,
    },
    /// A piece was verified and written, or was in doubt and is still there.
    Stored {
        /// Which torrent.
        torrent: TorrentId,
        /// Which piece.
        piece: PieceIndex,
    },
    /// All that is wanted is on the disk. Told once; also of a torrent that is complete when it
    /// begins.
    Complete {
        /// Which torrent.
        torrent: TorrentId,
    },
    /// A piece's hash was wrong; it is fetched again.
    Failed {
        /// Which torrent.
        torrent: TorrentId,
        /// Which piece.
        piece: PieceIndex,
    },
    /// A peer was found to lie and will not be spoken to again.
    Banned {
        /// Which torrent.
        torrent: TorrentId,
        /// The peer.
        peer: Endpoint,
    },
    /// The disk refuses. What was verified stays in memory and is tried again; nothing more is
    /// requested meanwhile.
    DiskTrouble {
        /// Which torrent.
        torrent: TorrentId,
        /// What the disk says.
        error: DiskError,
    },
    /// A file that we said we have can no longer be read: its pieces are no longer offered. They
    /// are read back; [`Event::Stored`] follows for each that is still right.
    Lost {
        /// Which torrent.
        torrent: TorrentId,
        /// The file.
        file: FileId,
        /// The pieces that are no longer offered.
        pieces: Range<u32>,
    },
    /// A tracker answered, or did not.
    Tracker(Box<TrackerReport>),
    /// How a busy torrent stands, every [`Config::report_every`]; also before it is complete
    /// and before it takes leave.
    Progress(Box<Progress>),
    /// A torrent is gone: its trackers were told, its peers are closed.
    Removed(TorrentId),
    /// A command cannot be followed.
    Refused {
        /// Which torrent it was about.
        torrent: TorrentId,
        /// Why.
        why: Refusal,
    },
}

/// Why a command cannot be followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The number, or the info-hash, is in use.
    #[error("this torrent is already here")]
    Twice,
    /// There is no such torrent.
    #[error("there is no such torrent")]
    Unknown,
    /// The torrent has begun before.
    #[error("this torrent has already begun")]
    Begun,
    /// The content does not belong to this torrent.
    #[error("the content does not fit the torrent")]
    Misfit,
}

/// What a tracker said, or what kept it from saying anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrackerReport {
    /// About which torrent.
    pub torrent: TorrentId,
    /// The tracker's URL.
    pub url: String,
    /// The number of peers that it named, or its failure in words.
    pub outcome: Result<usize, String>,
}

/// How a torrent stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Progress {
    /// Which torrent.
    pub torrent: TorrentId,
    /// Wanted bytes that are verified and on the disk.
    pub done_bytes: u64,
    /// Wanted bytes in all; 0 while the metadata is not known.
    pub wanted_bytes: u64,
    /// Payload fetched in this run, in bytes, with what was fetched in vain.
    pub downloaded_bytes: u64,
    /// Payload given in this run, in bytes.
    pub uploaded_bytes: u64,
    /// Payload fetched in vain, in bytes: twice, unasked or wrong.
    pub wasted_bytes: u64,
    /// Payload now coming in, in bytes a second.
    pub down_rate: u64,
    /// Payload now going out, in bytes a second.
    pub up_rate: u64,
    /// Open connections with peers.
    pub peers: usize,
    /// Of these, peers that have everything.
    pub seeds: usize,
    /// Full copies among us and the peers: whole copies, and the fraction of pieces that one
    /// more copy has.
    pub copies: f64,
    /// What was exchanged with each of these peers.
    pub exchanges: Box<[Exchange]>,
}

/// What was exchanged with a peer since it was connected, in bytes of payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exchange {
    /// The peer, at the other end of the connection.
    pub peer: Endpoint,
    /// What came from it.
    pub downloaded_bytes: u64,
    /// What it was given.
    pub uploaded_bytes: u64,
}

impl Config {
    /// A set-up for one person's machine: 24 MiB for pieces of up to 1 MiB, 200 connections.
    #[must_use]
    pub fn new(peer_id: PeerId) -> Self {
        Self {
            peer_id,
            port: 0,
            key: 0,
            slots: SlotPlan {
                count: 1024,
                len: 1024 * 1024,
            },
            memory_bytes: 24 * 1024 * 1024,
            connections_max: 200,
            connections_per_torrent: 50,
            half_open_max: 20,
            upload_slots: 4,
            limits: Limits::default(),
            report_every: None,
        }
    }
}
