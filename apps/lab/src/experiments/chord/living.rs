//! A ring whose members come and go, while others look keys up.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::time::Duration;

use chord::api::{Found, LookupId};
use chord::contacts::Contact;
use chord::member::Member;
use chord::{Command, Config, Converged, Event, Node, Shared};
use keyspace::Id;
use machine::{Instant, Rng, Seed};
use simulator::{Latency, NodeConfig, NodeId, Simulation};

use crate::experiments::chord::world::everybody;
use crate::experiments::ring::{Purpose, point};

/// A ring whose members come and go.
pub(super) struct Living {
    pub(super) sim: Simulation<Node>,
    /// Everybody who may ever take part; those behind the nodes are yet to join.
    contacts: Vec<Contact>,
    /// The members, in order: from `Joined` on until they begin to leave.
    members: BTreeMap<Id, NodeId>,
    rng: Rng,
    seed: Seed,
    lookups: BTreeMap<LookupId, Asked>,
    asked: u32,
}

/// How often things happen, each at moments that are independent of all others.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rates {
    /// Nodes that join, a second.
    pub(super) joins: f64,
    /// Members that leave in good order.
    pub(super) leaves: f64,
    /// Lookups of random keys by random members.
    pub(super) lookups: f64,
}

/// A lookup under way.
#[derive(Debug, Clone, Copy)]
struct Asked {
    asker: NodeId,
    key: Id,
    /// What an earlier lookup of the same key, which named only nodes that were gone, had cost.
    before: Option<(u16, u32)>,
}

/// How a lookup ended.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Ended {
    /// How many nodes it was forwarded to; none if it found nobody.
    pub(super) hops: Option<u16>,
    /// How many did not answer, those who were named as owners and were gone included.
    pub(super) timeouts: u32,
    /// Whether it reached the owner of the moment.
    pub(super) reached: bool,
}

impl Living {
    /// A ring that has found its form, and strangers who may join it.
    pub(super) fn new(seed: Seed, nodes: usize, strangers: usize, config: Config) -> Self {
        let (contacts, mut all) = everybody(seed, nodes + strangers);
        let others = all.split_off(nodes);
        let shared = Shared { contacts, config };
        let ring = Converged::new(&all, &shared);
        let mut contacts: Vec<Contact> = ring.contacts().collect();
        let ids: Vec<Id> = contacts
            .iter()
            .map(|&contact| shared.contacts.id(contact))
            .collect();
        let endpoints: Vec<_> = contacts
            .iter()
            .map(|&contact| shared.contacts.endpoint(contact))
            .collect();
        let nodes: Vec<Node> = ring.nodes(seed).collect();
        contacts.extend(others);
        let mut simulated = simulator::Config::new(seed);
        simulated.network.latency = Latency::Constant(super::world::PACKET_DELAY);
        let mut sim = Simulation::new(simulated, shared);
        let added = nodes.into_iter().zip(endpoints);
        let added = added.map(|(node, at)| sim.add(node, NodeConfig::at(at)));
        let members = ids.into_iter().zip(added).collect();
        Self {
            sim,
            contacts,
            members,
            rng: Rng::new(seed, Purpose::Key as u64, 0),
            seed,
            lookups: BTreeMap::new(),
            asked: 0,
        }
    }

    /// Lives for some time, and tells how the lookups ended that ended in it.
    pub(super) fn live(&mut self, rates: Rates, time: Duration) -> Vec<Ended> {
        let end = self.sim.now() + time;
        let mut ended = Vec::new();
        let mut next = [rates.joins, rates.leaves, rates.lookups].map(|rate| (rate, Instant::ZERO));
        for (rate, at) in &mut next {
            *at = self.sim.now() + wait(*rate, &mut self.rng);
        }
        loop {
            let (which, &(_, at)) = next
                .iter()
                .enumerate()
                .min_by_key(|(_, (_, at))| *at)
                .expect("three things happen");
            self.run_until(at.min(end), &mut ended);
            if at > end {
                return ended;
            }
            match which {
                0 => self.join(),
                1 => self.leave(),
                _ => self.look_up(),
            }
            next[which].1 = at + wait(next[which].0, &mut self.rng);
        }
    }

