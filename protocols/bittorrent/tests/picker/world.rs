//! A picker in a world of peers that do as they like, and beside it a plain account of what everybody
//! has and owes.

use std::collections::BTreeSet;

use bittorrent::picker::{Arrival, PieceState, Priority};
use proptest::prelude::{Strategy, any, prop_assert, prop_assert_eq, prop_oneof, proptest};

use super::*;

#[derive(Debug, Clone, Copy)]
enum Step {
    Pick {
        peer: usize,
        want: usize,
        speed: Speed,
        parole: bool,
    },
    Deliver {
        peer: usize,
        which: usize,
    },
    Release {
        peer: usize,
        which: usize,
    },
    Choke {
        peer: usize,
    },
    Have {
        peer: usize,
        piece: u32,
    },
    Hash {
        good: bool,
    },
    GiveUp,
    Prioritise {
        piece: u32,
        level: u8,
    },
}

const PEERS: usize = 5;
const COUNT: u32 = 7;

fn any_step() -> impl Strategy<Value = Step> {
    let peer = || 0..PEERS;
    let speed =
        (0..3).prop_map(|number| [Speed::Slow, Speed::Medium, Speed::Fast][number as usize]);
    prop_oneof![
        8 => (peer(), 0usize..12, speed, 0..8).prop_map(|(peer, want, speed, trust)| {
            Step::Pick { peer, want, speed, parole: trust == 0 }
        }),
        16 => (peer(), any::<usize>()).prop_map(|(peer, which)| Step::Deliver { peer, which }),
        3 => (peer(), any::<usize>()).prop_map(|(peer, which)| Step::Release { peer, which }),
        1 => peer().prop_map(|peer| Step::Choke { peer }),
        4 => (peer(), 0..COUNT).prop_map(|(peer, piece)| Step::Have { peer, piece }),
        4 => (0..4).prop_map(|luck| Step::Hash { good: luck > 0 }),
        1 => (0..1).prop_map(|_| Step::GiveUp),
        1 => (0..COUNT, 0u8..=7).prop_map(|(piece, level)| Step::Prioritise { piece, level }),
    ]
}

/// A picker and, beside it, what everybody knows.
struct World {
    picker: Picker,
    has: Vec<Bitfield>,
    owed: Vec<BTreeSet<Block>>,
    received: BTreeSet<Block>,
    whole: BTreeSet<PieceIndex>,
    random: Rng,
}

