//! Who asks for what, and when.

use core::time::Duration;

use machine::{Instant, Rng, Seed};

use crate::chance::{Purpose, below, rng, unit};

/// Moments that know nothing of each other: a Poisson process.
#[derive(Debug, Clone)]
pub struct Poisson {
    rng: Rng,
    at: Duration,
    mean: Duration,
}

/// Popularities that fall with the rank, as those of files and of words do: the item of rank r is
/// asked for in proportion to `1 / r^exponent`.
#[derive(Debug, Clone)]
pub struct Zipf {
    /// The share of the items up to each rank.
    sums: Vec<f64>,
}

/// What is asked of a network, in the four words that all networks know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verb {
    /// Let others find an item.
    Publish,
    /// Find who has it.
    Search,
    /// Get it.
    Fetch,
}

/// How often each verb comes, as weights.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Mix {
    /// Of [`Verb::Publish`].
    pub publish: f64,
    /// Of [`Verb::Search`].
    pub search: f64,
    /// Of [`Verb::Fetch`].
    pub fetch: f64,
}

/// Requests of random nodes at random moments.
#[derive(Debug, Clone)]
pub struct Workload {
    times: Poisson,
    rng: Rng,
    nodes: u32,
    popularity: Zipf,
    mix: Mix,
}

/// One request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Request {
    /// When.
    pub at: Instant,
    /// Who asks.
    pub node: u32,
    /// What for.
    pub verb: Verb,
    /// Which item, by its rank: 0 is the most popular.
    pub item: u32,
}

impl Poisson {
    /// Moments from the start on, with a mean time between two. `subject` tells several processes of
    /// one experiment apart.
    #[must_use]
    pub const fn new(seed: Seed, subject: u32, mean: Duration) -> Self {
        Self {
            rng: rng(seed, Purpose::Requests, subject),
            at: Duration::ZERO,
            mean,
        }
    }
}

/// It ends only with time itself.
impl Iterator for Poisson {
    type Item = Instant;

    fn next(&mut self) -> Option<Instant> {
        self.at = self
            .at
            .checked_add(self.mean.mul_f64(-unit(&mut self.rng).ln()))?;
        Some(Instant::ZERO + self.at)
    }
}

impl Zipf {
    /// So many items; an exponent of 0 makes all alike. Measured ones lie between 0.6 and 1.2.
    ///
    /// # Panics
    /// When there are no items.
    #[must_use]
    pub fn new(items: u32, exponent: f64) -> Self {
        assert!(items > 0, "something must be asked for");
        let weights = (1..=items).map(|rank| f64::from(rank).powf(-exponent));
        let mut sum = 0.0;
        let mut sums: Vec<f64> = weights
            .map(|weight| {
                sum += weight;
                sum
            })
            .collect();
        for up_to in &mut sums {
            *up_to /= sum;
        }
        Self { sums }
    }

    /// Draws an item by its rank, from 0.
    #[must_use]
    pub fn draw(&self, rng: &mut Rng) -> u32 {
        let height = unit(rng);
        let rank = self.sums.partition_point(|&up_to| up_to < height);
        u32::try_from(rank.min(self.sums.len() - 1)).expect("as many as there are items")
    }

    /// How likely an item is asked for.
    #[must_use]
    pub fn share(&self, item: u32) -> f64 {
        let up_to = |rank: usize| self.sums.get(rank).copied().unwrap_or(1.0);
        let before = (item as usize).checked_sub(1).map_or(0.0, up_to);
        up_to(item as usize) - before
    }
}

impl Mix {
    /// Searches alone: the look-ups of the papers on distributed hash tables.
    pub const LOOKUPS: Self = Self {
        publish: 0.0,
        search: 1.0,
        fetch: 0.0,
    };

    fn draw(self, rng: &mut Rng) -> Verb {
        let height = unit(rng) * (self.publish + self.search + self.fetch);
        if height <= self.publish {
            Verb::Publish
        } else if height <= self.publish + self.search {
            Verb::Search
        } else {
            Verb::Fetch
        }
    }
}

