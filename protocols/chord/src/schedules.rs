//! All that can happen to a small ring, in random orders: do the invariants hold?
//!
//! The members here are [`Neighbours`], the very rules that nodes run, but what nodes say to each
//! other takes no time: an event is one step of the proof. Between the two steps of a round, and
//! before a notification is heard, anything else may happen. After each event the invariants of
//! spec section 7 are looked at, and when nothing more happens, the ring must find its ideal form.
//!
//! With [`Rules::Original`] the same events break rings, which shows that the looking works.

use alloc::vec::Vec;
use core::net::Ipv6Addr;

use keyspace::Space;
use machine::{Endpoint, Rng, Seed};

use crate::api::Rules;
use crate::contacts::{Contact, Contacts, Reference};
use crate::neighbours::{Neighbours, Rectify};

/// What schedules are like.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// The rules under test.
    pub rules: Rules,
    /// The length of successor lists: r.
    pub successors: usize,
    /// How many different nodes may ever be members, more than r and at most 32. Ids are never
    /// used again.
    pub identifiers: usize,
    /// How many events.
    pub events: usize,
}

/// What a schedule was like that broke nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Passed {
    /// Nodes that joined.
    pub joins: usize,
    /// Members that failed.
    pub failures: usize,
    /// Rounds in the end until all tables were ideal.
    pub rounds: usize,
}

/// What a schedule broke, and with which event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("event {event}: {what}")]
pub struct Violation {
    /// The how-many-eth event broke it, from 0.
    pub event: usize,
    /// What is broken.
    pub what: Broken,
}

/// An invariant that does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// A member has nobody alive in its list (I1).
    #[error("a member has no live successor")]
    NoLiveSuccessor,
    /// Fewer than r + 1 members are skipped by nobody's list (I2).
    #[error("only {0} principals are left")]
    Principals(usize),
    /// The live successors form no ring, several, or one that goes round more than once.
    #[error("there is not one ordered ring")]
    Ring,
    /// A list is out of order or names somebody twice.
    #[error("a list is out of order")]
    List,
    /// Left alone, the ring does not find its ideal form.
    #[error("the ring does not converge")]
    NotConverged,
}

/// Runs the schedule with this number.
///
/// # Errors
/// The first violation.
pub fn run(plan: &Plan, seed: Seed, number: u64) -> Result<Passed, Violation> {
    let mut ring = Ring::new(plan, Rng::new(seed, number, 0));
    let mut passed = Passed::default();
    for event in 0..plan.events {
        ring.happen(&mut passed);
        ring.check().map_err(|what| Violation { event, what })?;
    }
    passed.rounds = ring.settle().map_err(|what| Violation {
        event: plan.events,
        what,
    })?;
    Ok(passed)
}

/// How many rounds a ring is given to converge: the worst case grows with its members.
const ROUNDS_MAX: usize = 64;

/// A set of nodes, a bit each, by their order on the ring.
type Set = u32;

struct Ring<'a> {
    plan: &'a Plan,
    rng: Rng,
    contacts: Contacts,
    /// Everybody who may ever be a member, in the order of the ring.
    nodes: Vec<Node>,
    live: Set,
    dead: Set,
    /// Notifications under way: whom they are for, and whom they are from.
    notices: Vec<(usize, Contact)>,
}

struct Node {
    near: Neighbours,
    /// The candidate of a round that is half done.
    candidate: Option<Contact>,
    /// Whom its list passes over; unknown if it is out of order.
    skips: Option<Set>,
}

impl<'a> Ring<'a> {
    /// r + 1 members in ideal order.
    fn new(plan: &'a Plan, mut rng: Rng) -> Self {
        let mut contacts = Contacts::growing();
        let everybody: Vec<Contact> = (0..plan.identifiers as u64)
            .map(|place| {
                let reference = Reference {
                    id: Space::of_bits(6).id(place),
                    endpoint: Endpoint::new(Ipv6Addr::UNSPECIFIED.into(), 0),
                    incarnation: 0,
                };
                contacts.intern(reference).expect("a table that grows")
            })
            .collect();
        let mut first: Vec<usize> = (0..plan.identifiers).collect();
        rng.shuffle(&mut first);
        first.truncate(plan.successors + 1);
        let nodes = everybody.iter().map(|&contact| Node {
            near: Neighbours::alone(contact, &contacts),
            candidate: None,
            skips: Some(0),
        });
        let mut ring = Self {
            plan,
            rng,
            nodes: nodes.collect(),
            contacts,
            live: first.iter().fold(0, |live, &at| live | 1 << at),
            dead: 0,
            notices: Vec::new(),
        };
        for at in first {
            let (list, before) = ring.ideal(at);
            let near = &mut ring.nodes[at].near;
            near.adopt(list[0], &list[1..], list.len(), &ring.contacts);
            near.set_predecessor(Some(before), &ring.contacts);
            ring.note_skips(at);
        }
        ring
    }

