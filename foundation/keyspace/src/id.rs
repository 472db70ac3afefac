//! A point of the ring of 2^160, and where it lies between others.
//!
//! Lookups in a simulated ring of a million nodes do hardly anything but ask whether one id lies
//! between two others. So an id is three machine words, a comparison is one subtraction with
//! borrow, and the interval tests are free of branches: which way they go is as good as random.

use core::cmp::Ordering;
use core::fmt;

/// A point of the ring of 2^160.
///
/// It is ordered as a number. On a ring no order is natural, so most questions are asked with
/// [`is_between`](Self::is_between) or of a [`distance_to`](Self::distance_to).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Id {
    /// Least significant first. Words of four bytes make it 20 bytes long, without padding; next
    /// to each other they are read as eight.
    words: [u32; Self::WORDS],
}

impl Id {
    /// How many bits an id has: as many as a SHA-1 digest.
    pub const BITS: u32 = 160;
    /// The same in bytes.
    pub const LEN: usize = 20;
    const WORDS: usize = 5;

    /// The point at which the ring begins.
    pub const ZERO: Self = Self {
        words: [0; Self::WORDS],
    };
    /// The last point before the ring begins again.
    pub const MAX: Self = Self {
        words: [u32::MAX; Self::WORDS],
    };

    /// Reads a big-endian number: a digest is an id as it is.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; Self::LEN]) -> Self {
        let b = bytes;
        Self {
            words: [
                u32::from_be_bytes([b[16], b[17], b[18], b[19]]),
                u32::from_be_bytes([b[12], b[13], b[14], b[15]]),
                u32::from_be_bytes([b[8], b[9], b[10], b[11]]),
                u32::from_be_bytes([b[4], b[5], b[6], b[7]]),
                u32::from_be_bytes([b[0], b[1], b[2], b[3]]),
            ],
        }
    }

    /// Writes a big-endian number.
    #[must_use]
    pub fn to_bytes(self) -> [u8; Self::LEN] {
        let mut bytes = [0; Self::LEN];
        for (chunk, word) in bytes.chunks_exact_mut(4).zip(self.words.iter().rev()) {
            chunk.copy_from_slice(&word.to_be_bytes());
        }
        bytes
    }

    /// 2^`exponent`; zero, which is 2^160 on the ring, from 160 on.
    #[must_use]
    pub const fn power_of_two(exponent: u32) -> Self {
        let mut words = [0; Self::WORDS];
        if exponent < Self::BITS {
            words[(exponent / 32) as usize] = 1 << (exponent % 32);
        }
        Self { words }
    }

    /// The upper 64 bits: enough to tell the nodes of one host, or those of a small ring, apart.
    #[must_use]
    #[inline]
    pub const fn prefix(self) -> u64 {
        self.limbs().0
    }

    /// The exponent of the highest power of two within the number; none in zero.
    #[must_use]
    #[inline]
    pub const fn log2(self) -> Option<u32> {
        let (high, middle, low) = self.limbs();
        if high != 0 {
            Some(159 - high.leading_zeros())
        } else if middle != 0 {
            Some(95 - middle.leading_zeros())
        } else if low != 0 {
            Some(31 - low.leading_zeros())
        } else {
            None
        }
    }

    /// Whether the number is a power of two.
    #[must_use]
    #[inline]
    pub const fn is_power_of_two(self) -> bool {
        let (high, middle, low) = self.limbs();
        high.count_ones() + middle.count_ones() + low.count_ones() == 1
    }

    /// How many leading bits two ids have in common: the row of Pastry's table (times the digit's
    /// length), the bucket of Kademlia's.
    #[must_use]
    pub const fn common_prefix_len(self, other: Self) -> u32 {
        match self.xor(other).log2() {
            Some(highest) => Self::BITS - 1 - highest,
            None => Self::BITS,
        }
    }

    /// The point so far clockwise from here, modulo 2^160.
    #[must_use]
    #[inline]
    pub const fn plus(self, distance: Self) -> Self {
        let (a, b) = (self.limbs(), distance.limbs());
        let (low, carry) = a.2.overflowing_add(b.2);
        let (middle, over) = a.1.overflowing_add(b.1);
        let (middle, over_again) = middle.overflowing_add(carry as u64);
        let high = a.0.wrapping_add(b.0);
        Self::of_limbs(high.wrapping_add((over | over_again) as u64), middle, low)
    }

    /// How far it is clockwise from here to `other`: `(other - self) mod 2^160`, Chord's distance.
    #[must_use]
    #[inline]
    pub const fn distance_to(self, other: Self) -> Self {
        let ((high, middle, low), _) = other.minus(self);
        Self::of_limbs(high, middle, low)
    }

    /// Kademlia's distance: the bits in which two ids differ, as a number.
    #[must_use]
    #[inline]
    pub const fn xor(self, other: Self) -> Self {
        let (a, b) = (self.limbs(), other.limbs());
        Self::of_limbs(a.0 ^ b.0, a.1 ^ b.1, a.2 ^ b.2)
    }

    /// Half the number, rounded down.
    #[must_use]
    pub const fn half(self) -> Self {
        let (high, middle, low) = self.limbs();
        Self::of_limbs(
            high >> 1,
            (high << 63) | (middle >> 1),
            ((middle as u32) << 31) | (low >> 1),
        )
    }

    /// The point halfway clockwise from here to `other`; half the ring away if they are the same.
    #[must_use]
    pub fn midpoint_to(self, other: Self) -> Self {
        if self == other {
            return self.plus(Self::power_of_two(Self::BITS - 1));
        }
        self.plus(self.distance_to(other).half())
    }

    /// Whether this point lies in (a, b): clockwise after `a` and before `b`. If they are the
    /// same, that is the whole ring but `a`.
    #[must_use]
    #[inline]
    pub const fn is_between(self, a: Self, b: Self) -> bool {
        let to_self = a.distance_to(self);
        let to_b = a.distance_to(b);
        !to_self.is_zero() & (to_b.is_zero() | to_self.is_less(to_b))
    }

    /// Whether this point lies in (a, b]: the keys that a node `b` with the predecessor `a` owns.
    /// If they are the same, that is the whole ring.
    #[must_use]
    #[inline]
    pub const fn is_between_or_last(self, a: Self, b: Self) -> bool {
        let to_self = a.distance_to(self);
        let to_b = a.distance_to(b);
        to_b.is_zero() | (!to_self.is_zero() & !to_b.is_less(to_self))
    }

    /// Whether this point lies in [a, b). If they are the same, that is the whole ring.
    #[must_use]
    #[inline]
    pub const fn is_between_or_first(self, a: Self, b: Self) -> bool {
        let to_b = a.distance_to(b);
        to_b.is_zero() | a.distance_to(self).is_less(to_b)
    }

    /// Whether the number is zero.
    #[must_use]
    #[inline]
    pub const fn is_zero(self) -> bool {
        let (high, middle, low) = self.limbs();
        (high | middle | low as u64) == 0
    }

    /// Whether the number is less, without a branch.
    #[must_use]
    #[inline]
    pub const fn is_less(self, other: Self) -> bool {
        self.minus(other).1
    }

    /// The number in three pieces, most significant first.
    #[inline]
    const fn limbs(self) -> (u64, u64, u32) {
        let [low, w1, w2, w3, w4] = self.words;
        (
            (w4 as u64) << 32 | w3 as u64,
            (w2 as u64) << 32 | w1 as u64,
            low,
        )
    }

    #[inline]
    const fn of_limbs(high: u64, middle: u64, low: u32) -> Self {
        Self {
            words: [
                low,
                middle as u32,
                (middle >> 32) as u32,
                high as u32,
                (high >> 32) as u32,
            ],
        }
    }

    /// The difference modulo 2^160, and whether it had to borrow: that is, whether it is less.
    #[inline]
    const fn minus(self, other: Self) -> ((u64, u64, u32), bool) {
        let (a, b) = (self.limbs(), other.limbs());
        let (low, borrow) = a.2.overflowing_sub(b.2);
        let (middle, under) = a.1.overflowing_sub(b.1);
        let (middle, under_again) = middle.overflowing_sub(borrow as u64);
        let (high, less) = a.0.overflowing_sub(b.0);
        let (high, less_again) = high.overflowing_sub((under | under_again) as u64);
        ((high, middle, low), less | less_again)
    }
}

