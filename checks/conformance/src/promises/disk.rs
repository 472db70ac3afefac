//! The path of bulk payload: slots, hashes, files, and from files to the wire.

use core::time::Duration;

use bytes::Bytes;
use machine::disk::DIGEST_BLOCK_LEN;
use machine::{
    BlockDigests, ChainId, CloseReason, Digest, DiskDone, DiskError, DiskWork, Expect, FileId,
    FileSpan, Io, JobId, SlotId, Target,
};
use sha1::{Digest as _, Sha1};

use super::streams::{assert_whole, is_closed, pattern};
use crate::{Actor, Command, Part, Puppet, Seen, Sight, Stage};

const FILE: FileId = FileId(3);
const OTHER: FileId = FileId(7);
const SLOT: SlotId = SlotId(1);
/// One block and a bit: the last block of a piece is a short one.
const PIECE: usize = DIGEST_BLOCK_LEN as usize + 1000;

/// How a disk job ends.
type Answer = Result<DiskDone, DiskError>;

/// A piece is put together in a slot, stored, found right, and read back.
pub fn a_piece_is_stored_and_read_back(stage: &mut impl Stage) {
    let actor = stage.start(part().with_file(FILE, 100_000, []));
    let piece = pattern(PIECE);
    put(stage, actor, SLOT, &piece);
    let stored = work(stage, actor, store(&piece, &[span(FILE, 500, PIECE)]));
    assert_eq!(stored, Ok(DiskDone::Stored { blocks: [].into() }));
    let checked = work(stage, actor, check(&piece, &[span(FILE, 500, PIECE)]));
    assert_eq!(checked, Ok(DiskDone::Checked));
    let read = work(
        stage,
        actor,
        DiskWork::Read {
            span: span(FILE, 510, 7),
        },
    );
    assert_eq!(
        read,
        Ok(DiskDone::Read(Bytes::copy_from_slice(&piece[10..17])))
    );
    assert!(stage.file(actor, FILE)[500..] == piece);
}

/// A wrong piece is not written; the digests of its blocks are told, and its slots stay as they
/// are until they are stored or freed.
pub fn a_wrong_piece_is_not_written(stage: &mut impl Stage) {
    let actor = stage.start(part().with_file(FILE, 100_000, []));
    let (piece, mut wrong) = (pattern(PIECE), pattern(PIECE));
    wrong[PIECE - 1] ^= 1;
    put(stage, actor, SLOT, &wrong);
    let refused = work(stage, actor, store(&piece, &[span(FILE, 0, PIECE)]));
    let blocks: Box<[Digest]> = wrong.chunks(DIGEST_BLOCK_LEN as usize).map(sha1).collect();
    assert_eq!(refused, Err(DiskError::Mismatch { blocks }));
    assert_eq!(stage.file(actor, FILE), b"");

    let stored = work(stage, actor, store(&wrong, &[span(FILE, 0, PIECE)]));
    assert_eq!(stored, Ok(DiskDone::Stored { blocks: [].into() }));
    assert!(stage.file(actor, FILE) == wrong);
}

/// A slot that was freed, or stored, is put together anew.
pub fn a_free_slot_is_used_again(stage: &mut impl Stage) {
    let actor = stage.start(part().with_file(FILE, 100_000, []));
    let (first, second) = (pattern(PIECE), vec![7; 100]);
    put(stage, actor, SLOT, &first);
    stage.tell(actor, Command::new(|_, io| io.free(SLOT)));
    for bytes in [&first, &second] {
        put(stage, actor, SLOT, bytes);
        let stored = work(stage, actor, store(bytes, &[span(FILE, 0, bytes.len())]));
        assert_eq!(stored, Ok(DiskDone::Stored { blocks: [].into() }));
    }
    let expected = [&second[..], &first[100..]].concat();
    assert!(stage.file(actor, FILE) == expected);
}

/// Digests of the blocks come with a right piece too, if they are asked for.
pub fn block_digests_come_when_asked_for(stage: &mut impl Stage) {
    let actor = stage.start(part().with_file(FILE, 100_000, []));
    let piece = pattern(PIECE);
    put(stage, actor, SLOT, &piece);
    let mut asked = store(&piece, &[span(FILE, 0, PIECE)]);
    if let DiskWork::Store { expect, .. } = &mut asked {
        *expect = expected(&piece, BlockDigests::Always);
    }
    let blocks: Box<[Digest]> = piece.chunks(DIGEST_BLOCK_LEN as usize).map(sha1).collect();
    assert_eq!(work(stage, actor, asked), Ok(DiskDone::Stored { blocks }));
}

