//! The peers of one torrent, and a fair handful of them for each that asks.
//!
//! A peer *is* its endpoint: that cannot be forged over TCP nor, thanks to connection ids, over
//! UDP, and a client that crashed and came back replaces its own entry. A client that moved to
//! another address is a new peer; the old entry expires.
//!
//! Peers stand in one array a family, leechers before seeds, so the counts are free and a seed,
//! which has no use for seeds, draws from the front part only. A table finds the place of an
//! endpoint. An announce costs O(peers it is given), however large the swarm.

use super::keyed::Keyed;
use crate::numbers::PeerId;
use crate::tracker::announce::ScrapeCounts;
use crate::tracker::compact::Family;
use alloc::vec::Vec;
use core::hash::BuildHasher as _;
use core::time::Duration;
use hashbrown::HashTable;
use machine::{Endpoint, Instant, Rng};

/// What a peer is to the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// It lacks something.
    Leecher,
    /// It lacks nothing.
    Seed,
}

/// What the tracker knew of a peer before it announced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Was {
    /// Nothing.
    Unknown,
    /// That it lacks something.
    Leecher,
    /// That it lacks nothing.
    Seed,
}

/// A peer as the tracker knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Peer {
    pub(super) endpoint: Endpoint,
    pub(super) peer_id: PeerId,
    /// When it last announced.
    pub(super) seen: Instant,
}

/// The peers of one torrent.
#[derive(Debug, Default)]
pub(super) struct Swarm {
    v4: Members,
    v6: Members,
    completed: u32,
    /// When to look for silent peers again.
    next_sweep: Instant,
}

/// The peers of one family.
#[derive(Debug, Default)]
struct Members {
    /// Leechers, then seeds.
    peers: Vec<Peer>,
    leechers: usize,
    /// Where each endpoint stands in `peers`.
    places: HashTable<usize>,
}

impl Swarm {
    /// Lists a peer, or notes that it is still there; tells what it was before.
    pub(super) fn upsert(&mut self, peer: Peer, role: Role, keyed: &Keyed) -> Was {
        self.members_mut(Family::of(peer.endpoint))
            .upsert(peer, role, keyed)
    }

    /// Takes a peer off the list; tells whether it stood there.
    pub(super) fn remove(&mut self, endpoint: Endpoint, keyed: &Keyed) -> bool {
        let members = self.members_mut(Family::of(endpoint));
        let place = members.place(endpoint, keyed);
        place.is_some_and(|place| members.remove(place, keyed))
    }

    /// Tells whether a peer is listed.
    pub(super) fn contains(&self, endpoint: Endpoint, keyed: &Keyed) -> bool {
        self.members(Family::of(endpoint))
            .place(endpoint, keyed)
            .is_some()
    }

    /// Counts one more download that became complete.
    pub(super) const fn count_completed(&mut self) {
        self.completed = self.completed.saturating_add(1);
    }

    /// Tells how many peers there are of each kind.
    pub(super) fn counts(&self) -> ScrapeCounts {
        let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        let leechers = self.v4.leechers + self.v6.leechers;
        let seeds = self.len() - leechers;
        ScrapeCounts {
            seeds: count(seeds),
            completed: self.completed,
            leechers: count(leechers),
        }
    }

    /// Tells how many peers are listed.
    pub(super) const fn len(&self) -> usize {
        self.v4.peers.len() + self.v6.peers.len()
    }

    /// Draws up to `want` peers of `family` at random, all alike likely, but never `asker`.
    pub(super) fn draw(
        &self,
        family: Family,
        asker: &Asker,
        want: usize,
        keyed: &Keyed,
        rng: &mut Rng,
    ) -> impl Iterator<Item = &Peer> {
        let members = self.members(family);
        let drawn = members.draw(asker, want, keyed, rng);
        let is_other = |peer: &&Peer| peer.peer_id != asker.peer_id;
        drawn
            .into_iter()
            .filter_map(|place| members.peers.get(place))
            .filter(is_other)
    }

    /// Takes off the peers last seen before `now - patience`, and tells how many; looks for them
    /// no more than four times in `patience`, so that the look costs little per announce.
    pub(super) fn expire(&mut self, now: Instant, patience: Duration, keyed: &Keyed) -> usize {
        if now < self.next_sweep {
            return 0;
        }
        self.next_sweep = now + patience / 4;
        let before = self.len();
        for members in [&mut self.v4, &mut self.v6] {
            for place in (0..members.peers.len()).rev() {
                let seen = members.peers.get(place).map_or(now, |peer| peer.seen);
                if now.since(seen) > patience {
                    members.remove(place, keyed);
                }
            }
        }
        before - self.len()
    }

    const fn members(&self, family: Family) -> &Members {
        match family {
            Family::V4 => &self.v4,
            Family::V6 => &self.v6,
        }
    }

