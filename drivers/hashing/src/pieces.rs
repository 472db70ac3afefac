//! Reading and hashing pieces, many at once on each of many threads.

use std::io;
use std::num::NonZero;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use hardware::{LANES_MAX, Sha1Lanes, Width};

use crate::{Cut, PieceIndex, Source};

/// How much of each piece is read at a time, in bytes.
///
/// The chunks of all lanes, 512 KiB together, shall still lie in the second-level cache when they
/// are hashed; smaller ones cost more system calls (measured with `examples/hash_file.rs`).
const CHUNK_BYTES: usize = 32 << 10;

/// Chunks begin on cache lines, so that each load of a block touches only one.
const CACHE_LINE: usize = 64;

/// Few pieces are divided evenly among the threads; from this many full runs for each thread on,
/// full lanes are worth more than threads that all end at the same moment.
const MANY_RUNS: usize = 4;

/// Hashes the given pieces of the content, and calls `on_piece` once for each, as soon as its hash
/// is known, in no order and from many threads.
///
/// A piece that cannot be read gets the error, and its neighbours their hashes. A piece that there
/// is not gets [`io::ErrorKind::InvalidInput`]. Once `cancel` is set, what is not yet hashed is
/// given up and not told. The caller's thread is one of the `threads`; each needs 512 KiB.
pub fn hash_pieces<S: Source + ?Sized>(
    source: &S,
    cut: Cut,
    pieces: &[PieceIndex],
    threads: NonZero<usize>,
    cancel: &AtomicBool,
    on_piece: impl Fn(PieceIndex, io::Result<[u8; 20]>) + Sync,
) {
    let runs: Vec<&[PieceIndex]> = pieces.chunks(run_length(pieces.len(), threads)).collect();
    let next = AtomicUsize::new(0);
    let work = || {
        let mut buffer = Buffer::default();
        while let Some(pieces) = runs.get(next.fetch_add(1, Ordering::Relaxed)) {
            for (piece, hash) in Run::new(source, cut, pieces).hash(&mut buffer, cancel) {
                on_piece(piece, hash);
            }
        }
    };
    thread::scope(|scope| {
        for _ in 1..threads.get().min(runs.len()) {
            // Where the system refuses a further thread, the others do its work.
            let _ = thread::Builder::new()
                .name("hash".into())
                .spawn_scoped(scope, work);
        }
        work();
    });
}

/// How many pieces are hashed side by side: as many as there are lanes, or fewer, so that there are
/// equally many runs for each thread.
fn run_length(pieces: usize, threads: NonZero<usize>) -> usize {
    let full = pieces.div_ceil(LANES_MAX);
    if full >= threads.get().saturating_mul(MANY_RUNS) {
        return LANES_MAX;
    }
    let even = full.div_ceil(threads.get()).saturating_mul(threads.get());
    pieces.div_ceil(even.max(1)).max(1)
}

/// Up to [`LANES_MAX`] pieces that are hashed side by side.
struct Run<'a, S: ?Sized> {
    source: &'a S,
    lanes: Vec<Lane>,
    /// How much of each piece is read at a time.
    chunk_bytes: usize,
}

/// A piece, and how much of it has been read.
struct Lane {
    piece: PieceIndex,
    unread: Range<u64>,
    /// How much of the piece lies in the buffer.
    filled: usize,
    failure: Option<io::Error>,
}

impl<'a, S: Source + ?Sized> Run<'a, S> {
    fn new(source: &'a S, cut: Cut, pieces: &[PieceIndex]) -> Self {
        let lane = |&piece| {
            let span = cut.span(piece);
            let failure = span.is_none().then(|| io::ErrorKind::InvalidInput.into());
            Lane {
                piece,
                unread: span.unwrap_or(0..0),
                filled: 0,
                failure,
            }
        };
        let chunk_bytes = cut.piece_bytes().min(CHUNK_BYTES as u64) as usize;
        Self {
            source,
            lanes: pieces.iter().map(lane).collect(),
            chunk_bytes,
        }
    }

