//! What is proven, and how that survives the process and the machine.

use std::ops::Range;
use std::sync::Arc;

use bittorrent::bitfield::Bitfield;
use bittorrent::numbers::PieceIndex;

use crate::{LibraryError, Placement};

/// What is proven of a torrent in a folder, while this process alone may write there.
#[derive(Debug)]
pub struct Resume {
    proven: Bitfield,
    doubtful: Vec<PieceIndex>,
}

/// What is known without reading the files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recollection {
    /// The pieces that are proven to be right.
    pub proven: Bitfield,
    /// The pieces that have bytes on the disk but no proof: to be verified.
    pub doubtful: Vec<PieceIndex>,
}

/// Looks up what is known; locks, makes and changes nothing.
///
/// # Errors
/// When a file that is there cannot be looked at.
pub fn recall(placement: &Placement) -> Result<Recollection, LibraryError> {
    Ok(Recollection {
        proven: Bitfield::none(placement.info().piece_count()),
        doubtful: Vec::new(),
    })
}

impl Resume {
    /// Takes the torrent in this folder for this process, makes what needs no bytes (empty files,
    /// links, modes), and finds out what is proven.
    ///
    /// # Errors
    /// [`LibraryError::Locked`] while another process has it; when something cannot be made.
    pub fn open(placement: Arc<Placement>) -> Result<Self, LibraryError> {
        let Recollection { proven, doubtful } = recall(&placement)?;
        Ok(Self { proven, doubtful })
    }

    /// Gives the pieces that are proven to be right.
    #[must_use]
    pub const fn proven(&self) -> &Bitfield {
        &self.proven
    }

    /// Lists the pieces that had bytes on the disk but no proof when this was opened: to be
    /// verified before they are asked for.
    #[must_use]
    pub fn doubtful(&self) -> &[PieceIndex] {
        &self.doubtful
    }

    /// Notes the pieces that were found to be right on the disk.
    ///
    /// # Errors
    /// As [`Resume::stored`].
    pub fn proved(&mut self, good: &Bitfield) -> Result<(), LibraryError> {
        good.iter().try_for_each(|piece| self.stored(piece))
    }

    /// Notes a piece that was verified and written.
    ///
    /// # Errors
    /// When the journal cannot be written; the piece is noted all the same, and is written with
    /// the next that can.
    pub fn stored(&mut self, piece: PieceIndex) -> Result<(), LibraryError> {
        self.proven.set(piece);
        Ok(())
    }

    /// Notes pieces that can no longer be read.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub fn lost(&mut self, pieces: Range<u32>) -> Result<(), LibraryError> {
        for piece in pieces {
            self.proven.clear(PieceIndex(piece));
        }
        Ok(())
    }

    /// Makes what was stored so far survive even the end of the machine: waits until the files are
    /// on the disk. Every five minutes is often enough.
    ///
    /// # Errors
    /// When the files cannot be synced or the journal cannot be written; all that was noted stays
    /// noted.
    pub fn checkpoint(&mut self) -> Result<(), LibraryError> {
        Ok(())
    }

    /// Takes leave: a checkpoint that needs no second look next time, and the lock is given back.
    /// Only when nobody writes to the files any more.
    ///
    /// # Errors
    /// As [`Resume::checkpoint`].
    pub fn finish(mut self) -> Result<(), LibraryError> {
        self.checkpoint()
    }
}
