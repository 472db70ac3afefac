//! What came of an experiment: rows of ours beside the paper's, for programs and people.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use crate::case::Case;
use crate::experiment::{About, Experiment, Figure, Judged, Trouble};
use crate::measure::{Measurements, Spread};
use crate::parameter::{Kind, Setting};
use crate::statistics::{Pool, Summary};

/// What came of an experiment.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// Which one.
    pub about: &'static About,
    /// How many seeds each case was to be run with.
    pub seeds: u32,
    /// What was measured, case by case.
    pub cases: Vec<CaseOutcome>,
    /// What went wrong, run by run.
    pub failures: Vec<Failure>,
    /// Whether all runs were made.
    pub extent: Extent,
}

/// What was measured in one case.
#[derive(Debug, Clone, PartialEq)]
pub struct CaseOutcome {
    /// The case.
    pub case: Case,
    /// The rows of the table that it has.
    pub figures: Vec<Figure>,
    /// What was measured, over all seeds.
    pub pools: BTreeMap<&'static str, Pool>,
}

/// A run that has no result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The line that replays it.
    pub replay: String,
    /// What went wrong.
    pub reason: String,
}

/// Whether all runs were made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// All.
    Whole,
    /// The user stopped it after so many of so many.
    Part {
        /// How many runs were made.
        done: usize,
        /// How many were to be made.
        total: usize,
    },
}

/// One row of the table.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    /// Its case.
    pub case: &'a Case,
    /// What it is about, and the paper's number.
    pub figure: &'a Figure,
    /// Our numbers.
    pub ours: Summary,
}

impl Outcome {
    /// Nothing measured yet.
    #[must_use]
    pub fn new(experiment: &dyn Experiment, cases: &[Case], seeds: u32) -> Self {
        let cases = cases.iter().map(|case| CaseOutcome {
            case: case.clone(),
            figures: experiment.figures(case),
            pools: BTreeMap::new(),
        });
        Self {
            about: experiment.about(),
            seeds,
            cases: cases.collect(),
            failures: Vec::new(),
            extent: Extent::Whole,
        }
    }

    /// Takes in what one run of a case, named by its position, measured.
    pub fn add(&mut self, case: usize, measurements: Measurements) {
        for (quantity, measurement) in measurements.into_iter_sorted() {
            let pool = self.cases[case].pools.entry(quantity).or_default();
            pool.add(&measurement);
        }
    }

    /// Takes in that one run of a case failed.
    pub fn add_failure(&mut self, case: usize, seed: u128, trouble: &Trouble) {
        self.failures.push(Failure {
            replay: replay_line(self.about.name, &self.cases[case].case, seed),
            reason: trouble.to_string(),
        });
    }

