//! Good, bad and missing pieces.

use std::sync::atomic::AtomicBool;

use bittorrent::bitfield::Bitfield;
use bittorrent::numbers::PieceIndex;

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
    /// The pieces of which bytes are missing, or cannot be read.
    pub missing: Bitfield,
    /// Why some could not be read, other than by not being there; the first such trouble.
    pub trouble: Option<LibraryError>,
}

/// Reads and hashes pieces on all cores; tells from any thread, after each piece, how far it is.
///
/// # Errors
/// [`LibraryError::Cancelled`] once `cancel` is set.
pub fn verify(
    placement: &Placement,
    pieces: &[PieceIndex],
    cancel: &AtomicBool,
    on_progress: impl Fn(Progress) + Sync,
) -> Result<Verified, LibraryError> {
    let _ = (placement, pieces, cancel, on_progress);
    Err(LibraryError::Cancelled)
}
