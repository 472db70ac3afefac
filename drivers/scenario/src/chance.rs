//! Chance for scenarios: one generator for each purpose and each subject, so that to ask for one
//! thing more changes nothing of the rest.

use machine::{Rng, Seed};

/// What is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    Churn = 1,
    Casualties,
    Requests,
    Graph,
}

/// The generator for one purpose and one subject, such as a node. Scenarios stand beyond the numbers
/// of nodes and of the network, whose chance is drawn from the same seed.
pub(crate) const fn rng(seed: Seed, purpose: Purpose, subject: u32) -> Rng {
    Rng::new(seed, 1 << 61 | (purpose as u64) << 32 | subject as u64, 0)
}

/// Draws a number above 0 and not above 1.
pub(crate) fn unit(rng: &mut Rng) -> f64 {
    // As many bits as a float keeps.
    const STEPS: f64 = (1_u64 << 53) as f64;
    ((rng.next_u64() >> 11) + 1) as f64 / STEPS
}

/// Draws whether something of a probability happens.
pub(crate) fn strikes(rng: &mut Rng, probability: f64) -> bool {
    unit(rng) <= probability
}

/// Draws a number from `0..end`, which is not empty.
pub(crate) fn below(rng: &mut Rng, end: u32) -> u32 {
    rng.below(u64::from(end)) as u32
}
