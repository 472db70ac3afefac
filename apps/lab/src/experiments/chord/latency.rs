//! How much longer a lookup takes than the way to its goal.

use std::time::Duration;

use chord::Config;
use chord::api::{Fingers, Period, Routing};
use simulator::{Latency, TransitStub};

use crate::case::Case;
use crate::experiment::{About, Experiment, Figure, Run, Seeds, Size, Trouble};
use crate::experiments::chord::world::{World, still};
use crate::measure::{Measurements, Spread};
use crate::outcome::Outcome;
use crate::parameter::Parameter;
use crate::report::plot::{Axis, Line, Plot};

/// Lookups with fingers that are near in the net.
#[derive(Debug)]
pub(crate) struct Stretch;

const NODES: &str = "nodes";
const NETWORK: &str = "network";
const ROUTING: &str = "routing";
const SAMPLES: &str = "samples";
const SUCCESSORS: &str = "successors";
const LOOKUPS: &str = "lookups";

const SPACE: &str = "space";
const TRANSIT_STUB: &str = "transit-stub";
const ITERATIVE: &str = "iterative";
const RECURSIVE: &str = "recursive";

const STRETCH: &str = "stretch";
const MEDIAN: &str = "stretch, median";
const LOW: &str = "stretch, 10th percentile";
const HIGH: &str = "stretch, 90th percentile";

static ABOUT: About = About {
    name: "chord-latency",
    purpose: "how much longer a lookup takes than the way to its goal, by the choice of fingers",
    source: "Stoica et al., Chord (IEEE/ACM ToN 2003), section VI-F, table IV",
    notes: &[
        "The stretch of a lookup is its time, with the exchange with the owner, over that of a direct \
         exchange. Passed on from node to node, the question takes each way once, and the owner \
         answers the origin.",
        "Fingers are chosen by the nodes themselves, as on the net: of the first s nodes of a row the \
         one that answers a ping soonest. They hear of these from the list of the node before them, \
         of which about half lies behind the finger: so lists are longer than s. The paper does not \
         say how long its lists were.",
        "The paper does not describe its transit-stub network fully; its figures are accepted within \
         30 %, those of the space within 15 %.",
        "At s = 16 ours come down less than the paper's, whose nodes choose anew on each hop among all \
         s; ours chose when they looked the finger up.",
    ],
    parameters: &[
        Parameter::word(
            NETWORK,
            &[SPACE, TRANSIT_STUB],
            "a 3-d space, or domains of routers",
        ),
        Parameter::word(
            ROUTING,
            &[ITERATIVE, RECURSIVE],
            "asked in turn, or passed on",
        ),
        Parameter::count(SAMPLES, 16, 16, "nodes tried for each finger"),
        Parameter::count(NODES, 65_536, 1_000_000, "nodes on the ring"),
        Parameter::count(SUCCESSORS, 16, 64, "length of successor lists"),
        Parameter::count(LOOKUPS, 10_000, 1_000_000, "lookups"),
    ],
    seeds: Seeds { quick: 1, full: 1 },
};

/// The network's and the lookup's kind, and by s = 1, 2, 4, 8, 16 the medians of the paper.
const KNOWN: [(&str, &str, [f64; 5]); 4] = [
    (SPACE, ITERATIVE, [7.8, 7.2, 6.1, 4.7, 3.4]),
    (TRANSIT_STUB, ITERATIVE, [7.2, 7.1, 6.4, 4.9, 2.2]),
    (SPACE, RECURSIVE, [4.5, 3.5, 2.7, 2.1, 1.7]),
    (TRANSIT_STUB, RECURSIVE, [4.1, 3.6, 2.8, 2.0, 1.5]),
];
const SAMPLES_OF_PAPER: [f64; 5] = [1.0, 2.0, 4.0, 8.0, 16.0];

/// How often a finger is looked up while the ring is prepared, and how long that takes: once
/// and a little more for each row.
const FIXING: Duration = Duration::from_secs(10);
const PREPARATION: Duration = Duration::from_secs(240);

impl Experiment for Stretch {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn cases(&self, size: Size) -> Vec<Case> {
        let all = Case::of(ABOUT.parameters);
        let (nodes, samples): (f64, &[f64]) = match size {
            Size::Quick => (256.0, &[4.0]),
            Size::Full => (65_536.0, &SAMPLES_OF_PAPER),
        };
        let mut cases = Vec::new();
        let (networks, lookups) = match size {
            Size::Quick => (vec![KNOWN[0], KNOWN[2]], 1000.0),
            Size::Full => (KNOWN.to_vec(), 10_000.0),
        };
        for (network, routing, _) in networks {
            for samples in samples {
                let case = all
                    .clone()
                    .with_word(NETWORK, network)
                    .with_word(ROUTING, routing);
                let lists = (4.0 * samples).clamp(4.0, 32.0);
                let case = case.with(SAMPLES, *samples).with(SUCCESSORS, lists);
                cases.push(case.with(NODES, nodes).with(LOOKUPS, lookups));
            }
        }
        cases
    }

