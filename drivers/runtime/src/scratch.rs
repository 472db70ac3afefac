//! The memory that the network thread reads into: one buffer, used again and again.
//!
//! What was read goes to the node as [`Bytes`], which the node may keep. It seldom does: what it
//! wants it puts into slots within the same turn. So the buffer is free again after the turn, and
//! the next read goes into the same memory, which still lies in the cache. It is never zeroed
//! again and, while the node keeps nothing, nothing is allocated.

use bytes::{Bytes, BytesMut};

/// How much one read may bring, in bytes. It fits the second-level cache of every CPU of today
/// several times over, and on loopback a read seldom brings more.
pub(crate) const READ_MAX: usize = 256 * 1024;

/// How many buffers are watched for coming back. A node that keeps slices of more than that gets
/// fresh memory for each read.
const BUFFERS_MAX: usize = 4;

/// Lends buffers and takes them back when nobody holds a slice of them.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    lent: Vec<Bytes>,
}

impl Scratch {
    /// Hands out a buffer of [`READ_MAX`] bytes whose contents mean nothing.
    pub(crate) fn take(&mut self) -> BytesMut {
        if let Some(free) = self.lent.iter().position(Bytes::is_unique) {
            match self.lent.swap_remove(free).try_into_mut() {
                Ok(buffer) => return buffer,
                Err(kept) => drop(kept),
            }
        }
        if self.lent.len() == BUFFERS_MAX {
            self.lent.remove(0);
        }
        fresh()
    }

    /// Turns the first `len` bytes of a buffer into what the node gets, and remembers the buffer.
    pub(crate) fn lend(&mut self, buffer: BytesMut, len: usize) -> Bytes {
        let whole = buffer.freeze();
        let read = whole.slice(..len);
        self.lent.push(whole);
        read
    }

    /// Takes back a buffer that was not needed.
    pub(crate) fn put_back(&mut self, buffer: BytesMut) {
        self.lent.push(buffer.freeze());
    }

    /// Gives the memory back to the system, but for what the node still holds.
    pub(crate) fn release(&mut self) {
        self.lent.clear();
    }
}

/// A new buffer. It is split once so that it counts its holders from the start; else each round
/// of freezing and thawing would allocate that count anew.
fn fresh() -> BytesMut {
    let mut buffer = BytesMut::zeroed(READ_MAX + 1);
    drop(buffer.split_off(READ_MAX));
    buffer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_memory_serves_every_read() {
        let mut scratch = Scratch::default();
        let buffer = scratch.take();
        let first = buffer.as_ptr();
        drop(scratch.lend(buffer, 10));
        for _ in 0..100 {
            let buffer = scratch.take();
            assert_eq!(buffer.as_ptr(), first);
            assert_eq!(buffer.len(), READ_MAX);
            drop(scratch.lend(buffer, 3));
        }
    }

    #[test]
    fn what_a_node_keeps_is_not_overwritten() {
        let mut scratch = Scratch::default();
        let mut kept = Vec::new();
        for value in 0..10u8 {
            let mut buffer = scratch.take();
            buffer[0] = value;
            kept.push(scratch.lend(buffer, 1));
        }
        for (value, bytes) in (0..10u8).zip(&kept) {
            assert_eq!(bytes[..], [value]);
        }
        assert!(scratch.lent.len() <= BUFFERS_MAX);
    }
}
