//! The info dictionary from peers and for peers (BEP 9, spec section 10).
//!
//! Who has only a magnet link knows the torrent's hash and nothing else. Peers say how long the
//! info dictionary is, and give it in blocks of 16 KiB. None of that can be believed until all
//! blocks are there and the hash is right, so:
//!
//! - Peers that claim different lengths are asked for different dictionaries, side by side.
//! - When a hash is wrong, all blocks go. If they came from one peer, it lied. Otherwise all who
//!   gave some are suspects, and each of them is from then on asked for a dictionary of its own:
//!   the next time, there is only one to blame.
//! - What is held in all stays below [`HELD_MAX`], however many lengths are claimed.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::time::Duration;

use bytes::Bytes;
use machine::Instant;
use sha1::{Digest, Sha1};
use smallvec::SmallVec;

use crate::numbers::InfoHash;
use crate::wire::extended::{METADATA_BLOCK_LEN, MetadataMessage};

/// The longest info dictionary that is fetched, in bytes (spec section 10): hashes of 1.5 million
/// pieces.
pub const METADATA_LEN_MAX: u32 = 30 * 1024 * 1024;

/// How many bytes of unproven dictionaries are held at most; one of any length always fits.
pub const HELD_MAX: usize = METADATA_LEN_MAX as usize;

/// How many blocks one peer is asked for at a time (spec section 10).
pub const REQUESTS_MAX: usize = 2;

/// How long a block is waited for before others are asked for it too (spec section 10).
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(3);

/// How long a peer that said no is left alone: it may be fetching the dictionary itself just now.
pub const REJECT_PAUSE: Duration = Duration::from_secs(10);

/// How many times all of the dictionary one peer is served (spec section 10).
pub const SERVED_MAX: u32 = 3;

/// Blocks of late answers that a peer may still bring; older ones are forgotten.
const LATE_MAX: usize = 8;

/// Fetches the info dictionary of one torrent from peers that are named by `K`.
#[derive(Debug)]
pub struct MetadataFetch<K> {
    info_hash: InfoHash,
    peers: BTreeMap<K, Peer>,
    drafts: BTreeMap<DraftKey<K>, Draft<K>>,
}

/// What became of a block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Received<K> {
    /// It is taken; more are needed.
    Incomplete,
    /// Nobody waits for it, from this peer. It is of no use, but no crime: answers may cross.
    Unasked,
    /// It has another length than such a block of such a dictionary: the peer is at fault.
    WrongLength {
        /// The length it should have, in bytes.
        expected: u32,
        /// The length it has.
        found: usize,
    },
    /// The dictionary is whole and its hash is right.
    Whole(Bytes),
    /// The dictionary was whole and its hash wrong. All blocks are gone.
    WrongHash {
        /// Who gave them. One alone has lied; of several, nobody knows who.
        contributors: Vec<K>,
    },
}

#[derive(Debug)]
struct Peer {
    /// The length that it claims, in bytes.
    len: u32,
    trust: Trust,
    /// Not to be asked before this moment.
    paused_until: Instant,
    /// What it was asked for and has not answered, oldest first.
    asked: SmallVec<[Request; REQUESTS_MAX]>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trust {
    Unknown,
    /// It had a part in a dictionary that was wrong.
    Suspect,
}

#[derive(Debug, Clone, Copy)]
struct Request {
    block: u32,
    deadline: Instant,
}

/// Which dictionary a peer gives blocks of: one is shared by all who claim the same length, but a
/// suspect has its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct DraftKey<K> {
    len: u32,
    alone: Option<K>,
}

/// An unproven dictionary, as far as it has come.
#[derive(Debug)]
struct Draft<K> {
    blocks: BTreeMap<u32, (K, Bytes)>,
    held: usize,
}

impl<K: Copy + Ord> MetadataFetch<K> {
    /// Starts without peers.
    #[must_use]
    pub const fn new(info_hash: InfoHash) -> Self {
        Self {
            info_hash,
            peers: BTreeMap::new(),
            drafts: BTreeMap::new(),
        }
    }

