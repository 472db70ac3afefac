//! The peers of a torrent that are known and could be called (spec sections 21 and 24).
//!
//! Everybody is called as soon as they are heard of. Who does not answer is called again after one
//! minute, then two, then five, and so on, and is forgotten after five failures; a peer that the
//! user named is called again after seconds, and never forgotten, since that user waits for it. A
//! peer that served us and broke off is called again after one second, two, four, and so on.

use alloc::collections::{BTreeMap, BTreeSet};
use core::net::IpAddr;
use core::time::Duration;

use machine::{Endpoint, Instant};

/// Peers kept at most, a torrent: many times the connections that it may have, and 100 KiB.
pub const CANDIDATES_MAX: usize = 1_000;

/// Banned endpoints and hosts kept at most, a torrent.
const BANNED_MAX: usize = 1_000;

/// The wait after the first failure, the second and so on, in seconds (spec section 21).
const WAIT_SECONDS: [u64; 4] = [60, 120, 300, 600];

/// The same for a peer that the user named; the last is for all further ones.
const WAIT_SECONDS_USER: [u64; 6] = [1, 2, 5, 10, 30, 60];

/// So long a forgotten peer is not called, though trackers may go on naming it.
const FORGOTTEN_FOR: Duration = Duration::from_secs(15 * 60);

/// The wait after a connection ended.
const WAIT_AFTER_CLOSE: Duration = Duration::from_secs(60);

/// The same for a peer that the user named.
const WAIT_AFTER_CLOSE_USER: Duration = Duration::from_secs(5);

/// So often a peer that broke off is called again after 1, 2, 4 .. 32 seconds; then it has to wait
/// like others. It has a minute to start anew, and may not keep us busy by breaking off for ever.
const SOON_MAX: u8 = 6;

/// A connection that held for so long was no mere attempt: waits begin from one second again.
const STEADY: Duration = Duration::from_secs(60);

/// From whom we know of a peer; the best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// The user named it.
    User,
    /// A magnet link named it (`x.pe`, BEP 9).
    Magnet,
    /// We were connected with it in an earlier run.
    Resume,
    /// A tracker named it.
    Tracker,
    /// It called us, and told where it listens.
    Incoming,
}

/// What became of a peer that was named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Added {
    /// It is new.
    New,
    /// It is known already, or was forgotten not long ago.
    Known,
    /// It is banned, or there can be nobody: no port, or an address of no host.
    Refused,
    /// There is no place for it.
    Full,
}

/// The known peers of one torrent.
#[derive(Debug, Default)]
pub struct Candidates {
    known: BTreeMap<Endpoint, Candidate>,
    /// How many were ever added: first come, first called, in the random order of the trackers.
    added: u32,
    banned: BTreeSet<Endpoint>,
    banned_hosts: BTreeSet<IpAddr>,
}

#[derive(Debug, Clone, Copy)]
struct Candidate {
    source: Source,
    failures: u8,
    /// How often it was called soon, since it broke off; `None` if it never did.
    soon: Option<u8>,
    number: u32,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// To be called from then on.
    Waiting(Instant),
    /// Being called.
    Calling,
    /// There is a connection.
    Connected,
    /// Failed too often; to be struck from the list then.
    Forgotten(Instant),
}

impl Candidate {
    /// When it may be called.
    const fn due(&self) -> Option<Instant> {
        match self.state {
            State::Waiting(due) => Some(due),
            State::Calling | State::Connected | State::Forgotten(_) => None,
        }
    }

    /// Lets it be called again soon, if it has a claim to that; tells whether it has.
    fn call_soon(&mut self, now: Instant) -> bool {
        let Some(soon) = self.soon.filter(|soon| *soon < SOON_MAX) else {
            return false;
        };
        self.state = State::Waiting(now + Duration::from_secs(1 << soon));
        self.soon = Some(soon + 1);
        true
    }
}

