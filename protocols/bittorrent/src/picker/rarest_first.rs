//! Rarest first: the wanted pieces in the order of how few peers have them (spec section 16).
//!
//! The pieces of one priority stand in one list, sorted by availability into buckets that follow
//! each other without gaps. `place` tells where in the list a piece stands, and `start` where each
//! bucket begins. When one more peer has a piece, the piece changes places with the last of its
//! bucket, and the border moves by one: it is now the first of the next bucket. So a `have` costs
//! O(1), however many pieces there are, and the rarest piece is always at the front.
//!
//! **How picks spread.** The order within a bucket follows the history of `have` messages, which
//! all nodes of a swarm hear alike; if each took the first, all would ask for the same piece. So a
//! pick begins at a random member of the bucket. With one seed and n leechers, each rarest piece is
//! then asked of the seed mostly by one of them, and the others find it less rare as soon as the
//! first announces it.

use alloc::vec;
use alloc::vec::Vec;
use core::ops::Range;

use machine::Rng;

use super::Priority;
use crate::bitfield::Bitfield;
use crate::numbers::PieceIndex;

/// Pieces that at least so many peers have are equally common: nobody has more useful connections
/// (spec section 16).
const COMMON: u16 = 255;

/// Stands in `place` for a piece that is in no list.
const NOWHERE: u32 = u32::MAX;

/// The availability of all pieces, and the candidates among them sorted by it.
#[derive(Debug)]
pub(super) struct RarestFirst {
    available: Vec<u16>,
    priority: Vec<Priority>,
    place: Vec<u32>,
    classes: [Class; Priority::LEVELS],
}

/// The candidates of one priority.
#[derive(Debug, Default)]
struct Class {
    order: Vec<u32>,
    /// Bucket `k` is `order[start[k]..start[k + 1]]`; the last entry is the length of `order`.
    start: Vec<u32>,
}

impl RarestFirst {
    /// Begins with no candidates: every piece has normal priority and nobody has any.
    pub(super) fn new(pieces: u32) -> Self {
        let count = pieces as usize;
        Self {
            available: vec![0; count],
            priority: vec![Priority::NORMAL; count],
            place: vec![NOWHERE; count],
            classes: Default::default(),
        }
    }

    /// Tells how many peers have `piece`.
    pub(super) fn available(&self, piece: PieceIndex) -> u16 {
        self.available.get(piece.0 as usize).copied().unwrap_or(0)
    }

    /// Lists how many peers have each piece.
    pub(super) fn availabilities(&self) -> &[u16] {
        &self.available
    }

    /// Tells how much `piece` is wanted.
    pub(super) fn priority(&self, piece: PieceIndex) -> Priority {
        self.priority
            .get(piece.0 as usize)
            .copied()
            .unwrap_or(Priority::SKIP)
    }

    /// Tells whether there is no candidate.
    pub(super) fn is_empty(&self) -> bool {
        self.classes.iter().all(|class| class.order.is_empty())
    }

    /// Tells the highest priority of any candidate.
    pub(super) fn top(&self) -> Priority {
        let top = self
            .classes
            .iter()
            .rposition(|class| !class.order.is_empty());
        top.map_or(Priority::SKIP, Priority::of_class)
    }

    /// Notes that one more peer has `piece`.
    pub(super) fn raise(&mut self, piece: PieceIndex) {
        let index = piece.0 as usize;
        let Some(available) = self.available.get_mut(index) else {
            return;
        };
        let bucket = usize::from(*available);
        *available = available.saturating_add(1);
        if *available > COMMON || self.place[index] == NOWHERE {
            return;
        }
        let Some(class) = self.priority[index].class() else {
            return;
        };
        self.classes[class].reach(bucket + 1);
        let border = self.classes[class].start[bucket + 1] - 1;
        self.classes[class].start[bucket + 1] = border;
        self.swap(class, self.place[index], border);
    }

    /// Notes that one peer less has `piece`.
    pub(super) fn lower(&mut self, piece: PieceIndex) {
        let index = piece.0 as usize;
        let Some(available) = self.available.get_mut(index) else {
            return;
        };
        let bucket = usize::from(*available);
        *available = available.saturating_sub(1);
        if bucket == 0 || bucket > usize::from(COMMON) || self.place[index] == NOWHERE {
            return;
        }
        let Some(class) = self.priority[index].class() else {
            return;
        };
        let border = self.classes[class].start[bucket];
        self.classes[class].start[bucket] = border + 1;
        self.swap(class, self.place[index], border);
    }

    /// Makes `piece` a candidate, unless its priority is to be skipped. Costs O(buckets of more
    /// common pieces).
    pub(super) fn insert(&mut self, piece: PieceIndex) {
        let index = piece.0 as usize;
        if self.place.get(index) != Some(&NOWHERE) {
            return;
        }
        let Some(class) = self.priority[index].class() else {
            return;
        };
        let bucket = usize::from(self.available[index].min(COMMON));
        let list = &mut self.classes[class];
        list.reach(bucket);
        let mut place = list.end();
        list.order.push(piece.0);
        self.place[index] = place;
        for border in (bucket + 1..list.start.len()).rev() {
            let first = self.classes[class].start[border];
            self.classes[class].start[border] = first + 1;
            self.swap(class, place, first);
            place = first;
        }
    }

