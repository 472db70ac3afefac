//! How long messages are under way.
//!
//! Each model is a function of the seed and two numbers of nodes, the same in both directions. None
//! but the measured matrix keeps a table, so a million nodes need no memory for the places where
//! they stand.

use core::time::Duration;
use std::sync::Arc;

use crate::chance::{Dice, Purpose, Salt};
use crate::king::Matrix;

/// How long messages are under way, one way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Latency {
    /// The same between all.
    Constant(Duration),
    /// Drawn once for each pair of nodes.
    Uniform {
        /// The least.
        min: Duration,
        /// The greatest.
        max: Duration,
    },
    /// Drawn once for each pair of nodes, from an exponential distribution behind a least value.
    Exponential {
        /// The least: what light needs, and the routers.
        min: Duration,
        /// The mean, the least included.
        mean: Duration,
    },
    /// The distance between places in a cube, drawn once for each node.
    Space {
        /// The dimensions of the cube: 2 is a square, 3 a cube; up to [`DIMENSIONS_MAX`].
        dimensions: u8,
        /// The latency along a whole edge.
        edge: Duration,
        /// What is added to each distance, for the way to the next router and back.
        access: Duration,
    },
    /// Domains of routers, as in the internet.
    TransitStub(TransitStub),
    /// Measured between real hosts.
    Matrix(Arc<Matrix>),
}

/// The most dimensions of [`Latency::Space`]: what studies of network coordinates have used.
pub const DIMENSIONS_MAX: u8 = 8;

/// Domains of routers, as GT-ITM draws them (Zegura, Calvert, Bhattacharjee 1996): hosts stand in
/// stub domains, each of which hangs at a router of a transit domain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TransitStub {
    /// How many transit domains there are.
    pub domains: u32,
    /// How many routers each of them has.
    pub routers: u32,
    /// How many stub domains hang at each router.
    pub stubs: u32,
    /// The latency between two hosts of one stub domain.
    pub within_stub: Duration,
    /// The latency between a host and its stub domain's router.
    pub to_router: Duration,
    /// The latency between two routers of one transit domain.
    pub within_domain: Duration,
    /// The latency between two routers of different transit domains.
    pub between_domains: Duration,
}

impl TransitStub {
    /// The shape and the latencies that the papers on overlays took: 100 ms within the core, 20 ms to
    /// it, 5 ms at the edge (Ratnasamy et al. 2001, section 4).
    #[must_use]
    pub const fn usual() -> Self {
        Self {
            domains: 4,
            routers: 10,
            stubs: 10,
            within_stub: Duration::from_millis(5),
            to_router: Duration::from_millis(20),
            within_domain: Duration::from_millis(100),
            between_domains: Duration::from_millis(100),
        }
    }

    /// The stub domain of a node.
    fn stub_of(&self, salt: Salt, node: u32) -> u64 {
        let stubs = u64::from(self.domains) * u64::from(self.routers) * u64::from(self.stubs);
        Dice::new(salt, Purpose::Place, node, 0).below(stubs)
    }

    fn between(&self, salt: Salt, one: u32, other: u32) -> Duration {
        let (one, other) = (self.stub_of(salt, one), self.stub_of(salt, other));
        let router = |stub| stub / u64::from(self.stubs).max(1);
        let domain = |stub| router(stub) / u64::from(self.routers).max(1);
        let to_routers = self.to_router * 2;
        if one == other {
            self.within_stub
        } else if router(one) == router(other) {
            to_routers
        } else if domain(one) == domain(other) {
            to_routers + self.within_domain
        } else {
            to_routers + self.between_domains
        }
    }
}

impl Latency {
    /// Tells the latency between two nodes, by their numbers, in nanoseconds.
    #[inline]
    pub(crate) fn between(&self, salt: Salt, one: u32, other: u32) -> u64 {
        match self {
            Self::Constant(latency) => nanos(*latency),
            Self::Uniform { min, max } => {
                let mut dice = Dice::new(salt, Purpose::Pair, one.min(other), one.max(other));
                let min = nanos(*min);
                min + dice.below(nanos(*max).saturating_sub(min).saturating_add(1))
            }
            Self::Exponential { .. }
            | Self::Space { .. }
            | Self::TransitStub(_)
            | Self::Matrix(_) => self.between_places(salt, one, other),
        }
    }

