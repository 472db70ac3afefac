//! What many runs say together: mean, percentiles, and how sure the mean is.

use crate::measure::{Measurement, Spread};

/// The runs of one case, for one quantity.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Pool {
    /// Each run's value, or the mean of its values.
    runs: Vec<f64>,
    /// The values of all runs, if a run has many.
    values: Spread,
}

/// What many runs say together.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Summary {
    /// The mean of the runs' means.
    pub mean: f64,
    /// The 1st percentile: of all values if a run has many, else of the runs.
    pub p1: f64,
    /// The median, likewise.
    pub p50: f64,
    /// The 99th percentile, likewise.
    pub p99: f64,
    /// With 95 % confidence the mean lies no further than this from `mean`: Student's t over the
    /// runs. None of a single run.
    pub ci95: Option<f64>,
    /// The least of the runs.
    pub least: f64,
    /// The greatest of the runs.
    pub greatest: f64,
}

impl Pool {
    /// Takes in one run's measurement.
    pub fn add(&mut self, measurement: &Measurement) {
        match measurement {
            Measurement::Value(value) => self.runs.push(*value),
            Measurement::Spread(spread) => {
                self.runs.push(spread.mean());
                self.values.merge(spread);
            }
        }
    }

    /// The values of all runs; none if each run has but one.
    #[must_use]
    pub const fn values(&self) -> &Spread {
        &self.values
    }

    /// How many runs there are.
    #[must_use]
    pub const fn runs(&self) -> usize {
        self.runs.len()
    }

    /// Sums them up; none of no runs.
    #[must_use]
    pub fn summary(&self) -> Option<Summary> {
        if self.runs.is_empty() {
            return None;
        }
        let of_runs: Spread = self.runs.iter().copied().collect();
        let values = if self.values.is_empty() {
            &of_runs
        } else {
            &self.values
        };
        Some(Summary {
            mean: of_runs.mean(),
            p1: values.percentile(0.01),
            p50: values.percentile(0.5),
            p99: values.percentile(0.99),
            ci95: confidence(&self.runs),
            least: of_runs.percentile(0.0),
            greatest: of_runs.percentile(1.0),
        })
    }
}

/// Half the width of the interval in which the mean lies with 95 % confidence.
fn confidence(runs: &[f64]) -> Option<f64> {
    if runs.len() < 2 {
        return None;
    }
    let n = runs.len() as f64;
    let mean = runs.iter().sum::<f64>() / n;
    let squares: f64 = runs.iter().map(|run| (run - mean).powi(2)).sum();
    let error = (squares / (n - 1.0) / n).sqrt();
    Some(student_t(runs.len() - 1) * error)
}

/// The 97.5th percentile of Student's t for so many degrees of freedom.
fn student_t(freedom: usize) -> f64 {
    const TABLE: [f64; 30] = [
        12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160,
        2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056,
        2.052, 2.048, 2.045, 2.042,
    ];
    match freedom.checked_sub(1).and_then(|at| TABLE.get(at)) {
        Some(t) => *t,
        // Its expansion around the normal distribution (Abramowitz and Stegun, 26.7.5).
        None => {
            let (z, n) = (1.959_964_f64, freedom as f64);
            let first = (z.powi(3) + z) / (4.0 * n);
            let second = (5.0 * z.powi(5) + 16.0 * z.powi(3) + 3.0 * z) / (96.0 * n * n);
            z + first + second
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_of_few_runs_is_unsure() {
        let mut pool = Pool::default();
        assert_eq!(pool.summary(), None);
        for value in [10.0, 12.0, 14.0] {
            pool.add(&Measurement::Value(value));
        }
        let summary = pool.summary().expect("three runs");
        assert_eq!(
            (summary.mean, summary.p1, summary.p50, summary.p99),
            (12.0, 10.0, 12.0, 14.0)
        );
        // A standard deviation of 2, t of 4.303: 2 / sqrt(3) * 4.303.
        assert!((summary.ci95.expect("three runs") - 4.9687).abs() < 1e-3);
    }

    #[test]
    fn percentiles_are_those_of_all_values_where_a_run_has_many() {
        let mut pool = Pool::default();
        for run in 0..2 {
            let spread = (1..=100)
                .map(|value| f64::from(value + 100 * run))
                .collect();
            pool.add(&Measurement::Spread(spread));
        }
        let summary = pool.summary().expect("two runs");
        assert_eq!((summary.mean, summary.p1, summary.p99), (100.5, 2.0, 198.0));
        assert_eq!((summary.least, summary.greatest), (50.5, 150.5));
    }

    #[test]
    fn students_t_comes_down_to_the_normal_distribution() {
        assert!((student_t(30) - 2.042).abs() < 1e-9);
        assert!((student_t(31) - 2.0395).abs() < 1e-3);
        assert!((student_t(120) - 1.9799).abs() < 1e-3);
        assert!(student_t(1_000_000) - 1.96 < 1e-4);
    }
}
