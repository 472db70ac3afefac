//! What a seed suggests, so that each piece leaves it once before any leaves it twice (BEP 6).
//!
//! A leecher sees what its neighbours have, not what they are about to get: while a piece is on its
//! way to one, others ask the seed for it too. With one seed, eight leechers and 8 MiB under way to
//! each, a 256-MiB torrent left the seed one and a half times before all had it. The seed alone
//! knows better. To each peer that it serves it names pieces that nobody is known to have and that
//! it has named to no other. A leecher begins suggested pieces first, even before it finishes what
//! it began elsewhere; and when there are none, it asks the seed for no more than keeps it sending,
//! because the rest is on its way to others. Then the same torrent leaves the seed 1.01 to 1.04
//! times (`tests/picker/one_seed.rs`, `tests/swarm/one_seed.rs`). Unlike super seeding (BEP 16) it
//! hides nothing: who needs another piece can have it.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use machine::{ConnId, Rng};
use smallvec::SmallVec;

use crate::bitfield::Bitfield;
use crate::numbers::PieceIndex;

/// Pieces suggested to a peer and not yet asked for, at most: half of what a peer keeps of hints
/// (spec section 9), and as many as a deep pipeline begins at once.
const OFFERS_MAX: usize = 8;

/// What a seed has suggested, and to whom. It exists while there are peers to serve.
#[derive(Debug)]
pub struct Suggestions {
    /// The pieces not suggested yet, the next last: a random order, so that seeds differ.
    fresh: Vec<PieceIndex>,
    /// The pieces that somebody else has: they find their way without us.
    spread: Bitfield,
    offers: BTreeMap<ConnId, Offers>,
}

/// What was suggested to one peer and is not known to have arrived.
#[derive(Debug, Default)]
struct Offers {
    open: SmallVec<[PieceIndex; OFFERS_MAX]>,
    /// The peer asked for a part of these.
    begun: Vec<PieceIndex>,
}

impl Suggestions {
    /// Begins for a torrent of so many pieces, all of which we have.
    #[must_use]
    pub fn new(pieces: u32, rng: &mut Rng) -> Self {
        let mut fresh: Vec<_> = (0..pieces).map(PieceIndex).collect();
        rng.shuffle(&mut fresh);
        Self {
            fresh,
            spread: Bitfield::none(pieces),
            offers: BTreeMap::new(),
        }
    }

    /// Names the next piece to suggest to a peer that we serve, if there is one; to be called until
    /// there is none.
    pub fn next(&mut self, peer: ConnId) -> Option<PieceIndex> {
        let spread = &self.spread;
        let offers = self.offers.entry(peer).or_default();
        offers.open.retain(|piece| !spread.has(*piece));
        if offers.open.len() >= OFFERS_MAX {
            return None;
        }
        while let Some(piece) = self.fresh.pop() {
            if !spread.has(piece) {
                offers.open.push(piece);
                return Some(piece);
            }
        }
        None
    }

    /// Notes that a peer asked for a part of `piece`.
    pub fn requested(&mut self, peer: ConnId, piece: PieceIndex) {
        let Some(offers) = self.offers.get_mut(&peer) else {
            return;
        };
        if let Some(position) = offers.open.iter().position(|open| *open == piece) {
            offers.open.remove(position);
            offers.begun.push(piece);
        }
    }

    /// Notes that some peer has `piece`.
    pub fn has(&mut self, piece: PieceIndex) {
        self.spread.set(piece);
    }

    /// Notes that some peer has these pieces, as a new one tells.
    pub fn has_all_of(&mut self, has: &Bitfield) {
        for piece in has.lacking_in(&self.spread.clone()) {
            self.spread.set(piece);
        }
    }

    /// Notes that a peer is not served any more: others get what it was to spread.
    pub fn released(&mut self, peer: ConnId) {
        let Some(offers) = self.offers.remove(&peer) else {
            return;
        };
        let kept = offers.open.into_iter().chain(offers.begun);
        self.fresh
            .extend(kept.filter(|piece| !self.spread.has(*piece)));
    }

