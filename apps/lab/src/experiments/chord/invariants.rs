//! All that can happen to a small ring, in random orders.

use chord::api::Rules;
use chord::schedules::{Plan, run as run_schedule};

use crate::case::Case;
use crate::experiment::{About, Experiment, Figure, Run, Seeds, Size, Trouble};
use crate::measure::Measurements;
use crate::parameter::Parameter;

/// Random schedules of joins, failures and maintenance.
#[derive(Debug)]
pub(crate) struct Invariants;

const RULES: &str = "rules";
const SUCCESSORS: &str = "successors";
const IDENTIFIERS: &str = "identifiers";
const EVENTS: &str = "events";
const SCHEDULES: &str = "schedules";

const CORRECTED: &str = "corrected";
const ORIGINAL: &str = "original";

const BROKEN: &str = "schedules that break an invariant";
const FIRST: &str = "schedules up to the first that does";
const ROUNDS: &str = "rounds to the ideal ring at the end";

static ABOUT: About = About {
    name: "chord-invariants",
    purpose: "whether any order of joins, failures and rounds breaks a ring: the corrected rules, and \
              those first published",
    source: "Zave, How to Make Chord Correct (IEEE TSE 2017); Using Lightweight Modeling to \
             Understand Chord (CCR 2012)",
    notes: &[
        "After each event it is checked that every member has a live successor, that at least r + 1 \
         principals are left (for the corrected rules), and that there is one ordered ring; when the \
         events are over, that the ring finds its ideal form.",
        "The original rules must break rings: if they do not, the checks are blind. They are given \
         10^5 schedules for it.",
    ],
    parameters: &[
        Parameter::word(
            RULES,
            &[CORRECTED, ORIGINAL],
            "the rules by which neighbours are kept",
        ),
        Parameter::count(SUCCESSORS, 2, 8, "length of successor lists"),
        Parameter::count(IDENTIFIERS, 8, 32, "nodes that may ever be members"),
        Parameter::count(EVENTS, 200, 100_000, "events of a schedule"),
        Parameter::count(SCHEDULES, 10_000, 10_000_000, "schedules of a run"),
    ],
    seeds: Seeds { quick: 1, full: 20 },
};

impl Experiment for Invariants {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn cases(&self, size: Size) -> Vec<Case> {
        let all = Case::of(ABOUT.parameters);
        let schedules = if size == Size::Quick { 500.0 } else { 10_000.0 };
        let mut cases = Vec::new();
        for rules in [CORRECTED, ORIGINAL] {
            for identifiers in [8.0, 16.0] {
                for r in [2.0, 3.0, 4.0] {
                    let case = all.clone().with_word(RULES, rules).with(SUCCESSORS, r);
                    cases.push(
                        case.with(IDENTIFIERS, identifiers)
                            .with(SCHEDULES, schedules),
                    );
                }
            }
        }
        cases
    }

    fn run(&self, run: &Run<'_>) -> Result<Measurements, Trouble> {
        let case = run.case;
        let (successors, identifiers) = (case.count(SUCCESSORS), case.count(IDENTIFIERS));
        if identifiers <= successors {
            return Err(Trouble::Broken(format!(
                "a ring needs more than {successors} identifiers, not {identifiers}"
            )));
        }
        let rules = match case.word(RULES) {
            CORRECTED => Rules::Corrected,
            _ => Rules::Original,
        };
        let plan = Plan {
            rules,
            successors,
            identifiers,
            events: case.count(EVENTS),
        };
        let (mut broken, mut first, mut rounds) = (0.0, None, 0.0);
        let schedules = case.count(SCHEDULES);
        for number in 0..schedules {
            if number % 256 == 0 {
                run.go_on()?;
            }
            match run_schedule(&plan, run.seed, number as u64) {
                Ok(passed) => rounds += passed.rounds as f64,
                Err(violation) if rules == Rules::Corrected => {
                    return Err(Trouble::Broken(format!("schedule {number}, {violation}")));
                }
                Err(_) => {
                    broken += 1.0;
                    first.get_or_insert(number + 1);
                }
            }
        }
        let found = Measurements::default().with(BROKEN, broken);
        Ok(match (rules, first) {
            (Rules::Corrected, _) => found.with(ROUNDS, rounds / schedules as f64),
            (Rules::Original, Some(first)) => found.with(FIRST, first as f64),
            // Not one among all: worse than the last.
            (Rules::Original, None) => found.with(FIRST, f64::INFINITY),
        })
    }

    fn figures(&self, case: &Case) -> Vec<Figure> {
        let broken = Figure::new(BROKEN, "");
        if case.word(RULES) == CORRECTED {
            return vec![
                broken.paper(0.0).accept(0.0, 0.0).each_run(),
                Figure::new(ROUNDS, ""),
            ];
        }
        vec![broken, Figure::new(FIRST, "").accept(1.0, 1e5).each_run()]
    }
}