    const fn members_mut(&mut self, family: Family) -> &mut Members {
        match family {
            Family::V4 => &mut self.v4,
            Family::V6 => &mut self.v6,
        }
    }
}

/// Who asks for peers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asker {
    pub(super) endpoint: Endpoint,
    pub(super) peer_id: PeerId,
    pub(super) role: Role,
}

impl Members {
    fn place(&self, endpoint: Endpoint, keyed: &Keyed) -> Option<usize> {
        let stands = |&place: &usize| {
            self.peers
                .get(place)
                .is_some_and(|p| p.endpoint == endpoint)
        };
        self.places.find(keyed.hash_one(endpoint), stands).copied()
    }

    fn upsert(&mut self, peer: Peer, role: Role, keyed: &Keyed) -> Was {
        if let Some(place) = self.place(peer.endpoint, keyed) {
            if let Some(known) = self.peers.get_mut(place) {
                *known = peer;
            }
            let was = if place < self.leechers {
                Was::Leecher
            } else {
                Was::Seed
            };
            match (was, role) {
                (Was::Leecher, Role::Seed) => {
                    self.leechers -= 1;
                    self.swap(place, self.leechers, keyed);
                }
                (Was::Seed, Role::Leecher) => {
                    self.swap(place, self.leechers, keyed);
                    self.leechers += 1;
                }
                (Was::Leecher | Was::Seed | Was::Unknown, _) => {}
            }
            return was;
        }
        let last = self.peers.len();
        self.peers.push(peer);
        let Self { peers, places, .. } = self;
        let hash_at = |&place: &usize| peers.get(place).map_or(0, |p| keyed.hash_one(p.endpoint));
        places.insert_unique(keyed.hash_one(peer.endpoint), last, hash_at);
        if role == Role::Leecher {
            self.swap(last, self.leechers, keyed);
            self.leechers += 1;
        }
        Was::Unknown
    }

    /// Takes the peer out and closes the gap without moving more than two others.
    fn remove(&mut self, place: usize, keyed: &Keyed) -> bool {
        let mut gap = place;
        if gap < self.leechers {
            self.leechers -= 1;
            self.swap(gap, self.leechers, keyed);
            gap = self.leechers;
        }
        let Some(last) = self.peers.len().checked_sub(1) else {
            return false;
        };
        self.swap(gap, last, keyed);
        let Some(gone) = self.peers.pop() else {
            return false;
        };
        let hash = keyed.hash_one(gone.endpoint);
        if let Ok(entry) = self.places.find_entry(hash, |&place| place == last) {
            entry.remove();
        }
        true
    }

    /// Lets two peers change places.
    fn swap(&mut self, a: usize, b: usize, keyed: &Keyed) {
        if a == b {
            return;
        }
        let (Some(first), Some(second)) = (self.peers.get(a), self.peers.get(b)) else {
            return;
        };
        let hashes = [
            keyed.hash_one(first.endpoint),
            keyed.hash_one(second.endpoint),
        ];
        // Marked first, so that neither is taken for the other while both are under way.
        let under_way = usize::MAX;
        for (hash, from, to) in [
            (hashes[0], a, under_way),
            (hashes[1], b, a),
            (hashes[0], under_way, b),
        ] {
            if let Some(place) = self.places.find_mut(hash, |&place| place == from) {
                *place = to;
            }
        }
        self.peers.swap(a, b);
    }

