//! Nodes that leave in good order, and nets that are cut and heal.

use std::time::Duration;

use bytes::Bytes;
use chord::api::Period;
use chord::member::Standing;
use chord::{Command, Config, Event};
use keyspace::Id;
use machine::Seed;
use simulator::{NodeId, seeds};

use crate::world::World;
use crate::{config, rough};

#[test]
fn who_leaves_hands_over_what_it_keeps() {
    // One replica: whoever does not hand over loses.
    let alone = Config {
        replicas: 1,
        ..config(8)
    };
    let mut world = World::converged(40, 0, alone, simulator::Config::new(Seed(1)));
    let keys: Vec<Id> = (0..100)
        .map(|_| Id::from_bytes(world.rng.bytes()))
        .collect();
    let puts: Vec<_> = keys
        .iter()
        .enumerate()
        .map(|(number, &key)| world.put(key, &Bytes::from(vec![1; 40 * number])))
        .collect();
    world.run(20);
    assert!(puts.iter().all(|&put| world.is_stored(put)));
    for _ in 0..20 {
        let leaver = world.anybody();
        world.sim.command(leaver, Command::Leave);
        for _ in 0..40 {
            if world.member(leaver).standing() == Standing::Leaving {
                world.run(1);
            }
        }
        assert_eq!(world.member(leaver).standing(), Standing::Outside);
        world.kill(leaver);
    }
    let left = world
        .others
        .iter()
        .filter(|(_, event)| *event == Event::Left);
    assert_eq!(left.count(), 20);
    world.assert_converges(120);
    let gets: Vec<_> = keys.iter().map(|&key| world.get(key)).collect();
    world.run(20);
    for (number, get) in gets.into_iter().enumerate() {
        let len = world.got(get).flatten().map(|value| value.len());
        assert_eq!(len, Some(40 * number), "{:?}", keys[number]);
    }
}

#[test]
fn a_cut_net_heals_into_one_ring() {
    seeds(0..3, |seed| {
        let healing = Config {
            merge: Some(Period::about(Duration::from_secs(60))),
            ..config(8)
        };
        let mut world = World::converged(80, 0, healing, rough(seed));
        world.run(20);
        let mut nodes: Vec<NodeId> = world.alive.iter().copied().collect();
        world.rng.shuffle(&mut nodes);
        let (one, other) = nodes.split_at(nodes.len() / 2);
        world.sim.partition(&[one, other]);
        world.run(120);
        assert!(!world.flaws().is_empty(), "the sides close their rings");
        world.sim.heal();
        world.assert_converges(600);
        world.assert_lookups(60);
    });
}

#[test]
fn a_cut_small_ring_heals_too() {
    let healing = Config {
        merge: Some(Period::about(Duration::from_secs(30))),
        ..config(16)
    };
    let mut world = World::converged(0, 6, healing, rough(Seed(4)));
    let first = world.add();
    world.sim.command(first, Command::Create);
    world.run(1);
    for _ in 0..5 {
        world.join();
        world.run(4);
    }
    world.assert_converges(30);
    let nodes: Vec<NodeId> = world.alive.iter().copied().collect();
    let (one, other) = nodes.split_at(2);
    world.sim.partition(&[one, other]);
    world.run(60);
    assert_eq!(world.member(other[0]).neighbours().successors().len(), 3);
    world.sim.heal();
    world.assert_converges(300);
    world.assert_lookups(10);
}