    fn happen(&mut self, passed: &mut Passed) {
        match self.rng.below(20) {
            0..2 => passed.joins += usize::from(self.join()),
            2..4 => passed.failures += usize::from(self.fail()),
            4..9 => self.hear(),
            _ => {
                if let Some(at) = self.pick(self.live) {
                    self.stabilise(at);
                }
            }
        }
    }

    /// JOIN: looks its place up from some member, and takes the successor's list.
    fn join(&mut self) -> bool {
        let strangers = everybody(self.plan.identifiers) & !self.live & !self.dead;
        let (Some(at), Some(door)) = (self.pick(strangers), self.pick(self.live)) else {
            return false;
        };
        let Some(successor) = self.look_up(at, door) else {
            return false;
        };
        let list: Vec<Contact> = match self.plan.rules {
            Rules::Corrected => self.nodes[successor].near.successors().to_vec(),
            Rules::Original => Vec::new(),
        };
        let head = self.nodes[successor].near.me();
        let near = &mut self.nodes[at].near;
        near.adopt(head, &list, self.plan.successors, &self.contacts);
        self.live |= 1 << at;
        self.note_skips(at);
        true
    }

    /// The live successor of a place, found hop by hop through live successors; none if the way
    /// is broken for the moment.
    fn look_up(&self, place: usize, door: usize) -> Option<usize> {
        let key = self.nodes[place].near.id();
        let mut at = door;
        for _ in 0..self.plan.identifiers {
            let next = self.first_live(at)?;
            let (here, there) = (self.nodes[at].near.id(), self.nodes[next].near.id());
            if key.is_between_or_last(here, there) {
                let head = self.nodes[at].near.head()?.index();
                return (head == next).then_some(next);
            }
            at = next;
        }
        None
    }

    /// Fails a member, if the assumptions of the rules under test allow it.
    fn fail(&mut self) -> bool {
        let Some(at) = self.pick(self.live) else {
            return false;
        };
        let (live, dead) = (self.live, self.dead);
        self.live &= !(1 << at);
        self.dead |= 1 << at;
        let is_allowed = match self.plan.rules {
            Rules::Corrected => self.check_lists().is_ok(),
            Rules::Original => self.fewer_than_r_fail_together(live),
        };
        if !is_allowed {
            (self.live, self.dead) = (live, dead);
        }
        is_allowed
    }

    /// Whether of each r members in a row of those alive, or still named by some of them, one is
    /// left: all that the first papers ask for.
    fn fewer_than_r_fail_together(&self, before: Set) -> bool {
        let named = self.members(before).flat_map(|at| {
            self.nodes[at]
                .near
                .successors()
                .iter()
                .map(|contact| contact.index())
        });
        let named = named.fold(before, |set, at| set | 1 << at);
        let order: Vec<usize> = self.members(named).collect();
        let is_live = |at: &usize| self.live & 1 << at != 0;
        let r = self.plan.successors;
        self.live.count_ones() > 2
            && order
                .iter()
                .cycle()
                .take(order.len() + r)
                .scan(0, |run, at| {
                    *run = if is_live(at) { 0 } else { *run + 1 };
                    Some(*run)
                })
                .all(|run| run < r)
    }

    /// A step of STABILIZE: the first, or the second if that was taken.
    fn stabilise(&mut self, at: usize) {
        let r = self.plan.successors;
        if let Some(candidate) = self.nodes[at].candidate.take() {
            // Step B.
            if self.is_live(candidate) {
                let list = self.list_of(candidate);
                let near = &mut self.nodes[at].near;
                near.adopt(candidate, &list, r, &self.contacts);
            }
            return self.finish_round(at);
        }
        while let Some(head) = self.nodes[at].near.head() {
            if !self.is_live(head) {
                self.nodes[at].near.remove(head, &self.contacts);
                continue;
            }
            // Step A.
            let list = self.list_of(head);
            let between = self.nodes[head.index()].near.predecessor();
            let near = &mut self.nodes[at].near;
            near.adopt(head, &list, r, &self.contacts);
            let candidate = between.filter(|&candidate| {
                candidate != near.me() && near.is_nearer(candidate, &self.contacts)
            });
            match (candidate, self.plan.rules) {
                (None, _) => self.finish_round(at),
                (Some(candidate), Rules::Corrected) => {
                    self.nodes[at].candidate = Some(candidate);
                    self.note_skips(at);
                }
                (Some(candidate), Rules::Original) => {
                    near.adopt_unasked(candidate, r, &self.contacts);
                    self.finish_round(at);
                }
            }
            return;
        }
        self.note_skips(at);
    }

