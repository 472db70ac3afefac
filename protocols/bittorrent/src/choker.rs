//! The choker: whom to upload to (spec section 17; Cohen 2003; Legout et al., "Rarest first and
//! choke algorithms are enough", 2006).
//!
//! Every ten seconds a *round* ranks the peers. A leecher gives its *regular* slots to the
//! interested peers that send it the most, tit for tat, and one *optimistic* slot, for thirty
//! seconds, to a peer drawn by lot, which may turn out better than they or may be new and have
//! nothing to trade yet. A seed gets nothing back; it serves each peer for a while and passes on,
//! so that all get the same. Uninterested peers that would have earned a slot are unchoked too
//! (*extra*): they take nothing until they become interested, and then the slowest regular one has
//! to go.
//!
//! Between rounds nothing changes but on a peer's farewell or change of interest; so slots do not
//! flicker, and none stays empty while somebody waits.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::cmp::Reverse;
use core::num::NonZeroU64;
use core::time::Duration;

use machine::{ConnId, Instant, Rng};

/// The time between two rounds.
pub const ROUND: Duration = Duration::from_secs(10);

/// The optimistic slot passes on every so many rounds.
const ROUNDS_PER_OPTIMISTIC: u64 = 3;

/// A peer connected for less than this, and never unchoked yet, is a newcomer.
const NEWCOMER_AGE_MAX: Duration = Duration::from_secs(60);

/// Newcomers have so many lots in the optimistic draw.
const NEWCOMER_LOTS: u64 = 3;

/// A seed ranks a peer by how lately it was unchoked for this long, and while it still owes the
/// peer something.
const RECENT_UNCHOKE: Duration = Duration::from_secs(20);

/// Regular slots when the upload is not limited: what libtorrent does.
const SLOTS_UNLIMITED: usize = 8;

/// A connection is not useless before it had this time to become useful.
const USELESS_AGE_MIN: Duration = Duration::from_secs(60);

/// An interested or interesting connection that carried no payload for this long is useless too:
/// several optimistic slots passed it by.
const USELESS_SILENCE: Duration = Duration::from_secs(300);

/// What the torrent is to the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// It wants pieces: it serves those that serve it.
    Leeching,
    /// It wants nothing: it serves all in turn.
    Seeding,
}

/// Whether a peer wants something of us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interest {
    /// We have a piece that it wants.
    Interested,
    /// It wants nothing.
    Uninterested,
}

/// Whether a peer sends what it owes us (spec section 18).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Diligence {
    /// It does, or it owes nothing.
    Sending,
    /// It unchokes us and sent nothing for a minute: it does not earn a regular slot.
    Snubbing,
}

/// Whether requests of a peer wait for our answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Requests {
    /// Some do.
    Waiting,
    /// None does.
    Answered,
}

/// What the choker wants to know of a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PeerView {
    /// Its connection.
    pub peer: ConnId,
    /// When the connection was made.
    pub connected_at: Instant,
    /// Whether it wants something of us.
    pub interest: Interest,
    /// Whether it sends what it owes us.
    pub diligence: Diligence,
    /// Whether requests of it wait.
    pub requests: Requests,
    /// What it sends us, in bytes a second, over twenty seconds.
    pub rate_from: u64,
    /// What we send it, in bytes a second, over twenty seconds.
    pub rate_to: u64,
}

/// Whom to tell what. Choke first: the slots are then free.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Changes {
    /// Send these `choke`, and reject what they asked for (Fast extension) or forget it.
    pub choke: Vec<ConnId>,
    /// Send these `unchoke`.
    pub unchoke: Vec<ConnId>,
}

/// What decides whether a connection is worth its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usefulness {
    /// The connection.
    pub peer: ConnId,
    /// When it was made.
    pub connected_at: Instant,
    /// When payload last passed, in either direction.
    pub last_payload: Option<Instant>,
    /// Whether it wants something of us.
    pub their_interest: Interest,
    /// Whether we want something of it.
    pub our_interest: Interest,
}

/// Decides who is unchoked. It knows whom it unchoked: the connections follow its [`Changes`] and
/// nothing else.
#[derive(Debug)]
pub struct Choker {
    slots: usize,
    rounds: u64,
    unchoked: Unchoked,
    /// Interested and choked peers, the next to be unchoked first.
    waiting: Vec<ConnId>,
    /// When each connected peer was unchoked last, if ever.
    unchoked_at: BTreeMap<ConnId, Instant>,
}

