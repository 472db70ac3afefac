//! Lookups right after many nodes have failed, before anything is mended.

use chord::Config;
use chord::api::Found;

use crate::case::Case;
use crate::experiment::{About, Experiment, Figure, Run, Seeds, Size, Trouble};
use crate::experiments::chord::world::{Answer, PACKET_DELAY, World, still};
use crate::measure::{Measurements, Spread};
use crate::outcome::Outcome;
use crate::parameter::Parameter;
use crate::report::plot::{Axis, Line, Plot};

/// Lookups with tables full of dead nodes.
#[derive(Debug)]
pub(crate) struct Timeouts;

const NODES: &str = "nodes";
const SUCCESSORS: &str = "successors";
const FAILED: &str = "failed";
const LOOKUPS: &str = "lookups";

const PATH: &str = "path length";
const TIMEOUTS: &str = "time-outs of a lookup";
const LOST: &str = "lookups that fail";

static ABOUT: About = About {
    name: "chord-timeouts",
    purpose: "path length and time-outs right after a share of all nodes has failed",
    source: "Stoica et al., Chord (IEEE/ACM ToN 2003), section VI-D, table II",
    notes: &[
        "Nothing is mended: dead nodes stay in all tables. Each lookup ends at the first node whose \
         successor list spans the key; the step from there to the owner is counted, and so are the \
         dead nodes of the list that are tried before the first live one.",
        "An answer names three owners. Where all three are dead, whom the list names next is found by \
         another lookup, whose own way is not counted.",
        "We are judged against an independent simulation of the same configuration. The percentiles \
         of the paper are tighter than any of ours; they are not judged.",
    ],
    parameters: &[
        Parameter::share(FAILED, 0.1, "share of all nodes that fail at once"),
        Parameter::count(NODES, 1000, 100_000, "nodes on the ring"),
        Parameter::count(SUCCESSORS, 20, 64, "length of successor lists"),
        Parameter::count(LOOKUPS, 10_000, 10_000_000, "lookups"),
    ],
    seeds: Seeds { quick: 2, full: 20 },
};

/// By the share of nodes that failed: the path length and the time-outs of the paper, and the same
/// of an independent simulation.
const KNOWN: [(f64, [f64; 2], [f64; 2]); 6] = [
    (0.0, [3.84, 0.0], [3.83, 0.0]),
    (0.1, [4.03, 0.60], [4.00, 0.52]),
    (0.2, [4.22, 1.17], [4.19, 1.17]),
    (0.3, [4.44, 2.02], [4.45, 2.12]),
    (0.4, [4.69, 3.23], [4.76, 3.44]),
    (0.5, [5.09, 5.10], [5.12, 5.25]),
];

impl Experiment for Timeouts {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn cases(&self, size: Size) -> Vec<Case> {
        let all = Case::of(ABOUT.parameters);
        let lookups = if size == Size::Quick {
            2000.0
        } else {
            10_000.0
        };
        let of =
            |(failed, ..): &(f64, _, _)| all.clone().with(FAILED, *failed).with(LOOKUPS, lookups);
        KNOWN.iter().map(of).collect()
    }

    fn run(&self, run: &Run<'_>) -> Result<Measurements, Trouble> {
        let nodes = run.case.count(NODES);
        let config = Config {
            candidates: Config::new().candidates,
            ..still(run.case.count(SUCCESSORS))
        };
        let mut world = World::new(run.seed, nodes, config, PACKET_DELAY);
        world.kill(run.case.number(FAILED));
        let (mut path, mut timeouts, mut lost) = (Spread::new(), Spread::new(), 0);
        let lookups = run.case.count(LOOKUPS);
        let mut answers = Vec::new();
        world.look_up(run, lookups, |_, answer| {
            answers.push(answer);
            Ok(())
        })?;
        for answer in answers {
            match reach(&mut world, &answer) {
                Some((found, dead)) => {
                    path.add(f64::from(found.hops) + 1.0);
                    timeouts.add(f64::from(found.timeouts) + dead);
                }
                None => lost += 1,
            }
        }
        Ok(Measurements::default()
            .with_spread(PATH, path)
            .with_spread(TIMEOUTS, timeouts)
            .with(LOST, f64::from(lost) / lookups as f64))
    }

    fn figures(&self, case: &Case) -> Vec<Figure> {
        let is_papers = case.is(NODES, 1000.0) && case.is(SUCCESSORS, 20.0);
        let (path, timeouts) = (Figure::new(PATH, "steps"), Figure::new(TIMEOUTS, ""));
        let lost = Figure::new(LOST, "share").paper(0.0).accept(0.0, 0.0);
        let known = KNOWN.iter().find(|(failed, ..)| case.is(FAILED, *failed));
        match known {
            Some(&(_, paper, simulated)) if is_papers => vec![
                path.paper(paper[0]).about(simulated[0], 0.03),
                timeouts.paper(paper[1]).about(simulated[1], 0.2),
                lost,
            ],
            _ => vec![path, timeouts, lost],
        }
    }

    fn plots(&self, outcome: &Outcome) -> Vec<Plot> {
        let failed = Axis::linear("failed nodes (%)").scaled(100.0);
        let all = |_: &Case| true;
        let path = Plot::new("Path length", failed, Axis::linear("steps").from_zero())
            .with(Line::new("path length", outcome, FAILED, PATH, all));
        let timeouts = Plot::new(
            "Time-outs",
            failed,
            Axis::linear("time-outs of a lookup").from_zero(),
        )
        .with(Line::new("time-outs", outcome, FAILED, TIMEOUTS, all));
        vec![path, timeouts]
    }
}

/// Tries the owners that were found, one after the other, until one lives; tells what was found at
/// first, and how many were dead. None, if the owner was not reached.
fn reach(world: &mut World, answer: &Answer) -> Option<(Box<Found>, f64)> {
    let first = answer.found.clone()?;
    let owner = world.owner(answer.key)?;
    let mut named = first.clone();
    let mut dead = 0.0;
    loop {
        for contact in &named.owners {
            if world.is_alive(*contact) {
                return (*contact == owner).then_some((first, dead));
            }
            dead += 1.0;
        }
        let last = world.sim.shared().contacts.id(*named.owners.last()?);
        let next = last.plus(keyspace::Id::power_of_two(0));
        let asker = *world.living().first()?;
        named = world.look_these_up(&[(asker, next)]).pop()?.found?;
    }
}
