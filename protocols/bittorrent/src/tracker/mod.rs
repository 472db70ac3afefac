//! How a torrent finds its first peers: it asks trackers (BEP 3, 7, 12, 15, 23, 41, 48).
//!
//! ```text
//!   torrent ── poll, settle ── Announcer     one a torrent: when, whom, with which event
//!      │
//!      ▼ Order                    ▲ Finished
//!   Trackers                                 one a node: connections, look-ups, connection ids
//!    ├── HTTP: few connections for many torrents
//!    └── UDP:  one connection id for many torrents
//! ```
//!
//! | module | what it knows |
//! |---|---|
//! | [`announce`] | what is told and learned, whatever carries it |
//! | [`compact`] | peers in 6 and 18 bytes |
//! | [`udp`], [`http`] | the two forms on the wire; our own tracker shares them |
//! | [`announcer`] | tiers, events, intervals, rests after failures |
//! | [`trackers`] | all talk of a node with trackers |
//!
//! A node holds one [`Trackers`] and an [`Announcer`] for each torrent, and joins them so:
//!
//! ```text
//! while let Some(order) = announcer.poll(now, &report) { trackers.announce(order, io) }
//! while let Some(finished) = trackers.next_finished()  { announcer.settle(&finished, now, rng) }
//! ```

pub mod announce;
pub mod announcer;
pub mod compact;
pub mod failure;
pub mod http;
mod http_client;
mod http_connection;
pub mod trackers;
pub mod udp;
mod udp_client;
pub mod url;

pub use announce::{Announce, AnnounceEvent, AnnounceOutcome, ScrapeCounts};
pub use announcer::{Announcer, Report, Swarm, TierPolicy};
pub use failure::{Failure, Retry};
pub use trackers::{Finished, Order, Trackers};
pub use udp::Datagram;
pub use url::TrackerUrl;