/// Who is unchoked and why; nobody is in two lists.
#[derive(Debug, Clone, Default)]
struct Unchoked {
    /// By merit, the best first.
    regular: Vec<ConnId>,
    /// By lot.
    optimistic: Vec<ConnId>,
    /// Uninterested.
    extra: Vec<ConnId>,
}

impl Unchoked {
    fn iter(&self) -> impl Iterator<Item = ConnId> {
        self.regular
            .iter()
            .chain(&self.optimistic)
            .chain(&self.extra)
            .copied()
    }

    fn contains(&self, peer: ConnId) -> bool {
        self.iter().any(|unchoked| unchoked == peer)
    }

    /// Counts those who take something.
    const fn interested(&self) -> usize {
        self.regular.len() + self.optimistic.len()
    }

    /// Takes `peer` out; tells whether it held a slot that counts.
    fn remove(&mut self, peer: ConnId) -> bool {
        let before = self.interested();
        for list in [&mut self.regular, &mut self.optimistic, &mut self.extra] {
            list.retain(|unchoked| *unchoked != peer);
        }
        self.interested() < before
    }
}

/// Tells how many regular slots an upload limit in bytes a second feeds: mainline's table (spec
/// section 17).
///
/// A slot that gets too little earns nothing back, since tit for tat compares us with others.
#[must_use]
pub fn slots_for(upload_limit: Option<NonZeroU64>) -> usize {
    let Some(limit) = upload_limit else {
        return SLOTS_UNLIMITED;
    };
    match limit.get() / 1024 {
        0..9 => 2,
        9..15 => 3,
        15..42 => 4,
        kibibytes => {
            usize::try_from((kibibytes.saturating_mul(6) / 10).isqrt()).unwrap_or(usize::MAX)
        }
    }
}

/// Names the connection to drop when places are short: of those without use in either direction the
/// one without use for the longest. Young ones are spared (they may be waiting for their first
/// unchoke).
#[must_use]
pub fn useless(now: Instant, peers: &[Usefulness]) -> Option<ConnId> {
    let idle_since = |peer: &Usefulness| peer.last_payload.unwrap_or(peer.connected_at);
    let old = peers
        .iter()
        .filter(|peer| now.since(peer.connected_at) >= USELESS_AGE_MIN);
    let idle = old.filter(|peer| now.since(idle_since(peer)) >= USELESS_AGE_MIN);
    let useless =
        idle.filter(|peer| wants_nothing(peer) || now.since(idle_since(peer)) >= USELESS_SILENCE);
    let worst = useless.min_by_key(|peer| (Reverse(wants_nothing(peer)), idle_since(peer)));
    worst.map(|peer| peer.peer)
}

fn wants_nothing(peer: &Usefulness) -> bool {
    (peer.their_interest, peer.our_interest) == (Interest::Uninterested, Interest::Uninterested)
}

impl Choker {
    /// Begins with nobody unchoked. Beside the regular `slots` (see [`slots_for`]) there is one for
    /// the optimistic unchoke. There is always one regular slot.
    #[must_use]
    pub const fn new(slots: usize) -> Self {
        Self {
            slots: at_least_one(slots),
            rounds: 0,
            unchoked: Unchoked {
                regular: Vec::new(),
                optimistic: Vec::new(),
                extra: Vec::new(),
            },
            waiting: Vec::new(),
            unchoked_at: BTreeMap::new(),
        }
    }

    /// Changes the number of regular slots; the next round heeds it.
    pub const fn set_slots(&mut self, slots: usize) {
        self.slots = at_least_one(slots);
    }

    /// Tells whether `peer` is unchoked.
    #[must_use]
    pub fn is_unchoked(&self, peer: ConnId) -> bool {
        self.unchoked.contains(peer)
    }

