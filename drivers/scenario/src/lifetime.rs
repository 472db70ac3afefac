//! How long nodes stay.

use core::time::Duration;

use machine::Rng;

use crate::chance::unit;

/// How long a node stays, or stays away.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Lifetime {
    /// For ever.
    Forever,
    /// Memoryless: whoever has been there for long leaves as soon as whoever has just come. The
    /// model of Chord's analysis.
    Exponential {
        /// The mean.
        mean: Duration,
    },
    /// What measured sessions of file sharing follow, with a shape of about 0.4 to 0.6 (Stutzbach,
    /// Rejaie 2006): many short visits, some very long ones.
    Weibull {
        /// Below 1 the old live longer, above 1 they wear out; 1 is the exponential.
        shape: f64,
        /// 63 % are gone after this.
        scale: Duration,
    },
    /// A heavy tail, as p2psim's churn has it.
    Pareto {
        /// Above 1 there is a mean, above 2 a variance.
        shape: f64,
        /// The shortest.
        least: Duration,
    },
}

impl Lifetime {
    /// Draws one; `None` lasts for ever.
    #[must_use]
    pub fn draw(&self, rng: &mut Rng) -> Option<Duration> {
        // Each is the inverse of its distribution at a random height.
        let seconds = match *self {
            Self::Forever => return None,
            Self::Exponential { mean } => -unit(rng).ln() * mean.as_secs_f64(),
            Self::Weibull { shape, scale } => {
                (-unit(rng).ln()).powf(1.0 / shape) * scale.as_secs_f64()
            }
            Self::Pareto { shape, least } => unit(rng).powf(-1.0 / shape) * least.as_secs_f64(),
        };
        Duration::try_from_secs_f64(seconds).ok()
    }

    /// The share that has ended after some time.
    #[must_use]
    pub fn ended_after(&self, time: Duration) -> f64 {
        let time = time.as_secs_f64();
        match *self {
            Self::Forever => 0.0,
            Self::Exponential { mean } => 1.0 - (-time / mean.as_secs_f64()).exp(),
            Self::Weibull { shape, scale } => {
                1.0 - (-(time / scale.as_secs_f64()).powf(shape)).exp()
            }
            Self::Pareto { shape, least } => {
                let least = least.as_secs_f64();
                if time < least {
                    0.0
                } else {
                    1.0 - (least / time).powf(shape)
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use machine::Seed;

    #[test]
    fn drawn_lifetimes_follow_their_distribution() {
        const COUNT: u32 = 20_000;
        let hour = Duration::from_secs(3600);
        for (number, lifetime) in (0..).zip([
            Lifetime::Exponential { mean: hour },
            Lifetime::Weibull {
                shape: 0.5,
                scale: hour,
            },
            Lifetime::Weibull {
                shape: 1.0,
                scale: hour,
            },
            Lifetime::Pareto {
                shape: 1.5,
                least: hour / 3,
            },
        ]) {
            let mut rng = Rng::new(Seed(1), number, 0);
            let mut drawn: Vec<_> = (0..COUNT).filter_map(|_| lifetime.draw(&mut rng)).collect();
            assert_eq!(drawn.len(), COUNT as usize);
            drawn.sort_unstable();
            // Kolmogorov and Smirnov: by chance the distance is above 1.95 / sqrt(n) once in 1000.
            let distance = (0..).zip(&drawn).map(|(rank, &time)| {
                (f64::from(rank) / f64::from(COUNT) - lifetime.ended_after(time)).abs()
            });
            let distance = distance.fold(0.0, f64::max);
            let limit = 1.95 / f64::from(COUNT).sqrt();
            assert!(distance < limit, "{lifetime:?}: {distance} above {limit}");
        }
        assert_eq!(Lifetime::Forever.draw(&mut Rng::new(Seed(1), 0, 0)), None);
    }
}
