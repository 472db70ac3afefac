//! A ring in the simulator, and what must be true of it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bytes::Bytes;
use chord::api::{Found, LookupId, NotJoined, RequestId};
use chord::contacts::{Contact, Contacts, Reference};
use chord::member::{Member, Standing};
use chord::{Command, Config, Converged, Event, Node, Shared, identity};
use keyspace::Id;
use machine::{Instant, Rng, Seed};
use simulator::{NodeConfig, NodeId, Simulation, endpoint};

/// Nodes that live, have lived, or may yet join.
pub(crate) struct World {
    pub(crate) sim: Simulation<Node>,
    /// By node; those behind the nodes are yet to join.
    pub(crate) contacts: Vec<Contact>,
    /// Those that were not killed.
    pub(crate) alive: BTreeSet<NodeId>,
    pub(crate) rng: Rng,
    lookups: u32,
    found: BTreeMap<LookupId, Option<Box<Found>>>,
    pub(crate) others: Vec<(NodeId, Event)>,
    requests: u32,
    /// What became of puts and gets.
    pub(crate) dealt: BTreeMap<RequestId, Event>,
}

/// Everybody who may ever take part, each at an id that the seed drew.
pub(crate) fn shared(config: Config, people: u32, seed: Seed) -> (Shared, Vec<Contact>) {
    let mut rng = Rng::new(seed, u64::MAX, 0);
    let mut contacts = Contacts::growing();
    let mut intern = |number| {
        let reference = Reference {
            id: config.space.of_digest(rng.bytes()),
            endpoint: endpoint(number),
            incarnation: 0,
        };
        contacts.intern(reference).expect("a table that grows")
    };
    let people = (0..people).map(&mut intern).collect();
    (Shared { contacts, config }, people)
}

impl World {
    /// A converged ring of `members`, and `strangers` who may join it.
    pub(crate) fn converged(
        members: u32,
        strangers: u32,
        config: Config,
        simulated: simulator::Config,
    ) -> Self {
        let seed = simulated.seed;
        let (shared, mut contacts) = shared(config, members + strangers, seed);
        let others = contacts.split_off(members as usize);
        let ring = Converged::new(&contacts, &shared);
        let mut contacts: Vec<Contact> = ring.contacts().collect();
        let nodes: Vec<Node> = ring.nodes(seed).collect();
        let endpoints: Vec<_> = contacts
            .iter()
            .map(|&contact| shared.contacts.endpoint(contact))
            .collect();
        contacts.extend(others);
        let mut sim = Simulation::new(simulated, shared);
        let ids = nodes.into_iter().zip(endpoints);
        let alive = ids.map(|(node, at)| sim.add(node, NodeConfig::at(at)));
        let alive = alive.collect();
        Self {
            sim,
            contacts,
            alive,
            rng: Rng::new(seed, u64::MAX, 1),
            lookups: 0,
            found: BTreeMap::new(),
            others: Vec::new(),
            requests: 0,
            dealt: BTreeMap::new(),
        }
    }

    /// Hosts of several virtual nodes each, in no ring yet.
    pub(crate) fn of_hosts(
        hosts: u32,
        virtual_nodes: u32,
        config: Config,
        simulated: simulator::Config,
    ) -> Self {
        let mut world = Self::converged(0, 0, config.clone(), simulated.clone());
        let mut contacts = Contacts::growing();
        let mut nodes = Vec::new();
        for host in 0..hosts {
            let places = (0..virtual_nodes).map(|number| {
                let reference = Reference {
                    id: identity::of_node(&[host as u8; 32], number, 0, config.space),
                    endpoint: endpoint(host),
                    incarnation: 0,
                };
                contacts.intern(reference).expect("a table that grows")
            });
            let places: Vec<Contact> = places.collect();
            nodes.push(Node::new(&places, &contacts));
        }
        world.sim = Simulation::new(simulated, Shared { contacts, config });
        for (host, node) in (0..).zip(nodes) {
            let id = world.sim.add(node, NodeConfig::at(endpoint(host)));
            world.alive.insert(id);
        }
        world
    }

    /// Adds the next of the strangers as a node without a ring.
    pub(crate) fn add(&mut self) -> NodeId {
        let contact = self.contacts[self.sim.nodes().count()];
        let shared = &self.sim.shared().contacts;
        let (node, at) = (Node::new(&[contact], shared), shared.endpoint(contact));
        let id = self.sim.add(node, NodeConfig::at(at));
        self.alive.insert(id);
        id
    }

