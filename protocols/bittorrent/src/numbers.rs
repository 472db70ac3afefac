//! The names and numbers that every room of this crate uses: hashes, ids, pieces and blocks.

use core::fmt;

/// The bytes that one request asks for, unless the piece ends sooner (spec section 8): 16 KiB.
pub const BLOCK_LEN: u32 = 16 * 1024;

/// Names a torrent: the SHA-1 of the bytes of its `info` dictionary, exactly as they stand in the file (BEP 3).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InfoHash(pub [u8; 20]);

/// Names one run of one client; twenty bytes, of which the first eight tell the program by custom (BEP 20).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerId(pub [u8; 20]);

/// The number of a piece within its torrent, from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PieceIndex(pub u32);

/// A part of one piece, as requests and cancels name it: usually [`BLOCK_LEN`] bytes at a multiple of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Block {
    /// The piece that the block is part of.
    pub piece: PieceIndex,
    /// Where the block begins within the piece, in bytes.
    pub begin: u32,
    /// How many bytes it has.
    pub len: u32,
}

impl fmt::Display for InfoHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for InfoHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "InfoHash({self})")
    }
}

impl fmt::Debug for PeerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PeerId({})", self.0.escape_ascii())
    }
}

impl fmt::Display for PieceIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "piece {}", self.0)
    }
}
