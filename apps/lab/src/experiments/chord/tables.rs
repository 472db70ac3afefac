//! What tables are good for: without fingers, with them, and with everybody in them.

use chord::Config;
use chord::api::Fingers;

use crate::case::Case;
use crate::experiment::{About, Experiment, Figure, Run, Seeds, Size, Trouble};
use crate::experiments::chord::world::{PACKET_DELAY, World, hops_of, still};
use crate::measure::Measurements;
use crate::outcome::Outcome;
use crate::parameter::Parameter;
use crate::report::plot::{Axis, Line, Plot};

/// Lookups with tables of three kinds.
#[derive(Debug)]
pub(crate) struct Tables;

const NODES: &str = "nodes";
const TABLE: &str = "table";
const LOOKUPS: &str = "lookups";

const SUCCESSOR: &str = "successor";
const FINGERS: &str = "fingers";
const FULL: &str = "full";

const STEPS: &str = "steps";

static ABOUT: About = About {
    name: "chord-tables",
    purpose: "how many steps a lookup takes, by what each node knows of the others",
    source: "Stoica et al., Chord (SIGCOMM 2001), sections 4.2 and 4.3",
    notes: &[
        "All steps are counted, the last one to the owner as well.",
        "With the successor alone a lookup goes half round the ring: N / 2 steps. With fingers each \
         step at least halves the way: (log2 N) / 2 steps, and the last. Who knows all is there in \
         one.",
    ],
    parameters: &[
        Parameter::word(TABLE, &[FINGERS, SUCCESSOR, FULL], "whom a node knows"),
        Parameter::count(NODES, 64, 4096, "nodes on the ring"),
        Parameter::count(LOOKUPS, 100, 10_000, "lookups that each node makes"),
    ],
    seeds: Seeds { quick: 5, full: 20 },
};

impl Experiment for Tables {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn cases(&self, size: Size) -> Vec<Case> {
        let all = Case::of(ABOUT.parameters);
        let lookups = if size == Size::Quick { 20.0 } else { 100.0 };
        let mut cases = Vec::new();
        for table in [SUCCESSOR, FINGERS, FULL] {
            for nodes in [8.0, 16.0, 32.0, 64.0] {
                let case = all.clone().with_word(TABLE, table).with(NODES, nodes);
                cases.push(case.with(LOOKUPS, lookups));
            }
        }
        cases
    }

    fn run(&self, run: &Run<'_>) -> Result<Measurements, Trouble> {
        let nodes = run.case.count(NODES);
        let config = match run.case.word(TABLE) {
            SUCCESSOR => Config {
                fingers: Fingers::None,
                ..still(1)
            },
            FULL => Config {
                fingers: Fingers::None,
                ..still(nodes)
            },
            _ => still(1),
        };
        let mut world = World::new(run.seed, nodes, config, PACKET_DELAY);
        let hops = hops_of(run, &mut world, nodes * run.case.count(LOOKUPS))?;
        let steps = hops.iter().flat_map(|(hops, count)| {
            std::iter::repeat_n(hops + 1.0, usize::try_from(count).unwrap_or(0))
        });
        Ok(Measurements::default().with_spread(STEPS, steps.collect()))
    }

    fn figures(&self, case: &Case) -> Vec<Figure> {
        let nodes = case.number(NODES);
        let steps = Figure::new(STEPS, "");
        vec![match case.word(TABLE) {
            // From 1 step to N - 1, all as likely.
            SUCCESSOR => steps.paper(nodes / 2.0).about(nodes / 2.0, 0.05),
            FULL => steps.paper(1.0).accept(1.0, 1.0),
            _ => {
                let expected = 0.5 * nodes.log2() + 1.0;
                steps.paper(expected).near(expected, 0.3)
            }
        }]
    }

    fn plots(&self, outcome: &Outcome) -> Vec<Plot> {
        let of = |table| {
            let is_meant = move |case: &Case| case.word(TABLE) == table;
            Line::new(table, outcome, NODES, STEPS, is_meant)
        };
        let plot = Plot::new(
            "Steps to the owner",
            Axis::log2("nodes"),
            Axis::log2("steps"),
        );
        vec![plot.with(of(SUCCESSOR)).with(of(FINGERS)).with(of(FULL))]
    }
}