    /// Lets the next of the strangers join through somebody who lives.
    pub(crate) fn join(&mut self) -> NodeId {
        let door = self.anybody();
        let node = self.add();
        let door = self.sim.endpoint(door);
        self.sim.command(node, Command::Join(door));
        node
    }

    pub(crate) fn kill(&mut self, node: NodeId) {
        self.alive.remove(&node);
        self.sim.crash(node);
    }

    pub(crate) fn anybody(&mut self) -> NodeId {
        let at = self.rng.index(self.alive.len()).expect("somebody lives");
        *self.alive.iter().nth(at).expect("counted")
    }

    pub(crate) fn member(&self, node: NodeId) -> &Member {
        &self.sim.node(node).expect("alive").members()[0]
    }

    pub(crate) fn contact(&self, node: NodeId) -> Contact {
        self.member(node).neighbours().me()
    }

    pub(crate) fn run(&mut self, seconds: u64) {
        self.sim.run_for(Duration::from_secs(seconds));
        for (node, _, event) in self.sim.take_events() {
            match event {
                Event::Found(found) => {
                    self.found.insert(found.lookup, Some(found));
                }
                Event::NotFound { lookup, .. } => {
                    self.found.insert(lookup, None);
                }
                // Its door may have died: another one serves, as it would the user.
                Event::NotJoined(NotJoined::NoAnswer(_) | NotJoined::NoRing)
                    if self.alive.contains(&node) =>
                {
                    let door = self.anybody();
                    let door = self.sim.endpoint(door);
                    self.sim.command(node, Command::Join(door));
                }
                Event::Stored { request, .. }
                | Event::Got { request, .. }
                | Event::Failed { request, .. } => {
                    self.dealt.insert(request, event);
                }
                Event::Joined | Event::Left | Event::Adrift | Event::NotJoined(_) => {
                    self.others.push((node, event));
                }
            }
        }
    }

    /// Everybody who lives, in the order of the ring.
    pub(crate) fn ideal(&self) -> Vec<Contact> {
        let contacts = &self.sim.shared().contacts;
        let mut ring: Vec<Contact> = self.alive.iter().map(|&node| self.contact(node)).collect();
        ring.sort_by_key(|&contact| contacts.id(contact));
        ring
    }

    /// What is wrong with the tables of those who live: nothing, once the ring has converged.
    pub(crate) fn flaws(&self) -> Vec<String> {
        let ideal = self.ideal();
        let contacts = &self.sim.shared().contacts;
        let successors = self.sim.shared().config.successors.min(ideal.len() - 1);
        let mut flaws = Vec::new();
        for &node in &self.alive {
            let member = self.member(node);
            let near = member.neighbours();
            let at = ideal
                .iter()
                .position(|&contact| contact == near.me())
                .expect("listed");
            let around = |step: usize| ideal[(at + step) % ideal.len()];
            let list: Vec<Contact> = (1..=successors).map(around).collect();
            // By prefix: a damaged copy of a reference that leads to the same node is as good.
            let prefix = |&contact: &Contact| contacts.id(contact).prefix();
            let prefixes = |list: &[Contact]| list.iter().map(prefix).collect::<Vec<_>>();
            if prefixes(near.successors()) != prefixes(&list) {
                flaws.push(format!(
                    "{node:?} {:?}: list {:?} and not {list:?}",
                    member.standing(),
                    near.successors()
                ));
            }
            let before = around(ideal.len() - 1);
            if near.predecessor().as_ref().map(prefix) != Some(prefix(&before)) {
                flaws.push(format!("{node:?}: before it {:?}", near.predecessor()));
            }
        }
        flaws
    }

    /// Runs until the tables are right.
    pub(crate) fn assert_converges(&mut self, seconds: u64) {
        for _ in 0..seconds / 5 {
            self.run(5);
            if self.flaws().is_empty() {
                return;
            }
        }
        panic!("not one ring after {seconds} s: {:#?}", self.flaws());
    }

