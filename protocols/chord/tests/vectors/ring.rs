//! A ring of few bits, whose nodes are called by their numbers.

use std::time::Duration;

use chord::api::LookupId;
use chord::contacts::{Contact, Contacts, Reference};
use chord::member::Member;
use chord::{Command, Config, Converged, Event, Node, Shared};
use keyspace::{Id, Space};
use machine::Seed;
use simulator::{NodeConfig, NodeId, Simulation, endpoint};

pub(crate) struct Ring {
    sim: Simulation<Node>,
    space: Space,
    contacts: Vec<Contact>,
}

pub(crate) fn config(bits: u32, successors: usize) -> Config {
    Config {
        space: Space::of_bits(bits),
        successors,
        ..Config::new()
    }
}

pub(crate) fn shared_of<const N: usize>(config: Config, ids: [Id; N]) -> (Shared, Vec<Contact>) {
    let mut contacts = Contacts::growing();
    let people = (0..).zip(ids).map(|(number, id)| {
        let reference = Reference {
            id,
            endpoint: endpoint(number),
            incarnation: 0,
        };
        contacts.intern(reference).expect("a table that grows")
    });
    let people = people.collect();
    (Shared { contacts, config }, people)
}

impl Ring {
    /// A converged ring; all other places may join it.
    pub(crate) fn new(bits: u32, successors: usize, nodes: &[u64]) -> Self {
        let config = config(bits, successors);
        let space = config.space;
        let (shared, contacts) = shared_of(
            config,
            core::array::from_fn::<Id, 64, _>(|number| space.id(number as u64)),
        );
        let members: Vec<Contact> = nodes.iter().map(|&node| contacts[node as usize]).collect();
        let ring: Vec<Node> = Converged::new(&members, &shared).nodes(Seed(1)).collect();
        let mut sim = Simulation::new(simulator::Config::new(Seed(1)), shared);
        for (node, &number) in ring.into_iter().zip(nodes) {
            sim.add(node, NodeConfig::at(endpoint(number as u32)));
        }
        Self {
            sim,
            space,
            contacts,
        }
    }

    fn number(&self, contact: Contact) -> u64 {
        self.space.number(self.sim.shared().contacts.id(contact))
    }

    fn node(&self, number: u64) -> NodeId {
        let at = endpoint(number as u32);
        let mut nodes = self.sim.nodes();
        nodes
            .find(|&node| self.sim.endpoint(node) == at)
            .expect("a node of this ring")
    }

    fn member(&self, number: u64) -> &Member {
        &self.sim.node(self.node(number)).expect("alive").members()[0]
    }

    pub(crate) fn owner(&self, key: u64) -> u64 {
        let members: Vec<Contact> = self
            .sim
            .nodes()
            .filter_map(|node| Some(self.sim.node(node)?.members()[0].neighbours().me()))
            .collect();
        let ring = Converged::new(&members, self.sim.shared());
        self.number(ring.owner(self.space.id(key)).expect("not empty"))
    }

    /// From the longest to the shortest that reaches past the first successor; where nobody is so
    /// far, a row names the node itself.
    pub(crate) fn fingers(&self, number: u64) -> Vec<u64> {
        let entries = self.member(number).fingers().entries();
        entries
            .iter()
            .map(|entry| entry.map_or(number, |contact| self.number(contact)))
            .collect()
    }

    pub(crate) fn successors(&self, number: u64) -> Vec<u64> {
        let successors = self.member(number).neighbours().successors();
        successors
            .iter()
            .map(|&contact| self.number(contact))
            .collect()
    }

    pub(crate) fn predecessor(&self, number: u64) -> u64 {
        let predecessor = self.member(number).neighbours().predecessor();
        self.number(predecessor.expect("a predecessor"))
    }

    pub(crate) fn join(&mut self, number: u64, door: u64) {
        let contact = self.contacts[number as usize];
        let node = Node::new(&[contact], &self.sim.shared().contacts);
        let id = self.sim.add(node, NodeConfig::at(endpoint(number as u32)));
        self.sim.command(id, Command::Join(endpoint(door as u32)));
    }

    pub(crate) fn kill(&mut self, number: u64) {
        let node = self.node(number);
        self.sim.crash(node);
    }

    pub(crate) fn run(&mut self, seconds: u64) {
        self.sim.run_for(Duration::from_secs(seconds));
    }

    /// The owner of a key as `from` finds it, and how many nodes answered on the way.
    pub(crate) fn look_up(&mut self, from: u64, key: u64) -> (u64, u16) {
        let (lookup, key) = (LookupId(1), self.space.id(key));
        self.sim.take_events();
        self.sim
            .command(self.node(from), Command::Lookup { lookup, key });
        self.run(5);
        let events = self.sim.take_events();
        let found = events.into_iter().find_map(|(_, _, event)| {
            let Event::Found(found) = event else {
                return None;
            };
            Some(found)
        });
        let found = found.expect("the lookup ended");
        (self.number(found.owners[0]), found.hops)
    }
}
