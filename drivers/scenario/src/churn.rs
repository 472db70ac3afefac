//! Who comes and goes.

use core::time::Duration;

use machine::{Instant, Seed};

use crate::Lifetime;
use crate::chance::{Purpose, rng, strikes};

/// Nodes that stay for a while, are away for a while, and come back.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Churn {
    /// How long they stay.
    pub up: Lifetime,
    /// How long they are away; [`Lifetime::Forever`] never come back.
    pub down: Lifetime,
    /// The share of departures of which the others are told; the rest are crashes.
    pub graceful: f64,
}

/// What all nodes do in the course of an experiment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Story {
    /// The nodes that are there at the start, in order.
    pub present: Vec<u32>,
    /// What changes, in the order of time, then of nodes.
    pub changes: Vec<Change>,
}

/// A node comes or goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Change {
    /// When.
    pub at: Instant,
    /// Who.
    pub node: u32,
    /// What it does.
    pub what: What,
}

/// What a node does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum What {
    /// It joins, for the first time or again.
    Join,
    /// It leaves in good order.
    Leave,
    /// It is gone without a word.
    Crash,
}

impl Churn {
    /// Nobody comes, nobody goes.
    pub const NONE: Self = Self {
        up: Lifetime::Forever,
        down: Lifetime::Forever,
        graceful: 0.0,
    };

    /// Tells what so many nodes do until a moment.
    ///
    /// They began `before` the start, all at once, so that at the start they are of all ages: if
    /// all were new then, all would be old together. It should be some lifetimes. Each node's
    /// story depends on its number alone: more nodes change nothing for the others.
    #[must_use]
    pub fn story(&self, seed: Seed, nodes: u32, before: Duration, until: Instant) -> Story {
        let mut story = Story {
            present: Vec::new(),
            changes: Vec::new(),
        };
        for node in 0..nodes {
            self.live(seed, node, before, until, &mut story);
        }
        story.changes.sort_unstable();
        story
    }

    fn live(&self, seed: Seed, node: u32, before: Duration, until: Instant, story: &mut Story) {
        let mut rng = rng(seed, Purpose::Churn, node);
        let end = until.since(Instant::ZERO) + before;
        let mut time = Duration::ZERO;
        let mut is_up = true;
        let mut was_up_at_start = true;
        loop {
            let stay = if is_up { self.up } else { self.down };
            let stay = stay.draw(&mut rng);
            // What is shorter than a nanosecond would be two things at once.
            let stay = stay.map(|stay| stay.max(Duration::from_nanos(1)));
            let Some(next) = stay.and_then(|stay| time.checked_add(stay)) else {
                break;
            };
            time = next;
            if time > end {
                break;
            }
            let what = match is_up {
                false => What::Join,
                true if strikes(&mut rng, self.graceful) => What::Leave,
                true => What::Crash,
            };
            is_up = !is_up;
            match time.checked_sub(before) {
                Some(at) => {
                    let at = Instant::ZERO + at;
                    story.changes.push(Change { at, node, what });
                }
                None => was_up_at_start = is_up,
            }
        }
        if was_up_at_start {
            story.present.push(node);
        }
    }
}

/// Draws who is struck when a share of the nodes fails at once: exactly that share, rounded, in
/// order.
#[must_use]
pub fn casualties(seed: Seed, nodes: u32, share: f64) -> Vec<u32> {
    let mut all: Vec<u32> = (0..nodes).collect();
    rng(seed, Purpose::Casualties, nodes).shuffle(&mut all);
    all.truncate((f64::from(nodes) * share).round() as usize);
    all.sort_unstable();
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    fn churn() -> Churn {
        Churn {
            up: Lifetime::Exponential { mean: HOUR },
            down: Lifetime::Exponential { mean: HOUR / 3 },
            graceful: 0.25,
        }
    }

    #[test]
    fn as_many_are_there_as_the_lifetimes_say_and_each_comes_and_goes_in_turn() {
        const NODES: u32 = 10_000;
        let until = Instant::ZERO + 2 * HOUR;
        let story = churn().story(Seed(1), NODES, 10 * HOUR, until);
        // Up for 3 hours of 4: binomial with a standard deviation of 43.
        let present = story.present.len();
        assert!((7240..=7760).contains(&present), "{present}");
        assert!(story.changes.is_sorted());
        let mut up = vec![false; NODES as usize];
        for &node in &story.present {
            up[node as usize] = true;
        }
        for change in &story.changes {
            let node = &mut up[change.node as usize];
            assert_eq!(*node, change.what != What::Join, "{change:?}");
            *node = !*node;
        }
        // A cycle takes 80 minutes: 1.5 in two hours, with a standard error of about 0.01.
        let count = |what| {
            story
                .changes
                .iter()
                .filter(|change| change.what == what)
                .count()
        };
        let joins = count(What::Join) as f64 / f64::from(NODES);
        assert!((joins - 1.5).abs() < 0.06, "{joins}");
        let leaves = count(What::Leave) as f64;
        let share = leaves / (leaves + count(What::Crash) as f64);
        assert!((share - 0.25).abs() < 0.022, "{share}");
    }

    #[test]
    fn a_story_depends_on_the_seed_and_the_node_only() {
        let until = Instant::ZERO + HOUR;
        let story = |seed, nodes| churn().story(Seed(seed), nodes, HOUR, until);
        assert_eq!(story(1, 50), story(1, 50));
        assert_ne!(story(1, 50), story(2, 50));
        let mut more = story(1, 80);
        more.changes.retain(|change| change.node < 50);
        more.present.retain(|&node| node < 50);
        assert_eq!(more, story(1, 50));
        let quiet = Churn::NONE.story(Seed(1), 3, HOUR, until);
        assert_eq!((quiet.present, quiet.changes), (vec![0, 1, 2], vec![]));
    }

    #[test]
    fn a_mass_failure_strikes_its_share() {
        let struck = casualties(Seed(1), 1000, 0.5);
        assert_eq!(struck.len(), 500);
        assert!(struck.is_sorted());
        // Hypergeometric: six standard deviations are 48.
        let low = struck.iter().filter(|&&node| node < 500).count();
        assert!((202..=298).contains(&low), "{low}");
        assert_ne!(struck, casualties(Seed(2), 1000, 0.5));
        assert_eq!(casualties(Seed(1), 3, 1.0), [0, 1, 2]);
    }
}
