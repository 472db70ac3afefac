//! A hash that strangers cannot predict, and a run can repeat.
//!
//! Info-hashes and ports are chosen by strangers: with a known hash function they could make all
//! of them collide. The key is drawn from the node's own chance, so the same seed gives the same
//! tables.

use core::hash::BuildHasher;
use machine::Rng;
use siphasher::sip::SipHasher13;

/// SipHash-1-3 under a secret key.
#[derive(Debug, Clone, Copy)]
pub(super) struct Keyed {
    key: (u64, u64),
}

impl Keyed {
    /// Uses the two halves of a key.
    pub(super) const fn new(first: u64, second: u64) -> Self {
        Self {
            key: (first, second),
        }
    }

    /// Draws a key.
    pub(super) fn draw(rng: &mut Rng) -> Self {
        Self::new(rng.next_u64(), rng.next_u64())
    }
}

impl BuildHasher for Keyed {
    type Hasher = SipHasher13;

    fn build_hasher(&self) -> SipHasher13 {
        SipHasher13::new_with_keys(self.key.0, self.key.1)
    }
}