    /// Makes `piece` no candidate any more. Costs O(buckets of more common pieces).
    pub(super) fn remove(&mut self, piece: PieceIndex) {
        let index = piece.0 as usize;
        let Some(class) = self.priority(piece).class() else {
            return;
        };
        let Some(&place) = self.place.get(index).filter(|place| **place != NOWHERE) else {
            return;
        };
        let bucket = usize::from(self.available[index].min(COMMON));
        let mut place = place;
        for border in bucket + 1..self.classes[class].start.len() {
            let last = self.classes[class].start[border] - 1;
            self.classes[class].start[border] = last;
            self.swap(class, place, last);
            place = last;
        }
        self.classes[class].order.pop();
        self.place[index] = NOWHERE;
    }

    /// Changes how much `piece` is wanted; a candidate stays one unless it is now to be skipped.
    pub(super) fn set_priority(&mut self, piece: PieceIndex, priority: Priority) {
        let index = piece.0 as usize;
        let Some(&place) = self.place.get(index) else {
            return;
        };
        self.remove(piece);
        self.priority[index] = priority;
        if place != NOWHERE {
            self.insert(piece);
        }
    }

    /// Finds a candidate that `has` has: of the highest priority, of those the rarest, of those one
    /// at random.
    ///
    /// Costs O(candidates passed over): O(1) for a seed.
    pub(super) fn rarest(&self, has: &Bitfield, rng: &mut Rng) -> Option<PieceIndex> {
        self.classes.iter().rev().find_map(|class| {
            let mut buckets = class.start.windows(2).map(|ends| ends[0]..ends[1]);
            buckets.find_map(|bucket| class.random(bucket, has, rng))
        })
    }

    /// Finds a candidate that `has` has: of the highest priority, but common or rare.
    pub(super) fn any(&self, has: &Bitfield, rng: &mut Rng) -> Option<PieceIndex> {
        self.classes
            .iter()
            .rev()
            .find_map(|class| class.random(0..class.end(), has, rng))
    }

    /// Lets two members of one list change places.
    fn swap(&mut self, class: usize, one: u32, other: u32) {
        let order = &mut self.classes[class].order;
        order.swap(one as usize, other as usize);
        self.place[order[one as usize] as usize] = one;
        self.place[order[other as usize] as usize] = other;
    }
}

impl Class {
    /// The length of the list; a torrent has at most 2^32 - 1 pieces.
    fn end(&self) -> u32 {
        self.start.last().copied().unwrap_or(0)
    }

    /// Makes sure that there is a bucket of this number, if only an empty one at the end.
    fn reach(&mut self, bucket: usize) {
        if self.start.len() < bucket + 2 {
            self.start.resize(bucket + 2, self.end());
        }
    }

    /// Finds the first member that `has` has, beginning at a random one and going round.
    fn random(&self, members: Range<u32>, has: &Bitfield, rng: &mut Rng) -> Option<PieceIndex> {
        let members = &self.order[members.start as usize..members.end as usize];
        let first = rng.index(members.len())?;
        let (before, after) = members.split_at(first);
        after
            .iter()
            .chain(before)
            .map(|piece| PieceIndex(*piece))
            .find(|piece| has.has(*piece))
    }
}

#[cfg(test)]
mod tests {
    use alloc::collections::BTreeSet;

    use machine::{Rng, Seed};
    use proptest::prelude::*;

    use super::*;

    const PIECES: u32 = 12;

    #[derive(Debug, Clone, Copy)]
    enum Change {
        Raise,
        Lower,
        Insert,
        Remove,
        Prioritise(u8),
    }

    /// The same, the slow and obvious way.
    struct Model {
        available: Vec<u16>,
        priority: Vec<u8>,
        candidate: Vec<bool>,
    }

    impl Model {
        fn new() -> Self {
            let count = PIECES as usize;
            Self {
                available: vec![0; count],
                priority: vec![4; count],
                candidate: vec![false; count],
            }
        }

        fn apply(&mut self, piece: usize, change: Change) {
            match change {
                Change::Raise => self.available[piece] += 1,
                Change::Lower => self.available[piece] = self.available[piece].saturating_sub(1),
                Change::Insert => self.candidate[piece] |= self.priority[piece] > 0,
                Change::Remove => self.candidate[piece] = false,
                Change::Prioritise(level) => {
                    self.priority[piece] = level;
                    self.candidate[piece] &= level > 0;
                }
            }
        }

