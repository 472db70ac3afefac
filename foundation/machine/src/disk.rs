//! The path of bulk payload: from the wire into slots, from slots to files, from files to the wire.
//!
//! The node decides, the driver moves. Payload that arrives is put into a *slot*, a piece of the
//! driver's memory that the node chose by number ([`Io::put`](crate::Io::put)); when a piece is
//! whole, one [`DiskWork::Store`] hashes it while it is still in memory and writes it only if the
//! hash is right. Sending goes straight from the file ([`Io::send_span`](crate::Io::send_span)).
//! The driver gathers the pieces that wait and hashes up to sixteen side by side.
//!
//! A node never asks for more than it has slots for: *no free slot means no request*, and that is
//! the whole of the back-pressure.

use alloc::boxed::Box;

use bytes::Bytes;
use smallvec::SmallVec;

use crate::{ChainId, FileId, SlotId};

/// A SHA-1 digest.
pub type Digest = [u8; 20];

/// The length of the parts that [`BlockDigests`] are taken of: what peers request at a time.
pub const DIGEST_BLOCK_LEN: u32 = 16 * 1024;

/// How much memory for pieces the driver lends: the node and its driver are given the same plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SlotPlan {
    /// How many slots there are; ids run from 0 to `count - 1`. Untouched slots cost nothing.
    pub count: u16,
    /// How many bytes a slot has.
    pub len: u32,
}

/// A stretch of one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FileSpan {
    /// The file.
    pub file: FileId,
    /// Where the stretch begins, in bytes.
    pub offset: u64,
    /// How many bytes it has.
    pub len: u32,
}

/// What the bytes of a piece must hash to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// The SHA-1 of the whole (BEP 3).
    Sha1 {
        /// What it must be.
        digest: Digest,
        /// When to report the digests of the piece's blocks as well.
        blocks: BlockDigests,
    },
}

/// When to take the digest of each block of [`DIGEST_BLOCK_LEN`] bytes too: they tell, after a
/// piece was wrong and then right, which block lied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BlockDigests {
    /// Only when the whole is wrong.
    WhenWrong,
    /// Always: the piece was wrong before.
    Always,
}

/// Work for the disk. Spans are in the order of the bytes; the lengths of slots and spans add up
/// to the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DiskWork {
    /// Hashes what the slots hold; writes it if it is as expected, and gives the slots back.
    ///
    /// After an error the slots keep their contents and stay taken: ask again, or
    /// [`Io::free`](crate::Io::free) them.
    Store {
        /// The slots in order, with the bytes used of each.
        slots: SmallVec<[(SlotId, u32); 1]>,
        /// What they must hash to.
        expect: Expect,
        /// Where they go.
        to: SmallVec<[FileSpan; 1]>,
    },
    /// For pieces too long to be held whole: mixes a full slot into the chain, writes it, and
    /// gives it back. What is written is to be trusted only after [`DiskWork::Finish`].
    Extend {
        /// The growing hash; its first use begins it. Slots must come in order.
        chain: ChainId,
        /// The slot.
        slot: SlotId,
        /// The bytes used of it.
        len: u32,
        /// Where they go.
        to: SmallVec<[FileSpan; 1]>,
    },
    /// Ends a chain.
    Finish {
        /// Which one; the number may then be used for another.
        chain: ChainId,
        /// What it must hash to. (Block digests are not reported for chains.)
        expect: Expect,
    },
    /// Reads a piece back and hashes it.
    Check {
        /// Where it lies.
        from: SmallVec<[FileSpan; 1]>,
        /// What it must hash to.
        expect: Expect,
    },
    /// Reads a stretch into memory.
    Read {
        /// Which one.
        span: FileSpan,
    },
}

/// A disk job that went well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DiskDone {
    /// The hash was right, the bytes are written and the slots are free.
    Stored {
        /// The digests of the blocks, if [`BlockDigests::Always`] asked for them, else empty.
        blocks: Box<[Digest]>,
    },
    /// The slot is written and free.
    Extended,
    /// The chain's hash was right.
    Finished,
    /// The bytes on the disk are right.
    Checked,
    /// What was read: exactly as long as the span.
    Read(Bytes),
}

/// A disk job that did not go well.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DiskError {
    /// The hash is wrong. Nothing was written (but by [`DiskWork::Extend`]).
    #[error("the bytes do not have the expected hash")]
    Mismatch {
        /// The digests of the blocks as they came; empty for chains.
        blocks: Box<[Digest]>,
    },
    /// The file system is full, or the user's share of it.
    #[error("no space left on the device (file {0:?})")]
    NoSpace(FileId),
    /// The file may not be read or written.
    #[error("permission denied (file {0:?})")]
    Denied(FileId),
    /// The file is not there, or is too short for the span.
    #[error("file {0:?} is missing or too short")]
    Missing(FileId),
    /// Anything else; the text is the system's.
    #[error("file {file:?}: {message}")]
    Failed {
        /// The file.
        file: FileId,
        /// What the system says.
        message: Box<str>,
    },
}
