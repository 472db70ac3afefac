//! The torrents of a tracker.

use super::api::{Change, Config};
use super::keyed::Keyed;
use super::swarm::{Asker, Peer, Role, Swarm, Was};
use crate::numbers::{InfoHash, PeerId};
use crate::tracker::announce::{Announce, AnnounceEvent, DEFAULT_NUMWANT, ScrapeCounts};
use crate::tracker::compact::{Family, is_dialable};
use alloc::vec::Vec;
use core::time::Duration;
use hashbrown::HashMap;
use machine::{Endpoint, Instant, Rng};

/// In how many parts the torrents are swept for silent peers, one part at a time, so that no
/// sweep takes long.
const SWEEPS: u32 = 16;

/// All torrents and their peers.
#[derive(Debug)]
pub(super) struct Registry {
    config: Config,
    keyed: Keyed,
    torrents: Vec<Torrent>,
    /// Where each torrent stands in `torrents`.
    places: HashMap<InfoHash, usize, Keyed>,
    /// Peers of all torrents together.
    peers: usize,
    /// Where the next sweep begins.
    cursor: usize,
}

#[derive(Debug)]
struct Torrent {
    info_hash: InfoHash,
    swarm: Swarm,
}

/// Why a peer is turned away, as it is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    #[error("this tracker is full: it holds {0} torrents")]
    Torrents(usize),
    #[error("this tracker is full: it holds {0} peers")]
    Peers(usize),
    #[error("nobody can connect to {0}")]
    Undialable(Endpoint),
}

/// An announce that was accepted: what it changed, and where peers can be drawn.
#[derive(Debug)]
pub(super) struct Accepted<'a> {
    pub(super) change: Option<Change>,
    pub(super) counts: ScrapeCounts,
    swarm: Option<&'a Swarm>,
    asker: Asker,
    want: usize,
    keyed: &'a Keyed,
}

impl Registry {
    pub(super) fn new(config: Config, rng: &mut Rng) -> Self {
        let keyed = Keyed::draw(rng);
        let places = HashMap::with_hasher(keyed);
        Self {
            config,
            keyed,
            torrents: Vec::new(),
            places,
            peers: 0,
            cursor: 0,
        }
    }

    pub(super) const fn torrents(&self) -> usize {
        self.torrents.len()
    }

    pub(super) const fn peers(&self) -> usize {
        self.peers
    }