    /// Runs for some time in which nothing happens from outside.
    pub(super) fn rest(&mut self, time: Duration) {
        self.run_until(self.sim.now() + time, &mut Vec::new());
    }

    /// How many members there are.
    pub(super) fn len(&self) -> usize {
        self.members.len()
    }

    /// Tells whether so many successors of each member are those that follow it on the ring, and
    /// its predecessor the one before it.
    pub(super) fn is_ideal(&self, successors: usize) -> bool {
        let ring: Vec<(Id, NodeId)> = self.members.iter().map(|(id, node)| (*id, *node)).collect();
        let contacts = &self.sim.shared().contacts;
        let count = successors.min(ring.len() - 1);
        ring.iter().enumerate().all(|(at, &(_, node))| {
            let around = |step: usize| ring[(at + step) % ring.len()].0;
            self.member(node)
                .map(Member::neighbours)
                .is_some_and(|near| {
                    let list = near.successors().iter().take(count);
                    let list = list.map(|&successor| contacts.id(successor));
                    let before = near.predecessor().map(|before| contacts.id(before));
                    list.eq((1..=count).map(around)) && before == Some(around(ring.len() - 1))
                })
        })
    }

    /// The place that follows another one.
    pub(super) fn place_after(&self, place: Id) -> Id {
        let after = self
            .members
            .range((Bound::Excluded(place), Bound::Unbounded))
            .next();
        after
            .or(self.members.first_key_value())
            .map_or(place, |(id, _)| *id)
    }

    /// The place that precedes another one.
    pub(super) fn place_before(&self, place: Id) -> Id {
        let before = self.members.range(..place).next_back();
        before
            .or(self.members.last_key_value())
            .map_or(place, |(id, _)| *id)
    }

    /// The places in (a, b], clockwise.
    pub(super) fn places_in(&self, a: Id, b: Id) -> impl Iterator<Item = Id> {
        let (first, second) = if a < b {
            ((Bound::Excluded(a), Bound::Included(b)), None)
        } else {
            let rest = (Bound::Unbounded, Bound::Included(b));
            ((Bound::Excluded(a), Bound::Unbounded), Some(rest))
        };
        let second = second
            .map(|range| self.members.range(range))
            .into_iter()
            .flatten();
        self.members.range(first).chain(second).map(|(id, _)| *id)
    }

