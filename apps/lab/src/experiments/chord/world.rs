//! A ring in the simulator, and lookups in it.

use std::time::Duration;

use chord::api::{Found, LookupId, Patience, Period, Suspicion};
use chord::contacts::{Contact, Contacts, Reference};
use chord::routing::{Hop, hop};
use chord::{Command, Config, Converged, Event, Node, Shared};
use keyspace::Id;
use machine::{Rng, Seed};
use simulator::{Latency, NodeConfig, NodeId, Simulation, endpoint};

use crate::experiment::{Run, Trouble};
use crate::experiments::ring::{Purpose, point};
use crate::measure::Spread;

/// The delay of a packet, one way, in the experiments of the papers.
pub(super) const PACKET_DELAY: Duration = Duration::from_millis(50);

/// When the papers' nodes give up waiting.
const DECLARED_DEAD: Duration = Duration::from_millis(500);

/// A period that does not end while an experiment lasts: nothing is kept up.
const NEVER: Period = Period {
    min: Duration::from_secs(100 * 365 * 86_400),
    max: Duration::from_secs(101 * 365 * 86_400),
};

/// How many lookups are under way at a time.
const LOOKUPS_AT_A_TIME: usize = 1 << 16;

/// A ring as the papers' simulators had it: successor lists of this length, fixed time-outs, one
/// candidate in an answer, who does not answer is forgotten at once; and nothing is kept up.
pub(super) fn still(successors: usize) -> Config {
    Config {
        successors,
        candidates: 1,
        stabilise: NEVER,
        fix_finger: NEVER,
        repair: NEVER,
        patience: Patience::Fixed(DECLARED_DEAD),
        suspicion: Suspicion::Forgive,
        lookup_timeout: Duration::from_secs(600),
        ..Config::new()
    }
}

/// A ring in the simulator. Its nodes have the numbers of their places on it.
pub(super) struct World {
    pub(super) sim: Simulation<Node>,
    /// All who are members, in order, and whether they live.
    members: Vec<(Id, Contact, Life)>,
    pub(super) rng: Rng,
    seed: Seed,
    lookups: u32,
}

/// Whether a member lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Life {
    Alive,
    Dead,
}

/// A key that was looked up, and what came of it.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) asker: NodeId,
    pub(super) key: Id,
    /// None, if the lookup failed.
    pub(super) found: Option<Box<Found>>,
}

impl World {
    /// A ring that has found its form.
    pub(super) fn new(seed: Seed, nodes: usize, config: Config, delay: Duration) -> Self {
        Self::in_network(seed, nodes, config, Latency::Constant(delay))
    }

    /// The same in any network.
    pub(super) fn in_network(seed: Seed, nodes: usize, config: Config, latency: Latency) -> Self {
        let (contacts, all) = everybody(seed, nodes);
        let shared = Shared { contacts, config };
        let ring = Converged::new(&all, &shared);
        let placed = |contact| (shared.contacts.id(contact), contact, Life::Alive);
        let members: Vec<_> = ring.contacts().map(placed).collect();
        let nodes: Vec<Node> = ring.nodes(seed).collect();
        let mut simulated = simulator::Config::new(seed);
        simulated.network.latency = latency;
        let endpoints: Vec<_> = members
            .iter()
            .map(|&(_, contact, _)| shared.contacts.endpoint(contact))
            .collect();
        let mut sim = Simulation::new(simulated, shared);
        sim.reserve(nodes.len());
        for (node, at) in nodes.into_iter().zip(endpoints) {
            sim.add(node, NodeConfig::at(at));
        }
        Self {
            sim,
            members,
            rng: Rng::new(seed, Purpose::Key as u64, 0),
            seed,
            lookups: 0,
        }
    }

    /// Kills this share of all members at once.
    pub(super) fn kill(&mut self, share: f64) {
        let mut places: Vec<usize> = (0..self.members.len()).collect();
        self.rng.shuffle(&mut places);
        let victims = (share * places.len() as f64).round() as usize;
        let nodes: Vec<NodeId> = self.sim.nodes().collect();
        for &place in places.iter().take(victims) {
            self.members[place].2 = Life::Dead;
            self.sim.crash(nodes[place]);
        }
    }

    /// The members who live.
    pub(super) fn living(&self) -> Vec<NodeId> {
        let nodes = self.sim.nodes().zip(&self.members);
        let living = nodes.filter(|(_, (_, _, life))| *life == Life::Alive);
        living.map(|(node, _)| node).collect()
    }

    /// Tells whether a member lives.
    pub(super) fn is_alive(&self, contact: Contact) -> bool {
        let id = self.sim.shared().contacts.id(contact);
        let at = self.members.binary_search_by_key(&id, |&(id, _, _)| id);
        at.is_ok_and(|at| self.members[at].2 == Life::Alive)
    }

    /// The member that owned a key when all lived.
    pub(super) fn first_owner(&self, key: Id) -> Contact {
        let at = self.members.partition_point(|&(id, _, _)| id < key);
        self.members[at % self.members.len()].1
    }

