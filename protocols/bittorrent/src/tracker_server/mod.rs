//! A tracker of our own: HTTP and UDP on one port, so that a swarm needs no other program.
//!
//! A tracker introduces the peers of a torrent to each other and forgets who does not come back.
//! It knows no content and trusts nobody: a peer's address is where its packets come from, and
//! what it says of itself counts for nothing but statistics.
//!
//! ```text
//!   stream ───▶ http: connections, query ──┐                ┌──▶ answer ──▶ stream
//!                                          ├──▶ registry ───┤
//!   datagram ─▶ udp: connection ids ───────┘  swarm, swarm… └──▶ udp ─────▶ datagram
//! ```
//!
//! The life of a [`Tracker`]: it is made of a [`Config`] and the driver listens, for connections
//! and datagrams, wherever its user wants. It has no other set-up, keeps nothing on the disk, and
//! needs no farewell. [`Event`]s tell its user what happens.
//!
//! What strangers can make it do is bounded ([`Config`]): memory by the greatest numbers of
//! torrents, peers and connections; work by the peers that one answer holds; and over UDP, nobody
//! can have it send more than a few bytes to where he is not.

mod answer;
pub mod api;
mod connection_ids;
mod connections;
mod http;
mod keyed;
pub mod node;
pub mod query;
mod registry;
mod swarm;
mod udp;

pub use api::{Change, Command, Config, Event, IpParameter, Totals};
pub use node::Tracker;