    fn run(&self, run: &Run<'_>) -> Result<Measurements, Trouble> {
        let case = run.case;
        let samples = case.count(SAMPLES) as u8;
        let config = Config {
            fingers: match samples {
                1 => Fingers::Exact,
                _ => Fingers::Nearby { samples },
            },
            routing: match case.word(ROUTING) {
                RECURSIVE => Routing::Recursive,
                _ => Routing::Iterative,
            },
            fix_finger: match samples {
                1 => still(1).fix_finger,
                _ => Period::about(FIXING),
            },
            candidates: Config::new().candidates,
            patience: chord::api::Patience::Fixed(Duration::from_secs(3)),
            ..still(case.count(SUCCESSORS))
        };
        let mut world = World::in_network(run.seed, case.count(NODES), config, network(case));
        if samples > 1 {
            for _ in 0..20 {
                run.go_on()?;
                world.sim.run_for(PREPARATION / 20);
            }
            world.sim.take_events();
        }
        let mut stretch = Spread::new();
        let recursive = case.word(ROUTING) == RECURSIVE;
        world.look_up(run, case.count(LOOKUPS), |world, answer| {
            let found = super::world::found_right(world, &answer)?;
            let owner = world.node_at(answer.key);
            let way = world.sim.latency(answer.asker, owner).as_secs_f64();
            let took = found.took.as_secs_f64();
            let all = if recursive {
                // The answer came from the node whose list spans the key; it would go on to the
                // owner, and come from there.
                let last = world.last_asked(answer.asker, answer.key);
                let ways = [(last, owner), (owner, answer.asker), (last, answer.asker)];
                let [on, back, instead] =
                    ways.map(|(one, other)| world.sim.latency(one, other).as_secs_f64());
                took + on + back - instead
            } else {
                took + 2.0 * way
            };
            if way > 0.0 {
                stretch.add(all / (2.0 * way));
            }
            Ok(())
        })?;
        Ok(Measurements::default()
            .with(MEDIAN, stretch.percentile(0.5))
            .with(LOW, stretch.percentile(0.1))
            .with(HIGH, stretch.percentile(0.9))
            .with_spread(STRETCH, stretch))
    }

    fn figures(&self, case: &Case) -> Vec<Figure> {
        let (network, routing) = (case.word(NETWORK), case.word(ROUTING));
        let known = KNOWN
            .iter()
            .find(|(n, r, _)| (*n, *r) == (network, routing));
        let column = SAMPLES_OF_PAPER.iter().position(|s| case.is(SAMPLES, *s));
        let median = Figure::new(MEDIAN, "");
        let median = match (known, column) {
            (Some((_, _, medians)), Some(column)) if case.is(NODES, 65_536.0) => {
                let share = if network == SPACE { 0.15 } else { 0.3 };
                median.paper(medians[column]).about(medians[column], share)
            }
            _ => median.accept(1.0, 10.0),
        };
        vec![median, Figure::new(LOW, ""), Figure::new(HIGH, "")]
    }

    fn bytes(&self, case: &Case) -> u64 {
        case.count(NODES) as u64 * 3000 + (50 << 20)
    }

    fn plots(&self, outcome: &Outcome) -> Vec<Plot> {
        let samples = Axis::log2("nodes tried for each finger");
        let mut plot = Plot::new(
            "Stretch",
            samples,
            Axis::linear("median stretch").from_zero(),
        );
        for (network, routing, name) in [
            (SPACE, ITERATIVE, "space, iterative"),
            (TRANSIT_STUB, ITERATIVE, "transit-stub, iterative"),
            (SPACE, RECURSIVE, "space, recursive"),
            (TRANSIT_STUB, RECURSIVE, "transit-stub, recursive"),
        ] {
            let is_meant =
                move |case: &Case| case.word(NETWORK) == network && case.word(ROUTING) == routing;
            plot = plot.with(Line::new(name, outcome, SAMPLES, MEDIAN, is_meant));
        }
        vec![plot]
    }
}

/// The networks of the paper, as far as it describes them: a cube; and domains of routers with
/// 50 ms within the core, 20 ms to it and 1 ms at the edge, here in 40 stub domains.
fn network(case: &Case) -> Latency {
    match case.word(NETWORK) {
        SPACE => Latency::Space {
            dimensions: 3,
            edge: Duration::from_millis(200),
            access: Duration::from_millis(1),
        },
        _ => Latency::TransitStub(TransitStub {
            domains: 2,
            routers: 5,
            stubs: 4,
            within_stub: Duration::from_millis(1),
            to_router: Duration::from_millis(20),
            within_domain: Duration::from_millis(50),
            between_domains: Duration::from_millis(50),
        }),
    }
}