    /// The node of the member that owned a key when all lived.
    pub(super) fn node_at(&self, key: Id) -> NodeId {
        let at = self.members.partition_point(|&(id, _, _)| id < key) % self.members.len();
        self.sim.nodes().nth(at).expect("each member is a node")
    }

    /// The last node that a lookup is passed on to: the first whose list spans the key.
    pub(super) fn last_asked(&self, from: NodeId, key: Id) -> NodeId {
        let contacts = &self.sim.shared().contacts;
        let mut at = from;
        while let Some(member) = self.sim.node(at).and_then(|node| node.members().first())
            && let Hop::Next([Some(next), ..]) =
                hop(member.neighbours(), member.fingers(), key, contacts, None)
        {
            at = self.node_at(contacts.id(next));
        }
        at
    }

    /// The member alive that owns a key.
    pub(super) fn owner(&self, key: Id) -> Option<Contact> {
        let at = self.members.partition_point(|&(id, _, _)| id < key);
        let (before, after) = self.members.split_at(at);
        let mut around = after.iter().chain(before);
        let owner = around.find(|(_, _, life)| *life == Life::Alive)?;
        Some(owner.1)
    }

    /// Lets the members that live look up so many random keys, each about as many: keys of others,
    /// for whoever owns a key need not look it up.
    pub(super) fn look_up(
        &mut self,
        run: &Run<'_>,
        count: usize,
        mut take: impl FnMut(&Self, Answer) -> Result<(), Trouble>,
    ) -> Result<(), Trouble> {
        let nodes = self.sim.nodes().zip(&self.members);
        let living = nodes.filter(|(_, (_, _, life))| *life == Life::Alive);
        let living: Vec<_> = living
            .map(|(node, &(_, contact, _))| (node, contact))
            .collect();
        let mut keys = Vec::with_capacity(count);
        for number in 0.. {
            if keys.len() == count || living.len() < 2 {
                break;
            }
            let key = point(self.seed, Purpose::Key, number);
            let (asker, contact) = living[keys.len() % living.len()];
            if self.owner(key) != Some(contact) {
                keys.push((asker, key));
            }
        }
        for keys in keys.chunks(LOOKUPS_AT_A_TIME) {
            run.go_on()?;
            for answer in self.look_these_up(keys) {
                take(self, answer)?;
            }
        }
        Ok(())
    }

    /// Lets members look up keys, all at once; the answers come in the order of the questions.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "nodes tell more than what lookups find"
    )]
    pub(super) fn look_these_up(&mut self, keys: &[(NodeId, Id)]) -> Vec<Answer> {
        let first = self.lookups;
        for &(node, key) in keys {
            let lookup = LookupId(self.lookups);
            self.lookups += 1;
            self.sim.command(node, Command::Lookup { lookup, key });
        }
        let mut answers: Vec<_> = keys
            .iter()
            .map(|&(asker, key)| Answer {
                asker,
                key,
                found: None,
            })
            .collect();
        let mut awaited = answers.len();
        while awaited > 0 && self.sim.step() {
            for (_, _, event) in self.sim.take_events() {
                let (lookup, found) = match event {
                    Event::Found(found) => (found.lookup, Some(found)),
                    Event::NotFound { lookup, .. } => (lookup, None),
                    _ => continue,
                };
                awaited -= 1;
                answers[(lookup.0 - first) as usize].found = found;
            }
        }
        answers
    }
}

/// So many nodes at random places.
pub(super) fn everybody(seed: Seed, nodes: usize) -> (Contacts, Vec<Contact>) {
    let mut contacts = Contacts::growing();
    let mut place = |number: u32| {
        let reference = Reference {
            id: point(seed, Purpose::Node, number.into()),
            endpoint: endpoint(number),
            incarnation: 0,
        };
        contacts.intern(reference).expect("a table that grows")
    };
    let all = (0..nodes as u32).map(&mut place).collect();
    (contacts, all)
}

/// What lookups in a ring without faults were like.
pub(super) fn hops_of(run: &Run<'_>, world: &mut World, lookups: usize) -> Result<Spread, Trouble> {
    let mut hops = Spread::new();
    world.look_up(run, lookups, |world, answer| {
        let found = found_right(world, &answer)?;
        hops.add(f64::from(found.hops));
        Ok(())
    })?;
    Ok(hops)
}

/// Demands that a lookup found the owner.
pub(super) fn found_right<'a>(world: &World, answer: &'a Answer) -> Result<&'a Found, Trouble> {
    let Some(found) = &answer.found else {
        return Err(Trouble::Broken(format!(
            "the lookup of {} failed",
            answer.key
        )));
    };
    if found.owners.first().copied() != world.owner(answer.key) {
        let key = answer.key;
        return Err(Trouble::Broken(format!(
            "the lookup of {key} found a wrong owner"
        )));
    }
    Ok(found)
}