/// A piece may lie in several slots, end one file, skip padding and begin another.
pub fn a_piece_spans_slots_files_and_padding(stage: &mut impl Stage) {
    let files = part().with_file(FILE, 1000, *b"begin");
    let actor = stage.start(files.with_file(OTHER, 100_000, []));
    let mut piece = pattern(PIECE);
    piece[995..1500].fill(0);
    let spans = [
        span(FILE, 5, 995),
        span(FileId::PADDING, 0, 505),
        span(OTHER, 0, PIECE - 1500),
    ];
    put(stage, actor, SlotId(0), &piece[..8000]);
    put(stage, actor, SLOT, &piece[8000..]);
    let stored = DiskWork::Store {
        slots: [(SlotId(0), 8000), (SLOT, len32(PIECE - 8000))]
            .into_iter()
            .collect(),
        expect: expected(&piece, BlockDigests::WhenWrong),
        to: spans.into_iter().collect(),
    };
    assert_eq!(
        work(stage, actor, stored),
        Ok(DiskDone::Stored { blocks: [].into() })
    );
    assert_eq!(
        work(stage, actor, check(&piece, &spans)),
        Ok(DiskDone::Checked)
    );
    assert!(stage.file(actor, FILE) == [b"begin", &piece[..995]].concat());
    assert!(stage.file(actor, OTHER) == piece[1500..]);
}

/// A piece too long for the memory goes slot by slot; right or wrong shows at its end.
pub fn a_long_piece_goes_by_a_chain(stage: &mut impl Stage) {
    let actor = stage.start(part().with_file(FILE, 100_000, []));
    let piece = pattern(50_000);
    for (chain, truth) in [(ChainId(1), true), (ChainId(2), false)] {
        for (index, bytes) in piece.chunks(20_000).enumerate() {
            put(stage, actor, SLOT, bytes);
            let extend = DiskWork::Extend {
                chain,
                slot: SLOT,
                len: len32(bytes.len()),
                to: [span(FILE, index * 20_000, bytes.len())]
                    .into_iter()
                    .collect(),
            };
            assert_eq!(work(stage, actor, extend), Ok(DiskDone::Extended));
        }
        let claimed = if truth { &piece[..] } else { b"another" };
        let finish = DiskWork::Finish {
            chain,
            expect: expected(claimed, BlockDigests::WhenWrong),
        };
        let wrong = DiskError::Mismatch { blocks: [].into() };
        let answer = if truth {
            Ok(DiskDone::Finished)
        } else {
            Err(wrong)
        };
        assert_eq!(work(stage, actor, finish), answer);
    }
    assert!(stage.file(actor, FILE) == piece);
}

/// A check tells right from wrong from missing.
pub fn a_check_tells_what_is_on_the_disk(stage: &mut impl Stage) {
    let piece = pattern(PIECE);
    let files = part().with_file(FILE, 100_000, piece.clone());
    let actor = stage.start(files.with_file(OTHER, 100_000, []));
    let right = check(&piece, &[span(FILE, 0, PIECE)]);
    assert_eq!(work(stage, actor, right), Ok(DiskDone::Checked));
    let wrong = work(stage, actor, check(b"another", &[span(FILE, 0, 7)]));
    let blocks = [sha1(&piece[..7])].into();
    assert_eq!(wrong, Err(DiskError::Mismatch { blocks }));
    let short = work(stage, actor, check(&piece, &[span(FILE, 1, PIECE)]));
    assert_eq!(short, Err(DiskError::Missing(FILE)));
    let missing = work(stage, actor, check(&piece, &[span(OTHER, 0, PIECE)]));
    assert_eq!(missing, Err(DiskError::Missing(OTHER)));
    let padding = work(stage, actor, check(&[0; 9], &[span(FileId::PADDING, 0, 9)]));
    assert_eq!(padding, Ok(DiskDone::Checked));
}

/// Each job is answered exactly once, however many there are, right or wrong.
pub fn each_job_is_answered_once(stage: &mut impl Stage) {
    let actor = stage.start(part().with_file(FILE, 100_000, pattern(1000)));
    stage.tell(
        actor,
        Command::new(|_, io| {
            for index in 0..40 {
                // Every other one reaches past the end.
                let offset = if index % 2 == 0 { 0 } else { 999 };
                let work = DiskWork::Read {
                    span: span(FILE, offset, 10),
                };
                let job = io.disk(work);
                note(io, Seen::Asked(job));
            }
            io.hurry_disk();
        }),
    );
    stage.wait(actor, &mut |sights| answers(sights).count() >= 40);
    stage.linger(Duration::from_millis(50));
    let sights = stage.seen(actor);
    let asked = sights.iter().filter_map(|sight| match sight.seen {
        Seen::Asked(job) => Some(job),
        _ => None,
    });
    let asked: Vec<JobId> = asked.collect();
    let mut answered: Vec<JobId> = answers(sights).map(|(job, _)| job).collect();
    answered.sort_unstable();
    assert_eq!(answered, asked);
    for (job, answer) in answers(sights) {
        let position = asked.iter().position(|&asked| asked == job);
        let even = position.is_some_and(|position| position % 2 == 0);
        assert_eq!(answer.is_ok(), even, "{answer:?}");
    }
}

