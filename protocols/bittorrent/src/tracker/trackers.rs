//! All talk of a node with trackers.
//!
//! Torrents by the thousand often share one tracker. So connections, name look-ups and connection
//! ids belong to the node, here, and not to the torrent; of each torrent only its own
//! [`Announcer`](super::Announcer) remains.

use super::announce::{Announce, AnnounceEvent, AnnounceOutcome};
use super::failure::Failure;
use super::http_client::HttpClient;
use super::udp::{Datagram, Response};
use super::udp_client::UdpClient;
use super::url::{Reached, TrackerUrl};
use crate::numbers::InfoHash;
use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use core::time::Duration;
use machine::{ConnId, Endpoint, Instant, Io, JobId, Protocol, ResolveError, StreamInput, Timers};
use wire::Malformed;

/// How long a farewell may take: who leaves does not want to wait (spec section 5).
pub const STOPPED_PATIENCE: Duration = Duration::from_secs(5);

/// An announce that is to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// Where.
    pub tracker: Arc<TrackerUrl>,
    /// What is announced.
    pub announce: Announce,
    /// What this tracker wants to have back (HTTP only).
    pub tracker_id: Option<Box<[u8]>>,
}

/// An announce that was made, or could not be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finished {
    /// Where.
    pub tracker: Arc<TrackerUrl>,
    /// For which torrent.
    pub info_hash: InfoHash,
    /// What was told.
    pub event: AnnounceEvent,
    /// What it brought.
    pub result: Result<AnnounceOutcome, Failure>,
}

/// The announces of all torrents of a node.
///
/// Two ways in: orders ([`announce`](Self::announce), [`cancel`](Self::cancel)) and what the
/// node's inputs bring ([`stream`](Self::stream), [`response`](Self::response),
/// [`resolved`](Self::resolved), [`wake`](Self::wake)). After either, take out what is done by
/// [`next_finished`](Self::next_finished) until there is nothing more.
#[derive(Debug, Default)]
pub struct Trackers {
    http: HttpClient,
    udp: UdpClient,
    urls: BTreeMap<TrackerUrl, Weak<TrackerUrl>>,
    /// When `urls` has so many, those that nobody uses are dropped.
    urls_sweep_at: usize,
    orders: u64,
    farewells: Timers<AskId>,
    /// How many announces of each torrent are under way or waiting.
    pending: BTreeMap<InfoHash, usize>,
    finished: VecDeque<Finished>,
}

/// One order of this node; never used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct AskId(u64);

/// An order under way.
#[derive(Debug)]
pub(super) struct Ask {
    pub(super) id: AskId,
    pub(super) order: Order,
}

impl Trackers {
    /// Reads a tracker's URL; equal URLs share one value.
    ///
    /// # Errors
    /// [`Malformed`] when it is none, or of a scheme other than `http`, `https` and `udp`.
    pub fn intern(&mut self, url: &str) -> Result<Arc<TrackerUrl>, Malformed> {
        let url = TrackerUrl::parse(url)?;
        if let Some(shared) = self.urls.get(&url).and_then(Weak::upgrade) {
            return Ok(shared);
        }
        if self.urls.len() >= self.urls_sweep_at {
            self.urls.retain(|_, shared| shared.strong_count() > 0);
            self.urls_sweep_at = 2 * self.urls.len() + 16;
        }
        let shared = Arc::new(url.clone());
        self.urls.insert(url, Arc::downgrade(&shared));
        Ok(shared)
    }