    /// Lists who announces from `endpoint`, or takes it off the list.
    ///
    /// # Errors
    /// When it is turned away.
    pub(super) fn announce(
        &mut self,
        announce: &Announce,
        endpoint: Endpoint,
        now: Instant,
    ) -> Result<Accepted<'_>, Refusal> {
        let place = self.places.get(&announce.info_hash).copied();
        let role = if announce.left == 0 {
            Role::Seed
        } else {
            Role::Leecher
        };
        let (place, change, want) = if announce.event == AnnounceEvent::Stopped {
            (
                place,
                place.and_then(|place| self.remove(place, endpoint)),
                0,
            )
        } else {
            let (place, change) = self.upsert(place, announce, endpoint, role, now)?;
            let want = announce.numwant.unwrap_or(DEFAULT_NUMWANT);
            let want = usize::try_from(want)
                .unwrap_or(usize::MAX)
                .min(self.config.numwant_max);
            (Some(place), change, want)
        };
        let swarm = place
            .and_then(|place| self.torrents.get(place))
            .map(|torrent| &torrent.swarm);
        let counts = swarm.map(Swarm::counts).unwrap_or_default();
        let asker = Asker {
            endpoint,
            peer_id: announce.peer_id,
            role,
        };
        Ok(Accepted {
            change,
            counts,
            swarm,
            asker,
            want,
            keyed: &self.keyed,
        })
    }

    /// Counts the peers of a torrent; of one that nobody knows, none.
    pub(super) fn scrape(&self, info_hash: InfoHash) -> ScrapeCounts {
        let place = self.places.get(&info_hash);
        let torrent = place.and_then(|&place| self.torrents.get(place));
        torrent
            .map(|torrent| torrent.swarm.counts())
            .unwrap_or_default()
    }

    /// Forgets the silent peers of a part of the torrents, and torrents without peers. All parts
    /// have had their turn after [`SWEEPS`] calls.
    pub(super) fn sweep(&mut self, now: Instant) {
        let part = self.torrents.len().div_ceil(SWEEPS as usize);
        let patience = self.patience();
        for _ in 0..part {
            if self.cursor >= self.torrents.len() {
                self.cursor = 0;
            }
            let Some(torrent) = self.torrents.get_mut(self.cursor) else {
                return;
            };
            self.peers -= torrent.swarm.expire(now, patience, &self.keyed);
            if torrent.swarm.len() == 0 {
                self.forget(self.cursor);
            } else {
                self.cursor += 1;
            }
        }
    }

    /// Tells how long to wait between sweeps, while there are torrents.
    pub(super) fn sweep_period(&self) -> Option<Duration> {
        (!self.torrents.is_empty()).then(|| self.config.interval / SWEEPS)
    }

    fn upsert(
        &mut self,
        place: Option<usize>,
        announce: &Announce,
        endpoint: Endpoint,
        role: Role,
        now: Instant,
    ) -> Result<(usize, Option<Change>), Refusal> {
        if !is_dialable(endpoint) {
            return Err(Refusal::Undialable(endpoint));
        }
        let known = place.and_then(|place| self.torrents.get(place));
        let is_listed = known.is_some_and(|known| known.swarm.contains(endpoint, &self.keyed));
        if !is_listed && self.peers >= self.config.peers_max {
            return Err(Refusal::Peers(self.peers));
        }
        let place = match place {
            Some(place) => place,
            None => self.found(announce.info_hash)?,
        };
        let patience = self.patience();
        let Some(Torrent { swarm, .. }) = self.torrents.get_mut(place) else {
            return Ok((place, None));
        };
        let peer = Peer {
            endpoint,
            peer_id: announce.peer_id,
            seen: now,
        };
        let was = swarm.upsert(peer, role, &self.keyed);
        self.peers += usize::from(was == Was::Unknown);
        self.peers -= swarm.expire(now, patience, &self.keyed);
        let completed = announce.event == AnnounceEvent::Completed && was == Was::Leecher;
        if completed {
            swarm.count_completed();
        }
        let change = match was {
            Was::Unknown => Some(Change::Joined),
            Was::Leecher if role == Role::Seed => Some(Change::Completed),
            Was::Leecher | Was::Seed => None,
        };
        Ok((place, change))
    }

    fn remove(&mut self, place: usize, endpoint: Endpoint) -> Option<Change> {
        let torrent = self.torrents.get_mut(place)?;
        if !torrent.swarm.remove(endpoint, &self.keyed) {
            return None;
        }
        self.peers -= 1;
        Some(Change::Left)
    }

    /// Adds a torrent.
    fn found(&mut self, info_hash: InfoHash) -> Result<usize, Refusal> {
        let place = self.torrents.len();
        if place >= self.config.torrents_max {
            return Err(Refusal::Torrents(place));
        }
        self.torrents.push(Torrent {
            info_hash,
            swarm: Swarm::default(),
        });
        self.places.insert(info_hash, place);
        Ok(place)
    }

    fn forget(&mut self, place: usize) {
        let gone = self.torrents.swap_remove(place);
        self.places.remove(&gone.info_hash);
        if let Some(moved) = self.torrents.get(place) {
            self.places.insert(moved.info_hash, place);
        }
    }

    /// Tells how long a peer may be silent.
    fn patience(&self) -> Duration {
        self.config.interval * 2
    }
}

impl Accepted<'_> {
    /// Draws peers of one family for the asker, at most `max`.
    pub(super) fn draw(&self, family: Family, max: usize, rng: &mut Rng) -> Vec<Peer> {
        let Some(swarm) = self.swarm else {
            return Vec::new();
        };
        swarm
            .draw(family, &self.asker, self.want.min(max), self.keyed, rng)
            .copied()
            .collect()
    }

    /// Draws peers of both families, the asker's first.
    pub(super) fn draw_both(&self, rng: &mut Rng) -> Vec<Peer> {
        let (own, other) = match Family::of(self.asker.endpoint) {
            Family::V4 => (Family::V4, Family::V6),
            Family::V6 => (Family::V6, Family::V4),
        };
        let mut drawn = self.draw(own, self.want, rng);
        drawn.extend(self.draw(other, self.want - drawn.len(), rng));
        drawn
    }

    /// Tells who asked.
    pub(super) const fn asker(&self) -> (Endpoint, PeerId) {
        (self.asker.endpoint, self.asker.peer_id)
    }
}