impl Candidates {
    /// Begins with nobody.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            known: BTreeMap::new(),
            added: 0,
            banned: BTreeSet::new(),
            banned_hosts: BTreeSet::new(),
        }
    }

    /// Learns of a peer; it may be called at once.
    pub fn add(&mut self, peer: Endpoint, source: Source, now: Instant) -> Added {
        if !is_possible(peer) || self.is_banned(peer) {
            return Added::Refused;
        }
        self.strike_forgotten(now);
        if let Some(candidate) = self.known.get_mut(&peer) {
            candidate.source = candidate.source.min(source);
            return Added::Known;
        }
        if self.known.len() >= CANDIDATES_MAX && !self.make_room(source) {
            return Added::Full;
        }
        let (number, state) = (self.added, State::Waiting(now));
        self.added = self.added.wrapping_add(1);
        self.known.insert(
            peer,
            Candidate {
                source,
                failures: 0,
                soon: None,
                number,
                state,
            },
        );
        Added::New
    }

    /// Chooses whom to call now, if anybody: those whom the user named first, then those that
    /// failed least. It is being called from now on, until [`Self::connected`] or
    /// [`Self::failed`].
    pub fn next(&mut self, now: Instant) -> Option<Endpoint> {
        self.strike_forgotten(now);
        let due = self
            .known
            .iter_mut()
            .filter(|(_, it)| it.due().is_some_and(|due| due <= now));
        let (peer, candidate) = due
            .min_by_key(|(_, it)| (it.source != Source::User, it.failures, it.source, it.number))?;
        candidate.state = State::Calling;
        Some(*peer)
    }

    /// Tells when somebody may be called; it may be past already.
    #[must_use]
    pub fn next_at(&self) -> Option<Instant> {
        self.known.values().filter_map(Candidate::due).min()
    }

    /// Notes that there is a connection with a peer, whoever called.
    pub fn connected(&mut self, peer: Endpoint, now: Instant) {
        self.add(peer, Source::Incoming, now);
        if let Some(candidate) = self.known.get_mut(&peer) {
            candidate.failures = 0;
            candidate.state = State::Connected;
        }
    }

    /// Notes that a call was not answered, or not by a peer of this torrent.
    pub fn failed(&mut self, peer: Endpoint, now: Instant) {
        let Some(candidate) = self.known.get_mut(&peer) else {
            return;
        };
        if candidate.call_soon(now) {
            return;
        }
        let failures = usize::from(candidate.failures);
        candidate.failures = candidate.failures.saturating_add(1);
        let wait = match candidate.source {
            Source::User => WAIT_SECONDS_USER.get(failures).or(WAIT_SECONDS_USER.last()),
            Source::Magnet | Source::Resume | Source::Tracker | Source::Incoming => {
                WAIT_SECONDS.get(failures)
            }
        };
        candidate.state = match wait {
            Some(&seconds) => State::Waiting(now + Duration::from_secs(seconds)),
            None => State::Forgotten(now + FORGOTTEN_FOR),
        };
    }

    /// Notes that the connection with a peer ended.
    pub fn closed(&mut self, peer: Endpoint, now: Instant) {
        let Some(candidate) = self.known.get_mut(&peer) else {
            return;
        };
        let wait = match candidate.source {
            Source::User => WAIT_AFTER_CLOSE_USER,
            Source::Magnet | Source::Resume | Source::Tracker | Source::Incoming => {
                WAIT_AFTER_CLOSE
            }
        };
        candidate.state = State::Waiting(now + wait);
    }

    /// Notes that a peer that served us, and could serve us further, broke off after a connection
    /// that `held` so long.
    pub fn broke_off(&mut self, peer: Endpoint, held: Duration, now: Instant) {
        let Some(candidate) = self.known.get_mut(&peer) else {
            return;
        };
        if held >= STEADY || candidate.soon.is_none() {
            candidate.soon = Some(0);
        }
        if !candidate.call_soon(now) {
            self.closed(peer, now);
        }
    }

    /// Strikes an endpoint for good: it is ourselves, or somebody we want no more of.
    pub fn ban(&mut self, peer: Endpoint) {
        self.known.remove(&peer);
        insert_bounded(&mut self.banned, peer);
    }

    /// Strikes a host for good, at all its ports, since who calls us does so from any; of this
    /// machine, where many peers may live, only the endpoint.
    pub fn ban_host(&mut self, peer: Endpoint) {
        if peer.ip().is_loopback() {
            return self.ban(peer);
        }
        self.known.retain(|other, _| other.ip() != peer.ip());
        insert_bounded(&mut self.banned_hosts, peer.ip());
    }

    /// Tells whether a peer is banned: neither called nor let in.
    #[must_use]
    pub fn is_banned(&self, peer: Endpoint) -> bool {
        self.banned.contains(&peer) || self.banned_hosts.contains(&peer.ip())
    }

    /// Lists the peers that did not fail when called last: worth keeping for the next run.
    pub fn worthy(&self) -> impl Iterator<Item = Endpoint> {
        self.known
            .iter()
            .filter(|(_, it)| it.failures == 0)
            .map(|(peer, _)| *peer)
    }

    /// Counts the known peers.
    #[must_use]
    pub fn len(&self) -> usize {
        self.known.len()
    }

    /// Tells whether nobody is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// Gives up the worst peer for one from `source`; tells whether there was one to give up.
    fn make_room(&mut self, source: Source) -> bool {
        let idle = self.known.iter().filter(|(_, it)| {
            matches!(it.state, State::Waiting(_) | State::Forgotten(_)) && it.source != Source::User
        });
        let worst = idle.max_by_key(|(_, it)| (it.failures, it.source));
        let Some((&peer, candidate)) = worst else {
            return false;
        };
        if candidate.failures == 0 && candidate.source <= source {
            return false;
        }
        self.known.remove(&peer);
        true
    }

    fn strike_forgotten(&mut self, now: Instant) {
        let is_over = |state| matches!(state, State::Forgotten(until) if until <= now);
        if self
            .known
            .values()
            .any(|candidate| is_over(candidate.state))
        {
            self.known.retain(|_, candidate| !is_over(candidate.state));
        }
    }
}

