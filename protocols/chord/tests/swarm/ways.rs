//! The ways to a key: hop by hop or passed on, over exact fingers or near ones.

use std::time::Duration;

use chord::api::{Fingers, Period, Routing};
use chord::{Command, Config};
use machine::Seed;
use simulator::Latency;

use crate::world::World;
use crate::{config, rough};

/// The means of hops and of milliseconds, of lookups that all found the owner.
fn measure(world: &mut World, count: u32) -> (f64, f64) {
    let lookups = world.look_up(count);
    world.run(20);
    let (mut hops, mut millis) = (0.0, 0.0);
    for (lookup, key) in lookups {
        let owner = world.owner(key);
        let found = world.found(lookup).expect("it ended");
        assert_eq!(found.owners[0], owner);
        hops += f64::from(found.hops);
        millis += found.took.as_secs_f64() * 1e3;
    }
    (hops / f64::from(count), millis / f64::from(count))
}

fn wide(seed: Seed) -> simulator::Config {
    let mut simulated = simulator::Config::new(seed);
    simulated.network.latency = Latency::Uniform {
        min: Duration::from_millis(2),
        max: Duration::from_millis(100),
    };
    simulated
}

#[test]
fn passing_on_takes_as_many_hops_and_half_the_time() {
    let run = |routing| {
        let config = Config {
            routing,
            ..config(4)
        };
        measure(&mut World::converged(300, 0, config, wide(Seed(1))), 400)
    };
    let (asked, asked_ms) = run(Routing::Iterative);
    let (passed, passed_ms) = run(Routing::Recursive);
    assert!((asked - passed).abs() < 0.3, "{asked} and {passed} hops");
    let ratio = passed_ms / asked_ms;
    assert!((0.4..0.8).contains(&ratio), "{asked_ms} and {passed_ms} ms");
}

#[test]
fn passing_on_goes_round_the_dead() {
    let config = Config {
        routing: Routing::Recursive,
        ..config(16)
    };
    let mut world = World::converged(200, 0, config, rough(Seed(2)));
    world.run(5);
    for _ in 0..40 {
        let victim = world.anybody();
        world.kill(victim);
    }
    let lookups = world.look_up(200);
    world.run(20);
    let mut timeouts = 0;
    for (lookup, key) in lookups {
        let found = world.found(lookup);
        let found = found.unwrap_or_else(|| panic!("{lookup:?} of {key:?} found nobody"));
        timeouts += found.timeouts;
    }
    assert!(timeouts > 0, "nobody met the dead");
    world.assert_converges(300);
    world.assert_lookups(100);
}

#[test]
fn near_fingers_make_it_faster() {
    let run = |fingers| {
        let config = Config {
            fingers,
            fix_finger: Period::about(Duration::from_secs(1)),
            ..config(16)
        };
        let mut world = World::converged(300, 0, config, wide(Seed(3)));
        world.run(40);
        measure(&mut world, 400)
    };
    let (_, exact_ms) = run(Fingers::Exact);
    let (_, nearby_ms) = run(Fingers::Nearby { samples: 16 });
    assert!(nearby_ms < 0.8 * exact_ms, "{exact_ms} and {nearby_ms} ms");
}

/// Stoica et al. 2001, figure 10, and an independent simulation: 4.89 hops among 1,024 nodes with
/// lists of one; with lists of r about half of log2 r less.
#[test]
fn paths_are_as_long_as_the_paper_says() {
    for (successors, hops, within) in [(1, 4.89, 0.15), (20, 2.8, 0.2)] {
        let config = Config {
            candidates: 1,
            ..config(successors)
        };
        let mut world = World::converged(1024, 0, config, simulator::Config::new(Seed(6)));
        let (found, _) = measure(&mut world, 3000);
        assert!(
            (found - hops).abs() < within,
            "r = {successors}: {found}, not {hops}"
        );
    }
}

#[test]
fn without_fingers_lookups_walk() {
    let config = Config {
        fingers: Fingers::None,
        candidates: 1,
        ..config(1)
    };
    let mut world = World::converged(60, 0, config, simulator::Config::new(Seed(4)));
    let (hops, _) = measure(&mut world, 200);
    assert!((26.0..34.0).contains(&hops), "N/2 = 30: {hops}");
    let whole = Config {
        fingers: Fingers::None,
        ..self::config(59)
    };
    let mut world = World::converged(60, 0, whole, simulator::Config::new(Seed(4)));
    assert_eq!(measure(&mut world, 100).0, 0.0, "everybody knows everybody");
}

#[test]
fn a_host_of_many_virtual_nodes_is_one_replica() {
    let mut world = World::of_hosts(12, 6, config(6), rough(Seed(5)));
    let hosts: Vec<_> = world.alive.iter().copied().collect();
    world.sim.command(hosts[0], Command::Create);
    let door = world.sim.endpoint(hosts[0]);
    for &host in &hosts[1..] {
        world.run(2);
        world.sim.command(host, Command::Join(door));
    }
    world.run(120);
    let members = hosts.iter().flat_map(|&host| {
        let node = world.sim.node(host).expect("alive");
        node.members()
            .iter()
            .map(|member| member.neighbours().successors().len())
    });
    let lists: Vec<usize> = members.collect();
    assert_eq!(lists, [6; 72], "72 members, each with a whole list");
    let key = keyspace::Id::from_bytes(world.rng.bytes());
    let put = world.put(key, &bytes::Bytes::from_static(b"value"));
    world.run(10);
    assert!(world.is_stored(put));
    let keeps = |host: &&simulator::NodeId| {
        let node = world.sim.node(**host).expect("alive");
        let mut records = node.members().iter().filter_map(|member| member.records());
        records.any(|records| records.version(key).is_some())
    };
    assert_eq!(hosts.iter().filter(keeps).count(), 3, "three hosts keep it");
}
