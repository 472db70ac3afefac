//! What a join costs.

use std::time::Duration;

use chord::Command;
use chord::api::LookupId;
use keyspace::{Id, Space};

use crate::case::Case;
use crate::experiment::{About, Experiment, Figure, Run, Seeds, Size, Trouble};
use crate::experiments::chord::living::Living;
use crate::experiments::chord::world::still;
use crate::measure::{Measurements, Spread};
use crate::outcome::Outcome;
use crate::parameter::Parameter;
use crate::report::plot::{Axis, Line, Plot};

/// Nodes that join a quiet ring.
#[derive(Debug)]
pub(crate) struct Join;

const NODES: &str = "nodes";
const JOINS: &str = "joins";

const TOUCHED: &str = "fingers that should name the newcomer";
const MESSAGES: &str = "messages of a join";
const FINGERS: &str = "messages to look all its fingers up";

/// How long a join takes at most, with the round that follows it.
const SETTLING: Duration = Duration::from_secs(10);
/// How long a lookup takes at most.
const LOOKUP: Duration = Duration::from_secs(5);

static ABOUT: About = About {
    name: "chord-join",
    purpose: "how many fingers a join touches, and how many messages it takes",
    source: "Stoica et al., Chord (SIGCOMM 2001), section 4.4, theorem 3",
    notes: &[
        "On each of log2 N levels one node, on average, should now have the newcomer as its finger. \
         They learn of it when they next look that finger up.",
        "A join greets somebody, looks its place up, takes its successor's list and fingers, asks for \
         its neighbours and notifies it; which then makes a round of its own: log2 N messages for \
         the lookup, and sixteen.",
        "Were all fingers looked up afresh, it would be some (log2 N)^2: for each level a lookup over \
         at least half, and at most all, of the levels below.",
    ],
    parameters: &[
        Parameter::count(NODES, 1024, 100_000, "nodes on the ring"),
        Parameter::count(JOINS, 50, 1000, "nodes that join, each a ring of its own"),
    ],
    seeds: Seeds { quick: 3, full: 20 },
};

impl Experiment for Join {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn cases(&self, size: Size) -> Vec<Case> {
        let powers: &[i32] = match size {
            Size::Quick => &[8],
            Size::Full => &[6, 8, 10, 12, 14],
        };
        let all = Case::of(ABOUT.parameters);
        let of = |power: &i32| all.clone().with(NODES, f64::from(1 << power));
        powers.iter().map(of).collect()
    }

    fn run(&self, run: &Run<'_>) -> Result<Measurements, Trouble> {
        let (nodes, joins) = (run.case.count(NODES), run.case.count(JOINS));
        let (mut touched, mut messages, mut lookups) =
            (Spread::new(), Spread::new(), Spread::new());
        for join in 0..joins {
            run.go_on()?;
            let mut ring = Living::new(run.seed_of(join), nodes, 1, still(1));
            ring.join();
            ring.rest(SETTLING);
            if ring.len() == nodes {
                return Err(Trouble::Broken("a node could not join".into()));
            }
            // One turn is the command to join.
            messages.add((ring.sim.turns() - 1) as f64);
            touched.add(ring.fingers_on(ring.newcomer()) as f64);
            lookups.add(look_fingers_up(&mut ring));
        }
        Ok(Measurements::default()
            .with_spread(TOUCHED, touched)
            .with_spread(MESSAGES, messages)
            .with_spread(FINGERS, lookups))
    }

    fn figures(&self, case: &Case) -> Vec<Figure> {
        let log = case.number(NODES).log2();
        let messages = log + 16.0;
        vec![
            Figure::new(TOUCHED, "").paper(log).about(log, 0.2),
            Figure::new(MESSAGES, "")
                .paper(messages)
                .about(messages, 0.15),
            Figure::new(FINGERS, "").accept(log * log / 2.0, log * log),
        ]
    }

    fn plots(&self, outcome: &Outcome) -> Vec<Plot> {
        let line = |name, quantity| Line::new(name, outcome, NODES, quantity, |_| true);
        let plot = Plot::new(
            "What a join costs",
            Axis::log2("nodes"),
            Axis::linear("").from_zero(),
        );
        vec![
            plot.with(line("messages, all fingers looked up", FINGERS))
                .with(line("messages of the join", MESSAGES))
                .with(line("fingers touched", TOUCHED)),
        ]
    }
}

/// Lets the node that joined last look up where each of its fingers begins; counts the messages.
fn look_fingers_up(ring: &mut Living) -> f64 {
    let Some(newcomer) = ring.sim.nodes().last() else {
        return 0.0;
    };
    let me = ring.newcomer();
    let mut messages = 0.0;
    for row in ring.rows_of(me) {
        let before = ring.sim.turns();
        let (lookup, key) = (LookupId(u32::MAX), me.plus(row));
        ring.sim.command(newcomer, Command::Lookup { lookup, key });
        ring.rest(LOOKUP);
        messages += (ring.sim.turns() - before - 1) as f64;
    }
    messages
}

impl Living {
    /// The place of the node that joined last.
    fn newcomer(&self) -> Id {
        let last = self.sim.nodes().last();
        let member = last.and_then(|node| self.member(node));
        member.map_or(Id::ZERO, |member| member.neighbours().id())
    }

    /// The steps of all fingers that a member at this place has: those that reach further than
    /// its successor.
    fn rows_of(&self, place: Id) -> Vec<Id> {
        let after = self.place_after(place);
        let steps = (0..Id::BITS).map(|level| Space::FULL.step(level));
        steps
            .filter(|step| place.distance_to(after).is_less(*step))
            .collect()
    }

    /// How many fingers of others should name the member at this place.
    fn fingers_on(&self, place: Id) -> usize {
        let before = self.place_before(place);
        let of_level = |level| {
            let step = Space::FULL.step(level);
            let back = |point: Id| step.distance_to(point);
            let reaches = |other: &Id| {
                let to_head = other.distance_to(self.place_after(*other));
                to_head.is_less(step)
            };
            self.places_in(back(before), back(place))
                .filter(reaches)
                .count()
        };
        (0..Id::BITS).map(of_level).sum()
    }
}
