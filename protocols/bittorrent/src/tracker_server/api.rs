//! All that a user of the tracker sees.

use crate::numbers::InfoHash;
use crate::tracker::announce::{DEFAULT_INTERVAL, ScrapeCounts};
use alloc::string::String;
use core::time::Duration;
use machine::Endpoint;

/// How a tracker is set up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Config {
    /// How often peers shall announce, of whole seconds, at least one. Who is silent for two
    /// intervals is forgotten.
    pub interval: Duration,
    /// The peers one answer holds at most.
    pub numwant_max: usize,
    /// The connections that may be open.
    pub connections_max: usize,
    /// The torrents that are known at a time; peers of others are turned away.
    pub torrents_max: usize,
    /// The peers of all torrents together; others are turned away.
    pub peers_max: usize,
    /// What the `ip` parameter of an announce is worth.
    pub ip_parameter: IpParameter,
}

/// What the `ip` parameter of an announce over HTTP is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IpParameter {
    /// Nothing: with it, anybody could send a swarm against a victim.
    Ignored,
    /// An announce from this very machine may name another address: for a proxy on it.
    FromLoopback,
}

/// What a user may ask of a tracker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// How much it holds; the answer is [`Event::Totals`].
    Count,
}

/// What a tracker tells its user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A peer came, went, or finished.
    Peer {
        /// In which torrent.
        info_hash: InfoHash,
        /// Which peer.
        peer: Endpoint,
        /// What it did.
        change: Change,
        /// The torrent's peers from now on.
        counts: ScrapeCounts,
    },
    /// A request could not be granted.
    Refused {
        /// Whose.
        from: Endpoint,
        /// What the stranger is told.
        reason: String,
    },
    /// The answer to [`Command::Count`].
    Totals(Totals),
}

/// What a peer did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It is new.
    Joined,
    /// It lacks nothing any more.
    Completed,
    /// It said farewell.
    Left,
}

/// How much a tracker holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Totals {
    /// Torrents that are known; one without peers is soon forgotten.
    pub torrents: usize,
    /// Peers of all torrents together.
    pub peers: usize,
    /// Open connections.
    pub connections: usize,
}

impl Default for Config {
    /// A tracker for friends or a small site: 100,000 torrents and a million peers take about
    /// 120 MB.
    fn default() -> Self {
        Self {
            interval: DEFAULT_INTERVAL,
            numwant_max: 200,
            connections_max: 4_096,
            torrents_max: 100_000,
            peers_max: 1_000_000,
            ip_parameter: IpParameter::Ignored,
        }
    }
}