    #[inline(never)]
    fn between_places(&self, salt: Salt, one: u32, other: u32) -> u64 {
        match self {
            Self::Constant(_) | Self::Uniform { .. } => self.between(salt, one, other),
            Self::Exponential { min, mean } => {
                let mut dice = Dice::new(salt, Purpose::Pair, one.min(other), one.max(other));
                let rest = nanos(*mean).saturating_sub(nanos(*min)) as f64;
                nanos(*min) + (dice.exponential() * rest) as u64
            }
            Self::Space {
                dimensions,
                edge,
                access,
            } => {
                let place = |node| Dice::new(salt, Purpose::Place, node, 0);
                let (mut one, mut other) = (place(one), place(other));
                let square: f64 = (0..(*dimensions).min(DIMENSIONS_MAX))
                    .map(|_| (one.unit() - other.unit()).powi(2))
                    .sum();
                nanos(*access) + (square.sqrt() * nanos(*edge) as f64) as u64
            }
            Self::TransitStub(shape) => nanos(shape.between(salt, one, other)),
            Self::Matrix(matrix) => matrix.between(one, other),
        }
    }

    /// The least that there is between any two nodes, in nanoseconds.
    pub(crate) fn least(&self) -> u64 {
        match self {
            Self::Constant(latency) => nanos(*latency),
            Self::Uniform { min, .. } | Self::Exponential { min, .. } => nanos(*min),
            Self::Space { access, .. } => nanos(*access),
            Self::TransitStub(shape) => {
                let least = shape.within_stub.min(shape.to_router * 2);
                nanos(least)
            }
            Self::Matrix(matrix) => matrix.least(),
        }
    }
}

/// A time in nanoseconds; one that has too many never ends.
pub(crate) const fn nanos(duration: Duration) -> u64 {
    let nanos = duration.as_nanos();
    if nanos > u64::MAX as u128 {
        u64::MAX
    } else {
        nanos as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use machine::Seed;

    const MS: fn(u64) -> Duration = Duration::from_millis;

    /// All models, and the mean latency that each is to have, in milliseconds.
    fn models() -> Vec<(Latency, f64)> {
        let (min, max, mean) = (MS(20), MS(180), MS(100));
        let space = |dimensions| Latency::Space {
            dimensions,
            edge: MS(100),
            access: MS(10),
        };
        let shape = TransitStub::usual();
        // Of 400 stub domains: the own, those at the same router, of the same domain, the others.
        let stubs = (5.0 + 9.0 * 40.0 + 90.0 * 140.0 + 300.0 * 140.0) / 400.0;
        vec![
            (Latency::Constant(MS(50)), 50.0),
            (Latency::Uniform { min, max }, 100.0),
            (Latency::Exponential { min, mean }, 100.0),
            // The mean distance of two points of the unit interval, square and cube.
            (space(1), 10.0 + 100.0 / 3.0),
            (space(2), 10.0 + 52.14054),
            (space(3), 10.0 + 66.17072),
            (Latency::TransitStub(shape), stubs),
        ]
    }

    #[test]
    fn each_model_is_the_same_in_both_directions_and_never_below_its_least() {
        let salt = Salt::of(Seed(1));
        for (model, _) in models() {
            for one in 0..50 {
                for other in 0..50 {
                    let latency = model.between(salt, one, other);
                    assert_eq!(latency, model.between(salt, other, one), "{model:?}");
                    assert!(latency >= model.least(), "{model:?}: {latency} ns");
                }
            }
        }
    }

    #[test]
    fn each_model_has_the_mean_of_its_distribution() {
        let salt = Salt::of(Seed(1));
        for (model, mean) in models() {
            // Disjoint pairs, which are independent of each other.
            const PAIRS: u32 = 40_000;
            let sum: f64 = (0..PAIRS)
                .map(|pair| model.between(salt, 2 * pair, 2 * pair + 1) as f64 / 1e6)
                .sum();
            let found = sum / f64::from(PAIRS);
            // No deviation here is above 80 ms: six standard errors are below 2.4 ms.
            assert!((found - mean).abs() < 2.4, "{model:?}: {found} ms");
        }
    }

    #[test]
    fn an_exponential_latency_has_its_tail() {
        let (salt, min, mean) = (Salt::of(Seed(2)), MS(20), MS(100));
        let model = Latency::Exponential { min, mean };
        let beyond = (0..10_000)
            .filter(|&node| model.between(salt, 0, node + 1) > nanos(min + 2 * (mean - min)))
            .count();
        // e^-2 of 10,000 are 1353; six standard deviations of the binomial are 205.
        assert!((1148..=1558).contains(&beyond), "{beyond}");
    }
}