impl World {
    fn new(seed: u128) -> Self {
        // The last piece is shorter, and so is its last block.
        let cut = Cut::new(u64::from(COUNT * 3 * BLOCK_LEN) - 20_000, 3 * BLOCK_LEN);
        let mut picker = Picker::new(cut, &Bitfield::none(COUNT));
        let has: Vec<_> = (0..PEERS)
            .map(|peer| {
                if peer == 0 {
                    Bitfield::all(COUNT)
                } else {
                    Bitfield::none(COUNT)
                }
            })
            .collect();
        has.iter().for_each(|has| picker.peer_came(has));
        Self {
            picker,
            has,
            owed: vec![BTreeSet::new(); PEERS],
            received: BTreeSet::new(),
            whole: BTreeSet::new(),
            random: rng(seed),
        }
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Pick {
                peer,
                want,
                speed,
                parole,
            } => self.pick(peer, want, speed, parole),
            Step::Deliver { peer, which } => {
                if let Some(block) = self.any_owed(peer, which) {
                    self.deliver(peer, block);
                }
            }
            Step::Release { peer, which } => {
                if let Some(block) = self.any_owed(peer, which) {
                    self.owed[peer].remove(&block);
                    self.picker.released(ConnId(peer as u64), block);
                }
            }
            Step::Choke { peer } => {
                self.owed[peer].clear();
                self.picker.released_all(ConnId(peer as u64));
            }
            Step::Have { peer, piece } => {
                if self.has[peer].set(PieceIndex(piece)) {
                    self.picker.peer_has(PieceIndex(piece), &self.has[peer]);
                }
            }
            Step::Hash { good } => {
                if let Some(piece) = self.whole.pop_first() {
                    self.received.retain(|block| block.piece != piece);
                    if good {
                        self.picker.piece_verified(piece);
                    } else {
                        self.picker.piece_lost(piece);
                    }
                }
            }
            Step::GiveUp => {
                if let Some(piece) = self.picker.give_up_one(|_| true) {
                    assert!(!self.whole.contains(&piece));
                    assert!(self.owed.iter().flatten().all(|block| block.piece != piece));
                    self.received.retain(|block| block.piece != piece);
                }
            }
            Step::Prioritise { piece, level } => {
                self.picker
                    .set_priority(PieceIndex(piece), Priority::new(level));
            }
        }
    }

    fn any_owed(&self, peer: usize, which: usize) -> Option<Block> {
        let owed = &self.owed[peer];
        owed.iter().nth(which.checked_rem(owed.len())?).copied()
    }

    fn pick(&mut self, peer: usize, want: usize, speed: Speed, parole: bool) {
        let standing = if parole {
            Standing::OnParole
        } else {
            Standing::Trusted
        };
        let has = self.has[peer].clone();
        let source = Source {
            speed,
            standing,
            ..source(ConnId(peer as u64), &has)
        };
        let mut out = Vec::new();
        self.picker.pick(
            &source,
            want,
            |_| Some(Opening::whole()),
            &mut self.random,
            &mut out,
        );
        assert!(out.len() <= want);
        for block in out {
            assert!(has.has(block.piece), "the peer lacks {block:?}");
            assert!(!self.received.contains(&block), "{block:?} came already");
            assert!(!self.picker.had().has(block.piece));
            assert!(self.owed[peer].insert(block), "{block:?} is owed already");
            assert!(
                self.owed
                    .iter()
                    .filter(|owed| owed.contains(&block))
                    .count()
                    <= 3
            );
        }
    }

    fn deliver(&mut self, peer: usize, block: Block) {
        let arrival = self.picker.received(ConnId(peer as u64), block);
        self.owed[peer].remove(&block);
        let Arrival::Block { cancel, piece } = arrival else {
            panic!("{block:?} of {peer} is waste");
        };
        assert!(self.received.insert(block));
        let cancelled: BTreeSet<_> = cancel.iter().map(|peer| peer.0 as usize).collect();
        for (other, owed) in self.owed.iter_mut().enumerate() {
            assert_eq!(owed.remove(&block), cancelled.contains(&other));
        }
        let blocks = self
            .received
            .iter()
            .filter(|it| it.piece == block.piece)
            .count();
        let is_whole = blocks == self.picker.cut().block_count(block.piece) as usize;
        assert_eq!(is_whole, piece == PieceState::Whole);
        if is_whole {
            self.whole.insert(block.piece);
        }
    }

    /// A trusted peer that has everything is asked for everything that nobody owes.
    fn finish(&mut self) {
        for piece in 0..COUNT {
            self.picker
                .set_priority(PieceIndex(piece), Priority::NORMAL);
        }
        for peer in 1..PEERS {
            self.step(Step::Choke { peer });
        }
        let mut turns = 0;
        while !self.picker.is_finished() {
            self.pick(0, 4, Speed::Medium, false);
            while let Some(block) = self.owed[0].first().copied() {
                self.deliver(0, block);
            }
            self.step(Step::Hash { good: true });
            turns += 1;
            assert!(turns < 100, "the download does not end");
        }
    }
}

proptest! {
    #[test]
    fn every_block_is_asked_of_the_right_peers_and_the_download_ends(
        steps in proptest::collection::vec(any_step(), 0..300),
        seed in any::<u128>(),
    ) {
        let mut world = World::new(seed);
        for step in steps {
            world.step(step);
            let expected = world.has[1..].iter().filter(|has| has.has(PieceIndex(0))).count() + 1;
            prop_assert_eq!(world.picker.availability(PieceIndex(0)) as usize, expected);
            for has in &world.has {
                let wants = has.iter().any(|piece| world.picker.wants(piece));
                prop_assert_eq!(world.picker.is_interesting(has), wants);
            }
            prop_assert!(world.picker.pieces_open() <= COUNT as usize);
        }
        world.finish();
    }
}