    /// Draws places without repetition (Floyd's algorithm: one draw a place, no copy of the list).
    fn draw(&self, asker: &Asker, want: usize, keyed: &Keyed, rng: &mut Rng) -> Vec<usize> {
        let candidates = match asker.role {
            Role::Leecher => self.peers.len(),
            Role::Seed => self.leechers,
        };
        let own = self
            .place(asker.endpoint, keyed)
            .filter(|&own| own < candidates);
        let others = candidates - usize::from(own.is_some());
        let want = want.min(others);
        let mut drawn: Vec<usize> = Vec::with_capacity(want);
        for last in others - want..others {
            let pick = rng.index(last + 1).unwrap_or(last);
            drawn.push(if drawn.contains(&pick) { last } else { pick });
        }
        if let Some(own) = own {
            // The places behind the asker's own move up to step over it.
            drawn
                .iter_mut()
                .filter(|place| **place >= own)
                .for_each(|place| *place += 1);
        }
        drawn
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::BTreeMap;
    use core::net::{IpAddr, Ipv4Addr};
    use machine::{Rng, Seed};
    use proptest::prelude::*;

    fn endpoint(host: u8) -> Endpoint {
        Endpoint::new(IpAddr::V4(Ipv4Addr::new(10, 0, 0, host)), 6881)
    }

    fn peer(host: u8, seen: Instant) -> Peer {
        Peer {
            endpoint: endpoint(host),
            peer_id: PeerId([host; 20]),
            seen,
        }
    }

    fn asker(host: u8, role: Role) -> Asker {
        Asker {
            endpoint: endpoint(host),
            peer_id: PeerId([host; 20]),
            role,
        }
    }

    fn drawn(swarm: &Swarm, asker: &Asker, want: usize, seed: u128) -> Vec<Endpoint> {
        let mut rng = Rng::new(Seed(seed), 0, 0);
        let keyed = Keyed::new(1, 2);
        let mut drawn: Vec<_> = swarm
            .draw(Family::V4, asker, want, &keyed, &mut rng)
            .map(|p| p.endpoint)
            .collect();
        drawn.sort_unstable();
        drawn
    }

    #[test]
    fn nobody_is_given_himself_and_seeds_are_given_leechers() {
        let keyed = Keyed::new(1, 2);
        let mut swarm = Swarm::default();
        for host in 1..=6 {
            let role = if host <= 2 { Role::Seed } else { Role::Leecher };
            assert_eq!(
                swarm.upsert(peer(host, Instant::ZERO), role, &keyed),
                Was::Unknown
            );
        }
        let hosts = |hosts: &[u8]| hosts.iter().map(|&host| endpoint(host)).collect::<Vec<_>>();
        assert_eq!(
            drawn(&swarm, &asker(3, Role::Leecher), 50, 1),
            hosts(&[1, 2, 4, 5, 6])
        );
        assert_eq!(
            drawn(&swarm, &asker(1, Role::Seed), 50, 1),
            hosts(&[3, 4, 5, 6])
        );
        assert_eq!(drawn(&swarm, &asker(9, Role::Leecher), 0, 1), []);
    }

    #[test]
    fn every_peer_is_drawn_about_equally_often() {
        let keyed = Keyed::new(1, 2);
        let mut swarm = Swarm::default();
        for host in 0..=20 {
            swarm.upsert(peer(host, Instant::ZERO), Role::Leecher, &keyed);
        }
        let mut times = BTreeMap::new();
        for seed in 0..2_000 {
            for peer in drawn(&swarm, &asker(7, Role::Leecher), 5, seed) {
                *times.entry(peer).or_insert(0u32) += 1;
            }
        }
        // Binomial with n = 2,000 and p = 1/4: six standard deviations are 116.
        assert_eq!(times.len(), 20);
        assert!(
            times.values().all(|times| (384..=616).contains(times)),
            "{times:?}"
        );
    }

    #[test]
    fn silent_peers_expire() {
        let keyed = Keyed::new(1, 2);
        let patience = Duration::from_secs(60);
        let mut swarm = Swarm::default();
        for host in 1..=4u8 {
            let seen = Instant::ZERO + Duration::from_secs(10) * u32::from(host);
            swarm.upsert(peer(host, seen), Role::Leecher, &keyed);
        }
        assert_eq!(
            swarm.expire(Instant::ZERO + Duration::from_secs(85), patience, &keyed),
            2
        );
        assert_eq!(
            drawn(&swarm, &asker(9, Role::Seed), 9, 1),
            [endpoint(3), endpoint(4)]
        );
        assert_eq!(
            swarm.expire(Instant::ZERO + Duration::from_secs(99), patience, &keyed),
            0
        );
        assert_eq!(
            swarm.expire(Instant::ZERO + Duration::from_secs(200), patience, &keyed),
            2
        );
    }

    proptest! {
        /// Whatever comes and goes, the arrays and tables tell the same story as a plain map.
        #[test]
        fn the_list_agrees_with_a_plain_map(steps in prop::collection::vec((0u8..12, 0u8..3), 0..200)) {
            let keyed = Keyed::new(1, 2);
            let mut swarm = Swarm::default();
            let mut model: BTreeMap<Endpoint, Role> = BTreeMap::new();
            for (host, what) in steps {
                let role = if what == 0 { Role::Seed } else { Role::Leecher };
                if what < 2 {
                    let was = match model.insert(endpoint(host), role) {
                        None => Was::Unknown,
                        Some(Role::Leecher) => Was::Leecher,
                        Some(Role::Seed) => Was::Seed,
                    };
                    prop_assert_eq!(swarm.upsert(peer(host, Instant::ZERO), role, &keyed), was);
                } else {
                    let was_there = model.remove(&endpoint(host)).is_some();
                    prop_assert_eq!(swarm.remove(endpoint(host), &keyed), was_there);
                }
                let leechers: Vec<_> = model
                    .iter()
                    .filter_map(|(&peer, &role)| (role == Role::Leecher).then_some(peer))
                    .collect();
                prop_assert_eq!(swarm.len(), model.len());
                prop_assert_eq!(swarm.counts().leechers as usize, leechers.len());
                prop_assert_eq!(drawn(&swarm, &asker(99, Role::Seed), 99, 1), leechers);
                for host in 0..12 {
                    let listed = model.contains_key(&endpoint(host));
                    prop_assert_eq!(swarm.contains(endpoint(host), &keyed), listed);
                }
            }
        }
    }
}
