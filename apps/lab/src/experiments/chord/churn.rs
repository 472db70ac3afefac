//! Lookups while nodes join and leave.

use std::time::Duration;

use chord::Config;
use chord::api::{Patience, Period};

use crate::case::Case;
use crate::experiment::{About, Experiment, Figure, Run, Seeds, Size, Trouble};
use crate::experiments::chord::living::{Living, Rates};
use crate::measure::{Measurements, Spread};
use crate::outcome::Outcome;
use crate::parameter::Parameter;
use crate::report::plot::{Axis, Line, Plot};

/// Lookups in a ring whose members come and go.
#[derive(Debug)]
pub(crate) struct Churn;

const RATE: &str = "rate";
const NODES: &str = "nodes";
const SUCCESSORS: &str = "successors";
const STABILISE: &str = "stabilise";
const DURATION: &str = "duration";

const PATH: &str = "path length";
const TIMEOUTS: &str = "time-outs of a lookup";
const FAILURES: &str = "failures of 10,000 lookups";

/// How long nodes come and go before anything is measured.
const WARM_UP: Duration = Duration::from_secs(1200);

static ABOUT: About = About {
    name: "chord-churn",
    purpose: "path length, time-outs and failures of lookups while nodes join and leave",
    source: "Stoica et al., Chord (IEEE/ACM ToN 2003), section VI-E, table III",
    notes: &[
        "Joins, leaves in good order (each at this rate) and lookups (one a second) come at random. \
         A round of stabilisation checks the first successor, and one finger is looked up as often.",
        "A lookup succeeds if it reaches the owner of the moment: the owner that it names may send it \
         on to a predecessor that has just joined, and who is named and gone is one more time-out.",
    ],
    parameters: &[
        Parameter::rate(RATE, 0.05, "joins a second, and as many leaves"),
        Parameter::count(NODES, 1000, 100_000, "nodes on the ring at the beginning"),
        Parameter::count(SUCCESSORS, 20, 64, "length of successor lists"),
        Parameter::time(
            STABILISE,
            30.0,
            "between two rounds, half of it more or less",
        ),
        Parameter::time(DURATION, 10_000.0, "how long lookups are made"),
    ],
    seeds: Seeds { quick: 1, full: 20 },
};

/// By the rate: path length, time-outs, failures of 10,000.
const KNOWN: [(f64, [f64; 3]); 8] = [
    (0.05, [3.90, 0.05, 0.0]),
    (0.10, [3.83, 0.11, 0.0]),
    (0.15, [3.84, 0.16, 2.0]),
    (0.20, [3.81, 0.23, 5.0]),
    (0.25, [3.83, 0.30, 6.0]),
    (0.30, [3.91, 0.34, 8.0]),
    (0.35, [3.94, 0.42, 16.0]),
    (0.40, [4.06, 0.46, 15.0]),
];

impl Experiment for Churn {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn cases(&self, size: Size) -> Vec<Case> {
        let all = Case::of(ABOUT.parameters);
        match size {
            Size::Quick => vec![all.with(RATE, 0.4).with(DURATION, 1000.0)],
            Size::Full => KNOWN
                .iter()
                .map(|(rate, _)| all.clone().with(RATE, *rate))
                .collect(),
        }
    }

    fn run(&self, run: &Run<'_>) -> Result<Measurements, Trouble> {
        let case = run.case;
        let period = Period::about(Duration::from_secs_f64(case.number(STABILISE)));
        let config = Config {
            successors: case.count(SUCCESSORS),
            stabilise: period,
            fix_finger: period,
            patience: Patience::Fixed(Duration::from_millis(500)),
            attempts: 1,
            ..Config::new()
        };
        let (rate, nodes) = (case.number(RATE), case.count(NODES));
        let duration = Duration::from_secs_f64(case.number(DURATION));
        // Six deviations more than will come.
        let joins = rate * (WARM_UP + duration).as_secs_f64();
        let strangers = (joins + 6.0 * joins.sqrt() + 10.0) as usize;
        let mut ring = Living::new(run.seed, nodes, strangers, config);
        let rates = Rates {
            joins: rate,
            leaves: rate,
            lookups: 1.0,
        };
        ring.live(rates, WARM_UP);
        let (mut path, mut timeouts) = (Spread::new(), Spread::new());
        let (mut all, mut failures) = (0.0, 0.0);
        const PARTS: u32 = 10;
        for _ in 0..PARTS {
            run.go_on()?;
            for ended in ring.live(rates, duration / PARTS) {
                all += 1.0;
                failures += f64::from(u8::from(!ended.reached));
                timeouts.add(f64::from(ended.timeouts));
                if let Some(hops) = ended.hops {
                    path.add(f64::from(hops) + 1.0);
                }
            }
        }
        Ok(Measurements::default()
            .with_spread(PATH, path)
            .with_spread(TIMEOUTS, timeouts)
            .with(FAILURES, failures / all * 10_000.0))
    }

    fn figures(&self, case: &Case) -> Vec<Figure> {
        let path = Figure::new(PATH, "steps");
        let (timeouts, failures) = (Figure::new(TIMEOUTS, ""), Figure::new(FAILURES, ""));
        let is_papers =
            case.is(NODES, 1000.0) && case.is(SUCCESSORS, 20.0) && case.is(STABILISE, 30.0);
        let known = KNOWN.iter().find(|(rate, _)| case.is(RATE, *rate));
        let Some(&(rate, [steps, late, failed])) = known.filter(|_| is_papers) else {
            return vec![path, timeouts, failures];
        };
        // At the slowest rate none may fail but by accident, at the fastest 25; between them as
        // many as between those.
        let failures_max = if rate <= 0.1 {
            3.0
        } else {
            3.0 + 22.0 * (rate - 0.1) / 0.3
        };
        vec![
            path.paper(steps).accept(3.6, 4.3),
            timeouts.paper(late).about(late, 0.35),
            failures.paper(failed).accept(0.0, failures_max),
        ]
    }

    fn plots(&self, outcome: &Outcome) -> Vec<Plot> {
        let rate = Axis::linear("joins and leaves, each (a second)").from_zero();
        let plot = |title, label, quantity| {
            let line = Line::new(label, outcome, RATE, quantity, |_| true);
            Plot::new(title, rate, Axis::linear(label).from_zero()).with(line)
        };
        vec![
            plot("Time-outs", "time-outs of a lookup", TIMEOUTS),
            plot("Failures", "failures of 10,000 lookups", FAILURES),
            plot("Path length", "steps", PATH),
        ]
    }
}
