//! One number for a whole run: equal numbers, equal runs.
//!
//! Each input is hashed with its moment, its node and the number of the turn, and the hashes are
//! added up. A sum does not depend on the order of the inputs of different nodes in one tick, so
//! it is the same when nodes are spread over cores; the turn's number keeps the order of
//! the inputs of one node.

use crate::chance::mix;
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
    pub(crate) number: u32,
}

impl TraceHash {
    /// Adds one input: `subject` is what it is about, as its connection or its sender.
    #[inline]
    pub(crate) fn add(&mut self, turn: Turn, kind: Kind, subject: u64, bytes: &[u8]) {
        let place = u64::from(turn.node.0) << 32 | u64::from(turn.number);
        let mut hash = mix(turn.tick.0 << 8 | kind as u64, place);
        hash = mix(hash, subject);
        if !bytes.is_empty() {
            hash = mix(hash, bytes.len() as u64);
            let prefix = &bytes[..bytes.len().min(PREFIX_LEN)];
            let (words, rest) = prefix.as_chunks();
            for &word in words {
                hash = mix(hash, u64::from_le_bytes(word));
            }
            for &byte in rest {
                hash = mix(hash, u64::from(byte));
            }
        }
        self.0 = self.0.wrapping_add(hash);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(tick: u64, node: u32, number: u32, bytes: &[u8]) -> u64 {
        let mut trace = TraceHash(0);
        let turn = Turn {
            tick: Tick(tick),
            node: NodeId(node),
            number,
        };
        trace.add(turn, Kind::Received, 1, bytes);
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
            trace.add(turn, Kind::Wake, 0, &[]);
        };
        let (mut one, mut other) = (TraceHash(0), TraceHash(0));
        add(&mut one, 1);
        add(&mut one, 2);
        add(&mut other, 2);
        add(&mut other, 1);
        assert_eq!(one, other);
    }
}
