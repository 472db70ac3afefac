//! What is asked for: an experiment, its cases, and the seeds.

use std::fmt;
use std::ops::Range;

use crate::case::Case;
use crate::error::LabError;
use crate::experiment::{Experiment, Size};
use crate::experiments;
use crate::nearest::nearest;
use crate::parameter::{Parameter, Setting};

/// How many seeds can be asked for.
pub const SEEDS_MAX: u32 = 100_000;

/// What is asked for.
#[derive(Clone)]
pub struct Request {
    /// Which experiment.
    pub experiment: &'static dyn Experiment,
    /// Its cases.
    pub cases: Vec<Case>,
    /// With which seeds each is run.
    pub seeds: SeedRange,
}

/// Some seeds in a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeedRange(Range<u128>);

impl Request {
    /// An experiment as it is run if nobody says otherwise.
    #[must_use]
    pub fn new(experiment: &'static dyn Experiment, size: Size) -> Self {
        let seeds = experiment.about().seeds;
        Self {
            experiment,
            cases: experiment.cases(size),
            seeds: SeedRange::first(match size {
                Size::Quick => seeds.quick,
                Size::Full => seeds.full,
            }),
        }
    }

    /// The same for an experiment's name.
    ///
    /// # Errors
    /// When there is none of that name.
    pub fn named(name: &str, size: Size) -> Result<Self, LabError> {
        Ok(Self::new(find(name)?, size))
    }

    /// Runs each case with so many seeds.
    ///
    /// # Errors
    /// When that is none at all, or more than [`SEEDS_MAX`].
    pub fn with_seeds(mut self, seeds: u32) -> Result<Self, LabError> {
        if seeds == 0 || seeds > SEEDS_MAX {
            return Err(LabError::Written {
                problem: format!("{seeds} seeds cannot be run"),
                advice: format!("write a number from 1 to {SEEDS_MAX}"),
            });
        }
        self.seeds = SeedRange::first(seeds);
        Ok(self)
    }

    /// Runs each case once with each of these values, in place of what it had.
    ///
    /// # Errors
    /// When the experiment has no such parameter, or it cannot be that.
    pub fn with_values(self, name: &str, values: &[impl AsRef<str>]) -> Result<Self, LabError> {
        let parameter = self.parameter(name)?;
        let read = |text: &str| {
            parameter.read(text).map_err(|error| LabError::Setting {
                name: name.into(),
                problem: error.to_string(),
                advice: parameter.advice(text),
            })
        };
        let settings: Result<Vec<_>, _> = values.iter().map(|text| read(text.as_ref())).collect();
        Ok(self.with_settings(parameter.name, &settings?))
    }

    /// The same for values that were read already.
    #[must_use]
    pub fn with_settings(mut self, name: &str, settings: &[Setting]) -> Self {
        let mut cases: Vec<Case> = Vec::new();
        for case in &self.cases {
            for setting in settings {
                let case = case.clone().with_setting(name, *setting);
                if !cases.contains(&case) {
                    cases.push(case);
                }
            }
        }
        self.cases = cases;
        self
    }

    /// Finds a parameter of the experiment.
    ///
    /// # Errors
    /// When it has none of that name.
    pub fn parameter(&self, name: &str) -> Result<Parameter, LabError> {
        let about = self.experiment.about();
        let found = about
            .parameters
            .iter()
            .find(|parameter| parameter.name == name);
        found.copied().ok_or_else(|| {
            let names = || about.parameters.iter().map(|parameter| parameter.name);
            LabError::NoSuchParameter {
                experiment: about.name,
                name: name.into(),
                advice: advice(name, names()),
            }
        })
    }

    /// Reads a replay line: an experiment's name, its parameters, and `seed=N`.
    ///
    /// # Errors
    /// When it is not such a line.
    pub fn from_replay(line: &str) -> Result<Self, LabError> {
        let wrong = |problem: String| LabError::Written {
            problem,
            advice:
                "give the line as it was printed, between quotes: 'NAME parameter=value … seed=N'"
                    .into(),
        };
        let mut words = line.split_whitespace();
        let name = words
            .next()
            .ok_or_else(|| wrong("the line is empty".into()))?;
        let experiment = find(name)?;
        let mut request = Self {
            experiment,
            cases: vec![Case::of(experiment.about().parameters)],
            seeds: SeedRange(0..0),
        };
        for word in words {
            let (key, value) = word
                .split_once('=')
                .ok_or_else(|| wrong(format!("`{word}` is no `parameter=value`")))?;
            if key == "seed" {
                let seed: u128 = value
                    .parse()
                    .ok()
                    .filter(|seed| *seed < u128::MAX)
                    .ok_or_else(|| wrong(format!("`{value}` is no seed")))?;
                request.seeds = SeedRange(seed..seed + 1);
            } else {
                request = request.with_values(key, &[value])?;
            }
        }
        if request.seeds.is_empty() {
            return Err(wrong("the line names no seed".into()));
        }
        Ok(request)
    }
}

impl SeedRange {
    /// The first so many seeds, from 1 on.
    #[must_use]
    pub fn first(count: u32) -> Self {
        Self(1..1 + u128::from(count))
    }

    /// The first of them.
    #[must_use]
    pub const fn start(&self) -> u128 {
        self.0.start
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        usize::try_from(self.0.end - self.0.start).unwrap_or(usize::MAX)
    }

    /// Tells whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("experiment", &self.experiment.about().name)
            .field("cases", &self.cases)
            .field("seeds", &self.seeds)
            .finish()
    }
}

/// Finds an experiment by its name.
///
/// # Errors
/// When there is none.
pub fn find(name: &str) -> Result<&'static dyn Experiment, LabError> {
    let all = || experiments::ALL.iter();
    let found = all().find(|experiment| experiment.about().name == name);
    found.copied().ok_or_else(|| LabError::NoSuchExperiment {
        name: name.into(),
        nearest: nearest(name, all().map(|experiment| experiment.about().name)),
    })
}

/// Names the key that was probably meant, and all that there are.
pub(crate) fn advice<'a>(written: &str, names: impl Iterator<Item = &'a str> + Clone) -> String {
    let all = names.clone().collect::<Vec<_>>().join(", ");
    match nearest(written, names) {
        Some(name) => format!("did you mean `{name}`? There are: {all}"),
        None => format!("there are: {all}"),
    }
}
