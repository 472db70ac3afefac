//! The journal, cut and damaged in every way: it may forget, but it never lies.

mod stage;

use std::fs;

use bittorrent::bitfield::Bitfield;
use bittorrent::numbers::{InfoHash, PieceIndex};
use library::journal::{BootId, FileState, Head, Journal, Shape};
use library::recall;
use proptest::prelude::*;
use stage::{PIECE, Stage, numbers};

const P: usize = PIECE as usize;

const SHAPE: Shape = Shape {
    info_hash: InfoHash([7; 20]),
    pieces: 20,
    files: 2,
};

fn head(durable: &[u32]) -> Head {
    let mut bits = Bitfield::none(SHAPE.pieces);
    durable
        .iter()
        .for_each(|piece| assert!(bits.set(PieceIndex(*piece))));
    let present = FileState::Present {
        len: 1 << 40,
        changed_nanos: -5,
    };
    Head {
        boot: BootId([9; 16]),
        durable: bits,
        states: [present, FileState::InParts, FileState::Absent].into(),
    }
}

fn encode(head: &Head, recent: &[u32], is_closed: bool) -> Vec<u8> {
    let (mut bytes, seal) = head.encode(&SHAPE);
    for (number, piece) in recent.iter().enumerate() {
        bytes.extend(seal.stored(number, PieceIndex(*piece)));
    }
    if is_closed {
        bytes.extend(seal.closed(recent.len(), &head.states));
    }
    bytes
}

#[test]
fn a_journal_is_read_as_it_was_written() {
    let head = head(&[0, 19]);
    let bytes = encode(&head, &[3, 4, 5], true);
    assert!(bytes.len() <= SHAPE.len_max());
    let journal = Journal::parse(&bytes, &SHAPE).expect("whole");
    assert_eq!(journal.head, head);
    assert_eq!(journal.recent, [3, 4, 5].map(PieceIndex));
    assert_eq!(journal.closed, Some(head.states));
}

#[test]
fn each_prefix_tells_the_records_that_are_whole() {
    let head = head(&[1]);
    let recent = [3, 4, 5];
    let bytes = encode(&head, &recent, true);
    let records = encode(&head, &recent, false).len();
    for len in 0..bytes.len() {
        match Journal::parse(&bytes[..len], &SHAPE) {
            Err(_) => assert!(len < SHAPE.head_len()),
            Ok(journal) => {
                assert!(len >= SHAPE.head_len());
                assert_eq!(journal.head, head);
                let whole = (len - SHAPE.head_len()) / library::journal::STORED_LEN;
                let whole = whole.min(recent.len());
                assert_eq!(journal.recent, recent.map(PieceIndex)[..whole]);
                assert!(journal.closed.is_none() && len < records + bytes.len());
            }
        }
    }
}

#[test]
fn records_count_only_behind_their_own_head() {
    let (old, new) = (head(&[]), head(&[1]));
    let (_, seal) = old.encode(&SHAPE);
    let (mut bytes, _) = new.encode(&SHAPE);
    bytes.extend(seal.stored(0, PieceIndex(3)));
    let journal = Journal::parse(&bytes, &SHAPE).expect("a head");
    assert_eq!(journal.recent, []);
    let other = Shape {
        info_hash: InfoHash([8; 20]),
        ..SHAPE
    };
    assert!(Journal::parse(&bytes, &other).is_err());
}

proptest! {
    #[test]
    fn damage_is_never_believed(
        recent in proptest::collection::vec(0..SHAPE.pieces, 0..10),
        at in any::<proptest::sample::Index>(),
        flip in 1u8..,
    ) {
        let head = head(&[2, 3]);
        let mut bytes = encode(&head, &recent, true);
        let at = at.index(bytes.len());
        bytes[at] ^= flip;
        if let Ok(journal) = Journal::parse(&bytes, &SHAPE) {
            prop_assert!(at >= SHAPE.head_len());
            prop_assert_eq!(&journal.head, &head);
            let recent: Vec<_> = recent.into_iter().map(PieceIndex).collect();
            prop_assert!(recent.starts_with(&journal.recent));
            prop_assert_eq!(journal.closed, None);
        }
    }

    #[test]
    fn no_bytes_are_a_journal_by_chance(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(Journal::parse(&bytes, &SHAPE).is_err());
    }
}

/// What happens to a download until it is killed.
#[derive(Debug, Clone, Copy)]
enum Step {
    /// A piece is written and noted.
    Store(u32),
    /// A piece is written, and nobody lives to note it.
    Write(u32),
    /// The files are forced to the disk.
    Checkpoint,
}

const PIECES: u32 = 12;

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0..PIECES).prop_map(Step::Store),
        1 => (0..PIECES).prop_map(Step::Write),
        1 => Just(Step::Checkpoint),
    ];
    proptest::collection::vec(step, 1..12)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6))]

    #[test]
    fn whatever_is_left_of_a_journal_what_it_proves_is_right(steps in steps()) {
        let stage = Stage::new(&[5 * P + 700, 0, 3 * P, 4 * P - 700]);
        let placement = stage.all();
        let mut resume = stage.open();
        let mut checkpointed = Bitfield::none(PIECES);
        for step in steps {
            match step {
                Step::Store(piece) => {
                    stage.write(&placement, piece);
                    resume.stored(PieceIndex(piece)).expect("noted");
                }
                Step::Write(piece) if resume.proven().has(PieceIndex(piece)) => {}
                Step::Write(piece) => stage.spoil(&placement, piece),
                Step::Checkpoint => {
                    resume.checkpoint().expect("written");
                    checkpointed = resume.proven().clone();
                }
            }
        }
        let stored = resume.proven().clone();
        drop(resume);

        let good = stage.verify(&placement).good;
        let path = stage.own("resume");
        let whole = fs::read(&path).expect("there");
        let proven_by = |bytes: &[u8]| {
            fs::write(&path, bytes).expect("written");
            recall(&placement).expect("readable")
        };
        for len in 0..=whole.len() {
            let recollection = proven_by(&whole[..len]);
            prop_assert!(!recollection.proven.has_any_lacking_in(&good));
            // All that is right is either known or looked for: nothing is fetched again.
            let mut found = recollection.proven.clone();
            recollection.doubtful.iter().for_each(|piece| { found.set(*piece); });
            prop_assert!(!good.has_any_lacking_in(&found));
            if !recollection.proven.is_none() {
                prop_assert!(!checkpointed.has_any_lacking_in(&recollection.proven));
            }
        }
        let recollection = proven_by(&whole);
        prop_assert_eq!(numbers(&recollection.proven), numbers(&stored));
    }
}
