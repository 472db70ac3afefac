//! A visitor asks a ring, as a dialogue.

mod party;
mod values;

use std::time::Duration;

use chord::visitor::{Command, Event, Failure, Found, Hop, Row, Visited, Visitor, WalkEnd, Walked};
use chord::{Config, Contacts, Converged, Node, Reference, Shared};
use keyspace::{Id, Space};
use machine::{Endpoint, Rng, Seed};
use party::Party;
use simulator::{NodeConfig, NodeId, Simulation, endpoint};

/// A converged ring, and a visitor at its door.
struct Scene {
    sim: Simulation<Party>,
    /// By place on the ring.
    ring: Vec<(Reference, NodeId)>,
    visitor: NodeId,
}

/// Where a node is that has not joined, and where visitors are.
const OUTSIDER: u32 = 1_000_000;
const VISITOR: u32 = 1_000_001;

impl Scene {
    /// A ring of the papers' example: nodes at these points of 2^6.
    fn at(points: &[u64], successors: usize) -> Self {
        let space = Space::of_bits(6);
        let ids = points.iter().map(|&point| space.id(point)).collect();
        let config = Config {
            space,
            successors,
            ..Config::new()
        };
        Self::new(ids, config)
    }

    fn of_size(size: usize, successors: usize) -> Self {
        let mut rng = Rng::new(Seed(3), 0, 0);
        let ids = (0..size).map(|_| Id::from_bytes(rng.bytes())).collect();
        let config = Config {
            successors,
            ..Config::new()
        };
        Self::new(ids, config)
    }

    fn new(ids: Vec<Id>, config: Config) -> Self {
        Self::with_newcomer(ids, config, None)
    }

    /// A ring in which nobody knows the node at that place but its successor.
    fn with_newcomer(ids: Vec<Id>, config: Config, newcomer: Option<usize>) -> Self {
        let mut contacts = Contacts::growing();
        let reference = |(number, id)| Reference {
            id,
            endpoint: endpoint(number),
            incarnation: 0,
        };
        let people: Vec<_> = (0..)
            .zip(ids)
            .map(|one| contacts.intern(reference(one)).expect("a table that grows"))
            .collect();
        let outsider = contacts.intern(reference((OUTSIDER, Id::MAX)));
        let outsider = outsider.expect("a table that grows");
        let shared = Shared { contacts, config };
        let ring = Converged::new(&people, &shared);
        let places: Vec<Reference> = ring
            .contacts()
            .map(|contact| *shared.contacts.reference(contact))
            .collect();
        let mut nodes: Vec<Node> = ring.nodes(Seed(1)).collect();
        if let Some(newcomer) = newcomer {
            let mut others: Vec<_> = ring.contacts().collect();
            others.remove(newcomer);
            let before = Converged::new(&others, &shared);
            let before = (0..)
                .filter(|at| *at != newcomer)
                .zip(before.nodes(Seed(1)));
            for (at, node) in before.filter(|(at, _)| *at != newcomer + 1) {
                nodes[at] = node;
            }
        }
        let outsider = Node::new(&[outsider], &shared.contacts);
        let mut sim = Simulation::new(simulator::Config::new(Seed(1)), shared);
        let mut number = 0;
        let mut add = |node, at| {
            number += 1;
            sim.add(Party::member(node, number), NodeConfig::at(at))
        };
        let nodes = nodes.into_iter().zip(&places);
        let nodes: Vec<NodeId> = nodes.map(|(node, at)| add(node, at.endpoint)).collect();
        add(outsider, endpoint(OUTSIDER));
        let visitor = Party::visitor(Visitor::new(places[0].endpoint), 0);
        let visitor = sim.add(visitor, NodeConfig::at(endpoint(VISITOR)));
        let ring = places.into_iter().zip(nodes).collect();
        Self { sim, ring, visitor }
    }

    /// Lets another visitor come, through this door.
    fn come_through(&mut self, door: Endpoint) {
        let visitor = Party::visitor(Visitor::new(door), 0);
        let at = NodeConfig::at(endpoint(VISITOR + 1));
        self.visitor = self.sim.add(visitor, at);
    }

