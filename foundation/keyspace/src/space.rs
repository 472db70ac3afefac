//! Rings of fewer points, as the examples of the papers have them.

use crate::Id;

/// A ring of 2^m points, each at its place on the ring of 2^160.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Space {
    bits: u32,
}

impl Space {
    /// The ring on which live nodes are.
    pub const FULL: Self = Self { bits: Id::BITS };

    /// A ring of 2^`bits` points; at least 1 bit, at most 160.
    #[must_use]
    pub const fn of_bits(bits: u32) -> Self {
        let bits = if bits == 0 {
            1
        } else if bits > Id::BITS {
            Id::BITS
        } else {
            bits
        };
        Self { bits }
    }

    /// How many bits an id of this ring has.
    #[must_use]
    pub const fn bits(self) -> u32 {
        self.bits
    }

    /// The point with this number, modulo 2^m.
    #[must_use]
    pub fn id(self, number: u64) -> Id {
        let mut bytes = [0; Id::LEN];
        bytes[Id::LEN - 8..].copy_from_slice(&number.to_be_bytes());
        shifted_left(Id::from_bytes(bytes), Id::BITS - self.bits)
    }

    /// The point that a digest names: its upper m bits.
    #[must_use]
    pub fn of_digest(self, digest: [u8; Id::LEN]) -> Id {
        let digest = Id::from_bytes(digest);
        let unused = Id::BITS - self.bits;
        shifted_left(shifted_right(digest, unused), unused)
    }

    /// The number of a point of this ring; the lower 64 bits of it, should it have more.
    #[must_use]
    pub fn number(self, id: Id) -> u64 {
        let bytes = shifted_right(id, Id::BITS - self.bits).to_bytes();
        bytes[Id::LEN - 8..]
            .iter()
            .fold(0, |number, &byte| number << 8 | u64::from(byte))
    }

    /// 2^`level` steps of this ring, `level` from 0 to m - 1: how far a finger reaches.
    #[must_use]
    pub const fn step(self, level: u32) -> Id {
        Id::power_of_two(level + (Id::BITS - self.bits))
    }

    /// The highest level whose [`step`](Self::step) is no longer than a distance of this ring;
    /// none if the distance is zero.
    #[must_use]
    pub const fn level(self, distance: Id) -> Option<u32> {
        match distance.log2() {
            Some(highest) => highest.checked_sub(Id::BITS - self.bits),
            None => None,
        }
    }
}

fn shifted_left(id: Id, bits: u32) -> Id {
    (0..bits).fold(id, |id, _| id.plus(id))
}

fn shifted_right(id: Id, bits: u32) -> Id {
    (0..bits).fold(id, |id, _| id.half())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_ring_lies_on_the_large_one() {
        let ring = Space::of_bits(6);
        for number in 0..64 {
            assert_eq!(ring.number(ring.id(number)), number);
            assert_eq!(ring.id(number + 64), ring.id(number));
        }
        assert_eq!(ring.id(63).plus(ring.id(1)), Id::ZERO);
        assert_eq!(ring.of_digest([0xff; Id::LEN]), ring.id(63));
    }

    #[test]
    fn levels_are_those_of_the_ring() {
        let ring = Space::of_bits(6);
        assert_eq!(ring.number(ring.step(0)), 1);
        assert_eq!(ring.number(ring.step(5)), 32);
        assert_eq!(ring.level(ring.id(40)), Some(5));
        assert_eq!(ring.level(ring.id(1)), Some(0));
        assert_eq!(ring.level(Id::ZERO), None);
        assert_eq!(Space::FULL.step(159), Id::power_of_two(159));
    }

    #[test]
    fn a_space_has_at_least_a_bit() {
        assert_eq!(Space::of_bits(0).bits(), 1);
        assert_eq!(Space::of_bits(1000), Space::FULL);
    }
}
