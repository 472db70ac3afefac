//! How long a ring takes to find its form after many have joined at once.

use std::time::Duration;

use chord::Config;
use chord::api::Period;

use crate::case::Case;
use crate::experiment::{About, Experiment, Figure, Run, Seeds, Size, Trouble};
use crate::experiments::chord::living::Living;
use crate::experiments::chord::world::still;
use crate::measure::Measurements;
use crate::outcome::Outcome;
use crate::parameter::Parameter;
use crate::report::plot::{Axis, Line, Plot};

/// Rings that many join at once.
#[derive(Debug)]
pub(crate) struct Stabilisation;

const NODES: &str = "nodes";
const JOINS: &str = "joins";
const SUCCESSORS: &str = "successors";
const STABILISE: &str = "stabilise";

const HEADS: &str = "rounds until all neighbours are right";
const LISTS: &str = "rounds until all successor lists are right";

static ABOUT: About = About {
    name: "chord-stabilisation",
    purpose: "how many rounds a ring takes to find its form after many have joined at once",
    source: "Stoica et al., Chord (SIGCOMM 2001), section 5.1; Liben-Nowell et al. (PODC 2002)",
    notes: &[
        "Of several who join between the same two members, one after the other finds its place: the \
         most of them stand in one gap, and these are about log2 N / log2 log2 N, if N join N.",
        "A list is copied from the successor in each round, so that news travel back one member a \
         round, and r members name a newcomer.",
        "A round is the period of stabilisation, which is drawn anew from half of it to one and a \
         half of it; nobody hurries after a change here.",
    ],
    parameters: &[
        Parameter::count(NODES, 256, 100_000, "nodes on the ring at the beginning"),
        Parameter::count(JOINS, 256, 100_000, "nodes that join at once"),
        Parameter::count(SUCCESSORS, 16, 64, "length of successor lists"),
        Parameter::time(
            STABILISE,
            30.0,
            "between two rounds, half of it more or less",
        ),
    ],
    seeds: Seeds { quick: 3, full: 20 },
};

impl Experiment for Stabilisation {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn cases(&self, size: Size) -> Vec<Case> {
        let all = Case::of(ABOUT.parameters);
        let sizes: &[f64] = match size {
            Size::Quick => &[128.0],
            Size::Full => &[64.0, 256.0, 1024.0, 4096.0],
        };
        let of = |nodes: &f64| all.clone().with(NODES, *nodes).with(JOINS, *nodes);
        sizes.iter().map(of).collect()
    }

    fn run(&self, run: &Run<'_>) -> Result<Measurements, Trouble> {
        let (nodes, joins) = (run.case.count(NODES), run.case.count(JOINS));
        let successors = run.case.count(SUCCESSORS);
        let round = Duration::from_secs_f64(run.case.number(STABILISE));
        let period = Period::about(round);
        let config = Config {
            stabilise: period,
            stabilise_soon: period.max,
            candidates: Config::new().candidates,
            ..still(successors)
        };
        let mut ring = Living::new(run.seed, nodes, joins, config);
        (0..joins).for_each(|_| ring.join());
        // A quarter of a round is as fine as it is looked at.
        let step = round / 4;
        let mut heads = None;
        for quarter in 1..4 * (nodes + joins + successors) as u32 {
            run.go_on()?;
            ring.rest(step);
            let rounds = f64::from(quarter) / 4.0;
            if ring.len() == nodes + joins && ring.is_ideal(1) {
                let heads = *heads.get_or_insert(rounds);
                if ring.is_ideal(successors) {
                    return Ok(Measurements::default()
                        .with(HEADS, heads)
                        .with(LISTS, rounds));
                }
            }
        }
        Err(Trouble::Broken("the ring did not find its form".into()))
    }

    fn figures(&self, case: &Case) -> Vec<Figure> {
        let log = (case.number(NODES) + case.number(JOINS)).log2();
        let (heads, lists) = (Figure::new(HEADS, ""), Figure::new(LISTS, ""));
        if case.number(JOINS) > case.number(NODES) {
            return vec![heads, lists];
        }
        vec![
            heads.accept(0.0, 2.0 * log).each_run(),
            lists
                .accept(0.0, 2.0 * log + case.number(SUCCESSORS))
                .each_run(),
        ]
    }

    fn plots(&self, outcome: &Outcome) -> Vec<Plot> {
        let line = |name, quantity| Line::new(name, outcome, NODES, quantity, |_| true);
        let nodes = Axis::log2("nodes, and as many who join");
        let plot = Plot::new(
            "Rounds to the ideal ring",
            nodes,
            Axis::linear("rounds").from_zero(),
        );
        vec![
            plot.with(line("neighbours", HEADS))
                .with(line("lists of 16", LISTS)),
        ]
    }
}
