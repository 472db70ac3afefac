//! What one run of an experiment yields.

use std::collections::BTreeMap;

/// All that one run measured, by name.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Measurements {
    by_quantity: BTreeMap<&'static str, Measurement>,
}

/// One thing that was measured.
#[derive(Debug, Clone, PartialEq)]
pub enum Measurement {
    /// Once a run.
    Value(f64),
    /// Many times a run.
    Spread(Spread),
}

/// Many values of one thing, each with how often it occurred.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Spread {
    /// By the bits of the values, moved so that they are ordered as the values are.
    counts: BTreeMap<i64, u64>,
    sum: f64,
    len: u64,
}

impl Measurements {
    /// Notes a value.
    #[must_use]
    pub fn with(mut self, quantity: &'static str, value: f64) -> Self {
        self.by_quantity.insert(quantity, Measurement::Value(value));
        self
    }

    /// Notes many values; none at all are no measurement.
    #[must_use]
    pub fn with_spread(mut self, quantity: &'static str, spread: Spread) -> Self {
        if spread.len > 0 {
            self.by_quantity
                .insert(quantity, Measurement::Spread(spread));
        }
        self
    }

    /// All measurements, by name.
    pub fn into_iter_sorted(self) -> impl Iterator<Item = (&'static str, Measurement)> {
        self.by_quantity.into_iter()
    }
}

impl Spread {
    /// Nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a value.
    pub fn add(&mut self, value: f64) {
        *self.counts.entry(ordered(value)).or_default() += 1;
        self.sum += value;
        self.len += 1;
    }

    /// Adds all values of another.
    pub fn merge(&mut self, other: &Self) {
        for (&bits, &count) in &other.counts {
            *self.counts.entry(bits).or_default() += count;
        }
        self.sum += other.sum;
        self.len += other.len;
    }

    /// How many values there are.
    #[must_use]
    pub const fn len(&self) -> u64 {
        self.len
    }

    /// Tells whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Their mean; not a number if there are none.
    #[must_use]
    pub fn mean(&self) -> f64 {
        self.sum / self.len as f64
    }

    /// The least value that at least this share of all does not exceed (nearest rank); not a number
    /// if there are none.
    #[must_use]
    pub fn percentile(&self, share: f64) -> f64 {
        let rank = ((share * self.len as f64).ceil() as u64).max(1);
        let mut seen = 0;
        for (value, count) in self.iter() {
            seen += count;
            if seen >= rank {
                return value;
            }
        }
        f64::NAN
    }

    /// The values in order, each with how often it occurred.
    pub fn iter(&self) -> impl Iterator<Item = (f64, u64)> {
        self.counts
            .iter()
            .map(|(&bits, &count)| (value(bits), count))
    }
}

impl FromIterator<f64> for Spread {
    fn from_iter<T: IntoIterator<Item = f64>>(values: T) -> Self {
        let mut spread = Self::new();
        for value in values {
            spread.add(value);
        }
        spread
    }
}

/// A number that is ordered as the float is: of negative ones, all bits but the sign are turned.
fn ordered(value: f64) -> i64 {
    // Zero has two signs, and they are equal.
    let bits = (value + 0.0).to_bits() as i64;
    bits ^ (((bits >> 63) as u64) >> 1) as i64
}

fn value(ordered: i64) -> f64 {
    let bits = ordered ^ (((ordered >> 63) as u64) >> 1) as i64;
    f64::from_bits(bits as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_kept_in_order_with_their_counts() {
        let spread: Spread = [3.0, -1.5, 0.0, -0.0, 3.0].into_iter().collect();
        let all: Vec<_> = spread.iter().collect();
        assert_eq!(all, [(-1.5, 1), (0.0, 2), (3.0, 2)]);
        assert!((spread.mean() - 0.9).abs() < 1e-12);
    }

    #[test]
    fn percentiles_are_values_of_the_sample() {
        let spread: Spread = (1..=100).map(f64::from).collect();
        let at = |share| spread.percentile(share);
        assert_eq!(
            [at(0.01), at(0.5), at(0.99), at(1.0)],
            [1.0, 50.0, 99.0, 100.0]
        );
        assert!(Spread::new().percentile(0.5).is_nan());
        let mut two = spread.clone();
        two.merge(&spread);
        assert_eq!((two.len(), two.percentile(0.99)), (200, 99.0));
    }
}
