//! A piece of the node's memory for pieces.

use bytes::Bytes;

use super::file::is_zero;
use super::ranges::Ranges;
use crate::config::Payload;

/// What is put together in a slot.
#[derive(Debug, Default)]
pub(crate) struct Slot {
    /// The bytes, if payload is real.
    bytes: Vec<u8>,
    /// Which bytes were put and are right, if it is shared.
    right: Ranges,
    state: State,
}

#[derive(Debug, Default, PartialEq, Eq)]
enum State {
    /// The node puts bytes in.
    #[default]
    Filling,
    /// The disk works on it.
    Taken,
}

impl Slot {
    /// Puts payload in.
    pub(crate) fn put(&mut self, payload: Payload, at: u32, bytes: &Bytes) {
        assert!(
            !self.is_taken(),
            "payload for a slot on which the disk works"
        );
        let start = at as usize;
        let end = start + bytes.len();
        match payload {
            Payload::Real => {
                if self.bytes.len() < end {
                    self.bytes.resize(end, 0);
                }
                self.bytes[start..end].copy_from_slice(bytes);
            }
            Payload::Shared if is_zero(bytes) => self.right.insert(start as u64..end as u64),
            Payload::Shared => self.right.remove(start as u64..end as u64),
        }
    }

    pub(crate) fn is_taken(&self) -> bool {
        self.state == State::Taken
    }

    /// The disk begins to work on it.
    pub(crate) fn take(&mut self) {
        assert!(!self.is_taken(), "two jobs for one slot");
        self.state = State::Taken;
    }

    /// The disk did not succeed: the slot stays as it was.
    pub(crate) fn give_back(&mut self) {
        self.state = State::Filling;
    }

    /// Appends the first `len` bytes, zeros where none were put.
    pub(crate) fn append_to(&self, len: u32, out: &mut Vec<u8>) {
        let end = out.len() + len as usize;
        out.extend_from_slice(&self.bytes[..self.bytes.len().min(len as usize)]);
        out.resize(end, 0);
    }

    /// Whether the first `len` bytes of shared payload were put, and are right.
    pub(crate) fn is_right(&self, len: u32) -> bool {
        self.right.contains(&(0..u64::from(len)))
    }
}
