//! Good, bad and missing pieces.

use std::io;
use std::num::NonZero;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use bittorrent::bitfield::Bitfield;
use bittorrent::metainfo::Layout;
use bittorrent::numbers::PieceIndex;
use hashing::{Cut, hash_pieces};

use crate::content::{Content, Shelf};
use crate::states::{self, Presence, States};
use crate::{LibraryError, Placement};

/// How far a long work on content has come, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// What is done.
    pub done_bytes: u64,
    /// All that is to be done.
    pub total_bytes: u64,
}

/// What became of the pieces that were looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// The pieces that are there and right.
    pub good: Bitfield,
    /// The pieces that are there and wrong.
    pub bad: Bitfield,
    /// The pieces of which bytes are missing, or cannot be read; also those of which nothing was
    /// written but an edge, which the neighbour may have written.
    pub missing: Bitfield,
    /// Why some could not be read, other than by not being there; the first such trouble.
    pub trouble: Option<LibraryError>,
}

/// Reads and hashes pieces on all cores; tells from any thread, after each piece, how far it is.
/// What was never written counts as missing and is not read.
///
/// # Errors
/// When a file that is there cannot be opened; [`LibraryError::Cancelled`] once `cancel` is set.
pub fn verify(
    placement: &Placement,
    pieces: &[PieceIndex],
    cancel: &AtomicBool,
    on_progress: impl Fn(Progress) + Sync,
) -> Result<Verified, LibraryError> {
    let info = placement.info();
    let states = States::of(placement)?;
    let presence = states::presence(placement, &states, pieces.iter().copied())?;
    let Presence { present, touched } = presence;
    let outcome = Mutex::new(Verified::of_none(info.piece_count()));
    let note = |piece: PieceIndex, hash: io::Result<[u8; 20]>| {
        let mut outcome = outcome.lock().unwrap_or_else(PoisonError::into_inner);
        match hash {
            Ok(hash) if Some(hash) == info.piece_hash(piece) => outcome.good.set(piece),
            Ok(_) if touched.has(piece) => outcome.bad.set(piece),
            Ok(_) | Err(_) => outcome.missing.set(piece),
        };
    };
    for piece in pieces.iter().filter(|piece| !present.has(**piece)) {
        note(*piece, Err(io::ErrorKind::NotFound.into()));
    }
    let to_read: Vec<PieceIndex> = present.iter().collect();
    let trouble = hash_content(
        placement,
        info.layout(),
        &to_read,
        cancel,
        on_progress,
        note,
    )?;
    let mut verified = outcome.into_inner().unwrap_or_else(PoisonError::into_inner);
    verified.trouble = trouble;
    Ok(verified)
}

impl Verified {
    const fn of_none(pieces: u32) -> Self {
        Self {
            good: Bitfield::none(pieces),
            bad: Bitfield::none(pieces),
            missing: Bitfield::none(pieces),
            trouble: None,
        }
    }
}

/// Hashes pieces on all cores; returns the first trouble with a file, if there was any.
pub(crate) fn hash_content<S: Shelf>(
    shelf: &S,
    layout: &Layout,
    pieces: &[PieceIndex],
    cancel: &AtomicBool,
    on_progress: impl Fn(Progress) + Sync,
    on_piece: impl Fn(PieceIndex, io::Result<[u8; 20]>) + Sync,
) -> Result<Option<LibraryError>, LibraryError> {
    let cut = Cut::new(layout.len(), layout.piece_length().into())
        .expect("a layout has far fewer pieces than 32 bits can number");
    let total_bytes = pieces.iter().map(|piece| piece_bytes(layout, *piece)).sum();
    let done = AtomicU64::new(0);
    let content = Content::new(shelf, layout);
    let numbers: Vec<_> = pieces
        .iter()
        .map(|piece| hashing::PieceIndex(piece.0))
        .collect();
    let threads = thread::available_parallelism().unwrap_or(NonZero::<usize>::MIN);
    hash_pieces(&content, cut, &numbers, threads, cancel, |piece, hash| {
        let piece = PieceIndex(piece.0);
        let bytes = piece_bytes(layout, piece);
        on_piece(piece, hash);
        on_progress(Progress {
            done_bytes: done.fetch_add(bytes, Ordering::Relaxed) + bytes,
            total_bytes,
        });
    });
    if done.into_inner() < total_bytes {
        return Err(LibraryError::Cancelled);
    }
    Ok(content.into_trouble())
}

fn piece_bytes(layout: &Layout, piece: PieceIndex) -> u64 {
    layout.piece_len(piece).into()
}