impl Workload {
    /// Requests with a mean time between two, of all nodes together.
    ///
    /// # Panics
    /// When there are no nodes.
    #[must_use]
    pub fn new(seed: Seed, nodes: u32, mean: Duration, popularity: Zipf, mix: Mix) -> Self {
        assert!(nodes > 0, "somebody must ask");
        Self {
            times: Poisson::new(seed, 0, mean),
            rng: rng(seed, Purpose::Requests, u32::MAX),
            nodes,
            popularity,
            mix,
        }
    }
}

impl Iterator for Workload {
    type Item = Request;

    fn next(&mut self) -> Option<Request> {
        Some(Request {
            at: self.times.next()?,
            node: below(&mut self.rng, self.nodes),
            verb: self.mix.draw(&mut self.rng),
            item: self.popularity.draw(&mut self.rng),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COUNT: usize = 20_000;

    #[test]
    fn a_poisson_process_has_its_rate_and_no_memory() {
        let second = Duration::from_secs(1);
        let times: Vec<_> = Poisson::new(Seed(1), 0, second).take(COUNT).collect();
        let last = times[COUNT - 1].since(Instant::ZERO).as_secs_f64();
        // The standard deviation of the sum is 141 s.
        assert!((last - COUNT as f64).abs() < 849.0, "{last} s");
        let gaps = times.windows(2).map(|pair| pair[1].since(pair[0]));
        let long = gaps.filter(|&gap| gap > second).count() as f64;
        // e^-1 of them; six standard deviations are 409.
        assert!((long - COUNT as f64 * 0.367_879).abs() < 409.0, "{long}");
        let other = Poisson::new(Seed(1), 1, second).next();
        assert_ne!(other, times.first().copied());
    }

    #[test]
    fn items_are_asked_for_by_their_rank() {
        for exponent in [0.0, 0.8, 1.0] {
            let zipf = Zipf::new(100, exponent);
            let mut rng = Rng::new(Seed(1), 0, 0);
            let mut counts = [0u32; 100];
            for _ in 0..COUNT {
                counts[zipf.draw(&mut rng) as usize] += 1;
            }
            let harmonic: f64 = (1..=100).map(|rank| f64::from(rank).powf(-exponent)).sum();
            let mut chi_square = 0.0;
            for (item, &count) in (0..).zip(&counts) {
                let share = f64::from(item + 1).powf(-exponent) / harmonic;
                assert!((share - zipf.share(item)).abs() < 1e-12);
                let expected = share * COUNT as f64;
                chi_square += (f64::from(count) - expected).powi(2) / expected;
            }
            // 99 degrees of freedom: by chance it is above 149 once in 1000.
            assert!(chi_square < 149.0, "exponent {exponent}: {chi_square}");
        }
    }

    #[test]
    fn a_workload_mixes_what_it_is_told() {
        let mix = Mix {
            publish: 1.0,
            search: 6.0,
            fetch: 3.0,
        };
        let popularity = Zipf::new(10, 1.0);
        let mean = Duration::from_millis(10);
        let requests: Vec<_> = Workload::new(Seed(1), 50, mean, popularity, mix)
            .take(COUNT)
            .collect();
        for (verb, share) in [
            (Verb::Publish, 0.1),
            (Verb::Search, 0.6),
            (Verb::Fetch, 0.3),
        ] {
            let count = requests
                .iter()
                .filter(|request| request.verb == verb)
                .count();
            let found = count as f64 / COUNT as f64;
            // Six standard deviations of the largest variance are 0.021.
            assert!((found - share).abs() < 0.021, "{verb:?}: {found}");
        }
        assert!(
            requests
                .iter()
                .all(|request| request.node < 50 && request.item < 10)
        );
        assert!(requests.is_sorted_by_key(|request| request.at));
        let last = requests[COUNT - 1].at.since(Instant::ZERO).as_secs_f64();
        assert!((last - 200.0).abs() < 8.5, "{last} s");
    }
}