    /// The rows for which there is at least one run.
    pub fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        self.cases.iter().flat_map(|of_case| {
            of_case.figures.iter().filter_map(|figure| {
                let ours = of_case.pools.get(figure.quantity)?.summary()?;
                let case = &of_case.case;
                Some(Row { case, figure, ours })
            })
        })
    }

    /// All values of a quantity in the first case for which `is_meant` holds.
    #[must_use]
    pub fn spread(&self, quantity: &str, is_meant: impl Fn(&Case) -> bool) -> Option<&Spread> {
        let meant = self.cases.iter().find(|of_case| is_meant(&of_case.case))?;
        Some(meant.pools.get(quantity)?.values()).filter(|values| !values.is_empty())
    }

    /// How many rows have a tolerance, and how many of these are within it.
    #[must_use]
    pub fn score(&self) -> (usize, usize) {
        let judged = self.rows().filter_map(|row| row.is_within());
        judged.fold((0, 0), |(all, good), is_within| {
            (all + 1, good + usize::from(is_within))
        })
    }

    /// Tells whether nothing went wrong: no run failed, and no row is outside of its tolerance.
    #[must_use]
    pub fn is_good(&self) -> bool {
        let (judged, good) = self.score();
        self.failures.is_empty() && judged == good
    }

    /// For programs: `experiment`, `seeds`, `rows`, and `partial` or `failures` if there is reason.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let rows: Vec<_> = self.rows().map(|row| row.to_json()).collect();
        let mut value = json!({
            "experiment": self.about.name,
            "seeds": self.seeds,
            "rows": rows,
        });
        if let Extent::Part { done, total } = self.extent {
            value["partial"] = json!({ "done": done, "total": total });
        }
        if !self.failures.is_empty() {
            let failures = self.failures.iter();
            let failures = failures.map(|f| json!({ "replay": f.replay, "reason": f.reason }));
            value["failures"] = failures.collect();
        }
        value
    }

    /// The rows as comma-separated values, with a head.
    #[must_use]
    pub fn to_csv(&self) -> String {
        let mut text = String::from("experiment");
        for parameter in self.about.parameters {
            let _ = write!(text, ",{}", parameter.name);
        }
        text.push_str(",quantity,unit,paper,mean,p1,p50,p99,ci95,low,high,within\n");
        for row in self.rows() {
            text.push_str(self.about.name);
            for (_, setting) in row.case.settings() {
                let _ = write!(text, ",{setting}");
            }
            let quantity = row.figure.quantity.replace('"', "\"\"");
            let _ = write!(text, ",\"{quantity}\",{}", row.figure.unit);
            let Summary {
                mean,
                p1,
                p50,
                p99,
                ci95,
                ..
            } = row.ours;
            let band = row.figure.tolerance;
            let numbers = [
                row.figure.paper,
                Some(mean),
                Some(p1),
                Some(p50),
                Some(p99),
                ci95,
                band.map(|band| band.low),
                band.map(|band| band.high),
            ];
            for number in numbers {
                let number = number.filter(|number| number.is_finite());
                let _ = write!(text, ",{}", number.map_or(String::new(), |n| n.to_string()));
            }
            let within = row
                .is_within()
                .map_or("", |is| if is { "true" } else { "false" });
            let _ = writeln!(text, ",{within}");
        }
        text
    }
}

impl Row<'_> {
    /// Tells whether ours is within the tolerance; none if there is no tolerance.
    #[must_use]
    pub fn is_within(&self) -> Option<bool> {
        let band = self.figure.tolerance?;
        Some(match self.figure.judged {
            Judged::Mean => band.holds(self.ours.mean),
            Judged::EachRun => band.holds(self.ours.least) && band.holds(self.ours.greatest),
        })
    }

    fn to_json(self) -> Value {
        let mut parameters = Map::new();
        for (parameter, setting) in self.case.settings() {
            let value = match *setting {
                Setting::Word(word) => json!(word),
                Setting::Number(number) => match parameter.kind {
                    Kind::Count(..) => json!(number as u64),
                    Kind::Share | Kind::Time | Kind::Rate | Kind::Word(_) => json!(number),
                },
            };
            parameters.insert(parameter.name.into(), value);
        }
        parameters.insert("quantity".into(), json!(self.figure.quantity));
        let Summary {
            mean,
            p1,
            p50,
            p99,
            ci95,
            ..
        } = self.ours;
        // What is not finite is null in JSON: a tolerance without an upper end, say.
        let tolerance = self.figure.tolerance;
        json!({
            "parameters": parameters,
            "paper": self.figure.paper,
            "ours": { "mean": mean, "p1": p1, "p50": p50, "p99": p99, "ci95": ci95 },
            "tolerance": tolerance.map(|band| json!({ "low": band.low, "high": band.high })),
            "within": self.is_within(),
        })
    }
}

/// The line that replays one run.
#[must_use]
pub fn replay_line(experiment: &str, case: &Case, seed: u128) -> String {
    let case = case.to_string();
    let space = if case.is_empty() { "" } else { " " };
    format!("{experiment} {case}{space}seed={seed}")
}
