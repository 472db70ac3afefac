//! When a torrent announces, to which of its trackers, and with which event.
//!
//! Pure decisions: the [`Announcer`] says what is due ([`Announcer::poll`]) and learns how it
//! went ([`Announcer::settle`]); [`Trackers`](super::Trackers) does the talking. There is one a
//! torrent.
//!
//! Trackers stand in *tiers* (BEP 12). Each tier is shuffled once; an announce goes to the first
//! tracker, in order, that is not resting after a failure; one that answers moves to the front of
//! its tier. So load spreads over equals, back-up tiers are asked only when better ones fail, and
//! a tracker that worked is asked first.

use super::announce::{Announce, AnnounceEvent, AnnounceOutcome, DEFAULT_INTERVAL, UNKNOWN_LEFT};
use super::failure::{Failure, Retry};
use super::trackers::{Finished, Order};
use super::url::TrackerUrl;
use crate::numbers::{InfoHash, PeerId};
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;
use machine::{Instant, Rng};

/// The trackers of one torrent that are kept; a torrent file can list thousands.
pub const TRACKERS_MAX: usize = 100;

/// A tracker that wants to be asked more often is asked this often (spec section 5).
pub const INTERVAL_MIN: Duration = Duration::from_secs(30);

/// A tracker that wants to be asked less often, or is broken, is asked this often.
pub const INTERVAL_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// The least time between two announces with nothing new to tell (spec section 5).
pub const ANNOUNCE_GAP: Duration = Duration::from_secs(60);

/// The first rest after a failure, before the part that grows (spec section 5).
const RETRY_BASE: Duration = Duration::from_secs(5);
/// The part of the rest that grows with the square of the failures in a row.
const RETRY_GROWTH: Duration = Duration::from_millis(12_500);
/// The longest rest after a failure.
const RETRY_MAX: Duration = Duration::from_secs(60 * 60);

/// How many of its trackers a torrent uses at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TierPolicy {
    /// The first of all that works, as BEP 12 says.
    FirstWorking,
    /// The first of each tier that works: more peers, more load on trackers.
    EachTier,
    /// The first of all that works, and only its peers: a private torrent (BEP 27).
    Private,
}

/// What a torrent tells its trackers of itself, at the moment of an announce.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Report {
    /// Our name for this session.
    pub peer_id: PeerId,
    /// The port on which we accept peers.
    pub port: u16,
    /// What proves us to a tracker when our address changes (BEP 7).
    pub key: u32,
    /// Payload bytes sent since the start of the session.
    pub uploaded: u64,
    /// Payload bytes received since the start of the session.
    pub downloaded: u64,
    /// Payload bytes still lacking; `None` while nobody knows, as with a magnet.
    pub left: Option<u64>,
    /// How many peers would be welcome; `None` leaves it to the tracker.
    pub numwant: Option<u32>,
}

/// Whether an answer came from the tracker whose peers we have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "a private torrent drops its peers when its tracker changes"]
pub enum Swarm {
    /// The same tracker as before, or it does not matter.
    Same,
    /// A private torrent's tracker is another one now: peers of the former must go (BEP 27).
    Other,
}

/// The announces of one torrent.
#[derive(Debug, Clone)]
pub struct Announcer {
    info_hash: InfoHash,
    policy: TierPolicy,
    download: Download,
    rounds: Vec<Round>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Download {
    /// Unfinished, or finished before the session.
    Quiet,
    /// Became complete in this session: worth telling.
    Completed,
}

/// Tiers that are tried in order until one tracker answers: all of them, or one each.
#[derive(Debug, Clone)]
struct Round {
    tiers: Vec<Vec<Member>>,
    phase: Phase,
    last: Option<Answered>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// The next announce is due at this moment.
    Resting(Instant),
    /// An announce is under way.
    Asking {
        place: Place,
        event: AnnounceEvent,
        left: u64,
    },
    /// Stopped, or no tracker wants to hear of us again.
    Over,
}

/// The last announce that was answered.
#[derive(Debug, Clone)]
struct Answered {
    at: Instant,
    gap: Duration,
    by: Arc<TrackerUrl>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    tier: usize,
    index: usize,
}

/// A tracker as one torrent knows it.
#[derive(Debug, Clone)]
struct Member {
    tracker: Arc<TrackerUrl>,
    told: Told,
    failures: u16,
    /// When it may be asked again; `None` never.
    rests_until: Option<Instant>,
    tracker_id: Option<Box<[u8]>>,
}

/// What a tracker knows of us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    /// Nothing: the next event is `Started`.
    Nothing,
    /// That we started, lacking something: completion would be news.
    Started,
    /// That we are complete; it counts completions, so it must not hear it twice.
    Completed,
}