/// A stretch of a file goes out behind its head, between other sends.
pub fn a_span_goes_out_in_its_place(stage: &mut impl Stage) {
    let content = pattern(90_000);
    let sender = stage.start(part().with_file(FILE, 90_000, content.clone()));
    let listener = stage.start(Part::of(Puppet::idle()));
    let there = stage.endpoint(listener);
    stage.tell(
        sender,
        Command::new(move |_, io| {
            let conn = io.connect(Target::Endpoint(there));
            io.send(conn, b"[");
            io.send(conn, b"head:");
            io.send_span(conn, span(FILE, 10_000, 70_000));
            io.send(conn, b",");
            io.send_span(conn, span(FileId::PADDING, 0, 3));
            io.send(conn, b"]");
            io.close(conn);
        }),
    );
    stage.wait(listener, &mut |sights| sights.iter().any(is_closed));
    let expected = [b"[head:", &content[10_000..80_000], b",\0\0\0]"].concat();
    assert_whole(stage.seen(listener), &expected);
}

/// A span that cannot be read ends the connection on both sides.
pub fn an_unreadable_span_ends_the_connection(stage: &mut impl Stage) {
    let sender = stage.start(part().with_file(FILE, 90_000, pattern(10)));
    let listener = stage.start(Part::of(Puppet::idle()));
    let there = stage.endpoint(listener);
    stage.tell(
        sender,
        Command::new(move |_, io| {
            let conn = io.connect(Target::Endpoint(there));
            io.send(conn, b"head");
            io.send_span(conn, span(FILE, 0, 11));
        }),
    );
    for actor in [sender, listener] {
        stage.wait(actor, &mut |sights| sights.iter().any(is_closed));
    }
    stage.linger(Duration::from_millis(50));
    let closed = |sight: &&Sight| is_closed(sight);
    let reasons = stage.seen(sender).iter().filter(closed);
    let reasons: Vec<&Seen> = reasons.map(|sight| &sight.seen).collect();
    let unreadable = CloseReason::Unreadable(FILE);
    assert!(
        matches!(reasons[..], [Seen::Closed { reason, .. }] if *reason == unreadable),
        "{reasons:?}"
    );
    assert_eq!(stage.seen(listener).iter().filter(closed).count(), 1);
}

fn part() -> Part {
    Part::of(Puppet::idle())
}

/// Puts bytes into a slot, second half first.
fn put(stage: &mut impl Stage, actor: Actor, slot: SlotId, bytes: &[u8]) {
    let (left, right) = bytes.split_at(bytes.len() / 2);
    let (left, right) = (Bytes::copy_from_slice(left), Bytes::copy_from_slice(right));
    stage.tell(
        actor,
        Command::new(move |_, io| {
            io.put(slot, len32(left.len()), right);
            io.put(slot, 0, left);
        }),
    );
}

/// Has one job done and tells how it ended.
fn work(stage: &mut impl Stage, actor: Actor, work: DiskWork) -> Answer {
    let before = answers(stage.seen(actor)).count();
    stage.tell(
        actor,
        Command::new(move |_, io| {
            io.disk(work);
            io.hurry_disk();
        }),
    );
    stage.wait(actor, &mut |sights| answers(sights).count() > before);
    let (_, answer) = answers(stage.seen(actor)).last().expect("waited for");
    answer.clone()
}

fn answers(sights: &[Sight]) -> impl Iterator<Item = (JobId, &Answer)> {
    sights.iter().filter_map(|sight| match &sight.seen {
        Seen::Disk { job, result } => Some((*job, result)),
        _ => None,
    })
}

fn store(piece: &[u8], to: &[FileSpan]) -> DiskWork {
    DiskWork::Store {
        slots: [(SLOT, len32(piece.len()))].into_iter().collect(),
        expect: expected(piece, BlockDigests::WhenWrong),
        to: to.iter().copied().collect(),
    }
}

fn check(piece: &[u8], from: &[FileSpan]) -> DiskWork {
    DiskWork::Check {
        from: from.iter().copied().collect(),
        expect: expected(piece, BlockDigests::WhenWrong),
    }
}

fn expected(bytes: &[u8], blocks: BlockDigests) -> Expect {
    Expect::Sha1 {
        digest: sha1(bytes),
        blocks,
    }
}

fn sha1(bytes: &[u8]) -> Digest {
    Sha1::digest(bytes).into()
}

fn span(file: FileId, offset: usize, len: usize) -> FileSpan {
    FileSpan {
        file,
        offset: offset as u64,
        len: len32(len),
    }
}

fn len32(len: usize) -> u32 {
    u32::try_from(len).expect("pieces are shorter than 4 GiB")
}

fn note(io: &mut Io<'_, Puppet>, seen: Seen) {
    io.emit(Sight { at: io.now(), seen });
}