impl Ord for Id {
    #[inline]
    fn cmp(&self, other: &Self) -> Ordering {
        self.limbs().cmp(&other.limbs())
    }
}

impl PartialOrd for Id {
    #[inline]
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// All 40 hexadecimal digits.
impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.words
            .iter()
            .rev()
            .try_for_each(|word| write!(f, "{word:08x}"))
    }
}

/// The first eight digits: who reads a trace wants to tell ids apart, not to copy them.
impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", self.words[Self::WORDS - 1])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;

    fn id(number: u32) -> Id {
        Id::of_limbs(0, 0, number)
    }

    #[test]
    fn an_id_is_as_small_as_its_bytes() {
        assert_eq!(size_of::<Id>(), Id::LEN);
    }

    #[test]
    fn bytes_are_big_endian() {
        let mut bytes = [0; Id::LEN];
        bytes[0] = 0xca;
        bytes[19] = 1;
        let id = Id::from_bytes(bytes);
        assert_eq!(id.to_bytes(), bytes);
        assert_eq!(format!("{id}"), format!("ca{}1", "0".repeat(37)));
        assert_eq!(format!("{id:?}"), "ca000000");
        assert_eq!(id.prefix(), 0xca << 56);
    }

    #[test]
    fn distances_go_round_the_ring() {
        assert_eq!(id(5).distance_to(id(7)), id(2));
        assert_eq!(id(7).distance_to(id(5)).plus(id(2)), Id::ZERO);
        assert_eq!(Id::MAX.plus(id(1)), Id::ZERO);
        assert_eq!(Id::ZERO.distance_to(Id::MAX), Id::MAX);
    }

    #[test]
    fn powers_and_logarithms_are_inverse() {
        for exponent in 0..Id::BITS {
            let power = Id::power_of_two(exponent);
            assert_eq!(power.log2(), Some(exponent));
            assert!(power.is_power_of_two());
            assert_eq!(power.plus(power.half()).is_power_of_two(), exponent == 0);
            let below = id(1).distance_to(power);
            assert_eq!(below.log2(), exponent.checked_sub(1));
            assert_eq!(power.half().log2(), exponent.checked_sub(1));
            assert_eq!(Id::ZERO.common_prefix_len(power), Id::BITS - 1 - exponent);
        }
        assert_eq!(Id::power_of_two(Id::BITS), Id::ZERO);
        assert_eq!(id(9).common_prefix_len(id(9)), Id::BITS);
    }

    #[test]
    fn the_midpoint_lies_between() {
        assert_eq!(id(4).midpoint_to(id(8)), id(6));
        assert_eq!(Id::MAX.midpoint_to(id(3)), id(1));
        let half_the_ring = Id::power_of_two(Id::BITS - 1);
        assert_eq!(Id::ZERO.midpoint_to(Id::ZERO), half_the_ring);
    }
}