    /// Tells whether anybody is unchoked or waits to be: whether a round can change anything.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.unchoked.iter().next().is_none()
    }

    /// Ranks all `peers` anew: to be called every [`ROUND`].
    pub fn round(
        &mut self,
        now: Instant,
        peers: &[PeerView],
        role: Role,
        rng: &mut Rng,
    ) -> Changes {
        let ranking = match role {
            Role::Leeching => self.rank_for_leeching(now, peers),
            Role::Seeding => self.rank_for_seeding(now, peers),
        };
        let lots = self.lots(role);
        let regular: Vec<ConnId> = ranking.iter().copied().take(self.total() - lots).collect();
        let optimistic = self.draw(now, peers, &regular, role, rng);
        let extra = match role {
            Role::Leeching => extra_unchokes(peers, &regular),
            Role::Seeding => Vec::new(),
        };
        self.waiting = self.queue(peers, &ranking, &regular, &optimistic);
        self.rounds += 1;
        self.become_unchoked(
            now,
            Unchoked {
                regular,
                optimistic,
                extra,
            },
        )
    }

    /// Notes that `peer` became interested: it is unchoked at once if a slot is free. If it is
    /// unchoked already, and too many now are, the slowest regular peer goes.
    pub fn interested(&mut self, now: Instant, peer: ConnId) -> Changes {
        let mut next = self.unchoked.clone();
        if next.extra.contains(&peer) {
            next.remove(peer);
            if next.interested() >= self.total()
                && let Some(slowest) = next.regular.pop().or_else(|| next.optimistic.pop())
            {
                self.waiting.insert(0, slowest);
            }
            next.regular.insert(0, peer);
        } else if !next.contains(peer) && !self.waiting.contains(&peer) {
            self.waiting.push(peer);
        }
        self.fill(now, next)
    }

    /// Notes that `peer` lost its interest. If it was unchoked it stays so, as one that takes
    /// nothing, and the next in the ranking gets its slot at once.
    pub fn uninterested(&mut self, now: Instant, peer: ConnId) -> Changes {
        self.waiting.retain(|waiting| *waiting != peer);
        let mut next = self.unchoked.clone();
        if next.remove(peer) {
            next.extra.push(peer);
            return self.fill(now, next);
        }
        Changes::default()
    }

    /// Notes that `peer` is gone; the next in the ranking gets its slot at once.
    pub fn gone(&mut self, now: Instant, peer: ConnId) -> Changes {
        self.waiting.retain(|waiting| *waiting != peer);
        self.unchoked_at.remove(&peer);
        let held_slot = self.unchoked.remove(peer);
        if held_slot {
            self.fill(now, self.unchoked.clone())
        } else {
            Changes::default()
        }
    }

    /// The slots of interested peers: the regular ones and the optimistic one.
    const fn total(&self) -> usize {
        self.slots.saturating_add(1)
    }

    /// How many of the slots are drawn by lot this round. A seed keeps all by rank every third
    /// round, so that those who were drawn before are served to the end.
    const fn lots(&self, role: Role) -> usize {
        match role {
            Role::Seeding if self.rounds % ROUNDS_PER_OPTIMISTIC == ROUNDS_PER_OPTIMISTIC - 1 => 0,
            Role::Seeding | Role::Leeching => 1,
        }
    }

    /// Tit for tat: who sends us more stands higher; then who takes more, then who waits longer.
    fn rank_for_leeching(&self, now: Instant, peers: &[PeerView]) -> Vec<ConnId> {
        let deserving = peers.iter().filter(|view| {
            view.interest == Interest::Interested && view.diligence == Diligence::Sending
        });
        ranked(deserving, |view| {
            (
                Reverse(view.rate_from),
                Reverse(view.rate_to),
                Reverse(self.waited(now, view)),
            )
        })
    }

    /// First those unchoked lately or with requests waiting, the last unchoked first; then all
    /// others, the fastest first. So a peer, once drawn, goes down the list as others are drawn
    /// after it, and leaves at the end.
    fn rank_for_seeding(&self, now: Instant, peers: &[PeerView]) -> Vec<ConnId> {
        let interested = peers
            .iter()
            .filter(|view| view.interest == Interest::Interested);
        ranked(interested, |view| {
            let unchoked_at = self.unchoked_at.get(&view.peer).copied();
            let is_active = self.is_unchoked(view.peer)
                && (view.requests == Requests::Waiting
                    || unchoked_at.is_some_and(|then| now.since(then) < RECENT_UNCHOKE));
            let turn = Reverse(unchoked_at.filter(|_| is_active));
            (turn, Reverse(view.rate_to), Reverse(self.waited(now, view)))
        })
    }

    fn waited(&self, now: Instant, view: &PeerView) -> Duration {
        self.unchoked_at
            .get(&view.peer)
            .map_or(Duration::MAX, |then| now.since(*then))
    }

    /// Gives the slots that merit leaves over by lot; who won one keeps it for
    /// [`ROUNDS_PER_OPTIMISTIC`] rounds.
    ///
    /// When peers snub us, fewer deserve a regular slot and so more than one is drawn: to find
    /// better ones sooner.
    fn draw(
        &self,
        now: Instant,
        peers: &[PeerView],
        regular: &[ConnId],
        role: Role,
        rng: &mut Rng,
    ) -> Vec<ConnId> {
        let mut pool: Vec<(ConnId, u64)> = peers
            .iter()
            .filter(|view| view.interest == Interest::Interested && !regular.contains(&view.peer))
            .map(|view| (view.peer, self.lots_of(now, view)))
            .collect();
        let places = self.total().saturating_sub(regular.len());
        let mut drawn = Vec::new();
        // A seed's winners stand in the ranking from then on.
        if role == Role::Leeching && !self.rounds.is_multiple_of(ROUNDS_PER_OPTIMISTIC) {
            drawn.clone_from(&self.unchoked.optimistic);
            drawn.retain(|peer| pool.iter().any(|(other, _)| other == peer));
            drawn.truncate(places);
        }
        pool.retain(|(peer, _)| !drawn.contains(peer));
        while drawn.len() < places
            && let Some(peer) = draw_one(&mut pool, rng)
        {
            drawn.push(peer);
        }
        drawn
    }

    fn lots_of(&self, now: Instant, view: &PeerView) -> u64 {
        let is_new = now.since(view.connected_at) < NEWCOMER_AGE_MAX
            && !self.unchoked_at.contains_key(&view.peer);
        if is_new { NEWCOMER_LOTS } else { 1 }
    }

    /// All interested peers that got no slot, the best first; those that snub us last.
    fn queue(
        &self,
        peers: &[PeerView],
        ranking: &[ConnId],
        regular: &[ConnId],
        optimistic: &[ConnId],
    ) -> Vec<ConnId> {
        let interested = peers
            .iter()
            .filter(|view| view.interest == Interest::Interested);
        let unranked = interested
            .map(|view| view.peer)
            .filter(|peer| !ranking.contains(peer));
        let all = ranking.iter().copied().chain(unranked);
        all.filter(|peer| !regular.contains(peer) && !optimistic.contains(peer))
            .collect()
    }

    /// Gives free slots to those who wait.
    fn fill(&mut self, now: Instant, mut next: Unchoked) -> Changes {
        let free = self
            .total()
            .saturating_sub(next.interested())
            .min(self.waiting.len());
        for peer in self.waiting.drain(..free) {
            let list = if next.regular.len() < self.slots {
                &mut next.regular
            } else {
                &mut next.optimistic
            };
            list.push(peer);
        }
        self.become_unchoked(now, next)
    }

    fn become_unchoked(&mut self, now: Instant, next: Unchoked) -> Changes {
        let before = core::mem::replace(&mut self.unchoked, next);
        let choke = before
            .iter()
            .filter(|peer| !self.unchoked.contains(*peer))
            .collect();
        let unchoke: Vec<_> = self
            .unchoked
            .iter()
            .filter(|peer| !before.contains(*peer))
            .collect();
        self.unchoked_at
            .extend(unchoke.iter().map(|peer| (*peer, now)));
        Changes { choke, unchoke }
    }
}

