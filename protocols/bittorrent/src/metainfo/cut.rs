//! How a row of bytes is cut: into pieces, and those into blocks (spec sections 2 and 8).
//!
//! All pieces have one length but the last, which may be shorter; all blocks have [`BLOCK_LEN`]
//! bytes but the last of each piece. So two numbers tell everything, and nothing needs a table.

use crate::numbers::{BLOCK_LEN, Block, PieceIndex};

/// The cut of one torrent: a copy of it is as good as the torrent's [`Layout`](super::Layout) for
/// whoever does not ask for files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cut {
    len: u64,
    piece_length: u32,
}

impl Cut {
    /// Cuts `len` bytes into pieces of `piece_length` bytes.
    ///
    /// A `piece_length` of zero is taken as one. Pieces beyond the 32 bits of an index are not
    /// counted; a [`Layout`](super::Layout) refuses such torrents.
    #[must_use]
    pub const fn new(len: u64, piece_length: u32) -> Self {
        let piece_length = if piece_length == 0 { 1 } else { piece_length };
        Self { len, piece_length }
    }

    /// Tells how many bytes there are, padding included.
    #[must_use]
    pub const fn len(&self) -> u64 {
        self.len
    }

    /// Tells whether there are no bytes at all.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Tells the length of all pieces but the last, in bytes.
    #[must_use]
    pub const fn piece_length(&self) -> u32 {
        self.piece_length
    }

    /// Tells how many pieces there are.
    #[must_use]
    pub const fn piece_count(&self) -> u32 {
        let pieces = self.len.div_ceil(self.piece_length as u64);
        if pieces > u32::MAX as u64 {
            u32::MAX
        } else {
            pieces as u32
        }
    }

    /// Tells where a piece begins in the row, in bytes.
    #[must_use]
    pub fn piece_start(&self, piece: PieceIndex) -> u64 {
        u64::from(piece.0) * u64::from(self.piece_length)
    }

    /// Tells the length of one piece in bytes; 0 for one that does not exist.
    #[must_use]
    pub fn piece_len(&self, piece: PieceIndex) -> u32 {
        let left = self.len.saturating_sub(self.piece_start(piece));
        u64::from(self.piece_length).min(left) as u32
    }

    /// Tells how many blocks a piece has; 0 for one that does not exist.
    #[must_use]
    pub fn block_count(&self, piece: PieceIndex) -> u32 {
        self.piece_len(piece).div_ceil(BLOCK_LEN)
    }

    /// Tells the block of a piece by its number from 0; `None` if the piece has no such block.
    #[must_use]
    pub fn block(&self, piece: PieceIndex, number: u32) -> Option<Block> {
        let begin = number.checked_mul(BLOCK_LEN)?;
        let left = self
            .piece_len(piece)
            .checked_sub(begin)
            .filter(|left| *left > 0)?;
        Some(Block {
            piece,
            begin,
            len: left.min(BLOCK_LEN),
        })
    }

    /// Tells the number of a block within its piece, if it is a block of this cut, whole and in its
    /// place.
    #[must_use]
    pub fn number_of(&self, block: Block) -> Option<u32> {
        let number = block.begin / BLOCK_LEN;
        (self.block(block.piece, number) == Some(block)).then_some(number)
    }

    /// Tells whether a block, whole or not, has at least one byte and lies within a piece that
    /// exists.
    #[must_use]
    pub fn contains(&self, block: Block) -> bool {
        let end = block.begin.checked_add(block.len);
        block.len > 0 && end.is_some_and(|end| end <= self.piece_len(block.piece))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CUT: Cut = Cut::new(100_000, 65_536);

    fn block(piece: u32, begin: u32, len: u32) -> Block {
        let piece = PieceIndex(piece);
        Block { piece, begin, len }
    }

    #[test]
    fn the_last_piece_and_the_last_block_are_shorter() {
        let all = |tell: fn(PieceIndex) -> u32| [0, 1, 2].map(|piece| tell(PieceIndex(piece)));
        assert_eq!(all(|piece| CUT.piece_len(piece)), [65_536, 34_464, 0]);
        assert_eq!(all(|piece| CUT.block_count(piece)), [4, 3, 0]);
        let last = block(1, 32_768, 1_696);
        assert_eq!(CUT.block(PieceIndex(1), 2), Some(last));
        assert_eq!(CUT.number_of(last), Some(2));
        assert_eq!(CUT.block(PieceIndex(1), 3), None);
        assert_eq!(CUT.block(PieceIndex(2), 0), None);
    }

    #[test]
    fn a_block_out_of_place_has_no_number() {
        for nonsense in [
            block(0, 1, BLOCK_LEN),
            block(0, 0, 1),
            block(0, 65_536, BLOCK_LEN),
            block(1, 32_768, BLOCK_LEN),
            block(2, 0, 0),
            block(u32::MAX, u32::MAX, u32::MAX),
        ] {
            assert_eq!(CUT.number_of(nonsense), None, "{nonsense:?}");
        }
    }

    #[test]
    fn a_stretch_may_lie_anywhere_within_its_piece() {
        assert!(CUT.contains(block(0, 1, 65_535)) && CUT.contains(block(1, 34_463, 1)));
        assert!(!CUT.contains(block(0, 0, 0)) && !CUT.contains(block(0, 1, 65_536)));
        assert!(!CUT.contains(block(1, 34_463, 2)));
        assert!(!CUT.contains(block(0, u32::MAX, 2)) && !CUT.contains(block(u32::MAX, 0, 1)));
    }
}