    /// The invariants of the proof (spec section 7): each member has a live one in its list, and
    /// r + 1 members are skipped by nobody's list.
    pub(crate) fn assert_invariants(&self) {
        let contacts = &self.sim.shared().contacts;
        let alive: BTreeSet<Id> = self
            .alive
            .iter()
            .map(|&node| contacts.id(self.contact(node)))
            .collect();
        let is_member = |node: &&NodeId| self.member(**node).standing() == Standing::Member;
        let members: Vec<NodeId> = self.alive.iter().filter(is_member).copied().collect();
        let mut skipped: BTreeSet<Id> = BTreeSet::new();
        for &node in &members {
            let near = self.member(node).neighbours();
            let list = near
                .successors()
                .iter()
                .map(|&contact| contacts.id(contact));
            let extended: Vec<Id> = std::iter::once(near.id()).chain(list).collect();
            assert!(
                extended[1..].iter().any(|id| alive.contains(id)),
                "{node:?} has nobody alive in its list"
            );
            for pair in extended.windows(2) {
                let between = |id: &&Id| id.is_between(pair[0], pair[1]);
                skipped.extend(alive.iter().filter(between));
            }
        }
        let principals = alive.len() - skipped.len();
        let enough = self.sim.shared().config.successors + 1;
        assert!(
            principals >= enough,
            "{principals} principals, {enough} needed"
        );
    }

    /// Looks up random keys from random nodes.
    pub(crate) fn look_up(&mut self, count: u32) -> Vec<(LookupId, Id)> {
        (0..count)
            .map(|_| {
                let key = self.sim.shared().config.space.of_digest(self.rng.bytes());
                let node = self.anybody();
                self.lookups += 1;
                let lookup = LookupId(self.lookups);
                self.sim.command(node, Command::Lookup { lookup, key });
                (lookup, key)
            })
            .collect()
    }

    /// Asks somebody to put a value.
    pub(crate) fn put(&mut self, key: Id, value: &Bytes) -> RequestId {
        let (request, value) = (self.request(), value.clone());
        let node = self.anybody();
        let put = Command::Put {
            request,
            key,
            value,
        };
        self.sim.command(node, put);
        request
    }

    pub(crate) fn delete(&mut self, key: Id) -> RequestId {
        let (request, node) = (self.request(), self.anybody());
        self.sim.command(node, Command::Delete { request, key });
        request
    }

    /// Asks somebody for a value.
    pub(crate) fn get(&mut self, key: Id) -> RequestId {
        let (request, node) = (self.request(), self.anybody());
        self.sim.command(node, Command::Get { request, key });
        request
    }

    /// The value that a request has got by now.
    pub(crate) fn got(&self, request: RequestId) -> Option<Option<Bytes>> {
        match self.dealt.get(&request) {
            Some(Event::Got { value, .. }) => Some(value.clone()),
            _ => None,
        }
    }

    /// Whether a request is known to have written its value.
    pub(crate) fn is_stored(&self, request: RequestId) -> bool {
        matches!(self.dealt.get(&request), Some(Event::Stored { .. }))
    }

    /// Those alive who keep a key's value.
    pub(crate) fn keepers(&self, key: Id) -> Vec<NodeId> {
        let keeps = |node: &&NodeId| {
            let records = self.member(**node).records();
            records.is_some_and(|records| records.version(key).is_some())
        };
        self.alive.iter().filter(keeps).copied().collect()
    }

    fn request(&mut self) -> RequestId {
        self.requests += 1;
        RequestId(self.requests)
    }

    /// What a lookup has found by now.
    pub(crate) fn found(&self, lookup: LookupId) -> Option<&Found> {
        self.found.get(&lookup)?.as_deref()
    }

    /// The owner of a key, as things are.
    pub(crate) fn owner(&self, key: Id) -> Contact {
        let ideal = self.ideal();
        let contacts = &self.sim.shared().contacts;
        let at = ideal.partition_point(|&contact| contacts.id(contact) < key);
        ideal[at % ideal.len()]
    }

    /// Looks keys up and demands that each finds its owner.
    pub(crate) fn assert_lookups(&mut self, count: u32) {
        let lookups = self.look_up(count);
        self.run(20);
        for (lookup, key) in lookups {
            let found = self.found(lookup).map(|found| found.owners[0]);
            assert_eq!(found, Some(self.owner(key)), "{lookup:?} of {key:?}");
        }
    }

    #[allow(dead_code, reason = "not every test looks at the clock")]
    pub(crate) fn now(&self) -> Instant {
        self.sim.now()
    }
}