    /// Takes in what a peer's extension handshake says: that the dictionary has `len` bytes.
    /// Lengths that cannot be are overlooked, as is a peer that says nothing new.
    pub fn claimed(&mut self, peer: K, len: u32) {
        let is_known = self.peers.get(&peer).is_some_and(|known| known.len == len);
        if is_known || !(1..=METADATA_LEN_MAX).contains(&len) {
            return;
        }
        let trust = self
            .peers
            .get(&peer)
            .map_or(Trust::Unknown, |known| known.trust);
        let asked = SmallVec::new();
        self.peers.insert(
            peer,
            Peer {
                len,
                trust,
                paused_until: Instant::ZERO,
                asked,
            },
        );
        self.drop_unclaimed();
    }

    /// Forgets a peer that is gone. The blocks that it gave stay while others claim the same
    /// length.
    pub fn left(&mut self, peer: K) {
        self.peers.remove(&peer);
        self.drop_unclaimed();
    }

    /// Chooses the blocks to ask a peer for now, and notes that it was asked.
    ///
    /// Blocks that nobody was asked for come first. When there are none, those that somebody is
    /// late with.
    pub fn next_requests(&mut self, peer: K, now: Instant) -> SmallVec<[u32; REQUESTS_MAX]> {
        let mut chosen = SmallVec::new();
        let Some((key, free)) = self.peers.get(&peer).and_then(|asked| {
            let free = REQUESTS_MAX.checked_sub(asked.in_time(now).count())?;
            (asked.paused_until <= now).then(|| (asked.key(peer), free))
        }) else {
            return chosen;
        };
        let awaited = self.awaited(key, now);
        let draft = self.drafts.get(&key);
        let wanted = (0..block_count(key.len))
            .filter(|block| draft.is_none_or(|draft| !draft.blocks.contains_key(block)))
            .filter(|block| !awaited.contains(block));
        chosen.extend(wanted.take(free));
        if let Some(asked) = self.peers.get_mut(&peer) {
            chosen
                .iter()
                .for_each(|block| asked.note(*block, now + REQUEST_TIMEOUT));
        }
        chosen
    }

    /// Tells when somebody will be late, so that others can be asked, or a pause will be over.
    #[must_use]
    pub fn next_deadline(&self, now: Instant) -> Option<Instant> {
        let requests = self.peers.values().flat_map(|peer| &peer.asked);
        let deadlines = requests.map(|request| request.deadline);
        let pauses = self.peers.values().map(|peer| peer.paused_until);
        deadlines
            .chain(pauses)
            .filter(|deadline| *deadline > now)
            .min()
    }

    /// Takes a block.
    pub fn received(&mut self, peer: K, block: u32, payload: &[u8]) -> Received<K> {
        let Some(from) = self.peers.get_mut(&peer) else {
            return Received::Unasked;
        };
        if !from.take(block) {
            return Received::Unasked;
        }
        let key = from.key(peer);
        let expected = block_len(key.len, block);
        if payload.len() != expected as usize {
            return Received::WrongLength {
                expected,
                found: payload.len(),
            };
        }
        if self.make_room(key, payload.len()).is_err() {
            return Received::Incomplete;
        }
        let draft = self.drafts.entry(key).or_default();
        draft.insert(block, peer, payload);
        if draft.held < key.len as usize {
            return Received::Incomplete;
        }
        self.finish(key)
    }

    /// Takes a peer's no: it is left alone for a while.
    pub fn rejected(&mut self, peer: K, block: u32, now: Instant) {
        if let Some(peer) = self.peers.get_mut(&peer)
            && peer.take(block)
        {
            peer.paused_until = now + REJECT_PAUSE;
        }
    }