    fn finish_round(&mut self, at: usize) {
        self.note_skips(at);
        let near = &self.nodes[at].near;
        if let Some(head) = near.head() {
            self.notices.push((head.index(), near.me()));
        }
    }

    /// RECTIFY: one of the notifications under way is heard.
    fn hear(&mut self) {
        let Some(which) = self.rng.index(self.notices.len()) else {
            return;
        };
        let (at, notifier) = self.notices.swap_remove(which);
        if self.live & 1 << at == 0 {
            return;
        }
        let near = &mut self.nodes[at].near;
        if let Rectify::AskPredecessor(predecessor) = near.notified(notifier, &self.contacts)
            && self.dead & 1 << predecessor.index() != 0
        {
            near.set_predecessor(Some(notifier), &self.contacts);
        }
    }

    fn check(&self) -> Result<(), Broken> {
        self.check_lists()?;
        self.check_ring()
    }

    /// I1 and I2.
    fn check_lists(&self) -> Result<(), Broken> {
        let mut skipped = 0;
        for at in self.members(self.live) {
            self.first_live(at).ok_or(Broken::NoLiveSuccessor)?;
            skipped |= self.nodes[at].skips.ok_or(Broken::List)?;
        }
        let principals = (self.live & !skipped).count_ones() as usize;
        if self.plan.rules == Rules::Corrected && principals <= self.plan.successors {
            return Err(Broken::Principals(principals));
        }
        Ok(())
    }

    /// From wherever one starts, the live successors lead to one ring, which goes round once.
    fn check_ring(&self) -> Result<(), Broken> {
        let mut next = [usize::MAX; Set::BITS as usize];
        for at in self.members(self.live) {
            next[at] = self.first_live(at).ok_or(Broken::NoLiveSuccessor)?;
        }
        let Some(start) = self.members(self.live).next() else {
            return Err(Broken::Ring);
        };
        let first = (0..self.plan.identifiers).fold(start, |at, _| next[at]);
        let (mut reached, mut wraps, mut at) = (0, 0, first);
        while reached & 1 << at == 0 {
            reached |= 1 << at;
            wraps += u32::from(next[at] <= at);
            at = next[at];
        }
        for start in self.members(self.live) {
            let (mut path, mut at) = (0, start);
            while reached & 1 << at == 0 {
                if path & 1 << at != 0 {
                    return Err(Broken::Ring);
                }
                path |= 1 << at;
                at = next[at];
            }
            reached |= path;
        }
        if wraps == 1 {
            Ok(())
        } else {
            Err(Broken::Ring)
        }
    }

    /// Nothing more happens but rounds: how many until all tables are ideal?
    fn settle(&mut self) -> Result<usize, Broken> {
        for round in 0..ROUNDS_MAX {
            let is_ideal = self.members(self.live).all(|at| {
                let (list, before) = self.ideal(at);
                let near = &self.nodes[at].near;
                near.successors() == list && near.predecessor() == Some(before)
            });
            if is_ideal {
                return Ok(round);
            }
            for at in self.members(self.live).collect::<Vec<_>>() {
                self.stabilise(at);
                while self.nodes[at].candidate.is_some() {
                    self.stabilise(at);
                }
                while !self.notices.is_empty() {
                    self.hear();
                }
            }
            self.check()?;
        }
        Err(Broken::NotConverged)
    }

    /// The list and the predecessor that a member has in an ideal ring.
    fn ideal(&self, at: usize) -> (Vec<Contact>, Contact) {
        let order: Vec<usize> = self.members(self.live).collect();
        let place = order.iter().position(|&member| member == at).unwrap_or(0);
        let around = |step: usize| self.nodes[order[(place + step) % order.len()]].near.me();
        let count = self.plan.successors.min(order.len() - 1);
        ((1..=count).map(around).collect(), around(order.len() - 1))
    }

