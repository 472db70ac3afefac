//! Where on the paper a number lies, and which numbers are written at the edge.

use crate::report::plot::{Axis, Scale};

/// An axis that is as long as the picture is.
#[derive(Debug, Clone, PartialEq)]
pub struct Ruler {
    axis: Axis,
    low: f64,
    high: f64,
    start: f64,
    end: f64,
}

/// How many marks are aimed at.
const MARKS: f64 = 6.0;

impl Ruler {
    /// A ruler from `start` to `end` on the paper on which all these numbers lie.
    #[must_use]
    pub fn new(axis: Axis, numbers: impl Iterator<Item = f64>, start: f64, end: f64) -> Self {
        let scaled = numbers.map(|number| number * axis.factor);
        let usable = scaled.filter(|n| n.is_finite() && (axis.scale == Scale::Linear || *n > 0.0));
        let (mut low, mut high) = usable
            .chain(axis.from)
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), number| {
                (low.min(number), high.max(number))
            });
        if !low.is_finite() {
            (low, high) = (1.0, 2.0);
        }
        let mut ruler = Self {
            axis,
            low,
            high,
            start,
            end,
        };
        ruler.widen();
        ruler
    }

    /// Leaves some room at both ends.
    fn widen(&mut self) {
        match self.axis.scale {
            Scale::Linear => {
                if self.low >= self.high {
                    self.high = self.low + self.low.abs().max(1.0);
                }
                let margin = 0.04 * (self.high - self.low);
                self.high += margin;
                // What is only just below zero is the confidence of a zero.
                self.low = match self.axis.from {
                    Some(from) if self.low >= from - margin => from,
                    _ => self.low - margin,
                };
            }
            Scale::Log2 | Scale::Log10 => {
                let room = (self.high / self.low).powf(0.04).max(1.15);
                self.low /= room;
                self.high *= room;
            }
        }
    }

    /// The distance of marks on a linear ruler: 1, 2 or 5 times a power of ten.
    fn step(&self) -> f64 {
        let raw = (self.high - self.low) / MARKS;
        let power = 10f64.powf(raw.log10().floor());
        let steps = [1.0, 2.0, 5.0, 10.0].into_iter().map(|digit| digit * power);
        steps
            .clone()
            .find(|step| *step >= raw * 0.999)
            .unwrap_or(10.0 * power)
    }

    /// Where a number lies on the paper.
    #[must_use]
    pub fn at(&self, number: f64) -> f64 {
        self.place(number * self.axis.factor)
    }

    fn place(&self, scaled: f64) -> f64 {
        let share = match self.axis.scale {
            Scale::Linear => (scaled - self.low) / (self.high - self.low),
            Scale::Log2 | Scale::Log10 => {
                (scaled.max(self.low) / self.low).ln() / (self.high / self.low).ln()
            }
        };
        self.start + share.clamp(0.0, 1.0) * (self.end - self.start)
    }

    /// The marks: where they lie on the paper, and what is written at them.
    #[must_use]
    pub fn marks(&self) -> Vec<(f64, String)> {
        let numbers = match self.axis.scale {
            Scale::Linear => self.linear_marks(),
            Scale::Log2 => self.powers(2.0),
            Scale::Log10 => self.powers(10.0),
        };
        let mark = |number: f64| (self.place(number), written(number));
        numbers.into_iter().map(mark).collect()
    }

    fn linear_marks(&self) -> Vec<f64> {
        let step = self.step();
        let first = (self.low / step).ceil() as i64;
        let last = (self.high / step).floor() as i64;
        (first..=last).map(|number| number as f64 * step).collect()
    }

    fn powers(&self, base: f64) -> Vec<f64> {
        let first = (self.low.ln() / base.ln()).ceil() as i32;
        let last = (self.high.ln() / base.ln()).floor() as i32;
        let every = usize::try_from((last - first) / 13 + 1).unwrap_or(1);
        let powers = (first..=last).step_by(every).map(|power| base.powi(power));
        let powers: Vec<f64> = powers.collect();
        if base == 10.0 && powers.len() < 3 {
            let all = (first - 1..=last)
                .flat_map(|power| [1.0, 2.0, 5.0].map(|digit| digit * 10f64.powi(power)));
            return all
                .filter(|mark| (self.low..=self.high).contains(mark))
                .collect();
        }
        powers
    }
}

fn written(number: f64) -> String {
    let rounded = (number * 1e6).round() / 1e6;
    if rounded.abs() >= 10_000.0 && rounded.fract() == 0.0 {
        let text = crate::numbers::count(rounded.abs() as u64);
        return if rounded < 0.0 {
            format!("−{text}")
        } else {
            text
        };
    }
    crate::numbers::number(rounded)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(ruler: &Ruler) -> Vec<String> {
        ruler.marks().into_iter().map(|(_, text)| text).collect()
    }

    #[test]
    fn marks_are_round_numbers() {
        let axis = Axis::linear("").from_zero();
        let ruler = Ruler::new(axis, [1.3, 4.6].into_iter(), 0.0, 100.0);
        assert_eq!(texts(&ruler), ["0", "1", "2", "3", "4"]);
        assert!((ruler.at(4.6 * 1.04) - 100.0).abs() < 1e-9);
        let ruler = Ruler::new(Axis::log2(""), [8.0, 64.0].into_iter(), 0.0, 100.0);
        assert_eq!(texts(&ruler), ["8", "16", "32", "64"]);
        let ruler = Ruler::new(Axis::log10(""), [1e3, 1e6].into_iter(), 0.0, 100.0);
        assert_eq!(texts(&ruler), ["1000", "10,000", "100,000", "1,000,000"]);
    }

    #[test]
    fn a_ruler_of_one_number_or_none_has_a_length() {
        for numbers in [vec![], vec![3.0], vec![0.0], vec![f64::NAN]] {
            let ruler = Ruler::new(Axis::linear(""), numbers.into_iter(), 10.0, 0.0);
            assert!(ruler.low < ruler.high && !ruler.marks().is_empty());
        }
    }
}