    /// What the visitor tells when it is asked.
    fn ask(&mut self, command: Command) -> Vec<Event> {
        self.sim.command(self.visitor, command);
        self.sim.run_for(Duration::from_secs(60));
        let events = self.sim.take_events().into_iter();
        events.map(|(_, _, event)| event).collect()
    }

    fn look_up(&mut self, key: Id) -> (Vec<Hop>, Found) {
        let mut events = self.ask(Command::Lookup(key));
        let Some(Event::Found(found)) = events.pop() else {
            panic!("not found: {events:?}");
        };
        let hops = events.into_iter().map(|event| {
            let Event::Hop(hop) = event else {
                panic!("{event:?}");
            };
            hop
        });
        (hops.collect(), found)
    }

    fn walk(&mut self) -> (Vec<Visited>, Walked) {
        let mut events = self.ask(Command::Walk);
        let Some(Event::Walked(walked)) = events.pop() else {
            panic!("no end: {events:?}");
        };
        let nodes = events.into_iter().map(|event| {
            let Event::Visited(visited) = event else {
                panic!("{event:?}");
            };
            visited
        });
        (nodes.collect(), walked)
    }

    fn owner(&self, key: Id) -> Reference {
        let at = self.ring.partition_point(|(node, _)| node.id < key);
        self.ring[at % self.ring.len()].0
    }
}

#[test]
fn the_example_of_the_papers_goes_its_way() {
    // lookup(54) at 8: 42 is the closest before it; there 51; there 54 in (51, 56].
    let mut scene = Scene::at(&[8, 14, 21, 32, 38, 42, 48, 51, 56, 1], 1);
    let space = Space::of_bits(6);
    let eight = scene
        .ring
        .iter()
        .position(|(node, _)| node.id == space.id(8));
    scene.come_through(scene.ring[eight.expect("8 is there")].0.endpoint);

    let (hops, found) = scene.look_up(space.id(54));
    let told: Vec<_> = hops
        .iter()
        .map(|hop| (space.number(hop.node.id), hop.row, space.number(hop.left)))
        .collect();
    // A row of this ring lies 154 above that of the papers, whose ring has 2^6 points.
    let expected = [
        (8, Row::Door, 46),
        (42, Row::Finger(154 + 5), 12),
        (51, Row::Finger(154 + 3), 3),
        (56, Row::Successor(1), 0),
    ];
    assert_eq!(told, expected);
    assert_eq!(space.number(found.owners[0].id), 56);
    assert_eq!((found.hops, found.timeouts), (3, 0));
    assert!(hops.iter().all(|hop| hop.took.is_some()));
}

#[test]
fn every_key_is_found_where_it_is() {
    let mut scene = Scene::of_size(200, 8);
    let mut rng = Rng::new(Seed(9), 0, 0);
    for _ in 0..50 {
        let key = Id::from_bytes(rng.bytes());
        let (hops, found) = scene.look_up(key);
        assert_eq!(found.owners[0], scene.owner(key), "{key:?}");
        assert_eq!(usize::from(found.hops) + 1, hops.len());
        let left: Vec<Id> = hops.iter().map(|hop| hop.left).collect();
        assert!(left.is_sorted_by(|a, b| b.is_less(*a)), "{left:?}");
    }
}

#[test]
fn the_dead_are_passed_and_named() {
    let mut scene = Scene::of_size(60, 16);
    let key = scene.ring[30].0.id;
    let (owner, dead) = scene.ring[30];
    scene.sim.crash(dead);
    let (hops, found) = scene.look_up(key);
    assert_eq!(found.owners[0], scene.ring[31].0);
    let silent: Vec<_> = hops.iter().filter(|hop| hop.took.is_none()).collect();
    assert!(silent.iter().any(|hop| hop.node == owner), "{hops:?}");
}

