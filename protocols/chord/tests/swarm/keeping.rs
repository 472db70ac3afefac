//! Values: what was acknowledged is found again, as long as one of its replicas lives.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use chord::api::Period;
use chord::{Command, Config, identity};
use keyspace::{Id, Space};
use machine::Seed;
use simulator::seeds;

use crate::world::World;
use crate::{config, rough};

fn key(number: u32) -> Id {
    identity::of_key(&number.to_be_bytes(), Space::FULL)
}

/// Of different lengths, some too long for a datagram.
fn value(number: u32) -> Bytes {
    let len = if number.is_multiple_of(10) { 5000 } else { 20 };
    Bytes::from(vec![number as u8; len])
}

fn keeping(successors: usize, replicas: usize) -> Config {
    Config {
        replicas,
        repair: Period::about(Duration::from_secs(20)),
        ..config(successors)
    }
}

/// Puts values under keys; those that were acknowledged.
fn put_all(world: &mut World, numbers: std::ops::Range<u32>) -> BTreeMap<u32, Bytes> {
    let puts: Vec<_> = numbers
        .map(|number| (number, world.put(key(number), &value(number))))
        .collect();
    world.run(20);
    let stored = puts.into_iter().filter(|&(_, put)| world.is_stored(put));
    stored.map(|(number, _)| (number, value(number))).collect()
}

/// Demands that all these are found.
fn assert_all_there(world: &mut World, values: &BTreeMap<u32, Bytes>) {
    let gets: Vec<_> = values
        .keys()
        .map(|&number| (number, world.get(key(number))))
        .collect();
    world.run(30);
    for (number, get) in gets {
        let got = world.got(get);
        assert_eq!(
            got.as_ref(),
            Some(&Some(values[&number].clone())),
            "value {number}, kept by {:?}: {:?}",
            world.keepers(key(number)),
            world.dealt.get(&get),
        );
    }
}

#[test]
fn values_are_put_got_replaced_and_deleted() {
    let mut world = World::converged(50, 0, keeping(8, 3), rough(Seed(1)));
    let mut values = put_all(&mut world, 0..60);
    assert_eq!(values.len(), 60);
    assert_all_there(&mut world, &values);
    for number in 0..60 {
        assert_eq!(world.keepers(key(number)).len(), 3, "value {number}");
    }
    let replaced = world.put(key(7), &value(70));
    let deleted = world.delete(key(8));
    world.run(20);
    assert!(world.is_stored(replaced) && world.is_stored(deleted));
    values.insert(7, value(70));
    values.remove(&8);
    assert_all_there(&mut world, &values);
    let (gone, never) = (world.get(key(8)), world.get(key(1000)));
    world.run(20);
    assert_eq!(
        (world.got(gone), world.got(never)),
        (Some(None), Some(None))
    );
}

#[test]
fn the_longest_value_travels_too() {
    let mut world = World::converged(20, 0, keeping(8, 3), rough(Seed(2)));
    let longest = Bytes::from(vec![1; chord::storage::VALUE_MAX]);
    let put = world.put(key(1), &longest);
    let too_long = world.put(key(2), &Bytes::from(vec![1; longest.len() + 1]));
    world.run(30);
    assert!(world.is_stored(put) && !world.is_stored(too_long));
    let get = world.get(key(1));
    world.run(30);
    assert!(world.got(get) == Some(Some(longest)));
}

#[test]
fn acknowledged_values_survive_churn() {
    seeds(0..3, |seed| {
        let mut world = World::converged(60, 60, keeping(8, 4), rough(seed));
        let mut values = put_all(&mut world, 0..100);
        for round in 0..20 {
            for _ in 0..2 {
                let victim = world.anybody();
                world.kill(victim);
                world.join();
            }
            let from = 100 + 5 * round;
            values.extend(put_all(&mut world, from..from + 5));
        }
        world.assert_converges(300);
        assert!(values.len() > 180, "{} of 200 acknowledged", values.len());
        assert_all_there(&mut world, &values);
        // In the end each value is where it belongs, and nowhere else.
        world.run(600);
        for &number in values.keys() {
            let owner = world.owner(key(number));
            let keepers = world.keepers(key(number));
            let has_owner = keepers.iter().any(|&node| world.contact(node) == owner);
            assert!(
                has_owner && keepers.len() == 4,
                "value {number}: {keepers:?}"
            );
        }
    });
}

#[test]
fn half_of_the_nodes_take_only_what_they_alone_keep() {
    seeds(0..3, |seed| {
        let mut world = World::converged(60, 0, keeping(12, 12), rough(seed));
        let values = put_all(&mut world, 0..100);
        assert_eq!(values.len(), 100);
        let mut nodes: Vec<_> = world.alive.iter().copied().collect();
        world.rng.shuffle(&mut nodes);
        for &node in &nodes[..30] {
            world.kill(node);
        }
        let lives = |number: &u32| !world.keepers(key(*number)).is_empty();
        let living: BTreeMap<u32, Bytes> = values
            .iter()
            .filter(|(number, _)| lives(number))
            .map(|(&number, value)| (number, value.clone()))
            .collect();
        assert!(living.len() >= 99, "{}", living.len());
        world.assert_converges(600);
        assert_all_there(&mut world, &living);
    });
}

#[test]
fn a_small_ring_keeps_values_too() {
    let mut world = World::converged(0, 5, keeping(16, 3), rough(Seed(3)));
    let first = world.add();
    world.sim.command(first, Command::Create);
    world.run(1);
    let alone = put_all(&mut world, 0..10);
    assert_eq!(alone.len(), 10);
    for _ in 0..4 {
        world.join();
        world.run(4);
    }
    world.assert_converges(60);
    let mut values = put_all(&mut world, 10..20);
    values.extend(alone);
    world.run(60);
    world.kill(first);
    world.assert_converges(60);
    assert_all_there(&mut world, &values);
}