impl Announcer {
    /// Makes the announcer of one torrent, whose first announces are due at once.
    ///
    /// A tracker that is listed twice is used where it stands first; of more than
    /// [`TRACKERS_MAX`] the rest is left out.
    #[must_use]
    pub fn new(
        info_hash: InfoHash,
        tiers: Vec<Vec<Arc<TrackerUrl>>>,
        policy: TierPolicy,
        rng: &mut Rng,
    ) -> Self {
        let tiers = members(tiers, rng);
        let rounds = match policy {
            TierPolicy::EachTier => tiers.into_iter().map(|tier| Round::new([tier])).collect(),
            TierPolicy::FirstWorking | TierPolicy::Private => Vec::from([Round::new(tiers)]),
        };
        Self {
            info_hash,
            policy,
            download: Download::Quiet,
            rounds,
        }
    }

    /// Tells when [`poll`](Self::poll) will next have something to say.
    #[must_use]
    pub fn next_due(&self) -> Option<Instant> {
        self.rounds.iter().filter_map(|round| round.due()).min()
    }

    /// Takes out one announce that is due; ask until there is none.
    ///
    /// Each must be handed to [`Trackers::announce`](super::Trackers::announce), and what becomes
    /// of it to [`settle`](Self::settle).
    pub fn poll(&mut self, now: Instant, report: &Report) -> Option<Order> {
        let (info_hash, download) = (self.info_hash, self.download);
        let is_due = |round: &&mut Round| round.due().is_some_and(|at| at <= now);
        self.rounds.iter_mut().filter(is_due).find_map(|round| {
            let Some(place) = round.first_awake(now) else {
                round.phase = round.rest(now);
                return None;
            };
            let member = round.member(place)?;
            let event = member.news(download);
            let announce = report.announce(info_hash, event);
            let left = announce.left;
            let order = member.order(announce);
            round.phase = Phase::Asking { place, event, left };
            Some(order)
        })
    }

    /// Learns how an announce went and decides when the next one is due.
    pub fn settle(&mut self, finished: &Finished, now: Instant, rng: &mut Rng) -> Swarm {
        let download = self.download;
        let asks = |round: &&mut Round| round.asks(&finished.tracker);
        let Some(round) = self.rounds.iter_mut().find(asks) else {
            return Swarm::Same; // Nobody waits for it any more.
        };
        match &finished.result {
            Ok(outcome) => {
                let former = round.last.take().map(|last| last.by);
                round.answered(&finished.tracker, outcome, download, now);
                let is_other = former.is_some_and(|former| former != finished.tracker);
                if is_other && self.policy == TierPolicy::Private {
                    Swarm::Other
                } else {
                    Swarm::Same
                }
            }
            Err(failure) => {
                round.failed(failure, now, rng);
                Swarm::Same
            }
        }
    }

    /// Learns that the download became complete in this session: the trackers shall hear of it.
    pub fn complete(&mut self, now: Instant) {
        self.download = Download::Completed;
        for round in &mut self.rounds {
            if matches!(round.phase, Phase::Resting(_)) && round.owes_news() {
                round.phase = round.rest(now);
            }
        }
    }

    /// Asks for new peers as soon as the trackers allow it, before the interval has passed.
    pub fn hurry(&mut self, now: Instant) {
        for round in &mut self.rounds {
            if let (Phase::Resting(at), Some(last)) = (round.phase, &round.last) {
                round.phase = Phase::Resting(at.min(now.max(last.at + last.gap)));
            }
        }
    }

