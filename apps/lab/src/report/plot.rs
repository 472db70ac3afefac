//! What a picture of the report shows, before it is drawn.

use crate::case::Case;
use crate::experiment::{Band, Judged};
use crate::measure::Spread;
use crate::outcome::Outcome;

/// A picture.
#[derive(Debug, Clone, PartialEq)]
pub struct Plot {
    /// What it shows.
    pub title: &'static str,
    /// To the right.
    pub x: Axis,
    /// Upwards.
    pub y: Axis,
    /// What is drawn.
    pub lines: Vec<Line>,
}

/// One direction of a picture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Axis {
    /// What it is, with its unit.
    pub label: &'static str,
    /// How distances are drawn.
    pub scale: Scale,
    /// What numbers are multiplied with before they are shown.
    pub factor: f64,
    /// The least that it must show.
    pub from: Option<f64>,
}

/// How distances are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scale {
    /// Equal differences are equal distances.
    Linear,
    /// Equal ratios are: powers of 2 are marked.
    Log2,
    /// Equal ratios are: powers of 10 are marked.
    Log10,
}

/// What belongs together in a picture.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// What it is.
    pub name: &'static str,
    /// What we measured, from left to right.
    pub ours: Vec<Point>,
    /// What the paper says.
    pub paper: Vec<(f64, f64)>,
    /// How ours is drawn.
    pub style: Style,
}

/// How measurements are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// Points, joined by a line.
    Points,
    /// The same, and from the 1st to the 99th percentile a shade.
    Percentiles,
    /// Columns.
    Columns,
}

/// One measurement.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// Where.
    pub x: f64,
    /// How much.
    pub y: f64,
    /// So much more or less, with 95 % confidence.
    pub ci95: Option<f64>,
    /// The 1st and the 99th percentile.
    pub percentiles: (f64, f64),
    /// What is accepted.
    pub accepted: Option<Band>,
}

impl Plot {
    /// An empty picture.
    #[must_use]
    pub const fn new(title: &'static str, x: Axis, y: Axis) -> Self {
        Self {
            title,
            x,
            y,
            lines: Vec::new(),
        }
    }

    /// The same with a line; not, if there is nothing in it.
    #[must_use]
    pub fn with(mut self, line: Line) -> Self {
        if !line.ours.is_empty() {
            self.lines.push(line);
        }
        self
    }
}

impl Axis {
    /// Equal differences are equal distances.
    #[must_use]
    pub const fn linear(label: &'static str) -> Self {
        Self {
            label,
            scale: Scale::Linear,
            factor: 1.0,
            from: None,
        }
    }

    /// Powers of 2.
    #[must_use]
    pub const fn log2(label: &'static str) -> Self {
        Self {
            scale: Scale::Log2,
            ..Self::linear(label)
        }
    }

    /// Powers of 10.
    #[must_use]
    pub const fn log10(label: &'static str) -> Self {
        Self {
            scale: Scale::Log10,
            ..Self::linear(label)
        }
    }

    /// Numbers are multiplied before they are shown.
    #[must_use]
    pub const fn scaled(self, factor: f64) -> Self {
        Self { factor, ..self }
    }

    /// Zero is shown as well.
    #[must_use]
    pub const fn from_zero(self) -> Self {
        Self {
            from: Some(0.0),
            ..self
        }
    }
}

impl Line {
    /// How a quantity depends on a parameter, over the cases for which `is_meant` holds.
    #[must_use]
    pub fn new(
        name: &'static str,
        outcome: &Outcome,
        parameter: &str,
        quantity: &str,
        is_meant: impl Fn(&Case) -> bool,
    ) -> Self {
        let mut ours = Vec::new();
        let mut paper = Vec::new();
        for row in outcome.rows() {
            if row.figure.quantity != quantity || !is_meant(row.case) {
                continue;
            }
            let x = row.case.number(parameter);
            ours.push(Point {
                x,
                y: row.ours.mean,
                ci95: row.ours.ci95,
                percentiles: (row.ours.p1, row.ours.p99),
                accepted: row
                    .figure
                    .tolerance
                    .filter(|_| row.figure.judged == Judged::Mean),
            });
            paper.extend(row.figure.paper.map(|y| (x, y)));
        }
        ours.sort_by(|a, b| a.x.total_cmp(&b.x));
        Self {
            name,
            ours,
            paper,
            style: Style::Points,
        }
    }

    /// The share of each value.
    #[must_use]
    pub fn shares(name: &'static str, spread: Option<&Spread>, paper: &[(f64, f64)]) -> Self {
        let point = |(x, count): (f64, u64)| {
            let y = count as f64 / spread.map_or(1, Spread::len) as f64;
            Point {
                x,
                y,
                ci95: None,
                percentiles: (y, y),
                accepted: None,
            }
        };
        Self {
            name,
            ours: spread.map_or(Vec::new(), |spread| spread.iter().map(point).collect()),
            paper: paper.to_vec(),
            style: Style::Columns,
        }
    }

    /// The same with a shade from the 1st to the 99th percentile.
    #[must_use]
    pub fn with_percentiles(self) -> Self {
        Self {
            style: Style::Percentiles,
            ..self
        }
    }
}