#[test]
fn who_names_dead_owners_only_is_asked_again() {
    // The last successor that 21 knows is dead, and the one behind it owns its keys.
    let mut scene = Scene::at(&[1, 8, 14, 21, 32, 38, 42, 48, 51, 56], 2);
    let space = Space::of_bits(6);
    let at = |number| {
        scene
            .ring
            .iter()
            .position(|(node, _)| node.id == space.id(number))
    };
    let (door, dead) = (at(21).expect("there"), at(38).expect("there"));
    scene.come_through(scene.ring[door].0.endpoint);
    scene.sim.crash(scene.ring[dead].1);
    let (hops, found) = scene.look_up(space.id(35));
    assert_eq!(space.number(found.owners[0].id), 42);
    let told: Vec<_> = hops
        .iter()
        .map(|hop| (space.number(hop.node.id), hop.took.is_some()))
        .collect();
    let expected = [(21, true), (38, false), (21, true), (32, true), (42, true)];
    assert_eq!(told, expected);
}

#[test]
fn a_newcomer_is_found_behind_who_knows_it() {
    let ids = |count: u64| (0..count).map(|at| Space::of_bits(6).id(at * 4)).collect();
    let config = Config {
        successors: 4,
        ..Config::new()
    };
    let mut scene = Scene::with_newcomer(ids(16), config, Some(9));
    let key = Space::of_bits(6).id(35);
    let (hops, found) = scene.look_up(key);
    assert_eq!(found.owners[0], scene.ring[9].0);
    let rows: Vec<Row> = hops.iter().rev().take(2).map(|hop| hop.row).collect();
    assert!(
        matches!(rows[..], [Row::Predecessor, Row::Successor(_)]),
        "{rows:?}"
    );
}

#[test]
fn a_walk_comes_back_to_where_it_began() {
    let mut scene = Scene::of_size(40, 5);
    let (nodes, walked) = scene.walk();
    let ring: Vec<_> = scene.ring.iter().map(|(node, _)| *node).collect();
    let seen: Vec<_> = nodes.iter().map(|visited| visited.node).collect();
    assert_eq!(seen, ring);
    for (at, visited) in nodes.iter().enumerate() {
        let before = ring[(at + ring.len() - 1) % ring.len()];
        assert_eq!(visited.predecessor, Some(before));
        assert_eq!(visited.successors, 5);
    }
    let expected = Walked {
        nodes: 40,
        silent: 0,
        end: WalkEnd::Closed,
    };
    assert_eq!(walked, expected);
}

#[test]
fn a_walk_goes_round_the_dead() {
    let mut scene = Scene::of_size(30, 4);
    for at in [5, 6, 17] {
        let (_, node) = scene.ring[at];
        scene.sim.crash(node);
    }
    let (_, walked) = scene.walk();
    assert_eq!((walked.nodes, walked.silent), (27, 3));
    assert_eq!(walked.end, WalkEnd::Closed);
}

#[test]
fn a_walk_ends_where_nobody_answers() {
    let mut scene = Scene::of_size(30, 2);
    for at in [5, 6] {
        let (_, node) = scene.ring[at];
        scene.sim.crash(node);
    }
    let (_, walked) = scene.walk();
    assert_eq!((walked.nodes, walked.silent), (5, 2));
    assert_eq!(walked.end, WalkEnd::Broken);
}

#[test]
fn a_door_without_a_node_is_told() {
    let mut scene = Scene::of_size(3, 2);
    let nobody = endpoint(77);
    scene.come_through(nobody);
    let expected = Event::Failed(Failure::NoAnswer(nobody));
    assert_eq!(scene.ask(Command::Walk), [expected]);
}

#[test]
fn a_door_outside_of_the_ring_is_told() {
    for command in [Command::Walk, Command::Lookup(Id::ZERO)] {
        let mut scene = Scene::of_size(3, 2);
        let outsider = endpoint(OUTSIDER);
        scene.come_through(outsider);
        let expected = Event::Failed(Failure::NotMember(outsider));
        assert_eq!(scene.ask(command), [expected]);
    }
}

#[test]
fn one_thing_at_a_time() {
    let mut scene = Scene::of_size(5, 4);
    scene.sim.command(scene.visitor, Command::Walk);
    scene.sim.command(scene.visitor, Command::Walk);
    scene.sim.run_for(Duration::from_secs(5));
    let events = scene.sim.take_events();
    let busy = |(_, _, event): &&(_, _, Event)| *event == Event::Failed(Failure::Busy);
    assert_eq!(events.iter().filter(busy).count(), 1);
    assert_eq!(events.len(), 5 + 2);
}
