//! How picks spread: one seed and eight leechers that pass on what they have. How often does each
//! piece leave the seed?

use bittorrent::picker::{Arrival, PieceState};

use super::*;

/// Each leecher fetches four blocks at a time, of the seed and of the others in turn.
#[test]
fn leechers_of_one_seed_seldom_ask_it_for_the_same_piece() {
    const LEECHERS: usize = 8;
    const COUNT: u32 = 256;
    let mut random = rng(7);
    let layout = Layout::new(u64::from(COUNT * BLOCKS * BLOCK_LEN), BLOCKS * BLOCK_LEN);
    let all = Bitfield::all(COUNT);
    let mut pickers: Vec<_> = (0..LEECHERS)
        .map(|_| Picker::new(layout, &Bitfield::none(COUNT)))
        .collect();
    let mut have = vec![Bitfield::none(COUNT); LEECHERS];
    pickers.iter_mut().for_each(|picker| picker.peer_came(&all));
    let mut from_seed = 0;
    while !pickers.iter().all(Picker::is_finished) {
        for leecher in 0..LEECHERS {
            let others = (0..LEECHERS).filter(|other| *other != leecher);
            let sources = others.map(|other| (other, have[other].clone()));
            let sources: Vec<_> = [(LEECHERS, all.clone())]
                .into_iter()
                .chain(sources)
                .collect();
            for (from, has) in sources {
                let mut out = Vec::new();
                let peer = ConnId(from as u64);
                let picker = &mut pickers[leecher];
                picker.pick(&source(peer, &has), 4, |_| true, &mut random, &mut out);
                from_seed += if from == LEECHERS { out.len() } else { 0 };
                let mut whole = Vec::new();
                for block in out {
                    match picker.received(peer, block) {
                        Arrival::Block {
                            piece: PieceState::Whole,
                            ..
                        } => whole.push(block.piece),
                        Arrival::Block { .. } | Arrival::Waste => {}
                    }
                }
                for piece in whole {
                    pickers[leecher].piece_verified(piece);
                    have[leecher].set(piece);
                    let has = have[leecher].clone();
                    for (other, picker) in pickers.iter_mut().enumerate() {
                        if other != leecher {
                            picker.peer_has(piece, &has);
                        }
                    }
                }
            }
        }
    }
    let copies = from_seed as f64 / f64::from(COUNT * BLOCKS);
    assert!(copies < 1.05, "{copies} copies left the seed");
}
