//! Half of all nodes die at once: does the ring hold?

use std::collections::{BTreeMap, BTreeSet};

use chord::Contact;
use simulator::NodeId;

use crate::case::Case;
use crate::experiment::{About, Experiment, Figure, Run, Seeds, Size, Trouble};
use crate::experiments::chord::world::{PACKET_DELAY, World, still};
use crate::measure::Measurements;
use crate::outcome::Outcome;
use crate::parameter::Parameter;
use crate::report::plot::{Axis, Line, Plot};

/// Rings of which half has died.
#[derive(Debug)]
pub(crate) struct Connectivity;

const NODES: &str = "nodes";
const SUCCESSORS: &str = "successors";
const FAILED: &str = "failed";

const CUT_OFF: &str = "nodes without a live successor";
const OUTSIDE: &str = "nodes that a walk does not reach";

static ABOUT: About = About {
    name: "chord-connectivity",
    purpose: "whether the ring holds when half of all nodes die at once",
    source: "Stoica et al., Chord (IEEE/ACM ToN 2003), theorem IV.5; Liben-Nowell et al. (PODC 2002)",
    notes: &[
        "A node is cut off if all r nodes of its successor list are dead: with p of all nodes dead, \
         (1 - p) N p^r of them are expected. With r = 2 log2 N that is 1 / (2 N).",
        "A walk goes from live successor to live successor, and ends at a node that is cut off; of \
         several walks the longest is taken.",
    ],
    parameters: &[
        Parameter::count(NODES, 1024, 1_000_000, "nodes on the ring"),
        Parameter::count(SUCCESSORS, 20, 64, "length of successor lists"),
        Parameter::share(FAILED, 0.5, "share of all nodes that die at once"),
    ],
    seeds: Seeds {
        quick: 10,
        full: 100,
    },
};

impl Experiment for Connectivity {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn cases(&self, size: Size) -> Vec<Case> {
        let all = Case::of(ABOUT.parameters);
        let sizes: &[f64] = match size {
            Size::Quick => &[1024.0],
            Size::Full => &[1024.0, 4096.0, 16_384.0],
        };
        let few = [2.0, 4.0, 6.0, 8.0].map(|r| all.clone().with(SUCCESSORS, r));
        let enough = sizes.iter().map(|&nodes| {
            let case = all.clone().with(NODES, nodes);
            case.with(SUCCESSORS, 2.0 * nodes.log2())
        });
        few.into_iter().chain(enough).collect()
    }

    fn run(&self, run: &Run<'_>) -> Result<Measurements, Trouble> {
        let nodes = run.case.count(NODES);
        let config = still(run.case.count(SUCCESSORS));
        let mut world = World::new(run.seed, nodes, config, PACKET_DELAY);
        world.kill(run.case.number(FAILED));
        let living = world.living();
        let next: Vec<Option<Contact>> = living
            .iter()
            .map(|&node| first_live(&world, node))
            .collect();
        let cut_off = next.iter().filter(|next| next.is_none()).count();
        let outside = living.len() - ring_of(&world, &living, &next);
        Ok(Measurements::default()
            .with(CUT_OFF, cut_off as f64)
            .with(OUTSIDE, outside as f64))
    }

    fn figures(&self, case: &Case) -> Vec<Figure> {
        let (nodes, r, p) = (
            case.number(NODES),
            case.number(SUCCESSORS),
            case.number(FAILED),
        );
        let expected = (1.0 - p) * nodes * p.powf(r);
        let cut_off = Figure::new(CUT_OFF, "").paper(expected);
        let outside = Figure::new(OUTSIDE, "");
        if r >= 2.0 * nodes.log2() {
            return vec![
                cut_off.accept(0.0, 0.1),
                outside.paper(0.0).accept(0.0, 0.1),
            ];
        }
        // Four deviations of a Poisson number, over ten runs at least.
        vec![
            cut_off.near(expected, 4.0 * (expected / 10.0).sqrt()),
            outside,
        ]
    }

    fn bytes(&self, case: &Case) -> u64 {
        case.count(NODES) as u64 * (1000 + 4 * case.count(SUCCESSORS) as u64)
    }

    fn plots(&self, outcome: &Outcome) -> Vec<Plot> {
        let r = Axis::linear("length of successor lists");
        let cut_off = Axis::linear("nodes without a live successor").from_zero();
        let line = Line::new("of 1,024", outcome, SUCCESSORS, CUT_OFF, |case| {
            case.is(NODES, 1024.0)
        });
        vec![Plot::new("Nodes cut off when half of all die", r, cut_off).with(line)]
    }
}

fn first_live(world: &World, node: NodeId) -> Option<Contact> {
    let node = world.sim.node(node)?;
    let successors = node.members().first()?.neighbours().successors();
    successors
        .iter()
        .copied()
        .find(|&successor| world.is_alive(successor))
}

/// How many nodes are on the ring that is reached from some node, taking the best of a few.
fn ring_of(world: &World, living: &[NodeId], next: &[Option<Contact>]) -> usize {
    let me = |node: &NodeId| Some(world.sim.node(*node)?.members().first()?.neighbours().me());
    let places: BTreeMap<u64, usize> = living
        .iter()
        .enumerate()
        .filter_map(|(at, node)| Some((prefix(world, me(node)?), at)))
        .collect();
    let from = |start: usize| {
        let mut seen = BTreeSet::new();
        let mut at = start;
        while seen.insert(at) {
            let step = next[at].and_then(|next| places.get(&prefix(world, next)).copied());
            match step {
                Some(step) => at = step,
                None => break,
            }
        }
        seen.len()
    };
    (0..living.len().min(8)).map(from).max().unwrap_or(0)
}

fn prefix(world: &World, contact: Contact) -> u64 {
    world.sim.shared().contacts.id(contact).prefix()
}