    fn finish(&mut self, key: DraftKey<K>) -> Received<K> {
        let draft = self.drafts.remove(&key).unwrap_or_default();
        let mut whole = Vec::with_capacity(draft.held);
        draft
            .blocks
            .values()
            .for_each(|(_, bytes)| whole.extend_from_slice(bytes));
        if Sha1::digest(&whole)[..] == self.info_hash.0 {
            return Received::Whole(Bytes::from(whole));
        }
        let mut contributors: Vec<K> = draft.blocks.values().map(|(peer, _)| *peer).collect();
        contributors.sort_unstable();
        contributors.dedup();
        for contributor in &contributors {
            if let Some(peer) = self.peers.get_mut(contributor) {
                peer.trust = Trust::Suspect;
                peer.asked.clear();
            }
        }
        Received::WrongHash { contributors }
    }

    /// The blocks of a draft that somebody was asked for and is not late with.
    fn awaited(&self, key: DraftKey<K>, now: Instant) -> SmallVec<[u32; 16]> {
        let askable = self
            .peers
            .iter()
            .filter(|(name, peer)| peer.key(**name) == key);
        askable
            .flat_map(|(_, peer)| peer.in_time(now))
            .map(|request| request.block)
            .collect()
    }

    fn drop_unclaimed(&mut self) {
        let peers = &self.peers;
        self.drafts
            .retain(|key, _| peers.iter().any(|(name, peer)| peer.key(*name) == *key));
    }

    /// Drops drafts, those that the fewest peers claim first, until one can grow by so many bytes.
    /// It may be that one itself: a stranger alone cannot push out what many agree on.
    fn make_room(&mut self, growing: DraftKey<K>, bytes: usize) -> Result<(), NoRoom> {
        while self.drafts.values().map(|draft| draft.held).sum::<usize>() + bytes > HELD_MAX {
            let claims = |key: &DraftKey<K>| {
                self.peers
                    .iter()
                    .filter(|(name, peer)| peer.key(**name) == *key)
                    .count()
            };
            let keys = self.drafts.keys().chain([&growing]);
            let weakest = keys
                .min_by_key(|key| claims(key))
                .copied()
                .unwrap_or(growing);
            self.drafts.remove(&weakest);
            if weakest == growing {
                return Err(NoRoom);
            }
        }
        Ok(())
    }
}

/// Says that a draft may not grow, and is gone.
struct NoRoom;

impl Peer {
    fn key<K>(&self, name: K) -> DraftKey<K> {
        let alone = (self.trust == Trust::Suspect).then_some(name);
        DraftKey {
            len: self.len,
            alone,
        }
    }

    fn in_time(&self, now: Instant) -> impl Iterator<Item = &Request> {
        self.asked
            .iter()
            .filter(move |request| request.deadline > now)
    }

    fn note(&mut self, block: u32, deadline: Instant) {
        self.asked.retain(|request| request.block != block);
        if self.asked.len() >= LATE_MAX {
            self.asked.remove(0);
        }
        self.asked.push(Request { block, deadline });
    }

    /// Strikes a block off what was asked; tells whether it was there.
    fn take(&mut self, block: u32) -> bool {
        let before = self.asked.len();
        self.asked.retain(|request| request.block != block);
        self.asked.len() < before
    }
}

impl<K> Draft<K> {
    fn insert(&mut self, block: u32, peer: K, payload: &[u8]) {
        // The first block stays: a late one cannot change what somebody else gave.
        self.blocks.entry(block).or_insert_with(|| {
            self.held += payload.len();
            (peer, Bytes::copy_from_slice(payload))
        });
    }
}

impl<K> Default for Draft<K> {
    fn default() -> Self {
        Self {
            blocks: BTreeMap::new(),
            held: 0,
        }
    }
}

/// Serves the info dictionary of one torrent to peers that are named by `K`.
#[derive(Debug)]
pub struct MetadataServe<K> {
    raw: Bytes,
    served: BTreeMap<K, u32>,
}

impl<K: Copy + Ord> MetadataServe<K> {
    /// Starts with the bytes of an info dictionary.
    #[must_use]
    pub const fn new(raw: Bytes) -> Self {
        Self {
            raw,
            served: BTreeMap::new(),
        }
    }

