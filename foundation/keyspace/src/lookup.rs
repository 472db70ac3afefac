//! Whom to ask next on the way to a key: the iterative lookup of all DHTs, without network or clock.
//!
//! Who looks for a key asks the nearest node it knows of, which answers with nearer ones, and so
//! on. What "near" is, what is asked, and when the goal is reached is the protocol's affair; what
//! is left is a list of candidates, nearest first:
//!
//! ```text
//!            offer                step                    answered
//!  (none) ─────────▶ fresh ─────────────▶ waiting ──────────────────────▶ answered
//!                                            │                               │ step, if others
//!                                            │ timed_out, useless            ▼ were excluded since
//!                                            └───────────────▶ excluded   waiting
//! ```
//!
//! A node that does not answer is *excluded*; those who named it are told so when they are asked
//! again, which happens once nothing nearer is left to ask. Each question thus brings a nearer
//! node, or one node less to ask; and their number is limited, so every lookup ends.
//!
//! The lookup is generic in how nodes are named: `N` is a number of four bytes in a simulation of
//! a million nodes.

use smallvec::SmallVec;

use crate::Id;

/// How far a lookup may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// How many nodes are asked at a time: the alpha of Kademlia, 1 in Chord.
    pub parallel: u8,
    /// How many questions may be asked in all.
    pub queries_max: u16,
    /// How many candidates are kept: the nearest.
    pub candidates_max: u8,
}

/// One lookup. `N` names a node.
#[derive(Debug, Clone)]
pub struct Lookup<N> {
    /// Farthest first: what is new is nearest, and comes to the end.
    candidates: SmallVec<[Candidate<N>; 8]>,
    excluded: SmallVec<[N; 4]>,
    limits: Limits,
    queries: u16,
    answers: u16,
    timeouts: u16,
    waiting: u8,
}

/// What to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step<N> {
    /// Ask this node, which counts as waiting from now on.
    Ask(N),
    /// Wait for those who were asked.
    Wait,
    /// Nobody is left to ask.
    Exhausted,
    /// As many questions as are allowed were asked.
    TooLong,
}

#[derive(Debug, Clone, Copy)]
struct Candidate<N> {
    distance: Id,
    node: N,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Fresh,
    Waiting,
    /// It was told of so many exclusions when it was asked.
    Answered {
        told: u16,
    },
}

impl Limits {
    /// One question at a time, 64 in all: twice what the largest ring needs in the worst case. Of
    /// three candidates a hop, those of the last hops are kept; the others were passed.
    pub const SEQUENTIAL: Self = Self {
        parallel: 1,
        queries_max: 64,
        candidates_max: 8,
    };
}

impl<N: Copy + Eq> Lookup<N> {
    /// A lookup that knows nobody yet.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            candidates: SmallVec::new(),
            excluded: SmallVec::new(),
            limits,
            queries: 0,
            answers: 0,
            timeouts: 0,
            waiting: 0,
        }
    }

    /// Names a node that could be asked, and its distance from the key. Tells whether it is new:
    /// neither known, nor excluded, nor too far for a full list.
    pub fn offer(&mut self, node: N, distance: Id) -> bool {
        if self.position(node).is_some() || self.excluded.contains(&node) {
            return false;
        }
        let nearer = self.candidates.iter().rev();
        let nearer = nearer.take_while(|nearer| nearer.distance.is_less(distance));
        let mut place = self.candidates.len() - nearer.count();
        if self.candidates.len() >= usize::from(self.limits.candidates_max) {
            let farthest_waits = self
                .candidates
                .first()
                .is_some_and(|farthest| farthest.state == State::Waiting);
            if place == 0 || farthest_waits || self.candidates.is_empty() {
                return false;
            }
            self.candidates.remove(0);
            place -= 1;
        }
        let candidate = Candidate {
            distance,
            node,
            state: State::Fresh,
        };
        self.candidates.insert(place, candidate);
        true
    }

    /// Tells what to do next.
    pub fn step(&mut self) -> Step<N> {
        if self.waiting >= self.limits.parallel {
            return Step::Wait;
        }
        let excluded = self.excluded.len() as u16;
        let nearest = self
            .candidates
            .iter_mut()
            .rev()
            .find(|candidate| match candidate.state {
                State::Fresh => true,
                State::Waiting => false,
                State::Answered { told } => told < excluded,
            });
        match nearest {
            Some(_) if self.queries >= self.limits.queries_max => Step::TooLong,
            Some(candidate) => {
                // Who is asked again is not one more on the way.
                self.answers -= u16::from(candidate.state != State::Fresh);
                candidate.state = State::Waiting;
                self.waiting += 1;
                self.queries += 1;
                Step::Ask(candidate.node)
            }
            None if self.waiting > 0 => Step::Wait,
            None => Step::Exhausted,
        }
    }

    /// Notes that a node answered; what it answered is [offered](Self::offer) apart. It can be
    /// asked again once others are excluded.
    pub fn answered(&mut self, node: N) {
        let told = self.excluded.len() as u16;
        if let Some(candidate) = self.waiting_candidate(node) {
            candidate.state = State::Answered { told };
            self.waiting -= 1;
            self.answers += 1;
        }
    }

    /// Notes that a node did not answer in time, and excludes it.
    pub fn timed_out(&mut self, node: N) {
        if self.waiting_candidate(node).is_some() {
            self.timeouts += 1;
            self.exclude(node);
        }
    }

    /// Excludes a node whose answer led no further: it knows nobody nearer, or lies.
    pub fn useless(&mut self, node: N) {
        if self.waiting_candidate(node).is_some() {
            self.answers += 1;
        }
        self.exclude(node);
    }

    /// The nodes that did not answer or led no further, oldest first: to be told to those who are
    /// asked.
    #[must_use]
    pub fn excluded(&self) -> &[N] {
        &self.excluded
    }

    /// How far a candidate is from the key: who answers must name nearer ones.
    #[must_use]
    pub fn distance_of(&self, node: N) -> Option<Id> {
        Some(self.candidates.get(self.position(node)?)?.distance)
    }

    /// The nodes that have answered, nearest first: what Kademlia looks for.
    pub fn nearest_answered(&self) -> impl Iterator<Item = N> {
        self.candidates
            .iter()
            .rev()
            .filter(|candidate| matches!(candidate.state, State::Answered { .. }))
            .map(|candidate| candidate.node)
    }

    /// All nodes that it holds by name, candidates and excluded ones.
    pub fn nodes(&self) -> impl Iterator<Item = N> {
        let candidates = self.candidates.iter().map(|candidate| candidate.node);
        candidates.chain(self.excluded.iter().copied())
    }

    /// How many nodes answered: the length of the path, if one is asked at a time.
    #[must_use]
    pub const fn answers(&self) -> u16 {
        self.answers
    }

    /// How many nodes did not answer.
    #[must_use]
    pub const fn timeouts(&self) -> u16 {
        self.timeouts
    }

    fn exclude(&mut self, node: N) {
        if let Some(position) = self.position(node)
            && let Some(candidate) = self.candidates.get(position)
        {
            self.waiting -= u8::from(candidate.state == State::Waiting);
            self.candidates.remove(position);
        }
        if !self.excluded.contains(&node) {
            self.excluded.push(node);
        }
    }

    fn waiting_candidate(&mut self, node: N) -> Option<&mut Candidate<N>> {
        self.candidates
            .iter_mut()
            .rev()
            .find(|candidate| candidate.node == node && candidate.state == State::Waiting)
    }

    fn position(&self, node: N) -> Option<usize> {
        self.candidates
            .iter()
            .rposition(|candidate| candidate.node == node)
    }
}