    /// Ends the announces: what is returned tells `Stopped` to every tracker that knows of us.
    ///
    /// What is under way should be called off first
    /// ([`Trackers::cancel`](super::Trackers::cancel)).
    pub fn stop(&mut self, report: &Report) -> Vec<Order> {
        let mut orders = Vec::new();
        let report = Report {
            numwant: Some(0),
            ..*report
        };
        let announce = report.announce(self.info_hash, AnnounceEvent::Stopped);
        for round in &mut self.rounds {
            round.phase = Phase::Over;
            round.last = None;
            for member in round.tiers.iter_mut().flatten() {
                if member.told != Told::Nothing {
                    member.told = Told::Nothing;
                    orders.push(member.order(announce.clone()));
                }
            }
        }
        orders
    }

    /// Begins to announce again after [`stop`](Self::stop), at once.
    pub fn resume(&mut self, now: Instant) {
        self.download = Download::Quiet;
        for round in &mut self.rounds {
            round.phase = round.rest(now);
        }
    }

    /// Lists the trackers in the order in which they will be asked.
    pub fn trackers(&self) -> impl Iterator<Item = &Arc<TrackerUrl>> {
        self.rounds
            .iter()
            .flat_map(|round| round.tiers.iter().flatten())
            .map(|m| &m.tracker)
    }
}

impl Report {
    fn announce(&self, info_hash: InfoHash, event: AnnounceEvent) -> Announce {
        let Self {
            peer_id,
            port,
            key,
            uploaded,
            downloaded,
            left,
            numwant,
        } = *self;
        let left = left.unwrap_or(UNKNOWN_LEFT);
        Announce {
            info_hash,
            peer_id,
            port,
            uploaded,
            downloaded,
            left,
            event,
            key,
            numwant,
        }
    }
}

impl Round {
    fn new(tiers: impl Into<Vec<Vec<Member>>>) -> Self {
        let mut round = Self {
            tiers: tiers.into(),
            phase: Phase::Over,
            last: None,
        };
        round.phase = round.rest(Instant::ZERO);
        round
    }

    fn due(&self) -> Option<Instant> {
        match self.phase {
            Phase::Resting(at) => Some(at),
            Phase::Asking { .. } | Phase::Over => None,
        }
    }

    fn member(&mut self, place: Place) -> Option<&mut Member> {
        self.tiers.get_mut(place.tier)?.get_mut(place.index)
    }

    /// Tells whether an announce to `tracker` is under way.
    fn asks(&self, tracker: &TrackerUrl) -> bool {
        let Phase::Asking { place, .. } = self.phase else {
            return false;
        };
        let tier = self.tiers.get(place.tier);
        let member = tier.and_then(|tier| tier.get(place.index));
        member.is_some_and(|member| *member.tracker == *tracker)
    }

    /// Tells whether the tracker that answered last does not know that we lack nothing now.
    fn owes_news(&self) -> bool {
        let Some(last) = &self.last else {
            return false;
        };
        let mut members = self.tiers.iter().flatten();
        members.any(|member| member.tracker == last.by && member.told == Told::Started)
    }

    fn answered(
        &mut self,
        by: &Arc<TrackerUrl>,
        outcome: &AnnounceOutcome,
        download: Download,
        now: Instant,
    ) {
        let Phase::Asking { place, event, left } = self.phase else {
            return;
        };
        let interval = outcome.interval.unwrap_or(DEFAULT_INTERVAL);
        let interval = interval.clamp(INTERVAL_MIN, INTERVAL_MAX);
        let min_interval = outcome.min_interval.unwrap_or_default();
        let gap = min_interval.min(interval).max(ANNOUNCE_GAP);
        let by = Arc::clone(by);
        self.last = Some(Answered { at: now, gap, by });
        self.phase = Phase::Resting(now + interval);
        if let Some(member) = self.member(place) {
            member.answered(event, left, outcome.tracker_id.as_deref());
            if member.news(download) != AnnounceEvent::None {
                self.phase = Phase::Resting(now); // It became complete while we asked.
            }
        }
        // Who answered is asked first the next time.
        if let Some(tier) = self.tiers.get_mut(place.tier)
            && let Some(before) = tier.get_mut(..=place.index)
        {
            before.rotate_right(1);
        }
    }

