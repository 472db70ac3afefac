//! The rules one by one.

use std::collections::{BTreeMap, BTreeSet};

use bittorrent::picker::{Arrival, Copies, PieceOrder, PieceState, Priority};

use super::*;

const A: ConnId = ConnId(1);
const B: ConnId = ConnId(2);
const C: ConnId = ConnId(3);
const D: ConnId = ConnId(4);

fn piece(number: u32) -> PieceIndex {
    PieceIndex(number)
}

fn pieces(numbers: &[u32], of: u32) -> Bitfield {
    let mut bitfield = Bitfield::none(of);
    for number in numbers {
        bitfield.set(piece(*number));
    }
    bitfield
}

/// A picker for so many pieces of four blocks, which has the first four: past the random ones.
fn picker(count: u32) -> Picker {
    let cut = Cut::new(u64::from(count * BLOCKS * BLOCK_LEN), BLOCKS * BLOCK_LEN);
    Picker::new(cut, &pieces(&[0, 1, 2, 3], count))
}

fn slow(source: Source<'_>) -> Source<'_> {
    Source {
        speed: Speed::Slow,
        ..source
    }
}

fn ask(picker: &mut Picker, source: &Source<'_>, want: usize) -> Vec<Block> {
    let mut out = Vec::new();
    picker.pick(
        source,
        want,
        |_| Some(Opening::whole()),
        &mut rng(1),
        &mut out,
    );
    out
}

/// The pieces of some blocks, each with how many there are, as they come.
fn runs(blocks: &[Block]) -> Vec<(u32, usize)> {
    let runs =
        blocks.chunk_by(|one, next| one.piece == next.piece && one.begin + BLOCK_LEN == next.begin);
    runs.map(|run| (run[0].piece.0, run.len())).collect()
}

fn deliver(picker: &mut Picker, peer: ConnId, blocks: &[Block]) {
    for block in blocks {
        assert!(
            matches!(picker.received(peer, *block), Arrival::Block { .. }),
            "{block:?}"
        );
    }
}

#[test]
fn pieces_begun_are_finished_first_the_most_complete_of_them() {
    let mut picker = picker(10);
    let all = Bitfield::all(10);
    let first = ask(&mut picker, &source(A, &all), 2);
    let second = ask(&mut picker, &source(B, &all), 3);
    assert_ne!(first[0].piece, second[0].piece);
    deliver(&mut picker, A, &first);
    deliver(&mut picker, B, &second);
    picker.released_all(A);
    picker.released_all(B);
    let rest = ask(&mut picker, &source(C, &all), 7);
    let expected = [(second[0].piece.0, 1), (first[0].piece.0, 2)];
    assert_eq!(runs(&rest)[..2], expected);
    assert_eq!(rest.len(), 7);
}

#[test]
fn a_long_pick_is_made_of_whole_pieces_in_runs() {
    let mut picker = picker(100);
    let blocks = ask(&mut picker, &source(A, &Bitfield::all(100)), 256);
    let runs = runs(&blocks);
    assert_eq!(runs.len(), 64);
    assert!(runs.iter().all(|(_, len)| *len == 4));
}

#[test]
fn the_first_pieces_are_random_and_the_others_the_rarest() {
    let all = Bitfield::all(10);
    let cut = Cut::new(u64::from(10 * BLOCKS * BLOCK_LEN), BLOCKS * BLOCK_LEN);
    let begun = |had: &Bitfield, seed| {
        let mut picker = Picker::new(cut, had);
        picker.peer_came(&all);
        picker.peer_came(&pieces(&[0, 1, 2, 3, 4, 5, 6, 8, 9], 10));
        let mut out = Vec::new();
        picker.pick(
            &source(A, &all),
            1,
            |_| Some(Opening::whole()),
            &mut rng(seed),
            &mut out,
        );
        out[0].piece.0
    };
    let first: BTreeSet<_> = (0..100)
        .map(|seed| begun(&pieces(&[0, 1, 2], 10), seed))
        .collect();
    assert_eq!(first, (3..10).collect());
    let later: BTreeSet<_> = (0..100)
        .map(|seed| begun(&pieces(&[0, 1, 2, 3], 10), seed))
        .collect();
    assert_eq!(later, BTreeSet::from([7]));
}

#[test]
fn priorities_come_before_rarity_and_what_is_skipped_is_left_out() {
    let mut picker = picker(8);
    let all = Bitfield::all(8);
    picker.peer_came(&pieces(&[6], 8));
    picker.set_priority(piece(6), Priority::TOP);
    picker.set_priority(piece(5), Priority::SKIP);
    assert_eq!(picker.pieces_left(), 3);
    assert_eq!(picker.bytes_left(), u64::from(3 * BLOCKS * BLOCK_LEN));
    assert!(!picker.is_interesting(&pieces(&[0, 5], 8)));
    assert!(!picker.wants(piece(5)) && picker.wants(piece(6)) && !picker.wants(piece(8)));
    let blocks = ask(&mut picker, &source(A, &all), 100);
    assert_eq!(blocks[0].piece, piece(6));
    assert_eq!(
        blocks.iter().map(|it| it.piece.0).collect::<BTreeSet<_>>(),
        [4, 6, 7].into()
    );
    picker.set_priority(piece(5), Priority::NORMAL);
    assert_eq!(runs(&ask(&mut picker, &source(A, &all), 100)), [(5, 4)]);
}

#[test]
fn sequential_is_ascending_and_descending_for_the_slow() {
    let mut picker = picker(10);
    picker.set_order(PieceOrder::Sequential);
    let all = Bitfield::all(10);
    assert_eq!(
        runs(&ask(&mut picker, &source(A, &all), 6)),
        [(4, 4), (5, 2)]
    );
    assert_eq!(runs(&ask(&mut picker, &slow(source(B, &all)), 4)), [(9, 4)]);
    picker.set_priority(piece(8), Priority::TOP);
    assert_eq!(
        runs(&ask(&mut picker, &source(C, &all), 8)),
        [(8, 4), (6, 4)]
    );
}

#[test]
fn fast_peers_take_pieces_alone_and_slow_ones_share() {
    let all = Bitfield::all(20);
    let mut alone = picker(20);
    let first = ask(&mut alone, &source(A, &all), 2)[0].piece;
    assert_ne!(ask(&mut alone, &source(B, &all), 2)[0].piece, first);
    assert_eq!(ask(&mut alone, &source(A, &all), 2)[0].piece, first);

    let mut shared = picker(20);
    let first = ask(&mut shared, &slow(source(A, &all)), 2)[0].piece;
    assert_ne!(ask(&mut shared, &source(C, &all), 2)[0].piece, first);
    assert_eq!(ask(&mut shared, &slow(source(B, &all)), 2)[0].piece, first);
}

#[test]
fn when_nothing_else_is_left_fast_peers_share_too() {
    let mut picker = picker(5);
    let all = Bitfield::all(5);
    assert_eq!(runs(&ask(&mut picker, &source(A, &all), 1)), [(4, 1)]);
    assert_eq!(runs(&ask(&mut picker, &source(B, &all), 1)), [(4, 1)]);
}

#[test]
fn a_peer_on_parole_shares_with_nobody() {
    let mut picker = picker(6);
    let all = Bitfield::all(6);
    let suspect = Source {
        standing: Standing::OnParole,
        ..source(A, &all)
    };
    let other = ask(&mut picker, &source(B, &all), 1)[0].piece;
    let own = ask(&mut picker, &suspect, 2)[0].piece;
    assert_ne!(own, other);
    // The other gets no part of its piece, and it none of theirs.
    assert_eq!(runs(&ask(&mut picker, &source(B, &all), 2)), [(other.0, 2)]);
    assert_eq!(runs(&ask(&mut picker, &source(C, &all), 9)), [(other.0, 1)]);
    assert_eq!(runs(&ask(&mut picker, &suspect, 9)), [(own.0, 2)]);
    picker.released_all(A);
    assert_eq!(runs(&ask(&mut picker, &source(B, &all), 4)), [(own.0, 4)]);
}

#[test]
fn only_what_is_allowed_is_asked_of_a_choking_peer() {
    let mut picker = picker(10);
    let has = pieces(&[5, 7, 8], 10);
    let allowed_fast = [piece(9), piece(7), piece(0), piece(5), piece(999)];
    let permission = Permission::Choked {
        allowed_fast: &allowed_fast,
    };
    let choking = Source {
        permission,
        ..source(A, &has)
    };
    assert_eq!(runs(&ask(&mut picker, &choking, 100)), [(7, 4), (5, 4)]);
    assert_eq!(ask(&mut picker, &choking, 100), []);
}

#[test]
fn suggested_pieces_are_begun_first() {
    let mut picker = picker(10);
    let all = Bitfield::all(10);
    let suggested = [piece(8), piece(999), piece(1), piece(6)];
    let source = Source {
        permission: Permission::Unchoked {
            suggested: &suggested,
            unadvised_max: usize::MAX,
        },
        ..source(A, &all)
    };
    let blocks = ask(&mut picker, &source, 12);
    assert_eq!(runs(&blocks)[..2], [(8, 4), (6, 4)]);
    assert_eq!(blocks.len(), 12);
}

#[test]
fn no_piece_is_opened_without_memory() {
    let mut picker = picker(10);
    let all = Bitfield::all(10);
    let mut memory = 2;
    let mut out = Vec::new();
    let mut take = |_| {
        let is_free = memory > 0;
        memory -= i32::from(is_free);
        is_free.then(Opening::whole)
    };
    picker.pick(&source(A, &all), 100, &mut take, &mut rng(1), &mut out);
    assert_eq!((out.len(), picker.pieces_open()), (8, 2));
    picker.pick(&source(B, &all), 100, &mut take, &mut rng(1), &mut out);
    // It is no endgame while pieces are not begun.
    assert!(!picker.is_endgame());
    assert_eq!(out.len(), 8);
}

#[test]
fn what_is_beyond_the_memory_is_neither_asked_for_nor_taken() {
    let mut picker = picker(5);
    let all = Bitfield::all(5);
    let block = |number: u32| Block {
        piece: piece(4),
        begin: number * BLOCK_LEN,
        len: BLOCK_LEN,
    };
    let two = |_| {
        Some(Opening {
            reach: 2,
            ..Opening::whole()
        })
    };
    let mut out = Vec::new();
    picker.pick(&source(A, &all), 9, two, &mut rng(1), &mut out);
    assert_eq!(out, [block(0), block(1)]);
    // It is no endgame either.
    assert_eq!(ask(&mut picker, &source(B, &all), 9), []);
    assert!(!picker.is_missing(block(2)));
    assert_eq!(picker.received(A, block(2)), Arrival::Waste);
    deliver(&mut picker, A, &[block(1)]);
    assert_eq!(picker.in_order(piece(4)), 0);
    deliver(&mut picker, A, &[block(0)]);
    assert_eq!(picker.in_order(piece(4)), 2 * BLOCK_LEN);
    picker.widen(piece(4), 3);
    assert_eq!(ask(&mut picker, &source(A, &all), 9), [block(2)]);
    picker.widen(piece(4), 99);
    // And with the last one begins the endgame.
    let last = ask(&mut picker, &source(B, &all), 9);
    assert_eq!(last, [block(3), block(2)]);
    deliver(&mut picker, A, &[block(2), block(3)]);
    assert!(picker.is_whole(piece(4)));
}

#[test]
fn nobody_is_asked_for_padding() {
    let mut picker = picker(6);
    let all = Bitfield::all(6);
    let padded = |piece: PieceIndex| {
        Some(Opening {
            made: [if piece.0 == 4 { 1..3 } else { 0..9 }]
                .into_iter()
                .collect(),
            ..Opening::whole()
        })
    };
    let mut out = Vec::new();
    picker.pick(&source(A, &all), 9, padded, &mut rng(1), &mut out);
    assert_eq!(
        out.iter()
            .map(|it| it.begin / BLOCK_LEN)
            .collect::<Vec<_>>(),
        [0, 3]
    );
    assert!(picker.is_whole(piece(5)) && !picker.is_whole(piece(4)));
    assert_eq!(picker.in_order(piece(5)), 4 * BLOCK_LEN);
    deliver(&mut picker, A, &out[..1]);
    assert_eq!(picker.in_order(piece(4)), 3 * BLOCK_LEN);
    assert_eq!(picker.senders(piece(4)).count(), 1);
    assert_eq!(
        picker.received(
            A,
            Block {
                begin: BLOCK_LEN,
                ..out[0]
            }
        ),
        Arrival::Waste
    );
    deliver(&mut picker, A, &out[1..]);
    assert!(picker.is_whole(piece(4)));
}

#[test]
fn a_piece_that_nobody_sends_can_be_given_up() {
    let mut picker = picker(10);
    let has = pieces(&[4, 5], 10);
    let blocks = ask(&mut picker, &source(A, &has), 8);
    deliver(&mut picker, A, &blocks[..1]);
    assert_eq!(picker.give_up_one(|_| true), None);
    picker.released_all(A);
    assert_eq!(picker.give_up_one(|_| false), None);
    let idle = picker
        .give_up_one(|_| true)
        .expect("nobody is asked for either");
    assert_ne!(idle, blocks[0].piece);
    assert_eq!(
        picker.open_pieces().collect::<Vec<_>>(),
        [(blocks[0].piece, 1)]
    );
    assert!(picker.wants(idle));
    assert_eq!(picker.give_up_one(|_| true), Some(blocks[0].piece));
    assert_eq!(picker.give_up_one(|_| true), None);
    assert_eq!(ask(&mut picker, &source(B, &has), 8).len(), 8);
}

#[test]
fn in_the_endgame_blocks_are_asked_of_up_to_three_and_cancelled() {
    let mut picker = picker(5);
    let all = Bitfield::all(5);
    let owed = ask(&mut picker, &source(A, &all), 4);
    assert!(picker.is_endgame());
    // One more of each at a time, and never of the one who owes it.
    assert_eq!(ask(&mut picker, &source(A, &all), 4), []);
    let second = ask(&mut picker, &source(B, &all), 4);
    assert_eq!(second.len(), 1);
    assert_eq!(ask(&mut picker, &source(B, &all), 4), []);
    let third = ask(&mut picker, &source(C, &all), 4);
    assert_eq!(third.len(), 1);
    assert_ne!(second, third);
    let arrival = picker.received(B, second[0]);
    let Arrival::Block {
        cancel,
        piece: PieceState::Incomplete,
    } = arrival
    else {
        panic!("{arrival:?}");
    };
    assert_eq!(cancel.as_slice(), [A]);
    assert_eq!(picker.received(A, second[0]), Arrival::Waste);
    // Two blocks were asked for once, one twice: then each is asked for thrice at most.
    let mut copies = BTreeMap::from([(third[0], 2)]);
    for peer in 10..30 {
        for block in ask(&mut picker, &source(ConnId(peer), &all), 4) {
            *copies.entry(block).or_insert(1) += 1;
        }
    }
    assert_eq!(copies.len(), 3);
    assert!(copies.values().all(|count| *count == 3), "{copies:?}");
    let arrival = picker.received(D, third[0]);
    assert!(matches!(arrival, Arrival::Block { cancel, .. } if cancel.len() == 3));
    deliver(
        &mut picker,
        A,
        &owed
            .iter()
            .copied()
            .filter(|it| ![second[0], third[0]].contains(it))
            .collect::<Vec<_>>(),
    );
    picker.piece_verified(piece(4));
    assert!(picker.is_finished() && !picker.is_endgame());
}

#[test]
fn a_block_released_in_the_endgame_stays_with_the_other() {
    let mut picker = picker(5);
    let all = Bitfield::all(5);
    ask(&mut picker, &source(A, &all), 4);
    let second = ask(&mut picker, &source(B, &all), 1)[0];
    picker.released_all(A);
    assert!(!picker.is_endgame());
    let rest = ask(&mut picker, &source(C, &all), 3);
    assert_eq!(rest.len(), 3);
    assert!(!rest.contains(&second));
    picker.released(B, second);
    assert_eq!(ask(&mut picker, &source(D, &all), 1), [second]);
}

#[test]
fn a_piece_that_was_wrong_is_wanted_again_and_its_senders_are_known() {
    let mut picker = picker(5);
    let all = Bitfield::all(5);
    let blocks = ask(&mut picker, &source(A, &all), 3);
    deliver(&mut picker, A, &blocks);
    let last = ask(&mut picker, &source(B, &all), 1)[0];
    let whole = Arrival::Block {
        cancel: [].into_iter().collect(),
        piece: PieceState::Whole,
    };
    assert_eq!(picker.received(B, last), whole);
    assert_eq!(picker.give_up_one(|_| true), None);
    let senders: Vec<_> = picker.senders(piece(4)).map(|(_, peer)| peer).collect();
    assert_eq!(senders, [A, A, A, B]);
    picker.piece_lost(piece(4));
    assert!(picker.wants(piece(4)) && !picker.is_finished());
    assert_eq!(ask(&mut picker, &source(C, &all), 9).len(), 4);
}

#[test]
fn only_missing_blocks_of_open_pieces_count() {
    let mut picker = picker(5);
    let all = Bitfield::all(5);
    let block = |begin, len| Block {
        piece: piece(4),
        begin,
        len,
    };
    assert!(!picker.is_missing(block(0, BLOCK_LEN)));
    assert_eq!(picker.received(A, block(0, BLOCK_LEN)), Arrival::Waste);
    ask(&mut picker, &source(A, &all), 1);
    // Unasked, but welcome: it may have been asked for before a choke.
    assert!(picker.is_missing(block(BLOCK_LEN, BLOCK_LEN)));
    deliver(&mut picker, B, &[block(BLOCK_LEN, BLOCK_LEN)]);
    for nonsense in [
        block(1, BLOCK_LEN),
        block(0, 1),
        block(4 * BLOCK_LEN, BLOCK_LEN),
    ] {
        assert!(!picker.is_missing(nonsense));
        assert_eq!(picker.received(A, nonsense), Arrival::Waste);
        picker.released(A, nonsense);
    }
}

#[test]
fn copies_count_seeds_once_and_ourselves() {
    let mut picker = picker(8);
    assert_eq!(
        picker.copies(),
        Copies {
            whole: 0,
            thousandths: 500
        }
    );
    picker.peer_came(&Bitfield::all(8));
    let mut has = pieces(&[4, 5, 6], 8);
    picker.peer_came(&has);
    assert_eq!(
        picker.copies(),
        Copies {
            whole: 1,
            thousandths: 875
        }
    );
    for number in [0, 1, 2, 3, 7] {
        has.set(piece(number));
        picker.peer_has(piece(number), &has);
    }
    assert_eq!(
        picker.copies(),
        Copies {
            whole: 2,
            thousandths: 500
        }
    );
    assert_eq!(picker.availability(piece(7)), 2);
    picker.peer_went(&has);
    assert_eq!(
        picker.copies(),
        Copies {
            whole: 1,
            thousandths: 500
        }
    );
    assert_eq!(picker.availability(piece(7)), 1);
}
