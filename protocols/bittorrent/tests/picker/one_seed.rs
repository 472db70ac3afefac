//! One seed and eight leechers that pass on what they have: how often does the content leave the
//! seed before all have it?

use std::collections::VecDeque;

use bittorrent::picker::{Arrival, PieceState};
use bittorrent::suggestions::Suggestions;

use super::*;

const LEECHERS: usize = 8;
const SEED: usize = LEECHERS;
const PIECES: u32 = 256;
const BLOCKS_EACH: u32 = 64;

/// Whether the seed says what to fetch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Advice {
    None,
    Suggestions,
}

struct Swarm {
    leechers: Vec<Leecher>,
    random: Rng,
    suggestions: Suggestions,
    advice: Advice,
    /// Blocks that the seed owes each leecher, at most.
    depth: usize,
    from_seed: usize,
}

struct Leecher {
    picker: Picker,
    /// What each of the others owes it.
    owed: Vec<VecDeque<Block>>,
    suggested: Vec<PieceIndex>,
}

impl Swarm {
    fn new(depth: usize, advice: Advice) -> Self {
        let piece_len = BLOCKS_EACH * BLOCK_LEN;
        let cut = Cut::new(u64::from(PIECES) * u64::from(piece_len), piece_len);
        let leecher = |_| {
            let mut picker = Picker::new(cut, &Bitfield::none(PIECES));
            picker.peer_came(&Bitfield::all(PIECES));
            let owed = vec![VecDeque::new(); LEECHERS + 1];
            Leecher {
                picker,
                owed,
                suggested: Vec::new(),
            }
        };
        let mut random = rng(7);
        Self {
            leechers: (0..LEECHERS).map(leecher).collect(),
            suggestions: Suggestions::new(PIECES, &mut random),
            random,
            advice,
            depth,
            from_seed: 0,
        }
    }

    /// How many copies leave the seed until all have everything, and how long that takes, in times
    /// that the seed needs for one copy.
    fn run(mut self) -> (f64, f64) {
        let mut turns = 0;
        while !self
            .leechers
            .iter()
            .all(|leecher| leecher.picker.is_finished())
        {
            for to in 0..LEECHERS {
                (0..=SEED)
                    .filter(|from| *from != to)
                    .for_each(|from| self.ask(to, from));
            }
            // In each turn the seed sends a block to each, and each sends eight to each other.
            for to in 0..LEECHERS {
                (0..SEED).for_each(|from| (0..8).for_each(|_| self.send(to, from)));
                self.send(to, SEED);
            }
            turns += 1;
        }
        let copy = f64::from(PIECES * BLOCKS_EACH);
        (
            self.from_seed as f64 / copy,
            f64::from(turns) / (copy / LEECHERS as f64),
        )
    }

    fn ask(&mut self, to: usize, from: usize) {
        let has = match self.leechers.get(from) {
            Some(other) => other.picker.had().clone(),
            None => Bitfield::all(PIECES),
        };
        let leecher = &mut self.leechers[to];
        let depth = if from == SEED { self.depth } else { 64 };
        if leecher.owed[from].len() > depth / 2 {
            return;
        }
        if from == SEED && self.advice == Advice::Suggestions {
            leecher
                .suggested
                .retain(|piece| leecher.picker.wants(*piece));
            leecher
                .suggested
                .extend(core::iter::from_fn(|| self.suggestions.next(peer(to))));
        }
        let suggested = if from == SEED {
            &leecher.suggested[..]
        } else {
            &[]
        };
        let permission = Permission::Unchoked {
            suggested,
            unadvised_max: usize::MAX,
        };
        let source = Source {
            permission,
            ..source(peer(from), &has)
        };
        let mut out = Vec::new();
        let want = depth - leecher.owed[from].len();
        leecher.picker.pick(
            &source,
            want,
            |_| Some(Opening::whole()),
            &mut self.random,
            &mut out,
        );
        if from == SEED {
            out.iter()
                .for_each(|block| self.suggestions.requested(peer(to), block.piece));
        }
        leecher.owed[from].extend(out);
    }

    fn send(&mut self, to: usize, from: usize) {
        let leecher = &mut self.leechers[to];
        let Some(block) = leecher.owed[from].pop_front() else {
            return;
        };
        self.from_seed += usize::from(from == SEED);
        let Arrival::Block { cancel, piece } = leecher.picker.received(peer(from), block) else {
            return;
        };
        for peer in cancel {
            leecher.owed[peer.0 as usize].retain(|owed| *owed != block);
        }
        if piece == PieceState::Whole {
            leecher.picker.piece_verified(block.piece);
            let has = leecher.picker.had().clone();
            self.suggestions.has(block.piece);
            let others = (0..LEECHERS).filter(|other| *other != to);
            others.for_each(|other| self.leechers[other].picker.peer_has(block.piece, &has));
        }
    }
}

fn peer(number: usize) -> ConnId {
    ConnId(number as u64)
}

#[test]
fn leechers_that_ask_for_little_at_a_time_seldom_ask_for_the_same() {
    let (copies, time) = Swarm::new(8, Advice::None).run();
    assert!(
        copies < 1.15 && time < 1.15,
        "{copies} copies left the seed in {time}"
    );
}

#[test]
fn suggestions_save_the_seed_from_sending_pieces_twice() {
    let (copies, _) = Swarm::new(500, Advice::None).run();
    assert!(copies > 1.3, "{copies} copies left the seed without advice");
    for depth in [8, 64, 250, 500] {
        let (copies, time) = Swarm::new(depth, Advice::Suggestions).run();
        assert!(
            copies < 1.05 && time < 1.05,
            "depth {depth}: {copies} copies in {time}"
        );
    }
}