    fn failed(&mut self, failure: &Failure, now: Instant, rng: &mut Rng) {
        if let Phase::Asking { place, .. } = self.phase
            && let Some(member) = self.member(place)
        {
            member.failed(failure, now, rng);
        }
        self.phase = self.rest(now);
    }

    /// Finds the first tracker, in order, that does not rest.
    fn first_awake(&self, now: Instant) -> Option<Place> {
        self.tiers.iter().enumerate().find_map(|(tier, members)| {
            let index = members
                .iter()
                .position(|m| m.rests_until.is_some_and(|at| at <= now))?;
            Some(Place { tier, index })
        })
    }

    /// Waits until a tracker is awake: not at all, if one is.
    fn rest(&self, now: Instant) -> Phase {
        let awake = self
            .tiers
            .iter()
            .flatten()
            .filter_map(|member| member.rests_until)
            .min();
        awake.map_or(Phase::Over, |at| Phase::Resting(at.max(now)))
    }
}

impl Member {
    const fn new(tracker: Arc<TrackerUrl>) -> Self {
        let rests_until = Some(Instant::ZERO);
        Self {
            tracker,
            told: Told::Nothing,
            failures: 0,
            rests_until,
            tracker_id: None,
        }
    }

    /// Decides what this tracker should hear next.
    fn news(&self, download: Download) -> AnnounceEvent {
        match (self.told, download) {
            (Told::Nothing, _) => AnnounceEvent::Started,
            (Told::Started, Download::Completed) => AnnounceEvent::Completed,
            (Told::Started, Download::Quiet) | (Told::Completed, _) => AnnounceEvent::None,
        }
    }

    fn order(&self, announce: Announce) -> Order {
        let tracker = Arc::clone(&self.tracker);
        Order {
            tracker,
            announce,
            tracker_id: self.tracker_id.clone(),
        }
    }

    fn answered(&mut self, event: AnnounceEvent, left: u64, tracker_id: Option<&[u8]>) {
        self.failures = 0;
        self.rests_until = Some(Instant::ZERO);
        self.told = match event {
            AnnounceEvent::Started if left > 0 => Told::Started,
            AnnounceEvent::Started | AnnounceEvent::Completed => Told::Completed,
            AnnounceEvent::Stopped => Told::Nothing,
            AnnounceEvent::None => self.told,
        };
        if let Some(tracker_id) = tracker_id {
            self.tracker_id = Some(tracker_id.into());
        }
    }

    fn failed(&mut self, failure: &Failure, now: Instant, rng: &mut Rng) {
        self.failures = self.failures.saturating_add(1);
        self.rests_until = match failure.retry() {
            Retry::Usual => Some(now + back_off(self.failures, rng)),
            Retry::After(rest) => Some(now + rest.clamp(RETRY_BASE, INTERVAL_MAX)),
            Retry::Never => None,
        };
    }
}

/// Shuffles each tier once and drops what is listed twice or too much.
fn members(tiers: Vec<Vec<Arc<TrackerUrl>>>, rng: &mut Rng) -> Vec<Vec<Member>> {
    let mut seen: Vec<Arc<TrackerUrl>> = Vec::new();
    let mut kept = Vec::new();
    for mut tier in tiers {
        tier.retain(|tracker| {
            let fresh = seen.len() < TRACKERS_MAX && !seen.contains(tracker);
            if fresh {
                seen.push(Arc::clone(tracker));
            }
            fresh
        });
        if !tier.is_empty() {
            rng.shuffle(&mut tier);
            kept.push(tier.into_iter().map(Member::new).collect());
        }
    }
    kept
}

/// Tells how long to leave a tracker in peace after so many failures in a row; up to a tenth is
/// added by chance, so that the torrents of a tracker that was down do not come back in one wave.
fn back_off(failures: u16, rng: &mut Rng) -> Duration {
    let failures = u32::from(failures);
    let rest = RETRY_BASE.saturating_add(RETRY_GROWTH.saturating_mul(failures * failures));
    let rest = rest.min(RETRY_MAX);
    rest + rest / 1000 * u32::try_from(rng.below(100)).unwrap_or_default()
}