/// Tells whether a peer can be there: trackers name port 0 and addresses of nobody (spec section
/// 24b).
fn is_possible(peer: Endpoint) -> bool {
    let address = peer.ip();
    let is_broadcast = matches!(address, IpAddr::V4(v4) if v4.is_broadcast());
    peer.port() != 0 && !address.is_unspecified() && !address.is_multicast() && !is_broadcast
}

fn insert_bounded<T: Ord>(set: &mut BTreeSet<T>, item: T) {
    if set.len() >= BANNED_MAX {
        set.pop_first();
    }
    set.insert(item);
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;
    use core::net::Ipv4Addr;

    use proptest::prelude::*;

    use super::*;

    fn peer(number: u8) -> Endpoint {
        Endpoint::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, number)), 6881)
    }

    fn at(seconds: u64) -> Instant {
        Instant::ZERO + Duration::from_secs(seconds)
    }

    /// Calls whoever is due, never with success, for a day; tells when.
    fn calls(candidates: &mut Candidates) -> Vec<u64> {
        let mut calls = Vec::new();
        while let Some(due) = candidates.next_at().filter(|due| *due < at(86_400)) {
            while let Some(peer) = candidates.next(due) {
                calls.push(due.as_nanos() / 1_000_000_000);
                candidates.failed(peer, due);
            }
        }
        calls
    }

    #[test]
    fn a_new_peer_is_called_at_once_and_then_ever_more_seldom() {
        let mut candidates = Candidates::new();
        assert_eq!(candidates.add(peer(1), Source::Tracker, at(0)), Added::New);
        assert_eq!(calls(&mut candidates), [0, 60, 180, 480, 1_080]);
        // It is forgotten, but not at once: trackers go on naming it.
        assert_eq!(
            candidates.add(peer(1), Source::Tracker, at(1_100)),
            Added::Known
        );
        assert_eq!(candidates.next_at(), None);
        assert_eq!(
            candidates.add(peer(1), Source::Tracker, at(1_980)),
            Added::New
        );
        assert_eq!(candidates.next_at(), Some(at(1_980)));
    }

    #[test]
    fn whom_the_user_named_is_called_soon_and_for_ever() {
        let mut candidates = Candidates::new();
        candidates.add(peer(1), Source::Tracker, at(0));
        candidates.add(peer(1), Source::User, at(0));
        let calls = calls(&mut candidates);
        assert_eq!(calls[..8], [0, 1, 3, 8, 18, 48, 108, 168]);
        assert!(calls.last().is_some_and(|last| *last > 86_300));
    }

    #[test]
    fn a_peer_in_use_is_not_called() {
        let mut candidates = Candidates::new();
        candidates.add(peer(1), Source::Tracker, at(0));
        assert_eq!(candidates.next(at(0)), Some(peer(1)));
        assert_eq!(candidates.next(at(0)), None);
        candidates.connected(peer(1), at(1));
        candidates.connected(peer(2), at(1));
        assert_eq!(
            (candidates.next(at(99)), candidates.next_at()),
            (None, None)
        );
        candidates.closed(peer(2), at(100));
        assert_eq!(
            (candidates.next(at(100)), candidates.next_at()),
            (None, Some(at(160)))
        );
        assert_eq!(candidates.next(at(160)), Some(peer(2)));
        assert_eq!(candidates.worthy().collect::<Vec<_>>(), [peer(1), peer(2)]);
    }

    #[test]
    fn who_served_us_and_broke_off_is_called_again_soon() {
        let mut candidates = Candidates::new();
        candidates.add(peer(1), Source::Tracker, at(0));
        candidates.next(at(0));
        candidates.connected(peer(1), at(0));
        candidates.broke_off(peer(1), Duration::from_secs(9), at(1_000));
        let waits = [1, 2, 4, 8, 16, 32, 60, 120, 300, 600];
        let expected = waits.iter().scan(1_000, |then, wait| {
            *then += wait;
            Some(*then)
        });
        assert_eq!(calls(&mut candidates), expected.collect::<Vec<_>>());
    }

    #[test]
    fn who_breaks_off_again_and_again_waits_ever_longer() {
        let mut candidates = Candidates::new();
        candidates.add(peer(1), Source::Tracker, at(0));
        let mut now = at(0);
        let mut waits = Vec::new();
        for held in [1, 1, 1, 1, 1, 1, 1, 1, 60, 1] {
            assert_eq!(candidates.next(now), Some(peer(1)));
            candidates.connected(peer(1), now);
            candidates.broke_off(peer(1), Duration::from_secs(held), now);
            let due = candidates.next_at().expect("it waits");
            waits.push(due.since(now).as_secs());
            now = due;
        }
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60, 1, 2]);
    }

    #[test]
    fn the_order_is_user_then_failures_then_first_come() {
        let mut candidates = Candidates::new();
        for (number, source) in [
            (9, Source::Tracker),
            (3, Source::Tracker),
            (5, Source::User),
        ] {
            candidates.add(peer(number), source, at(0));
        }
        candidates.next(at(0));
        candidates.next(at(0));
        candidates.failed(peer(9), at(0));
        candidates.failed(peer(5), at(0));
        let order: Vec<_> = (0..4).map_while(|_| candidates.next(at(60))).collect();
        assert_eq!(order, [peer(5), peer(3), peer(9)]);
    }

    #[test]
    fn nobody_banned_or_impossible_is_called() {
        let mut candidates = Candidates::new();
        for text in [
            "192.0.2.1:0",
            "0.0.0.0:1",
            "[::]:1",
            "224.0.0.1:1",
            "255.255.255.255:1",
        ] {
            let nobody = text.parse().expect("an endpoint");
            assert_eq!(
                candidates.add(nobody, Source::Tracker, at(0)),
                Added::Refused,
                "{text}"
            );
        }
        candidates.add(peer(1), Source::Tracker, at(0));
        candidates.add(peer(2).with_port(7), Source::Tracker, at(0));
        candidates.ban(peer(1));
        candidates.ban_host(peer(2));
        assert!(candidates.is_empty());
        assert!(candidates.is_banned(peer(2).with_port(9)));
        assert!(!candidates.is_banned(peer(1).with_port(9)));
        assert_eq!(candidates.add(peer(1), Source::User, at(0)), Added::Refused);
        let local: Endpoint = "127.0.0.1:5".parse().expect("an endpoint");
        candidates.ban_host(local);
        assert!(!candidates.is_banned(local.with_port(6)));
    }

    #[test]
    fn a_full_list_gives_up_who_failed() {
        let mut candidates = Candidates::new();
        let crowd = (0..CANDIDATES_MAX as u32)
            .map(|number| Endpoint::new(IpAddr::V4(Ipv4Addr::from(0x0a00_0000 + number)), 6881));
        crowd.for_each(|peer| {
            candidates.add(peer, Source::Tracker, at(0));
        });
        assert_eq!(candidates.add(peer(1), Source::Tracker, at(0)), Added::Full);
        assert_eq!(candidates.add(peer(1), Source::User, at(0)), Added::New);
        let first = candidates.next(at(0)).and_then(|_| candidates.next(at(0)));
        candidates.failed(first.expect("many are due"), at(0));
        assert_eq!(candidates.add(peer(2), Source::Tracker, at(0)), Added::New);
        assert_eq!(candidates.len(), CANDIDATES_MAX);
    }

    proptest! {
        /// Whatever happens, nobody that failed is called again within a minute, and nobody twice
        /// at a time.
        #[test]
        fn calls_keep_their_distance(
            steps in proptest::collection::vec((0u8..4, 0u8..5, 0u64..100), 1..200),
        ) {
            let mut candidates = Candidates::new();
            let mut now = at(0);
            let mut failed_at: BTreeMap<Endpoint, Instant> = BTreeMap::new();
            let mut busy: BTreeSet<Endpoint> = BTreeSet::new();
            for (number, step, wait) in steps {
                let it = peer(number);
                match step {
                    0 => {
                        candidates.add(it, Source::Tracker, now);
                    }
                    1 if busy.remove(&it) => {
                        candidates.failed(it, now);
                        failed_at.insert(it, now);
                    }
                    2 if busy.contains(&it) => {
                        candidates.connected(it, now);
                        failed_at.remove(&it);
                    }
                    3 if busy.remove(&it) => candidates.closed(it, now),
                    _ => {
                        if let Some(called) = candidates.next(now) {
                            prop_assert!(busy.insert(called));
                            let failed = failed_at.get(&called);
                            prop_assert!(failed.is_none_or(|then| now.since(*then) >= WAIT));
                        }
                    }
                }
                now += Duration::from_secs(wait);
            }
        }
    }

    const WAIT: Duration = Duration::from_secs(60);
}
