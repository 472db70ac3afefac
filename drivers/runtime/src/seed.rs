//! Where the chance of a live node comes from: the system.

use std::hash::{BuildHasher, RandomState};

use machine::Seed;

/// Draws a seed that nobody can foretell. The standard library draws the keys of its hash tables
/// from the system; two hashes under such keys are as good, and need no library more.
pub(crate) fn draw() -> Seed {
    let half = || u128::from(RandomState::new().hash_one("manyhop"));
    Seed(half() << 64 | half())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_seed_comes_twice() {
        assert_ne!(draw(), draw());
    }
}
