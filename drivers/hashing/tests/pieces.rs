//! Every piece gets the hash, or the failure, that reading and hashing it alone would give.

use std::collections::BTreeMap;
use std::io;
use std::num::NonZero;
use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use hashing::{Cut, PieceIndex, Source, hash_pieces};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;
use sha1::Digest as _;

type Results = BTreeMap<PieceIndex, Vec<Result<[u8; 20], io::ErrorKind>>>;

/// Content of which a range cannot be read.
struct Damaged {
    content: Vec<u8>,
    unreadable: Range<u64>,
}

impl Source for Damaged {
    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<()> {
        let end = offset + into.len() as u64;
        if offset < self.unreadable.end && self.unreadable.start < end {
            return Err(io::ErrorKind::NotFound.into());
        }
        self.content[..].read_at(offset, into)
    }
}

/// Bytes without a period that a piece or a chunk could share.
fn content(length: usize) -> Vec<u8> {
    let mut state = 1u32;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state as u8
    };
    (0..length).map(|_| next()).collect()
}

fn threads(count: usize) -> NonZero<usize> {
    NonZero::new(count).expect("a test asks for at least one thread")
}

/// All that `on_piece` was told, in the order of the pieces.
fn hash_all(source: &Damaged, cut: Cut, pieces: &[PieceIndex], count: usize) -> Results {
    let results = Mutex::new(Results::new());
    hash_pieces(
        source,
        cut,
        pieces,
        threads(count),
        &AtomicBool::new(false),
        |piece, hash| {
            let hash = hash.map_err(|failure| failure.kind());
            results
                .lock()
                .expect("no test panics in it")
                .entry(piece)
                .or_default()
                .push(hash);
        },
    );
    results.into_inner().expect("no test panics in it")
}

/// What should be told: read and hashed piece by piece.
fn expected(source: &Damaged, cut: Cut, pieces: &[PieceIndex]) -> Results {
    let mut results = Results::new();
    for &piece in pieces {
        let span = cut.span(piece).ok_or(io::ErrorKind::InvalidInput);
        let hash = span.and_then(|span| {
            let mut bytes = vec![0; (span.end - span.start) as usize];
            source
                .read_at(span.start, &mut bytes)
                .map_err(|failure| failure.kind())?;
            Ok(sha1::Sha1::digest(&bytes).into())
        });
        results.entry(piece).or_default().push(hash);
    }
    results
}

fn piece_bytes() -> impl Strategy<Value = u64> {
    prop_oneof![
        prop::sample::select(vec![
            1_000,
            1 << 14,
            1 << 15,
            (1 << 15) + 1,
            1 << 16,
            200_000
        ]),
        64u64..100_000,
    ]
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 64,
        ..ProptestConfig::with_failure_persistence(FileFailurePersistence::WithSource("regressions"))
    })]

    #[test]
    fn all_pieces(length in 0usize..3_000_000, piece_bytes in piece_bytes(), count in 1usize..5) {
        let source = Damaged { content: content(length), unreadable: 0..0 };
        let cut = Cut::new(length as u64, piece_bytes).unwrap();
        let pieces = cut.all();
        prop_assert_eq!(
            hash_all(&source, cut, &pieces, count),
            expected(&source, cut, &pieces)
        );
    }

    #[test]
    fn some_pieces_of_damaged_content(
        length in 1usize..1_000_000,
        piece_bytes in piece_bytes(),
        count in 1usize..5,
        // Any order, twice the same, and such as there are not.
        pieces in vec(0u32..70, 0..50),
        unreadable in (0u64..1_000_000, 1u64..100_000),
    ) {
        let unreadable = unreadable.0..unreadable.0 + unreadable.1;
        let source = Damaged { content: content(length), unreadable };
        let cut = Cut::new(length as u64, piece_bytes).unwrap();
        let pieces: Vec<PieceIndex> = pieces.into_iter().map(PieceIndex).collect();
        prop_assert_eq!(
            hash_all(&source, cut, &pieces, count),
            expected(&source, cut, &pieces)
        );
    }
}

#[test]
fn one_unreadable_piece_spares_its_neighbours() {
    for piece_bytes in [1 << 10, 1 << 14, 1 << 18] {
        let cut = Cut::new(20 * piece_bytes, piece_bytes).unwrap();
        let bad = cut.span(PieceIndex(5)).unwrap();
        let source = Damaged {
            content: content(20 * piece_bytes as usize),
            unreadable: bad.end - 1..bad.end,
        };
        let results = hash_all(&source, cut, &cut.all(), 2);
        let failed: Vec<_> = results
            .iter()
            .filter(|(_, hashes)| hashes[0].is_err())
            .collect();
        assert_eq!(
            failed,
            [(&PieceIndex(5), &vec![Err(io::ErrorKind::NotFound)])]
        );
        assert_eq!(results, expected(&source, cut, &cut.all()));
    }
}

#[test]
fn few_pieces_are_spread_over_the_threads() {
    /// Waits in its first read until as many threads as there should be are reading.
    struct Meeting(std::sync::Barrier, Mutex<Vec<std::thread::ThreadId>>);
    impl Source for Meeting {
        fn read_at(&self, _offset: u64, _into: &mut [u8]) -> io::Result<()> {
            let me = std::thread::current().id();
            let met = self.1.lock().unwrap().contains(&me);
            if !met {
                self.1.lock().unwrap().push(me);
                self.0.wait();
            }
            Ok(())
        }
    }
    let meeting = Meeting(std::sync::Barrier::new(3), Mutex::new(Vec::new()));
    let cut = Cut::new(5 << 20, 1 << 20).unwrap();
    hash_pieces(
        &meeting,
        cut,
        &cut.all(),
        threads(3),
        &AtomicBool::new(false),
        |_, hash| {
            assert!(hash.is_ok());
        },
    );
    assert_eq!(meeting.1.into_inner().unwrap().len(), 3);
}

#[test]
fn cancelling_ends_the_work_early() {
    let source = Damaged {
        content: content(1 << 20),
        unreadable: 0..0,
    };
    let cut = Cut::new(1 << 20, 1 << 10).unwrap();
    let (cancel, told) = (AtomicBool::new(false), AtomicUsize::new(0));
    hash_pieces(&source, cut, &cut.all(), threads(1), &cancel, |_, _| {
        told.fetch_add(1, Ordering::Relaxed);
        cancel.store(true, Ordering::Relaxed);
    });
    // The run in which it was noticed is told to its end.
    assert_eq!(told.into_inner(), hardware::LANES_MAX);
}
