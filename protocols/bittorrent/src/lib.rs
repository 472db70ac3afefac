//! BitTorrent as a pure state machine, and a tracker.
//!
//! # What it is
//!
//! Somebody who gives a large file to many pays for every copy. In BitTorrent (Bram Cohen, 2001;
//! "Incentives Build Robustness in BitTorrent", 2003) those who fetch pay: the file is cut into
//! *pieces*, and whoever has a piece passes it on. The description of the pieces, a *torrent*, is
//! small and is found elsewhere, on a page or in a *magnet* link; its hash names the *swarm* of
//! all who share it. A *tracker* introduces them to each other. Then two simple rules keep the
//! swarm alive: fetch first what is *rarest*, and *unchoke* those who give to you.
//!
//! # The life of a node
//!
//! ```text
//!  Command::Add ─▶ Torrent ──announce──▶ Trackers ──▶ candidates
//!                     │                                   │ dial
//!                     ▼                                   ▼
//!     strangers ──handshake──▶ Peer ◀──────────handshake──┘
//!                                │ bitfield, have          choker: whom to serve
//!                                ▼                            │ every 10 s
//!          picker: which blocks to ask ◀── pipeline: how many │
//!                                │                            ▼
//!   slots ◀── payload ── Assembly ── Store ─▶ disk ── spans ─▶ wire
//!                                │
//!                                ▼ Event::Stored, have to all peers ... Event::Complete
//! ```
//!
//! A [`Node`] holds torrents; each torrent holds its peers, and works out with the
//! [`picker`] what to ask of whom and with the [`choker`] whom to serve. Payload never passes
//! through the node's hands: it says into which slot of the driver's memory a block goes, where a
//! piece is to be stored, and which stretch of which file to send.
//!
//! # Where to read on
//!
//! | room | what stands there |
//! |---|---|
//! | [`api`] | what a user can ask and is told |
//! | [`node`], `torrent` | who handles what |
//! | [`wire`] | the bytes between peers: BEP 3, 6, 9, 10 |
//! | [`metainfo`], [`magnet`] | torrents and links: BEP 3, 9, 12, 27, 47, 53 |
//! | [`picker`], [`choker`], [`pipeline`] | the algorithms, each with its paper |
//! | [`smart_ban`], [`candidates`], [`rate`] | whom to trust, whom to call, how fast |
//! | [`tracker`], [`tracker_server`] | both ends of an announce: BEP 3, 7, 12, 15, 23, 48 |
//!
//! Version 2 torrents (BEP 52), the DHT, peer exchange, local discovery, uTP, encryption and web
//! seeds are not here yet; a stream that begins with anything but a plain handshake is closed at
//! once, so that a peer that tries encryption first comes back without it.

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod api;
mod assembly;
pub mod bitfield;
pub mod candidates;
pub mod choker;
mod client;
mod doubts;
pub mod fast;
mod filling;
pub mod magnet;
pub mod metadata;
pub mod metainfo;
mod misbehaviour;
pub mod node;
pub mod numbers;
mod peer;
pub mod peer_id;
pub mod picker;
pub mod pipeline;
pub mod rate;
mod session;
mod slots;
pub mod smart_ban;
mod strangers;
pub mod suggestions;
mod torrent;
pub mod tracker;
pub mod tracker_server;
pub mod wire;

pub use api::{Command, Config, Event};
pub use node::Node;
