//! What the torrents of a node share: memory, rates, places for connections, timers, trackers.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::time::Duration;

use machine::{ConnId, Instant, Io, JobId, Timers};

use crate::api::{Config, Limits, TorrentId};
use crate::node::Node;
use crate::rate::TokenBucket;
use crate::slots::Slots;
use crate::tracker::Trackers;

/// What a node waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Timer {
    /// A stranger's handshake is overdue.
    Handshakes,
    /// A rate limit lets bytes pass again.
    Refill,
    /// A conversation with a tracker is overdue.
    Trackers,
    /// A torrent looks at its peers.
    Look(TorrentId),
    /// A torrent ranks its peers.
    Choke(TorrentId),
    /// A torrent may call a peer.
    Dial(TorrentId),
    /// A torrent is to announce itself.
    Announce(TorrentId),
    /// A torrent tries the disk again.
    Disk(TorrentId),
    /// A torrent tells how it stands.
    Report(TorrentId),
}

/// What the torrents of a node share.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) config: Config,
    pub(crate) timers: Timers<Timer>,
    pub(crate) slots: Slots,
    pub(crate) trackers: Trackers,
    pub(crate) rates: Rates,
    /// Which torrent a connection with a peer belongs to.
    pub(crate) homes: BTreeMap<ConnId, TorrentId>,
    /// Which torrent a disk job belongs to.
    pub(crate) jobs: BTreeMap<JobId, TorrentId>,
    /// Connections that are being opened.
    pub(crate) half_open: usize,
    /// Torrents that take leave.
    pub(crate) leaving: Vec<TorrentId>,
}

/// The limits that hold for a torrent, or for all of them.
#[derive(Debug, Clone)]
pub(crate) struct Rates {
    pub(crate) down: TokenBucket,
    pub(crate) up: TokenBucket,
}

/// What a torrent works with during one turn: the world, and what it shares with its like.
pub(crate) struct Turn<'a, 'io> {
    pub(crate) io: &'a mut Io<'io, Node>,
    pub(crate) session: &'a mut Session,
}

impl Session {
    pub(crate) fn new(config: Config) -> Self {
        Self {
            slots: Slots::new(config.slots, config.memory_bytes),
            rates: Rates::new(config.limits),
            config,
            timers: Timers::default(),
            trackers: Trackers::default(),
            homes: BTreeMap::new(),
            jobs: BTreeMap::new(),
            half_open: 0,
            leaving: Vec::new(),
        }
    }

    /// Whether one more connection may be open.
    pub(crate) fn has_place(&self) -> bool {
        self.homes.len() < self.config.connections_max
    }
}

impl Rates {
    pub(crate) const fn new(limits: Limits) -> Self {
        Self {
            down: TokenBucket::new(limits.down),
            up: TokenBucket::new(limits.up),
        }
    }
}

impl Turn<'_, '_> {
    pub(crate) const fn now(&self) -> Instant {
        self.io.now()
    }

    /// Sets a timer so long from now.
    pub(crate) fn set(&mut self, timer: Timer, after: Duration) {
        self.session.timers.set(timer, self.io.now() + after);
    }

    /// How many bytes of payload may now be sent, by a torrent's limits and the node's.
    pub(crate) fn may_send(&self, own: &Rates) -> u64 {
        own.up
            .available(self.now())
            .min(self.session.rates.up.available(self.now()))
    }

    /// Notes that payload is sent.
    pub(crate) fn sends(&mut self, own: &mut Rates, bytes: u64) {
        let now = self.now();
        own.up.take(now, bytes);
        self.session.rates.up.take(now, bytes);
    }

    /// Notes that payload came; tells whether more may come now.
    pub(crate) fn receives(&mut self, own: &mut Rates, bytes: u64) -> bool {
        let now = self.now();
        own.down.take(now, bytes);
        self.session.rates.down.take(now, bytes);
        self.may_receive(own)
    }

    /// Whether payload may come now.
    pub(crate) fn may_receive(&self, own: &Rates) -> bool {
        let now = self.now();
        own.down.available(now) > 0 && self.session.rates.down.available(now) > 0
    }

    /// Wakes the node when both limits let `bytes` pass again.
    pub(crate) fn wait_for_refill(&mut self, own: &TokenBucket, all: &TokenBucket, bytes: u64) {
        let now = self.now();
        let at = own.next_refill(now, bytes).max(all.next_refill(now, bytes));
        // A bucket may be full "now" by rounding; the deadline must lie in the future.
        let at = at.max(now + REFILL_MIN);
        self.session.timers.set_earlier(Timer::Refill, at);
    }
}

/// Limits are looked at no more often than this.
const REFILL_MIN: Duration = Duration::from_millis(5);