    /// Works out whom a member's extended list passes over.
    fn note_skips(&mut self, at: usize) {
        let places = self.plan.identifiers;
        let (mut skips, mut last, mut reached) = (0, at, 0);
        for contact in self.nodes[at].near.successors() {
            let distance = (contact.index() + places - at) % places;
            if distance <= reached {
                self.nodes[at].skips = None;
                return;
            }
            skips |= between(last, contact.index(), places);
            (last, reached) = (contact.index(), distance);
        }
        self.nodes[at].skips = Some(skips);
    }

    fn first_live(&self, at: usize) -> Option<usize> {
        let successors = self.nodes[at].near.successors().iter();
        successors
            .map(|contact| contact.index())
            .find(|&at| self.live & 1 << at != 0)
    }

    fn list_of(&self, contact: Contact) -> Vec<Contact> {
        self.nodes[contact.index()].near.successors().to_vec()
    }

    const fn is_live(&self, contact: Contact) -> bool {
        self.live & 1 << contact.index() != 0
    }

    fn members(&self, set: Set) -> impl Iterator<Item = usize> + use<> {
        (0..self.plan.identifiers).filter(move |at| set & 1 << at != 0)
    }

    fn pick(&mut self, set: Set) -> Option<usize> {
        let which = self.rng.index(set.count_ones() as usize)?;
        self.members(set).nth(which)
    }
}

/// The places strictly between two, clockwise.
fn between(from: usize, to: usize, places: usize) -> Set {
    let below = |at: usize| {
        (1 as Set)
            .checked_shl(at as u32)
            .unwrap_or(0)
            .wrapping_sub(1)
    };
    let after = everybody(places) & !below(from + 1);
    if from < to {
        after & below(to)
    } else {
        after | below(to)
    }
}

fn everybody(places: usize) -> Set {
    Set::MAX >> (Set::BITS as usize - places)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Spec section 7: 3,000 schedules of 400 events for each length of lists.
    const SCHEDULES: u64 = 3000;
    const SEED: Seed = Seed(20);

    fn plan(rules: Rules, successors: usize, number: u64) -> Plan {
        Plan {
            rules,
            successors,
            identifiers: 10 + (number % 11) as usize,
            events: 400,
        }
    }

    #[test]
    fn the_corrected_rules_break_nothing() {
        for successors in [2, 3, 4] {
            let mut sum = Passed::default();
            for number in 0..SCHEDULES {
                let plan = plan(Rules::Corrected, successors, number);
                let passed = run(&plan, SEED, number);
                let passed = passed.unwrap_or_else(|violation| {
                    panic!("{plan:?}, schedule {number} of {SEED:?}: {violation}")
                });
                sum.joins += passed.joins;
                sum.failures += passed.failures;
            }
            // Enough has happened for the result to mean something.
            assert!(sum.joins > 4 * SCHEDULES as usize, "{sum:?}");
            assert!(sum.failures > 3 * SCHEDULES as usize, "{sum:?}");
        }
    }

    #[test]
    fn the_original_rules_break_rings() {
        for successors in [2, 3, 4] {
            let broken = (0..SCHEDULES).filter_map(|number| {
                let plan = plan(Rules::Original, successors, number);
                run(&plan, SEED, number).err()
            });
            let broken: Vec<Violation> = broken.collect();
            assert!(broken.len() > 30, "r = {successors}: {}", broken.len());
        }
    }

    #[test]
    fn places_between() {
        assert_eq!(between(1, 4, 8), 0b1100);
        assert_eq!(between(6, 1, 8), 0b1000_0001);
        assert_eq!(between(3, 3, 8), 0b1111_0111);
        assert_eq!(between(3, 4, 8), 0);
        assert_eq!(everybody(32), Set::MAX);
    }

    #[test]
    fn what_is_broken_is_seen() {
        let plan = plan(Rules::Corrected, 2, 0);
        let mut ring = Ring::new(&plan, Rng::new(SEED, 0, 0));
        assert_eq!(ring.check(), Ok(()));
        let victims: Vec<usize> = ring.members(ring.live).collect();
        ring.live &= !(1 << victims[1]);
        assert_eq!(ring.check(), Err(Broken::Principals(2)));
        ring.live &= !(1 << victims[2]);
        assert_eq!(ring.check(), Err(Broken::NoLiveSuccessor));
    }
}