    fn run_until(&mut self, moment: Instant, ended: &mut Vec<Ended>) {
        loop {
            let mut told = Vec::new();
            let stopped = self.sim.run_until_holds(moment, |sim| {
                told = sim.take_events();
                !told.is_empty()
            });
            for (node, _, event) in told {
                self.hear(node, event, ended);
            }
            if !stopped {
                return;
            }
        }
    }

    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "nodes tell more than what matters here"
    )]
    fn hear(&mut self, node: NodeId, event: Event, ended: &mut Vec<Ended>) {
        match event {
            Event::Joined => {
                if let Some(member) = self.member(node) {
                    self.members.insert(member.neighbours().id(), node);
                }
            }
            // Its door was leaving: another one serves, as it would the user.
            Event::NotJoined(_) => self.knock(node),
            Event::Left => {
                self.sim.crash(node);
            }
            Event::Found(found) => {
                if let Some(asked) = self.lookups.remove(&found.lookup) {
                    ended.extend(self.reach(asked, &found));
                }
            }
            Event::NotFound { lookup, .. } => {
                let failed = Ended {
                    hops: None,
                    timeouts: 0,
                    reached: false,
                };
                ended.extend(self.lookups.remove(&lookup).map(|_| failed));
            }
            _ => {}
        }
    }

    /// Lets the next stranger join through some member.
    pub(super) fn join(&mut self) {
        let Some(&contact) = self.contacts.get(self.sim.nodes().count()) else {
            return;
        };
        let contacts = &self.sim.shared().contacts;
        let (node, at) = (Node::new(&[contact], contacts), contacts.endpoint(contact));
        let node = self.sim.add(node, NodeConfig::at(at));
        self.knock(node);
    }

    fn knock(&mut self, node: NodeId) {
        let door = self.anybody();
        let door = self.sim.endpoint(door);
        self.sim.command(node, Command::Join(door));
    }

    fn leave(&mut self) {
        let leaver = self.anybody();
        self.members.retain(|_, node| *node != leaver);
        self.sim.command(leaver, Command::Leave);
    }

    fn look_up(&mut self) {
        let key = point(self.seed, Purpose::Key, self.asked.into());
        let asker = self.anybody();
        let before = None;
        self.ask(key, Asked { asker, key, before });
    }

    fn ask(&mut self, key: Id, asked: Asked) {
        let lookup = LookupId(self.asked);
        self.asked += 1;
        self.lookups.insert(lookup, asked);
        self.sim
            .command(asked.asker, Command::Lookup { lookup, key });
    }

    fn anybody(&mut self) -> NodeId {
        let at = self
            .rng
            .index(self.members.len())
            .expect("somebody is there");
        *self.members.values().nth(at).expect("counted")
    }

    pub(super) fn member(&self, node: NodeId) -> Option<&Member> {
        self.sim.node(node)?.members().first()
    }

    /// Goes to the owner that a lookup named: past those who are gone; and where the one it comes
    /// to has got a predecessor who owns the key by now, to him. If all are gone, those who follow
    /// them are looked up.
    fn reach(&mut self, asked: Asked, found: &Found) -> Option<Ended> {
        let contacts = &self.sim.shared().contacts;
        let named = found.owners.iter().map(|&named| contacts.id(named));
        let named: Vec<Id> = named.collect();
        let is_member = |id: &Id| self.members.contains_key(id);
        let gone = named.iter().take_while(|id| !is_member(id)).count();
        let (hops, earlier) = asked.before.unwrap_or((found.hops, 0));
        let timeouts = earlier + u32::from(found.timeouts) + gone as u32;
        let Some(&at) = named.get(gone) else {
            let next = named.last()?.plus(Id::power_of_two(0));
            let before = Some((hops, timeouts));
            self.ask(next, Asked { before, ..asked });
            return None;
        };
        Some(Ended {
            hops: Some(hops),
            timeouts,
            reached: self.sent_on(at, asked.key) == self.owner(asked.key),
        })
    }

    /// Where a member sends on who comes to it for a key.
    fn sent_on(&self, mut at: Id, key: Id) -> Option<NodeId> {
        let contacts = &self.sim.shared().contacts;
        let mut node = *self.members.get(&at)?;
        while let Some(near) = self.member(node).map(Member::neighbours)
            && let Some(before) = near.predecessor().map(|before| contacts.id(before))
            && !key.is_between_or_last(before, at)
            && let Some(&nearer) = self.members.get(&before)
        {
            (at, node) = (before, nearer);
        }
        Some(node)
    }

    fn owner(&self, key: Id) -> Option<NodeId> {
        let at_or_after = self.members.range(key..).next();
        at_or_after
            .or(self.members.first_key_value())
            .map(|(_, node)| *node)
    }
}

/// The time to the next of things that happen at this rate.
fn wait(rate: f64, rng: &mut Rng) -> Duration {
    // 2^-53: as fine as floats between 0 and 1 are.
    let uniform = ((rng.next_u64() >> 11) + 1) as f64 * 1.110_223_024_625_156_5e-16;
    let seconds = -uniform.ln() / rate;
    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::from_secs(1 << 32))
}
