//! How the content of a torrent is cut: into pieces, and those into blocks (spec sections 8 and
//! 24).
//!
//! All pieces have one length but the last, which may be shorter; all blocks have [`BLOCK_LEN`]
//! bytes but the last of each piece. So two numbers tell everything, and nothing needs a table.

use crate::numbers::{BLOCK_LEN, Block, PieceIndex};

/// The cut of one torrent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    total_len: u64,
    piece_len: u32,
    pieces: u32,
}

impl Layout {
    /// Cuts `total_len` bytes into pieces of `piece_len` bytes.
    ///
    /// A `piece_len` of zero is taken as one; pieces beyond the 32 bits of an index are cut off.
    /// The reader of the metainfo refuses both.
    #[must_use]
    pub fn new(total_len: u64, piece_len: u32) -> Self {
        let piece_len = piece_len.max(1);
        let pieces = total_len.div_ceil(u64::from(piece_len));
        Self {
            total_len,
            piece_len,
            pieces: u32::try_from(pieces).unwrap_or(u32::MAX),
        }
    }

    /// Tells how many pieces there are.
    #[must_use]
    pub const fn pieces(&self) -> u32 {
        self.pieces
    }

    /// Tells how many bytes all pieces have together.
    #[must_use]
    pub const fn total_len(&self) -> u64 {
        self.total_len
    }

    /// Tells how many bytes every piece but the last has.
    #[must_use]
    pub const fn piece_len(&self) -> u32 {
        self.piece_len
    }

    /// Tells how many bytes `piece` has; zero if there is no such piece.
    #[must_use]
    pub fn len_of(&self, piece: PieceIndex) -> u32 {
        let begin = u64::from(piece.0) * u64::from(self.piece_len);
        let rest = self.total_len.saturating_sub(begin);
        u32::try_from(rest).map_or(self.piece_len, |rest| rest.min(self.piece_len))
    }

    /// Tells of how many blocks `piece` consists; zero if there is no such piece.
    #[must_use]
    pub fn blocks_of(&self, piece: PieceIndex) -> u32 {
        self.len_of(piece).div_ceil(BLOCK_LEN)
    }

    /// Names the block of `piece` with the number `index`, from 0; it is empty beyond the end.
    #[must_use]
    pub fn block(&self, piece: PieceIndex, index: u32) -> Block {
        let begin = index.saturating_mul(BLOCK_LEN);
        let len = self.len_of(piece).saturating_sub(begin).min(BLOCK_LEN);
        Block { piece, begin, len }
    }

    /// Tells the number of `block` within its piece, if it is a block of this cut, whole and in its
    /// place.
    #[must_use]
    pub fn index_of(&self, block: Block) -> Option<u32> {
        let index = block.begin / BLOCK_LEN;
        (block.len > 0 && self.block(block.piece, index) == block).then_some(index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAYOUT: Layout = Layout {
        total_len: 100_000,
        piece_len: 65_536,
        pieces: 2,
    };

    #[test]
    fn the_last_piece_and_the_last_block_are_shorter() {
        assert_eq!(Layout::new(100_000, 65_536), LAYOUT);
        assert_eq!(
            [0, 1, 2].map(|piece| LAYOUT.len_of(PieceIndex(piece))),
            [65_536, 34_464, 0]
        );
        assert_eq!(
            [0, 1, 2].map(|piece| LAYOUT.blocks_of(PieceIndex(piece))),
            [4, 3, 0]
        );
        let last = Block {
            piece: PieceIndex(1),
            begin: 32_768,
            len: 1_696,
        };
        assert_eq!(LAYOUT.block(PieceIndex(1), 2), last);
        assert_eq!(LAYOUT.index_of(last), Some(2));
    }

    #[test]
    fn a_block_out_of_place_is_no_block() {
        for (piece, begin, len) in [
            (0, 1, BLOCK_LEN),
            (0, 0, 1),
            (0, 65_536, BLOCK_LEN),
            (1, 32_768, BLOCK_LEN),
            (2, 0, 0),
        ] {
            assert_eq!(
                LAYOUT.index_of(Block {
                    piece: PieceIndex(piece),
                    begin,
                    len
                }),
                None
            );
        }
        let far = Block {
            piece: PieceIndex(u32::MAX),
            begin: u32::MAX,
            len: u32::MAX,
        };
        assert_eq!(LAYOUT.index_of(far), None);
    }
}