        /// All pieces that are as good as the best one.
        fn best(&self, has: &Bitfield) -> BTreeSet<u32> {
            let key = |piece: &u32| {
                let index = *piece as usize;
                (
                    self.priority[index],
                    u16::MAX - self.available[index].min(COMMON),
                )
            };
            let candidates = (0..PIECES)
                .filter(|piece| self.candidate[*piece as usize] && has.has(PieceIndex(*piece)));
            let best = candidates.clone().map(|piece| key(&piece)).max();
            candidates
                .filter(|piece| Some(key(piece)) == best)
                .collect()
        }
    }

    fn apply(rarest: &mut RarestFirst, piece: PieceIndex, change: Change) {
        match change {
            Change::Raise => rarest.raise(piece),
            Change::Lower => rarest.lower(piece),
            Change::Insert => rarest.insert(piece),
            Change::Remove => rarest.remove(piece),
            Change::Prioritise(level) => rarest.set_priority(piece, Priority::new(level)),
        }
    }

    /// The lists are sorted by bucket, and `place` and `order` are inverse.
    fn check(rarest: &RarestFirst) {
        for (number, class) in rarest.classes.iter().enumerate() {
            assert!(class.start.is_sorted());
            assert_eq!(class.end() as usize, class.order.len());
            for (bucket, ends) in class.start.windows(2).enumerate() {
                for place in ends[0]..ends[1] {
                    let piece = class.order[place as usize] as usize;
                    assert_eq!(rarest.place[piece], place);
                    assert_eq!(usize::from(rarest.available[piece].min(COMMON)), bucket);
                    assert_eq!(rarest.priority[piece].class(), Some(number));
                }
            }
        }
        let placed = rarest
            .place
            .iter()
            .filter(|place| **place != NOWHERE)
            .count();
        assert_eq!(
            placed,
            rarest
                .classes
                .iter()
                .map(|class| class.order.len())
                .sum::<usize>()
        );
    }

    fn change() -> impl Strategy<Value = Change> {
        prop_oneof![
            6 => Just(Change::Raise),
            4 => Just(Change::Lower),
            3 => Just(Change::Insert),
            1 => Just(Change::Remove),
            1 => (0u8..=7).prop_map(Change::Prioritise),
        ]
    }

    proptest! {
        #[test]
        fn finds_what_the_model_finds(
            changes in proptest::collection::vec((0..PIECES, change()), 0..400),
            has in any::<u16>(),
            seed in any::<u128>(),
        ) {
            let mut rarest = RarestFirst::new(PIECES);
            let mut model = Model::new();
            let has = Bitfield::from_wire(&has.to_be_bytes(), PIECES).expect("two bytes");
            let mut rng = Rng::new(Seed(seed), 0, 0);
            for (piece, change) in changes {
                apply(&mut rarest, PieceIndex(piece), change);
                model.apply(piece as usize, change);
                check(&rarest);
                let best = model.best(&has);
                let found = rarest.rarest(&has, &mut rng);
                prop_assert_eq!(found.is_none(), best.is_empty());
                prop_assert!(found.is_none_or(|piece| best.contains(&piece.0)));
                prop_assert_eq!(rarest.any(&has, &mut rng).is_none(), best.is_empty());
            }
        }
    }

    #[test]
    fn very_common_pieces_are_equally_common() {
        let mut rarest = RarestFirst::new(2);
        (0..2).for_each(|piece| rarest.insert(PieceIndex(piece)));
        (0..300).for_each(|_| rarest.raise(PieceIndex(0)));
        (0..260).for_each(|_| rarest.raise(PieceIndex(1)));
        check(&rarest);
        assert_eq!(rarest.available(PieceIndex(0)), 300);
        (0..46).for_each(|_| rarest.lower(PieceIndex(0)));
        check(&rarest);
        let mut rng = Rng::new(Seed(1), 0, 0);
        assert_eq!(
            rarest.rarest(&Bitfield::all(2), &mut rng),
            Some(PieceIndex(0))
        );
    }

    #[test]
    fn picks_spread_over_the_bucket() {
        let mut rarest = RarestFirst::new(64);
        (0..64).for_each(|piece| rarest.insert(PieceIndex(piece)));
        let mut rng = Rng::new(Seed(1), 0, 0);
        let picks = (0..64).filter_map(|_| rarest.rarest(&Bitfield::all(64), &mut rng));
        // 64 throws into 64 urns leave 64 / e = 23.5 empty, give or take 2.5; ten deviations are
        // 25.
        assert!(picks.collect::<BTreeSet<_>>().len() > 64 - 49);
    }

    #[test]
    fn a_piece_that_does_not_exist_is_ignored() {
        let mut rarest = RarestFirst::new(1);
        for change in [
            Change::Raise,
            Change::Lower,
            Change::Insert,
            Change::Prioritise(7),
        ] {
            apply(&mut rarest, PieceIndex(1), change);
        }
        rarest.remove(PieceIndex(1));
        assert!(rarest.is_empty());
        assert_eq!(rarest.available(PieceIndex(1)), 0);
        assert_eq!(rarest.priority(PieceIndex(1)), Priority::SKIP);
    }
}
