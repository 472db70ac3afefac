//! How many nodes forward a lookup.

use chord::Config;

use crate::case::Case;
use crate::experiment::{About, Experiment, Figure, Run, Seeds, Size, Trouble};
use crate::experiments::chord::world::{PACKET_DELAY, World, hops_of, still};
use crate::measure::{Measurements, Spread};
use crate::outcome::Outcome;
use crate::parameter::Parameter;
use crate::report::plot::{Axis, Line, Plot};

/// Lookups in rings without faults.
#[derive(Debug)]
pub(crate) struct PathLength;

const NODES: &str = "nodes";
const LOOKUPS: &str = "lookups";
const RING: &str = "ring";

const PAPERS: &str = "paper";
const OURS: &str = "default";

const HOPS: &str = "hops";
const FIRST: &str = "hops, 1st percentile";
const LAST: &str = "hops, 99th percentile";

static ABOUT: About = About {
    name: "chord-path-length",
    purpose: "how many nodes forward a lookup, by the size of the ring",
    source: "Stoica et al., Chord (SIGCOMM 2001), section 6.3, figure 10",
    notes: &[
        "Counted are the nodes that a lookup is forwarded to, up to the predecessor of the key: the \
         last step to the owner is not counted, as in the published plot.",
        "Nodes look up keys of others: who owns a key knows it. (The paper's algorithm does not look, \
         and goes once round the ring.) Of small rings several are made in a run.",
        "The paper's ring has exact fingers, successor lists of 1, and one candidate in an answer. \
         The default ring has lists of 16: a lookup ends at the first node whose list spans the key.",
        "The figures read off the plot differ from an independent simulation for the smallest rings; \
         we are judged against the simulation.",
    ],
    parameters: &[
        Parameter::word(
            RING,
            &[PAPERS, OURS],
            "the paper's configuration, or that of live nodes",
        ),
        Parameter::count(NODES, 1024, 1 << 20, "nodes on the ring"),
        Parameter::count(LOOKUPS, 100, 10_000, "lookups that each node makes"),
    ],
    seeds: Seeds { quick: 2, full: 5 },
};

/// By the logarithm of the ring's size, from 3: the mean and percentiles of the figure, and the
/// same of an independent simulation.
const KNOWN: [([f64; 3], [f64; 3]); 12] = [
    ([1.75, 1.0, 3.0], [1.40, 0.0, 3.0]),
    ([2.1, 1.0, 4.0], [1.90, 0.0, 4.0]),
    ([2.5, 1.0, 5.0], [2.37, 0.0, 5.0]),
    ([3.0, 1.0, 5.0], [2.86, 0.0, 5.0]),
    ([3.4, 1.0, 6.0], [3.37, 1.0, 6.0]),
    ([3.9, 1.0, 7.0], [3.87, 1.0, 7.0]),
    ([4.4, 1.0, 7.0], [4.37, 1.0, 7.0]),
    ([4.9, 2.0, 8.0], [4.89, 1.0, 8.0]),
    ([5.4, 2.0, 9.0], [5.36, 2.0, 9.0]),
    ([5.9, 2.0, 10.0], [5.87, 2.0, 10.0]),
    ([6.4, 2.0, 10.0], [6.37, 2.0, 10.0]),
    ([6.9, 3.0, 11.0], [6.86, 3.0, 11.0]),
];

/// The shares of path lengths from 1 on in a ring of 2^12.
const SHARES: [f64; 11] = [
    0.003, 0.017, 0.057, 0.130, 0.206, 0.232, 0.191, 0.110, 0.043, 0.010, 0.001,
];

impl Experiment for PathLength {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn cases(&self, size: Size) -> Vec<Case> {
        let powers: &[i32] = match size {
            Size::Quick => &[4, 8],
            Size::Full => &[3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14],
        };
        let of = |ring| {
            powers.iter().map(move |power| {
                let case = Case::of(ABOUT.parameters).with_word(RING, ring);
                case.with(NODES, f64::from(1 << power))
            })
        };
        of(PAPERS).chain(of(OURS)).collect()
    }

    fn run(&self, run: &Run<'_>) -> Result<Measurements, Trouble> {
        let nodes = run.case.count(NODES);
        let config = match run.case.word(RING) {
            PAPERS => still(1),
            _ => Config {
                candidates: Config::new().candidates,
                ..still(Config::new().successors)
            },
        };
        let mut hops = Spread::new();
        for ring in 0..(512 / nodes).clamp(1, 64) {
            let seed = run.seed_of(ring);
            let mut world = World::new(seed, nodes, config.clone(), PACKET_DELAY);
            let lookups = nodes * run.case.count(LOOKUPS);
            hops.merge(&hops_of(run, &mut world, lookups)?);
        }
        Ok(Measurements::default()
            .with(FIRST, hops.percentile(0.01))
            .with(LAST, hops.percentile(0.99))
            .with_spread(HOPS, hops))
    }

    fn figures(&self, case: &Case) -> Vec<Figure> {
        let nodes = case.number(NODES);
        let hops = Figure::new(HOPS, "");
        if case.word(RING) == OURS {
            // The last step, which is counted there, is not counted here.
            let r = Config::new().successors as f64;
            let expected = 0.5 * nodes.log2() - 0.5 * r.log2();
            return vec![match nodes >= 128.0 {
                true => hops.paper(expected).near(expected, 0.2),
                false => hops,
            }];
        }
        let known = (3..)
            .zip(KNOWN)
            .find(|(power, _)| nodes == f64::from(1 << power));
        let Some((power, (figure, simulated))) = known else {
            return vec![hops, Figure::new(FIRST, ""), Figure::new(LAST, "")];
        };
        let tolerance = if power >= 7 { 0.05 } else { 0.15 };
        let row = |quantity, at: usize, by| {
            Figure::new(quantity, "")
                .paper(figure[at])
                .near(simulated[at], by)
        };
        vec![
            row(HOPS, 0, tolerance),
            row(FIRST, 1, 1.0),
            row(LAST, 2, 1.0),
        ]
    }

    fn bytes(&self, case: &Case) -> u64 {
        case.count(NODES) as u64 * 1000 + (200 << 20)
    }

    fn plots(&self, outcome: &Outcome) -> Vec<Plot> {
        let nodes = Axis::log2("nodes");
        let hops = Axis::linear("hops").from_zero();
        let papers = |case: &Case| case.word(RING) == PAPERS;
        let ours = |case: &Case| case.word(RING) == OURS;
        let papers = Line::new("lists of 1", outcome, NODES, HOPS, papers);
        let lengths = Plot::new("Path length", nodes, hops)
            .with(papers.with_percentiles())
            .with(Line::new("lists of 16", outcome, NODES, HOPS, ours));
        let is_meant = |case: &Case| case.word(RING) == PAPERS && case.is(NODES, 4096.0);
        let shares: Vec<(f64, f64)> = (1..).map(f64::from).zip(SHARES).collect();
        let spread = outcome.spread(HOPS, is_meant);
        let share = Axis::linear("share of lookups").from_zero();
        let distribution = Plot::new(
            "Path lengths in a ring of 4,096",
            Axis::linear("hops"),
            share,
        )
        .with(Line::shares("ours", spread, &shares));
        vec![lengths, distribution]
    }
}
