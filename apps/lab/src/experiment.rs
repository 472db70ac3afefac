//! What an experiment is: a question, what can be varied, one run of it, and the paper's answer.

use std::sync::atomic::{AtomicBool, Ordering};

use machine::{Rng, Seed};

use crate::case::Case;
use crate::measure::Measurements;
use crate::outcome::Outcome;
use crate::parameter::Parameter;
use crate::report::plot::Plot;

/// An experiment: its words, its cases, one run, and what the paper found.
pub trait Experiment: Sync {
    /// What it is called, asks and varies.
    fn about(&self) -> &'static About;

    /// The cases that are run if nobody says otherwise: those of the paper.
    fn cases(&self, size: Size) -> Vec<Case>;

    /// Runs one case with one seed. It depends on nothing else.
    ///
    /// # Errors
    /// When what must always hold did not, or the user wants to stop.
    fn run(&self, run: &Run<'_>) -> Result<Measurements, Trouble>;

    /// What the rows of the table are, with the paper's figures where it has them for this case.
    fn figures(&self, case: &Case) -> Vec<Figure>;

    /// How many bytes of memory a run of this case needs, roughly.
    fn bytes(&self, _case: &Case) -> u64 {
        0
    }

    /// Whether runs may be made side by side: not, where time or memory is measured.
    fn company(&self) -> Company {
        Company::Any
    }

    /// The pictures of the report.
    fn plots(&self, _outcome: &Outcome) -> Vec<Plot> {
        Vec::new()
    }
}

/// An experiment in words.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct About {
    /// Its name, as it is asked for.
    pub name: &'static str,
    /// What it finds out, in a line.
    pub purpose: &'static str,
    /// The paper and its section.
    pub source: &'static str,
    /// What has to be known to read the table: what is counted, and where we differ.
    pub notes: &'static [&'static str],
    /// What can be varied.
    pub parameters: &'static [Parameter],
    /// How many seeds each case is run with.
    pub seeds: Seeds,
}

/// How many seeds each case is run with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seeds {
    /// In a small run.
    pub quick: u32,
    /// In a full one.
    pub full: u32,
}

/// How much is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Size {
    /// What takes seconds: for each change of the code.
    Quick,
    /// What the paper ran.
    Full,
}

/// Whether runs may be made side by side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Company {
    /// As many as there are cores.
    Any,
    /// One at a time.
    Alone,
}

/// One run: all that it may depend on.
#[derive(Debug, Clone, Copy)]
pub struct Run<'a> {
    /// What is varied.
    pub case: &'a Case,
    /// Where all chance comes from.
    pub seed: Seed,
    stop: &'a AtomicBool,
}

/// Why a run has no result.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// The user wants to stop.
    #[error("stopped")]
    Stopped,
    /// What must always hold did not.
    #[error("{0}")]
    Broken(String),
}

/// One row of the table: a quantity, and what the paper says of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Figure {
    /// The measurement that it is about.
    pub quantity: &'static str,
    /// Its unit; empty if it is a bare number.
    pub unit: &'static str,
    /// The paper's number, or that of the theory.
    pub paper: Option<f64>,
    /// What we accept; none if nobody has said before what it should be.
    pub tolerance: Option<Band>,
    /// What of our runs must lie within the tolerance.
    pub judged: Judged,
}

/// What of our runs must lie within the tolerance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judged {
    /// The mean.
    Mean,
    /// Every single run.
    EachRun,
}

/// From where to where a number is accepted, the ends included.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Band {
    /// The least.
    pub low: f64,
    /// The greatest.
    pub high: f64,
}

impl<'a> Run<'a> {
    /// A run that ends early when `stop` is set.
    #[must_use]
    pub const fn new(case: &'a Case, seed: Seed, stop: &'a AtomicBool) -> Self {
        Self { case, seed, stop }
    }

    /// Looks whether the user wants to stop.
    ///
    /// # Errors
    /// When so.
    pub fn go_on(&self) -> Result<(), Trouble> {
        if self.stop.load(Ordering::Relaxed) {
            Err(Trouble::Stopped)
        } else {
            Ok(())
        }
    }

    /// A generator of this run, for one of its purposes.
    #[must_use]
    pub const fn rng(&self, purpose: u64) -> Rng {
        Rng::new(self.seed, purpose, 0)
    }

    /// A seed for one of several worlds of this run.
    #[must_use]
    pub const fn seed_of(&self, world: usize) -> Seed {
        Seed(self.seed.0 ^ ((world as u128) << 64))
    }
}

impl Figure {
    /// A quantity of which nobody has said before what it should be.
    #[must_use]
    pub const fn new(quantity: &'static str, unit: &'static str) -> Self {
        Self {
            quantity,
            unit,
            paper: None,
            tolerance: None,
            judged: Judged::Mean,
        }
    }

    /// The paper's number.
    #[must_use]
    pub const fn paper(self, number: f64) -> Self {
        Self {
            paper: Some(number),
            ..self
        }
    }

    /// What the mean of our runs may be.
    #[must_use]
    pub const fn accept(self, low: f64, high: f64) -> Self {
        Self {
            tolerance: Some(Band { low, high }),
            ..self
        }
    }

    /// The mean of our runs may differ from `number` by this share of it.
    #[must_use]
    pub const fn about(self, number: f64, share: f64) -> Self {
        self.accept(number * (1.0 - share), number * (1.0 + share))
    }

    /// The mean of our runs may differ from `number` by this.
    #[must_use]
    pub const fn near(self, number: f64, by: f64) -> Self {
        self.accept(number - by, number + by)
    }

    /// Not only the mean: every single run must lie within the tolerance.
    #[must_use]
    pub const fn each_run(self) -> Self {
        Self {
            judged: Judged::EachRun,
            ..self
        }
    }
}

impl Band {
    /// Tells whether a number is accepted.
    #[must_use]
    pub fn holds(self, number: f64) -> bool {
        (self.low..=self.high).contains(&number)
    }
}