    /// Answers a request: with the block, unless there is no such block or the peer has had all of
    /// them [`SERVED_MAX`] times.
    pub fn answer(&mut self, peer: K, block: u32) -> MetadataMessage {
        let Ok(len) = u32::try_from(self.raw.len()) else {
            return MetadataMessage::Reject { piece: block };
        };
        let count = block_count(len);
        let served = self.served.entry(peer).or_default();
        if block >= count || *served >= count.saturating_mul(SERVED_MAX) {
            return MetadataMessage::Reject { piece: block };
        }
        *served += 1;
        let start = block as usize * METADATA_BLOCK_LEN as usize;
        let payload = self
            .raw
            .slice(start..start + block_len(len, block) as usize);
        MetadataMessage::Data {
            piece: block,
            total_size: Some(len),
            payload,
        }
    }

    /// Forgets a peer that is gone.
    pub fn left(&mut self, peer: K) {
        self.served.remove(&peer);
    }
}

/// How many blocks a dictionary of `len` bytes has.
const fn block_count(len: u32) -> u32 {
    len.div_ceil(METADATA_BLOCK_LEN)
}

/// How long one of them is; 0 beyond the last.
fn block_len(len: u32, block: u32) -> u32 {
    len.saturating_sub(block.saturating_mul(METADATA_BLOCK_LEN))
        .min(METADATA_BLOCK_LEN)
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;

    const LEN: u32 = 3 * METADATA_BLOCK_LEN + 100;

    fn raw() -> Bytes {
        (0..LEN)
            .map(|index| (index % 251) as u8)
            .collect::<Vec<_>>()
            .into()
    }

    fn fetch(peers: &[u8]) -> MetadataFetch<u8> {
        let mut fetch = MetadataFetch::new(InfoHash(Sha1::digest(raw()).into()));
        peers.iter().for_each(|peer| fetch.claimed(*peer, LEN));
        fetch
    }

    fn at(seconds: u64) -> Instant {
        Instant::ZERO + Duration::from_secs(seconds)
    }

    fn block(number: u32) -> Bytes {
        let start = (number * METADATA_BLOCK_LEN) as usize;
        raw().slice(start..start + block_len(LEN, number) as usize)
    }

    #[test]
    fn peers_share_the_blocks() {
        let mut fetch = fetch(&[1, 2]);
        assert_eq!(fetch.next_requests(1, at(0))[..], [0, 1]);
        assert_eq!(fetch.next_requests(2, at(0))[..], [2, 3]);
        assert!(fetch.next_requests(1, at(1)).is_empty());
        for (peer, number) in [(1, 0), (2, 3), (2, 2)] {
            assert_eq!(
                fetch.received(peer, number, &block(number)),
                Received::Incomplete
            );
        }
        assert_eq!(fetch.received(1, 1, &block(1)), Received::Whole(raw()));
    }

    #[test]
    fn others_are_asked_when_one_is_late() {
        let mut fetch = fetch(&[1, 2]);
        assert_eq!(fetch.next_requests(1, at(0))[..], [0, 1]);
        assert_eq!(fetch.next_deadline(at(0)), Some(at(3)));
        assert_eq!(fetch.next_requests(2, at(3))[..], [0, 1]);
        assert_eq!(fetch.received(1, 0, &block(0)), Received::Incomplete);
        assert_eq!(fetch.received(2, 0, &block(0)), Received::Incomplete);
        assert_eq!(fetch.received(2, 0, &block(0)), Received::Unasked);
        assert_eq!(fetch.next_requests(2, at(3))[..], [2]);
    }

    #[test]
    fn who_says_no_is_left_alone_for_a_while() {
        let mut fetch = fetch(&[1, 2]);
        assert_eq!(fetch.next_requests(1, at(0))[..], [0, 1]);
        fetch.rejected(1, 0, at(0));
        fetch.rejected(1, 1, at(0));
        assert!(fetch.next_requests(1, at(9)).is_empty());
        assert_eq!(fetch.next_deadline(at(9)), Some(at(10)));
        assert_eq!(fetch.next_requests(2, at(9))[..], [0, 1]);
        assert_eq!(fetch.next_requests(1, at(10))[..], [2, 3]);
    }

    #[test]
    fn one_liar_among_several_is_found_the_second_time() {
        let mut fetch = fetch(&[1, 2]);
        let wrong = vec![0; METADATA_BLOCK_LEN as usize];
        fetch.next_requests(1, at(0));
        fetch.next_requests(2, at(0));
        fetch.received(1, 0, &block(0));
        fetch.received(1, 1, &block(1));
        fetch.received(2, 2, &wrong);
        let contributors = vec![1, 2];
        assert_eq!(
            fetch.received(2, 3, &block(3)),
            Received::WrongHash { contributors }
        );
        // From now on each is on its own.
        assert_eq!(fetch.next_requests(1, at(1))[..], [0, 1]);
        assert_eq!(fetch.next_requests(2, at(1))[..], [0, 1]);
        fetch.received(2, 0, &wrong);
        fetch.received(2, 1, &wrong);
        assert_eq!(fetch.next_requests(2, at(1))[..], [2, 3]);
        fetch.received(2, 2, &wrong);
        let contributors = vec![2];
        assert_eq!(
            fetch.received(2, 3, &block(3)),
            Received::WrongHash { contributors }
        );
        fetch.received(1, 0, &block(0));
        fetch.received(1, 1, &block(1));
        fetch.next_requests(1, at(1));
        fetch.received(1, 2, &block(2));
        assert_eq!(fetch.received(1, 3, &block(3)), Received::Whole(raw()));
    }

    #[test]
    fn lengths_are_not_believed() {
        let mut fetch = fetch(&[1]);
        for len in [0, METADATA_LEN_MAX + 1, u32::MAX] {
            fetch.claimed(9, len);
            assert!(fetch.next_requests(9, at(0)).is_empty());
        }
        fetch.claimed(2, 10);
        assert_eq!(fetch.next_requests(2, at(0))[..], [0]);
        let wrong = Received::WrongLength {
            expected: 10,
            found: 11,
        };
        assert_eq!(fetch.received(2, 0, &[0; 11]), wrong);
        assert_eq!(fetch.next_requests(2, at(0))[..], [0]);
        let contributors = vec![2];
        assert_eq!(
            fetch.received(2, 0, &[0; 10]),
            Received::WrongHash { contributors }
        );
        assert_eq!(fetch.next_requests(1, at(0))[..], [0, 1]);
        assert_eq!(fetch.received(1, 0, &block(0)), Received::Incomplete);
    }

    #[test]
    fn what_is_held_is_bounded() {
        let mut fetch = MetadataFetch::new(InfoHash([0; 20]));
        let payload = vec![0; METADATA_BLOCK_LEN as usize];
        for peer in 0..4u32 {
            fetch.claimed(peer, METADATA_LEN_MAX - peer);
        }
        for turn in 0..6000 {
            let peer = turn % 4;
            for block in fetch.next_requests(peer, at(0)) {
                let len = block_len(METADATA_LEN_MAX - peer, block) as usize;
                fetch.received(peer, block, &payload[..len]);
            }
            assert!(fetch.drafts.values().map(|draft| draft.held).sum::<usize>() <= HELD_MAX);
        }
        (0..4).for_each(|peer| fetch.left(peer));
        assert!(fetch.drafts.is_empty());
    }

    #[test]
    fn serves_each_block_three_times_to_one_peer() {
        let mut serve = MetadataServe::new(raw());
        let data = |piece| MetadataMessage::Data {
            piece,
            total_size: Some(LEN),
            payload: block(piece),
        };
        for _ in 0..SERVED_MAX {
            for number in 0..4 {
                assert_eq!(serve.answer(1u8, number), data(number));
            }
        }
        assert_eq!(serve.answer(1, 0), MetadataMessage::Reject { piece: 0 });
        assert_eq!(serve.answer(2, 0), data(0));
        assert_eq!(serve.answer(2, 4), MetadataMessage::Reject { piece: 4 });
        assert_eq!(
            serve.answer(2, u32::MAX),
            MetadataMessage::Reject { piece: u32::MAX }
        );
        serve.left(1);
        assert_eq!(serve.answer(1, 0), data(0));
    }
}