const fn at_least_one(slots: usize) -> usize {
    if slots == 0 { 1 } else { slots }
}

/// Sorts peers by a key, the oldest connection first among equals.
fn ranked<'a, K: Ord>(
    peers: impl Iterator<Item = &'a PeerView>,
    key: impl Fn(&PeerView) -> K,
) -> Vec<ConnId> {
    let mut ranking: Vec<(K, ConnId)> = peers.map(|view| (key(view), view.peer)).collect();
    ranking.sort_unstable();
    ranking.into_iter().map(|(_, peer)| peer).collect()
}

/// Uninterested peers that send us more than the last of the regular ones.
fn extra_unchokes(peers: &[PeerView], regular: &[ConnId]) -> Vec<ConnId> {
    let last = regular
        .last()
        .and_then(|last| peers.iter().find(|view| view.peer == *last));
    let to_beat = last.map_or(0, |view| view.rate_from);
    let uninterested = peers
        .iter()
        .filter(|view| view.interest == Interest::Uninterested);
    uninterested
        .filter(|view| view.rate_from > to_beat)
        .map(|view| view.peer)
        .collect()
}

/// Draws one of the pool, by the number of its lots.
fn draw_one(pool: &mut Vec<(ConnId, u64)>, rng: &mut Rng) -> Option<ConnId> {
    let mut lot = rng.below(pool.iter().map(|(_, lots)| lots).sum());
    let winner = pool.iter().position(|(_, lots)| {
        let hit = lot < *lots;
        lot = lot.saturating_sub(*lots);
        hit
    })?;
    Some(pool.swap_remove(winner).0)
}
