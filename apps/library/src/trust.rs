//! What of a journal can still be believed.
//!
//! A journal tells what was true when it was written. Since then the process or the machine may
//! have stopped at any moment, and anybody may have changed the files.
//!
//! - Pieces of the head were forced to the disk: they outlive the machine. Those recorded behind it
//!   were handed to the system: they outlive the process, in the same run of the machine.
//! - A file that stands as it was last seen was not touched. One that was touched later than the
//!   journal was touched by another. In between, it was us: pieces were written, and nobody lived
//!   to record them. After a clean stop there is no in between.

use bittorrent::bitfield::Bitfield;
use bittorrent::numbers::PieceIndex;

use crate::journal::{BootId, FileState, Journal};
use crate::placement::{Placement, Spot, Store};
use crate::states::States;

/// How much later than the journal a file may have been changed by ourselves: the driver writes a
/// piece, tells, and then the journal is written. It tells well within this time, which is also
/// the coarsest grain of file times in use (FAT). If a disk is slower still, pieces are verified
/// without need.
const SLACK_NANOS: i64 = 2_000_000_000;

/// What can be believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Trusted {
    /// The proven pieces that outlive the machine.
    pub(crate) durable: Bitfield,
    /// The other proven pieces.
    pub(crate) recent: Vec<PieceIndex>,
}

/// When and where a journal is read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reading {
    /// When the journal was last written, in nanoseconds since 1970.
    pub(crate) written_nanos: i64,
    /// This run of the machine, if that is known.
    pub(crate) boot: Option<BootId>,
}

impl Trusted {
    pub(crate) const fn nothing(pieces: u32) -> Self {
        Self {
            durable: Bitfield::none(pieces),
            recent: Vec::new(),
        }
    }

    /// Weighs a journal against the files as they stand now.
    pub(crate) fn of(
        journal: &Journal,
        reading: Reading,
        states: &States,
        placement: &Placement,
    ) -> Self {
        let mut trusted = Self::nothing(placement.info().piece_count());
        let is_proven = |piece: &PieceIndex| {
            placement
                .spots(*piece)
                .all(|spot| states.reaches(&spot) && is_ours(&spot, journal, reading, states))
        };
        for piece in journal.head.durable.iter().filter(is_proven) {
            trusted.durable.set(piece);
        }
        if reading.boot == Some(journal.head.boot) {
            let is_new = |piece: &PieceIndex| !trusted.durable.has(*piece);
            let recent = journal.recent.iter().copied();
            trusted.recent = recent.filter(is_new).filter(is_proven).collect();
        }
        trusted
    }
}

/// Tells whether what a stretch's file contains was written by us and nobody else.
fn is_ours(spot: &Spot, journal: &Journal, reading: Reading, states: &States) -> bool {
    let seen = journal.closed.as_ref().unwrap_or(&journal.head.states);
    let seen_file = seen.get(spot.file.0 as usize).copied();
    let (then, is_same_home) = match spot.store {
        Store::Parts => (seen.last().copied(), seen_file == Some(FileState::InParts)),
        Store::File(_) => (seen_file, seen_file != Some(FileState::InParts)),
    };
    let now = states.store(spot.store);
    let is_untouched = then == Some(now);
    let is_in_between = match now {
        FileState::Present { changed_nanos, .. } => {
            changed_nanos <= reading.written_nanos.saturating_add(SLACK_NANOS)
        }
        FileState::Absent | FileState::InParts => false,
    };
    is_same_home && (is_untouched || journal.closed.is_none() && is_in_between)
}
