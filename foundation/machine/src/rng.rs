//! Chance that can be told again: a generator computed from (seed, node, turn).
//!
//! No node keeps a generator. Each turn gets one that follows from the run's seed, the node's
//! number and the number of the turn, so a run can be replayed from any point and shards of a
//! simulation draw the same numbers as one core would. The numbers are SipHash-1-3 of a counter
//! under the seed as its key: who sees some of them cannot tell the others, so transaction ids
//! may be drawn from it.

use core::hash::Hasher;

use siphasher::sip::SipHasher13;

/// Where all chance of a run comes from. Live drivers draw one from the system; the simulator
/// prints the one it used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seed(pub u128);

/// The chance of one turn of one node. Most turns draw nothing, so making it costs nothing: the
/// work is done when a number is drawn.
#[derive(Debug, Clone)]
pub struct Rng {
    seed: Seed,
    node: u64,
    turn: u64,
    drawn: u64,
}

impl Rng {
    /// The generator of one turn.
    #[must_use]
    pub const fn new(seed: Seed, node: u64, turn: u64) -> Self {
        Self {
            seed,
            node,
            turn,
            drawn: 0,
        }
    }

    /// Draws 64 bits.
    pub fn next_u64(&mut self) -> u64 {
        self.drawn += 1;
        let mut hasher = SipHasher13::new_with_key(&self.seed.0.to_le_bytes());
        hasher.write_u64(self.node);
        hasher.write_u64(self.turn);
        hasher.write_u64(self.drawn);
        hasher.finish()
    }

    /// Draws a number from `0..end` (0 if `end` is 0). The bias is below 2^-32 for every `end`
    /// that counts things in memory.
    pub fn below(&mut self, end: u64) -> u64 {
        let wide = u128::from(self.next_u64()) * u128::from(end);
        u64::try_from(wide >> 64).expect("a product of two 64-bit numbers, shifted by 64")
    }

    /// Draws an index of a slice of length `len`; `None` if it is empty.
    pub fn index(&mut self, len: usize) -> Option<usize> {
        if len == 0 {
            return None;
        }
        usize::try_from(self.below(len as u64)).ok()
    }

    /// Draws bytes.
    pub fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        for chunk in bytes.chunks_mut(8) {
            let drawn = self.next_u64().to_le_bytes();
            chunk.copy_from_slice(&drawn[..chunk.len()]);
        }
        bytes
    }

    /// Puts the items into a random order.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let other = usize::try_from(self.below(last as u64 + 1)).unwrap_or(last);
            items.swap(last, other);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    #[test]
    fn a_turn_draws_the_same_numbers_again_and_other_turns_others() {
        let draw = |seed, node, turn| {
            let mut rng = Rng::new(Seed(seed), node, turn);
            [rng.next_u64(), rng.next_u64()]
        };
        assert_eq!(draw(1, 2, 3), draw(1, 2, 3));
        assert_ne!(draw(1, 2, 3), draw(1, 2, 4));
        assert_ne!(draw(1, 2, 3), draw(1, 3, 3));
        assert_ne!(draw(1, 2, 3), draw(2, 2, 3));
    }

    #[test]
    fn numbers_below_an_end_are_spread_evenly() {
        let mut rng = Rng::new(Seed(7), 0, 0);
        let mut seen = [0u32; 10];
        for _ in 0..10_000 {
            seen[usize::try_from(rng.below(10)).expect("below 10")] += 1;
        }
        // Binomial with n = 10,000 and p = 0.1: six standard deviations are 180.
        assert!(
            seen.iter().all(|&count| (820..=1180).contains(&count)),
            "seed 7: {seen:?}"
        );
        assert_eq!(rng.below(0), 0);
        assert_eq!(rng.index(0), None);
    }

    #[test]
    fn shuffling_keeps_every_item() {
        let mut rng = Rng::new(Seed(7), 0, 0);
        let mut items: Vec<u32> = (0..100).collect();
        rng.shuffle(&mut items);
        assert_ne!(items, (0..100).collect::<Vec<_>>());
        items.sort_unstable();
        assert_eq!(items, (0..100).collect::<Vec<_>>());
    }
}
