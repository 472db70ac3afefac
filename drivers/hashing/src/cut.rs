//! How content is cut into pieces.

use std::num::NonZero;
use std::ops::Range;

use thiserror::Error;

/// The number of a piece, from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PieceIndex(pub u32);

/// Content of some length cut into equal pieces, of which the last may be shorter (BEP 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    content_bytes: u64,
    piece_bytes: NonZero<u64>,
    pieces: u32,
}

/// Why content cannot be cut so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum CutError {
    /// A piece would be empty.
    #[error("pieces of 0 bytes")]
    PieceEmpty,
    /// An index of 32 bits, as on the wire, cannot number the pieces.
    #[error("{content_bytes} bytes in pieces of {piece_bytes} are more than 2^32 - 1 pieces")]
    TooManyPieces {
        /// The length of the content.
        content_bytes: u64,
        /// The length of a piece.
        piece_bytes: u64,
    },
}

impl Cut {
    /// Cuts `content_bytes` into pieces of `piece_bytes`.
    ///
    /// # Errors
    /// If `piece_bytes` is 0, or so small that 32 bits cannot number the pieces.
    pub fn new(content_bytes: u64, piece_bytes: u64) -> Result<Self, CutError> {
        let piece_bytes = NonZero::new(piece_bytes).ok_or(CutError::PieceEmpty)?;
        let pieces = content_bytes
            .div_ceil(piece_bytes.get())
            .try_into()
            .map_err(|_| CutError::TooManyPieces {
                content_bytes,
                piece_bytes: piece_bytes.get(),
            })?;
        Ok(Self {
            content_bytes,
            piece_bytes,
            pieces,
        })
    }

    /// Returns the length of the content in bytes.
    #[must_use]
    pub fn content_bytes(self) -> u64 {
        self.content_bytes
    }

    /// Returns the length of each piece but the last, in bytes.
    #[must_use]
    pub fn piece_bytes(self) -> u64 {
        self.piece_bytes.get()
    }

    /// Returns the number of pieces.
    #[must_use]
    pub fn pieces(self) -> u32 {
        self.pieces
    }

    /// Lists all pieces in order.
    #[must_use]
    pub fn all(self) -> Vec<PieceIndex> {
        (0..self.pieces).map(PieceIndex).collect()
    }

    /// Returns where a piece lies in the content, or `None` for a piece that there is not.
    #[must_use]
    pub fn span(self, piece: PieceIndex) -> Option<Range<u64>> {
        if piece.0 >= self.pieces {
            return None;
        }
        // Cannot overflow: a piece that there is begins before the end of the content.
        let start = u64::from(piece.0) * self.piece_bytes.get();
        let end = start
            .saturating_add(self.piece_bytes.get())
            .min(self.content_bytes);
        Some(start..end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn last_piece_is_shorter() {
        let cut = Cut::new(10, 4).unwrap();
        let spans: Vec<_> = cut
            .all()
            .into_iter()
            .map(|piece| cut.span(piece).unwrap())
            .collect();
        assert_eq!(spans, [0..4, 4..8, 8..10]);
        assert_eq!(cut.span(PieceIndex(3)), None);
    }

    #[test]
    fn borders_of_the_numbers() {
        assert_eq!(Cut::new(10, 0), Err(CutError::PieceEmpty));
        assert_eq!(Cut::new(0, 4).unwrap().pieces(), 0);
        assert_eq!(Cut::new(u64::from(u32::MAX), 1).unwrap().pieces(), u32::MAX);
        let too_many = CutError::TooManyPieces {
            content_bytes: 1 << 32,
            piece_bytes: 1,
        };
        assert_eq!(Cut::new(1 << 32, 1), Err(too_many));
        let whole = Cut::new(u64::MAX, u64::MAX).unwrap();
        assert_eq!(whole.span(PieceIndex(0)), Some(0..u64::MAX));
    }
}