    /// Reads and hashes all pieces; returns nothing if it was cancelled.
    fn hash(
        mut self,
        buffer: &mut Buffer,
        cancel: &AtomicBool,
    ) -> impl Iterator<Item = (PieceIndex, io::Result<[u8; 20]>)> {
        let mut hasher = Sha1Lanes::new(Width::widest(), self.lanes.len());
        let buffer = buffer.aligned(self.lanes.len() * self.chunk_bytes);
        let mut cancelled = cancel.load(Ordering::Relaxed);
        while !cancelled && self.lanes.iter().any(|lane| !lane.unread.is_empty()) {
            self.read_chunks(buffer);
            let chunks = buffer.chunks_exact(self.chunk_bytes).zip(&self.lanes);
            let chunks: Vec<&[u8]> = chunks.map(|(chunk, lane)| &chunk[..lane.filled]).collect();
            hasher.update(&chunks);
            cancelled = cancel.load(Ordering::Relaxed);
        }
        let done = if cancelled { Vec::new() } else { self.lanes };
        let hash = |(lane, digest): (Lane, _)| (lane.piece, lane.failure.map_or(Ok(digest), Err));
        done.into_iter().zip(hasher.finish()).map(hash)
    }

    /// Reads the next chunk of each piece to its place in the buffer.
    ///
    /// Chunks that are neighbours in the content too, as whole small pieces are, are read at once.
    fn read_chunks(&mut self, mut buffer: &mut [u8]) {
        let limit = self.chunk_bytes;
        let neighbours = |left: &Lane, right: &Lane| {
            left.next_bytes(limit) == limit
                && left.unread.start + limit as u64 == right.unread.start
        };
        for lanes in self.lanes.chunk_by_mut(neighbours) {
            let (places, rest) = buffer.split_at_mut(lanes.len() * limit);
            buffer = rest;
            let bytes = lanes.iter().map(|lane| lane.next_bytes(limit)).sum();
            let start = lanes[0].unread.start;
            if lanes.len() > 1 && self.source.read_at(start, &mut places[..bytes]).is_ok() {
                lanes
                    .iter_mut()
                    .for_each(|lane| lane.advance(lane.next_bytes(limit)));
                continue;
            }
            // Alone, or one of the neighbours cannot be read: which one?
            for (lane, place) in lanes.iter_mut().zip(places.chunks_exact_mut(limit)) {
                lane.read(self.source, place);
            }
        }
    }
}

impl Lane {
    /// How many bytes the next chunk of the piece has.
    fn next_bytes(&self, limit: usize) -> usize {
        (self.unread.end - self.unread.start).min(limit as u64) as usize
    }

    /// Reads the next chunk; on failure the piece ends here.
    fn read<S: Source + ?Sized>(&mut self, source: &S, place: &mut [u8]) {
        let bytes = self.next_bytes(place.len());
        if bytes == 0 {
            self.filled = 0;
            return;
        }
        match source.read_at(self.unread.start, &mut place[..bytes]) {
            Ok(()) => self.advance(bytes),
            Err(failure) => {
                self.failure = Some(failure);
                self.filled = 0;
                self.unread.start = self.unread.end;
            }
        }
    }

    fn advance(&mut self, bytes: usize) {
        self.filled = bytes;
        self.unread.start += bytes as u64;
    }
}

/// Memory for the chunks of all lanes, allocated once for each thread.
#[derive(Default)]
struct Buffer(Vec<u8>);

impl Buffer {
    /// Returns this many bytes that begin on a cache line.
    fn aligned(&mut self, bytes: usize) -> &mut [u8] {
        if self.0.len() < bytes + CACHE_LINE {
            self.0 = vec![0; bytes + CACHE_LINE];
        }
        let start = self.0.as_ptr().align_offset(CACHE_LINE).min(CACHE_LINE);
        &mut self.0[start..start + bytes]
    }
}