    /// Takes an announce upon itself; what becomes of it comes out of
    /// [`next_finished`](Self::next_finished), unless it is [cancelled](Self::cancel).
    pub fn announce<P: Protocol>(&mut self, order: Order, io: &mut Io<'_, P>)
    where
        P::Message: From<Datagram>,
    {
        self.orders += 1;
        let id = AskId(self.orders);
        if order.announce.event == AnnounceEvent::Stopped {
            self.farewells.set(id, io.now() + STOPPED_PATIENCE);
        }
        *self.pending.entry(order.announce.info_hash).or_default() += 1;
        let tracker = Arc::clone(&order.tracker);
        let ask = Ask { id, order };
        match tracker.reached() {
            Reached::Udp(host) => self.udp.announce(host, ask, io),
            Reached::Http(origin) => self.http.announce(origin, ask, io),
        }
    }

    /// Calls off all announces of a torrent; nothing more is heard of them.
    pub fn cancel(&mut self, info_hash: InfoHash) {
        for ask in self.withdraw(|ask| ask.order.announce.info_hash == info_hash) {
            self.farewells.stop(ask.id);
        }
        self.finished
            .retain(|finished| finished.info_hash != info_hash);
        self.pending.remove(&info_hash);
    }

    /// Tells whether a connection is one with a tracker.
    #[must_use]
    pub fn owns(&self, conn: ConnId) -> bool {
        self.http.owns(conn)
    }

    /// Takes what happened on a connection with a tracker; others' connections are passed over.
    pub fn stream<P: Protocol>(&mut self, conn: ConnId, input: StreamInput, io: &mut Io<'_, P>)
    where
        P::Message: From<Datagram>,
    {
        self.http.stream(conn, input, io, &mut self.finished);
    }

    /// Takes a datagram that is a tracker's, or pretends to be.
    pub fn response<P: Protocol>(&mut self, from: Endpoint, response: Response, io: &mut Io<'_, P>)
    where
        P::Message: From<Datagram>,
    {
        self.udp.response(from, response, io, &mut self.finished);
    }

    /// Takes the answer to a name look-up; others' look-ups are passed over.
    pub fn resolved<P: Protocol>(
        &mut self,
        job: JobId,
        result: &Result<Vec<Endpoint>, ResolveError>,
        io: &mut Io<'_, P>,
    ) where
        P::Message: From<Datagram>,
    {
        self.udp.resolved(job, result, io, &mut self.finished);
    }

    /// Gives up, or tries again, what has waited too long.
    pub fn wake<P: Protocol>(&mut self, io: &mut Io<'_, P>)
    where
        P::Message: From<Datagram>,
    {
        self.udp.wake(io, &mut self.finished);
        self.http.wake(io, &mut self.finished);
        let due: BTreeSet<AskId> =
            core::iter::from_fn(|| self.farewells.pop_due(io.now())).collect();
        if !due.is_empty() {
            for ask in self.withdraw(|ask| due.contains(&ask.id)) {
                self.finished
                    .push_back(ask.finished(Err(Failure::TimedOut)));
            }
        }
    }

    /// Tells when [`wake`](Self::wake) is next needed.
    #[must_use]
    pub fn next_wakeup(&self) -> Option<Instant> {
        [
            self.udp.next_wakeup(),
            self.http.next_wakeup(),
            self.farewells.next(),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// Takes out one announce that is done.
    pub fn next_finished(&mut self) -> Option<Finished> {
        let finished = self.finished.pop_front()?;
        if let Some(count) = self.pending.get_mut(&finished.info_hash) {
            *count -= 1;
            if *count == 0 {
                self.pending.remove(&finished.info_hash);
            }
        }
        Some(finished)
    }

    /// Tells whether anything of a torrent is under way or waiting: when not, its farewells are
    /// said.
    #[must_use]
    pub fn is_busy_with(&self, info_hash: InfoHash) -> bool {
        self.pending.contains_key(&info_hash)
    }

    /// Tells whether nothing at all is under way or waiting.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.pending.is_empty()
    }

    fn withdraw(&mut self, matches: impl Fn(&Ask) -> bool) -> Vec<Ask> {
        let mut asks = self.udp.cancel(&matches);
        asks.extend(self.http.cancel(&matches));
        asks
    }
}

impl Ask {
    pub(super) fn finished(self, result: Result<AnnounceOutcome, Failure>) -> Finished {
        let Order {
            tracker, announce, ..
        } = self.order;
        let Announce {
            info_hash, event, ..
        } = announce;
        Finished {
            tracker,
            info_hash,
            event,
            result,
        }
    }
}