    /// Tells whether every piece was suggested to somebody or is with somebody: there is nothing
    /// left to do unless a peer leaves.
    #[must_use]
    pub fn is_exhausted(&self) -> bool {
        self.fresh.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use alloc::collections::BTreeSet;

    use machine::{Rng, Seed};
    use proptest::prelude::*;

    use super::*;

    const A: ConnId = ConnId(1);
    const B: ConnId = ConnId(2);

    fn suggestions(pieces: u32) -> Suggestions {
        Suggestions::new(pieces, &mut Rng::new(Seed(1), 0, 0))
    }

    fn all_for(suggestions: &mut Suggestions, peer: ConnId) -> Vec<PieceIndex> {
        core::iter::from_fn(|| suggestions.next(peer)).collect()
    }

    #[test]
    fn each_piece_is_suggested_to_one_peer() {
        let mut suggestions = suggestions(12);
        let (one, other) = (all_for(&mut suggestions, A), all_for(&mut suggestions, B));
        assert_eq!((one.len(), other.len()), (8, 4));
        assert!(suggestions.is_exhausted());
        assert_eq!(
            one.into_iter().chain(other).collect::<BTreeSet<_>>().len(),
            12
        );
    }

    #[test]
    fn who_begins_a_piece_is_named_another() {
        let mut suggestions = suggestions(20);
        let first = all_for(&mut suggestions, A)[0];
        suggestions.requested(A, first);
        suggestions.requested(A, first);
        suggestions.requested(B, first);
        assert_eq!(all_for(&mut suggestions, A).len(), 1);
    }

    #[test]
    fn what_a_peer_did_not_spread_is_named_to_others() {
        let mut suggestions = suggestions(8);
        let named = all_for(&mut suggestions, A);
        suggestions.requested(A, named[0]);
        suggestions.requested(A, named[1]);
        suggestions.has(named[1]);
        suggestions.has(named[2]);
        assert_eq!(all_for(&mut suggestions, B), []);
        suggestions.released(A);
        let again: BTreeSet<_> = all_for(&mut suggestions, B).into_iter().collect();
        let lost = [0, 3, 4, 5, 6, 7].map(|index: usize| named[index]);
        assert_eq!(again, BTreeSet::from(lost));
    }

    #[test]
    fn what_others_have_is_not_suggested() {
        let mut suggestions = suggestions(9);
        let mut has = Bitfield::all(9);
        has.clear(PieceIndex(4));
        suggestions.has_all_of(&has);
        assert_eq!(all_for(&mut suggestions, A), [PieceIndex(4)]);
    }

    proptest! {
        #[test]
        fn no_piece_is_with_two_peers(
            steps in proptest::collection::vec((0u64..4, 0u8..4, 0u32..30), 0..200),
        ) {
            let mut suggestions = suggestions(30);
            let mut named: BTreeSet<(PieceIndex, ConnId)> = BTreeSet::new();
            let mut spread: BTreeSet<PieceIndex> = BTreeSet::new();
            for (peer, step, piece) in steps {
                let (peer, piece) = (ConnId(peer), PieceIndex(piece));
                match step {
                    0 => {
                        suggestions.released(peer);
                        named.retain(|(_, other)| *other != peer);
                    }
                    1 => {
                        suggestions.has(piece);
                        spread.insert(piece);
                    }
                    2 => suggestions.requested(peer, piece),
                    _ => {
                        if let Some(piece) = suggestions.next(peer) {
                            prop_assert!(!spread.contains(&piece));
                            prop_assert!(named.iter().all(|(other, _)| *other != piece));
                            named.insert((piece, peer));
                        }
                    }
                }
            }
            for peer in (0..4).map(ConnId) {
                suggestions.released(peer);
            }
            let left = 30 - spread.len();
            let found: usize = (10..20).map(|peer| all_for(&mut suggestions, ConnId(peer)).len()).sum();
            prop_assert_eq!(found, left);
        }
    }
}
