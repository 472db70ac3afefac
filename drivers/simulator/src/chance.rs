//! The chance of the network: which datagram is lost, how far apart two nodes are.
//!
//! It is drawn from (seed, purpose, two numbers), never from a state that goes on, so it does not
//! matter who asks first, or on which core. Unlike the nodes' own chance it need not be secret,
//! only even: a few multiplications, where SipHash would cost more than the delivery.

use machine::Seed;

/// How likely something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Chance(u64);

/// A seed in the form in which it is mixed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Salt(u64);

/// What chance is drawn for: keeps apart what must not depend on each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// The latency between two nodes.
    Pair = 1,
    /// The fate of a datagram.
    Datagram,
    /// Where a stream is cut.
    Cut,
    /// Where a node stands.
    Place,
}

/// Draws for one purpose.
#[derive(Debug, Clone)]
pub(crate) struct Dice(u64);

impl Chance {
    /// It does not happen.
    pub const NEVER: Self = Self(0);
    /// It happens each time.
    pub const ALWAYS: Self = Self(u64::MAX);

    /// A probability between 0 and 1; what lies outside counts as the nearer of them.
    #[must_use]
    pub fn of(probability: f64) -> Self {
        // 2^64 as a float; casts of floats stop at the ends of the range.
        Self((probability * 18_446_744_073_709_551_616.0) as u64)
    }

    /// Draws whether it happens; what never does needs no draw.
    #[inline]
    pub(crate) fn strikes(self, dice: &mut Dice) -> bool {
        self != Self::NEVER && (self == Self::ALWAYS || dice.next_u64() < self.0)
    }
}

impl Salt {
    pub(crate) const fn of(seed: Seed) -> Self {
        Self(mix(seed.0 as u64, (seed.0 >> 64) as u64 ^ ODD))
    }
}

impl Dice {
    #[inline]
    pub(crate) const fn new(salt: Salt, purpose: Purpose, one: u32, other: u32) -> Self {
        let pair = (one as u64) << 32 | other as u64;
        Self(mix(salt.0 ^ pair, (purpose as u64).wrapping_mul(ODD)))
    }

    /// Draws 64 bits.
    #[inline]
    pub(crate) const fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(ODD);
        mix(self.0, ODD)
    }

    /// Draws a number above 0 and not above 1.
    #[inline]
    pub(crate) const fn unit(&mut self) -> f64 {
        // As many bits as a float keeps.
        const STEPS: f64 = (1_u64 << 53) as f64;
        ((self.next_u64() >> 11) + 1) as f64 / STEPS
    }

    /// Draws from the exponential distribution of mean 1, by comparing alone (von Neumann 1951): no
    /// logarithm, which each system reckons a little differently.
    pub(crate) fn exponential(&mut self) -> f64 {
        for whole in 0_u32.. {
            let first = self.unit();
            let (mut last, mut falls) = (first, 1_u32);
            loop {
                let next = self.unit();
                if next >= last {
                    break;
                }
                last = next;
                falls += 1;
            }
            if falls % 2 == 1 {
                return f64::from(whole) + first;
            }
        }
        f64::INFINITY
    }

    /// Draws a number from `0..end`; 0 if `end` is 0.
    #[inline]
    pub(crate) const fn below(&mut self, end: u64) -> u64 {
        ((self.next_u64() as u128 * end as u128) >> 64) as u64
    }
}

/// The golden ratio's digits: an odd number without a pattern.
const ODD: u64 = 0x9e37_79b9_7f4a_7c15;

/// Folds the 128-bit product of both, each first changed so that a small number has many bits.
pub(crate) const fn mix(a: u64, b: u64) -> u64 {
    let product = ((a ^ 0xa076_1d64_78bd_642f) as u128) * ((b ^ 0xe703_7ed1_a0b4_28db) as u128);
    (product as u64) ^ (product >> 64) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dice(one: u32, other: u32) -> Dice {
        Dice::new(Salt::of(Seed(1)), Purpose::Datagram, one, other)
    }

    #[test]
    fn chance_is_what_it_says() {
        let mut one = dice(0, 0);
        let along = (0..10_000).filter(|_| Chance::of(0.25).strikes(&mut one));
        let along = along.count();
        let across = (0..10_000).filter(|&order| Chance::of(0.25).strikes(&mut dice(7, order)));
        let across = across.count();
        // Binomial: six standard deviations are 260.
        for struck in [along, across] {
            assert!((2240..=2760).contains(&struck), "{along} {across}");
        }
        assert!(!Chance::of(-1.0).strikes(&mut one));
        assert!(Chance::of(1.0).strikes(&mut one));
    }

    #[test]
    fn numbers_are_spread_evenly_over_pairs() {
        let mut seen = [0u32; 16];
        for one in 0..100 {
            for other in 0..100 {
                let drawn = dice(one, other).below(16);
                seen[usize::try_from(drawn).expect("below 16")] += 1;
            }
        }
        // Binomial with n = 10,000 and p = 1/16: six standard deviations are 146.
        assert!(
            seen.iter().all(|&count| (479..=771).contains(&count)),
            "{seen:?}"
        );
        assert_eq!(dice(1, 1).below(0), 0);
    }

    #[test]
    fn purposes_and_seeds_draw_apart() {
        let draw = |seed, purpose| Dice::new(Salt::of(Seed(seed)), purpose, 3, 4).next_u64();
        let all = [
            draw(1, Purpose::Pair),
            draw(1, Purpose::Cut),
            draw(2, Purpose::Cut),
            draw(1 << 64, Purpose::Cut),
        ];
        for (index, one) in all.iter().enumerate() {
            assert!(!all[..index].contains(one), "{index} equals an earlier one");
        }
    }
}
