//! Rings of a thousand to a million nodes at work.

use std::time::{Duration, Instant};

use chord::Config;
use chord::api::Period;

use crate::case::Case;
use crate::experiment::{About, Company, Experiment, Figure, Run, Seeds, Size, Trouble};
use crate::experiments::chord::world::{PACKET_DELAY, World, hops_of, still};
use crate::measure::Measurements;
use crate::memory;
use crate::outcome::Outcome;
use crate::parameter::Parameter;
use crate::report::plot::{Axis, Line, Plot};

/// Rings of all sizes.
#[derive(Debug)]
pub(crate) struct Scale;

const NODES: &str = "nodes";
const DURATION: &str = "duration";
const LOOKUPS: &str = "lookups";

const STEPS: &str = "steps";
const BYTES: &str = "memory of a node";
const EVENTS: &str = "events a second";
const BUILDING: &str = "building the ring";

/// The length of successor lists: that of live nodes.
const SUCCESSORS: usize = Config::new().successors;

static ABOUT: About = About {
    name: "chord-scale",
    purpose: "path length, memory and speed of rings of a thousand to a million nodes",
    source: "Stoica et al., Chord (IEEE/ACM ToN 2003), section VI-D: 0.5 log2 N - 0.5 log2 r + 1",
    notes: &[
        "Each node makes sure of its successors every 30 s and looks one finger up as often. An event \
         is a message delivered to a node, or a deadline of its own.",
        "Memory is what the process holds more than before the ring was built, all in; speed is of one \
         core, and of this machine as it was. Neither follows from the seed.",
    ],
    parameters: &[
        Parameter::count(NODES, 100_000, 4_000_000, "nodes on the ring"),
        Parameter::time(
            DURATION,
            30.0,
            "how long the ring works before lookups are made",
        ),
        Parameter::count(LOOKUPS, 10_000, 10_000_000, "lookups"),
    ],
    seeds: Seeds { quick: 1, full: 1 },
};

impl Experiment for Scale {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn cases(&self, size: Size) -> Vec<Case> {
        let sizes: &[f64] = match size {
            Size::Quick => &[1e3],
            Size::Full => &[1e3, 1e4, 1e5, 1e6],
        };
        let all = Case::of(ABOUT.parameters);
        let lookups = if size == Size::Quick {
            1000.0
        } else {
            10_000.0
        };
        let of = |nodes: &f64| all.clone().with(NODES, *nodes).with(LOOKUPS, lookups);
        sizes.iter().map(of).collect()
    }

    fn run(&self, run: &Run<'_>) -> Result<Measurements, Trouble> {
        let nodes = run.case.count(NODES);
        let period = Period::about(Duration::from_secs(30));
        let config = Config {
            stabilise: period,
            fix_finger: period,
            candidates: Config::new().candidates,
            ..still(SUCCESSORS)
        };
        let before = memory::resident();
        let began = Instant::now();
        let mut world = World::new(run.seed, nodes, config, PACKET_DELAY);
        let built = began.elapsed();
        run.go_on()?;
        let (began, turns) = (Instant::now(), world.sim.turns());
        let duration = Duration::from_secs_f64(run.case.number(DURATION));
        const PARTS: u32 = 10;
        for _ in 0..PARTS {
            run.go_on()?;
            world.sim.run_for(duration / PARTS);
        }
        let events = (world.sim.turns() - turns) as f64;
        let seconds = began.elapsed().as_secs_f64();
        let held = memory::resident().zip(before);
        let bytes = held.map(|(after, before)| after.saturating_sub(before) as f64 / nodes as f64);
        let hops = hops_of(run, &mut world, run.case.count(LOOKUPS))?;
        let found = Measurements::default()
            // The last step is counted.
            .with(STEPS, hops.mean() + 1.0)
            .with(EVENTS, events / seconds / 1e6)
            .with(BUILDING, built.as_secs_f64());
        Ok(match bytes {
            Some(bytes) => found.with(BYTES, bytes),
            None => found,
        })
    }

    fn figures(&self, case: &Case) -> Vec<Figure> {
        let r = SUCCESSORS as f64;
        let expected = 0.5 * case.number(NODES).log2() - 0.5 * r.log2() + 1.0;
        vec![
            Figure::new(STEPS, "").paper(expected).near(expected, 0.2),
            Figure::new(BYTES, "bytes"),
            Figure::new(EVENTS, "millions"),
            Figure::new(BUILDING, "s"),
        ]
    }

    fn bytes(&self, case: &Case) -> u64 {
        case.count(NODES) as u64 * 1100 + (50 << 20)
    }

    fn company(&self) -> Company {
        Company::Alone
    }

    fn plots(&self, outcome: &Outcome) -> Vec<Plot> {
        let nodes = Axis::log10("nodes");
        let plot = |title, label, quantity| {
            let line = Line::new(label, outcome, NODES, quantity, |_| true);
            Plot::new(title, nodes, Axis::linear(label).from_zero()).with(line)
        };
        vec![
            plot("Steps to the owner", "steps", STEPS),
            plot("Memory", "bytes a node", BYTES),
            plot("Speed", "million events a second", EVENTS),
        ]
    }
}
