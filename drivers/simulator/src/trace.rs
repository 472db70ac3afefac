//! One number for a whole run: equal numbers, equal runs.
//!
//! Each input is hashed with its moment, its node and the number of the turn, and the hashes are
//! added up. A sum does not depend on the order of the inputs of different nodes in one tick, so
//! it will stay the same when nodes are spread over cores; the turn's number keeps the order of
//! the inputs of one node.

use crate::engine::event::NodeId;
use crate::engine::wheel::Tick;

/// The hash of a run so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TraceHash(pub u64);

/// The bytes of an input longer than this are told apart by their beginning and their length.
const PREFIX_LEN: usize = 32;

/// What kind of input it was.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    Command = 1,
    Message,
    Garbled,
    Accepted,
    Connected,
    Received,
    Flushed,
    Closed,
    Disk,
    Resolved,
    Wake,
}

/// Where and when an input came.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Turn {
    pub(crate) tick: Tick,
    pub(crate) node: NodeId,
    pub(crate) number: u64,
}

impl TraceHash {
    /// Adds one input: `subject` is its connection or job, `len` its length.
    pub(crate) fn add(&mut self, turn: Turn, kind: Kind, subject: u64, len: usize, bytes: &[u8]) {
        let mut hash = mix(turn.tick.0, 0x9e37_79b9_7f4a_7c15);
        hash = mix(hash ^ u64::from(turn.node.0), turn.number);
        hash = mix(hash ^ subject, (len as u64) << 8 | kind as u64);
        let prefix = &bytes[..bytes.len().min(PREFIX_LEN)];
        let (words, rest) = prefix.as_chunks();
        for &word in words {
            hash = mix(hash, u64::from_le_bytes(word));
        }
        for &byte in rest {
            hash = mix(hash, u64::from(byte));
        }
        self.0 = self.0.wrapping_add(mix(hash, 0xd6e8_feb8_6659_fd93));
    }
}

/// Folds the 128-bit product of both, each first made odd enough not to vanish.
const fn mix(a: u64, b: u64) -> u64 {
    let product = ((a ^ 0xa076_1d64_78bd_642f) as u128) * ((b ^ 0xe703_7ed1_a0b4_28db) as u128);
    (product as u64) ^ (product >> 64) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(tick: u64, node: u32, number: u64, bytes: &[u8]) -> u64 {
        let mut trace = TraceHash(0);
        let turn = Turn {
            tick: Tick(tick),
            node: NodeId(node),
            number,
        };
        trace.add(turn, Kind::Received, 1, bytes.len(), bytes);
        trace.0
    }

    #[test]
    fn every_part_of_an_input_counts() {
        let all = [
            hash(1, 2, 3, b"bytes"),
            hash(2, 2, 3, b"bytes"),
            hash(1, 3, 3, b"bytes"),
            hash(1, 2, 4, b"bytes"),
            hash(1, 2, 3, b"bytez"),
            hash(1, 2, 3, b"bytes\0"),
            hash(2, 1, 3, b"bytes"),
        ];
        for (index, one) in all.iter().enumerate() {
            assert!(!all[..index].contains(one), "{index} equals an earlier one");
        }
    }

    #[test]
    fn the_order_of_different_nodes_does_not_count() {
        let add = |trace: &mut TraceHash, node| {
            let turn = Turn {
                tick: Tick(1),
                node: NodeId(node),
                number: 1,
            };
            trace.add(turn, Kind::Wake, 0, 0, &[]);
        };
        let (mut one, mut other) = (TraceHash(0), TraceHash(0));
        add(&mut one, 1);
        add(&mut one, 2);
        add(&mut other, 2);
        add(&mut other, 1);
        assert_eq!(one, other);
    }
}
