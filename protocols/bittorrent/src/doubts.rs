//! Pieces that we had until a file changed under us: each is read back before it is believed again.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::ops::Range;

use machine::JobId;

use crate::numbers::PieceIndex;

/// Pieces that are read back at a time: as many as are hashed side by side.
const CHECKS_MAX: usize = 16;

/// The pieces in doubt, and those found to be lost.
#[derive(Debug, Default)]
pub(crate) struct Doubts {
    /// Not yet read back; the next last.
    waiting: Vec<PieceIndex>,
    checking: BTreeMap<JobId, PieceIndex>,
    /// All that was offered once and is not there, as far as we know now.
    missing: BTreeSet<PieceIndex>,
}

/// Whether a piece is still on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    /// It is there and right.
    There(PieceIndex),
    /// It is not.
    Lost(PieceIndex),
}

impl Doubts {
    /// Doubts these pieces.
    pub(crate) fn doubt(&mut self, pieces: impl DoubleEndedIterator<Item = PieceIndex> + Clone) {
        self.missing.extend(pieces.clone());
        self.waiting.extend(pieces.rev());
    }

    /// Names the next piece to read back, if fewer are being read than may be;
    /// [`Self::checking`] is to follow.
    pub(crate) fn next(&mut self) -> Option<PieceIndex> {
        if self.checking.len() >= CHECKS_MAX {
            return None;
        }
        self.waiting.pop()
    }

    /// Notes the job that reads a piece back.
    pub(crate) fn checking(&mut self, job: JobId, piece: PieceIndex) {
        self.checking.insert(job, piece);
    }

    /// Notes how a job ended; `None` if it is none of these.
    pub(crate) fn checked(&mut self, job: JobId, is_right: impl FnOnce() -> bool) -> Option<Found> {
        let piece = self.checking.remove(&job)?;
        if !is_right() {
            return Some(Found::Lost(piece));
        }
        self.missing.remove(&piece);
        Some(Found::There(piece))
    }

    /// Notes that a piece is had again.
    pub(crate) fn restored(&mut self, piece: PieceIndex) {
        self.missing.remove(&piece);
    }

    /// Whether others may rightly think that we have a piece.
    pub(crate) fn was_offered(&self, piece: PieceIndex) -> bool {
        self.missing.contains(&piece)
    }
}

/// The pieces of a range.
pub(crate) fn pieces(
    range: &Range<u32>,
) -> impl DoubleEndedIterator<Item = PieceIndex> + Clone + use<> {
    range.clone().map(PieceIndex)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_piece_is_read_back_once_and_sixteen_at_a_time() {
        let mut doubts = Doubts::default();
        doubts.doubt(pieces(&(3..33)));
        let first: Vec<_> = (0..20)
            .filter_map(|job| {
                let piece = doubts.next()?;
                doubts.checking(JobId(job), piece);
                Some(piece.0)
            })
            .collect();
        assert_eq!(first, (3..19).collect::<Vec<_>>());
        assert!(doubts.was_offered(PieceIndex(3)) && doubts.was_offered(PieceIndex(32)));
        let found = doubts.checked(JobId(0), || true);
        assert_eq!(found, Some(Found::There(PieceIndex(3))));
        assert!(!doubts.was_offered(PieceIndex(3)));
        let found = doubts.checked(JobId(1), || false);
        assert_eq!(found, Some(Found::Lost(PieceIndex(4))));
        assert!(doubts.was_offered(PieceIndex(4)));
        doubts.restored(PieceIndex(4));
        assert!(!doubts.was_offered(PieceIndex(4)));
        assert_eq!(doubts.checked(JobId(1), || true), None);
        assert_eq!(doubts.next(), Some(PieceIndex(19)));
    }
}
