//! How long a lookup takes between real sites.

use std::time::Duration;

use crate::case::Case;
use crate::experiment::{About, Experiment, Figure, Run, Seeds, Size, Trouble};
use crate::experiments::chord::world::{World, found_right, still};
use crate::measure::{Measurements, Spread};
use crate::outcome::Outcome;
use crate::parameter::Parameter;
use crate::report::plot::{Axis, Line, Plot};

/// The prototype on ten sites of the Internet.
#[derive(Debug)]
pub(crate) struct Prototype;

const NODES: &str = "nodes";
const ROUND_TRIP: &str = "round-trip";
const LOOKUPS: &str = "lookups";

const LATENCY: &str = "latency of a lookup";
const MEDIAN: &str = "median latency";
const EXCHANGES: &str = "median two-way exchanges";

static ABOUT: About = About {
    name: "chord-prototype",
    purpose: "how long a lookup takes between sites 60 ms apart",
    source: "Stoica et al., Chord (SIGCOMM 2001), section 6.6, figure 13",
    notes: &[
        "The paper ran 10 to 190 nodes on ten sites, 60 ms of round trip apart on average; here \
         every two nodes are. The exchange with the owner is counted: five at 180 nodes.",
    ],
    parameters: &[
        Parameter::count(NODES, 180, 100_000, "nodes on the ring"),
        Parameter::time(ROUND_TRIP, 0.06, "there and back between any two nodes"),
        Parameter::count(LOOKUPS, 16, 10_000, "lookups that each node makes"),
    ],
    seeds: Seeds { quick: 3, full: 30 },
};

impl Experiment for Prototype {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn cases(&self, size: Size) -> Vec<Case> {
        let sizes: &[f64] = match size {
            Size::Quick => &[180.0],
            Size::Full => &[10.0, 30.0, 60.0, 90.0, 120.0, 150.0, 180.0],
        };
        let all = Case::of(ABOUT.parameters);
        sizes
            .iter()
            .map(|nodes| all.clone().with(NODES, *nodes))
            .collect()
    }

    fn run(&self, run: &Run<'_>) -> Result<Measurements, Trouble> {
        let nodes = run.case.count(NODES);
        let round_trip = run.case.number(ROUND_TRIP);
        let delay = Duration::from_secs_f64(round_trip / 2.0);
        let mut world = World::new(run.seed, nodes, still(1), delay);
        let (mut latency, mut exchanges) = (Spread::new(), Spread::new());
        world.look_up(run, nodes * run.case.count(LOOKUPS), |world, answer| {
            let found = found_right(world, &answer)?;
            // Last comes the exchange with the owner.
            latency.add((found.took.as_secs_f64() + round_trip) * 1000.0);
            exchanges.add(f64::from(found.hops) + 1.0);
            Ok(())
        })?;
        Ok(Measurements::default()
            .with(MEDIAN, latency.percentile(0.5))
            .with(EXCHANGES, exchanges.percentile(0.5))
            .with_spread(LATENCY, latency))
    }

    fn figures(&self, case: &Case) -> Vec<Figure> {
        let median = Figure::new(MEDIAN, "ms");
        if case.is(NODES, 180.0) && case.is(ROUND_TRIP, 0.06) {
            return vec![
                median.paper(285.0).about(300.0, 0.1),
                Figure::new(EXCHANGES, "").paper(5.0).near(5.0, 0.5),
            ];
        }
        vec![median, Figure::new(LATENCY, "ms")]
    }

    fn plots(&self, outcome: &Outcome) -> Vec<Plot> {
        let nodes = Axis::linear("nodes").from_zero();
        let ms = Axis::linear("median latency (ms)").from_zero();
        let line = Line::new("median", outcome, NODES, MEDIAN, |_| true);
        vec![Plot::new("Latency of lookups, 60 ms apart", nodes, ms).with(line)]
    }
}
