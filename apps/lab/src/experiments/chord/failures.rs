//! Keys that are lost when many nodes fail at once, and nothing else.

use std::time::Duration;

use chord::Config;
use chord::api::Period;

use crate::case::Case;
use crate::experiment::{About, Experiment, Figure, Run, Seeds, Size, Trouble};
use crate::experiments::chord::world::{PACKET_DELAY, World, still};
use crate::measure::Measurements;
use crate::outcome::Outcome;
use crate::parameter::Parameter;
use crate::report::plot::{Axis, Line, Plot};

/// Failure of many nodes, and lookups once the ring has mended itself.
#[derive(Debug)]
pub(crate) struct Failures;

const NODES: &str = "nodes";
const SUCCESSORS: &str = "successors";
const FAILED: &str = "failed";
const LOOKUPS: &str = "lookups";
const MENDING: &str = "mending";

const LOST: &str = "lookups that do not find the first owner";
const WRONG: &str = "lookups that fail otherwise";

static ABOUT: About = About {
    name: "chord-failures",
    purpose: "which share of keys is lost when a share of all nodes fails at once",
    source: "Stoica et al., Chord (SIGCOMM 2001), section 6.4, figure 11",
    notes: &[
        "The keys of a node that fails are lost: no copies are kept here. When the ring has mended \
         itself, a lookup that does not find the node that owned its key before must be one of \
         those: the share lost is the share that failed, and every other lookup ends at the \
         key's owner among the living.",
    ],
    parameters: &[
        Parameter::share(FAILED, 0.1, "share of all nodes that fail at once"),
        Parameter::count(NODES, 10_000, 100_000, "nodes on the ring"),
        Parameter::count(SUCCESSORS, 20, 64, "length of successor lists"),
        Parameter::count(LOOKUPS, 10_000, 10_000_000, "lookups"),
        Parameter::time(MENDING, 300.0, "how long the ring has to mend itself"),
    ],
    seeds: Seeds { quick: 1, full: 10 },
};

/// The share that failed, and the share of lookups that fail in the paper.
const KNOWN: [(f64, f64); 6] = [
    (0.01, 0.01),
    (0.025, 0.02),
    (0.05, 0.047),
    (0.1, 0.095),
    (0.15, 0.147),
    (0.2, 0.20),
];

impl Experiment for Failures {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn cases(&self, size: Size) -> Vec<Case> {
        let all = Case::of(ABOUT.parameters);
        match size {
            Size::Quick => vec![all.with(FAILED, 0.2).with(NODES, 1000.0)],
            Size::Full => KNOWN
                .iter()
                .map(|(failed, _)| all.clone().with(FAILED, *failed))
                .collect(),
        }
    }

    fn run(&self, run: &Run<'_>) -> Result<Measurements, Trouble> {
        let nodes = run.case.count(NODES);
        let config = Config {
            stabilise: Period::about(Duration::from_secs(10)),
            fix_finger: Period::about(Duration::from_secs(10)),
            suspicion: Config::new().suspicion,
            candidates: Config::new().candidates,
            ..still(run.case.count(SUCCESSORS))
        };
        let mut world = World::new(run.seed, nodes, config, PACKET_DELAY);
        world.kill(run.case.number(FAILED));
        let mending = Duration::from_secs_f64(run.case.number(MENDING));
        for _ in 0..10 {
            run.go_on()?;
            world.sim.run_for(mending / 10);
        }
        let (mut lost, mut wrong) = (0.0, 0.0);
        let lookups = run.case.count(LOOKUPS);
        world.look_up(run, lookups, |world, answer| {
            let found = answer
                .found
                .as_ref()
                .and_then(|found| found.owners.first().copied());
            lost += f64::from(u8::from(found != Some(world.first_owner(answer.key))));
            wrong += f64::from(u8::from(found != world.owner(answer.key)));
            Ok(())
        })?;
        Ok(Measurements::default()
            .with(LOST, lost / lookups as f64)
            .with(WRONG, wrong / lookups as f64))
    }

    fn figures(&self, case: &Case) -> Vec<Figure> {
        let failed = case.number(FAILED);
        let lost = Figure::new(LOST, "share").near(failed, 0.01);
        let known = KNOWN.iter().find(|(known, _)| case.is(FAILED, *known));
        let lost = known.map_or(lost, |(_, paper)| lost.paper(*paper));
        vec![
            lost,
            Figure::new(WRONG, "share").paper(0.0).accept(0.0, 0.0),
        ]
    }

    fn bytes(&self, case: &Case) -> u64 {
        case.count(NODES) as u64 * 2000 + (100 << 20)
    }

    fn plots(&self, outcome: &Outcome) -> Vec<Plot> {
        let failed = Axis::linear("failed nodes (%)").scaled(100.0).from_zero();
        let lost = Axis::linear("lost keys (%)").scaled(100.0).from_zero();
        let line = Line::new("lost keys", outcome, FAILED, LOST, |_| true);
        vec![Plot::new("Lost keys", failed, lost).with(line)]
    }
}
