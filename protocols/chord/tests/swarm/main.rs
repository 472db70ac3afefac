//! Rings of hundreds in the simulator: what must hold at all times, and what in the end.

mod keeping;
mod parting;
mod ways;
mod world;

use std::time::Duration;

use chord::Config;
use chord::{Command, Event};
use machine::Seed;
use simulator::{Chance, Form, Latency, seeds};
use world::World;

fn config(successors: usize) -> Config {
    Config {
        successors,
        ..Config::new()
    }
}

/// A net as it is: latencies differ, some datagrams are lost.
fn rough(seed: Seed) -> simulator::Config {
    let mut simulated = simulator::Config::new(seed);
    simulated.network.latency = Latency::Uniform {
        min: Duration::from_millis(5),
        max: Duration::from_millis(80),
    };
    simulated.network.loss = Chance::of(0.01);
    simulated
}

#[test]
fn a_converged_ring_stays_as_it_is() {
    let mut world = World::converged(200, 0, config(8), simulator::Config::new(Seed(1)));
    assert_eq!(world.flaws(), [""; 0]);
    world.assert_lookups(200);
    world.run(120);
    assert_eq!(world.flaws(), [""; 0]);
    assert_eq!(world.others, []);
}

#[test]
fn joins_and_crashes_leave_one_ring() {
    seeds(0..4, |seed| {
        let mut world = World::converged(150, 60, config(8), rough(seed));
        world.run(30);
        for _ in 0..60 {
            let victim = world.anybody();
            if world.rng.below(2) == 0 {
                world.kill(victim);
            } else {
                world.join();
            }
            world.run(1);
            world.assert_invariants();
        }
        world.assert_converges(300);
        world.assert_lookups(100);
    });
}

#[test]
fn half_of_the_nodes_may_die_at_once() {
    seeds(0..3, |seed| {
        // 2 log2 N, as the papers demand.
        let mut world = World::converged(200, 0, config(16), rough(seed));
        world.run(20);
        for node in world.alive.clone() {
            if world.rng.below(2) == 0 {
                world.kill(node);
            }
        }
        world.assert_converges(600);
        world.assert_lookups(100);
    });
}

#[test]
fn a_ring_grows_from_one() {
    seeds(0..3, |seed| {
        let mut world = World::converged(0, 40, config(4), rough(seed));
        let first = world.add();
        world.sim.command(first, Command::Create);
        world.run(1);
        for size in 2..=40 {
            world.join();
            world.run(if size % 3 == 0 { 0 } else { 2 });
        }
        world.assert_converges(300);
        let events = world.others.iter().map(|(_, event)| event);
        let joins = events.filter(|&event| *event == Event::Joined).count();
        assert!(joins >= 40, "{joins} joined: {:?}", world.others);
        world.assert_lookups(60);
    });
}

#[test]
fn a_small_ring_lives_on_without_its_eldest() {
    let mut world = World::converged(0, 4, config(16), rough(Seed(5)));
    let first = world.add();
    world.sim.command(first, Command::Create);
    world.run(1);
    for _ in 0..3 {
        world.join();
        world.run(3);
    }
    world.assert_converges(30);
    world.assert_lookups(10);
    world.kill(first);
    world.assert_converges(60);
    world.assert_lookups(10);
}

#[test]
fn a_bad_net_hurts_nobody() {
    seeds(0..2, |seed| {
        let mut simulated = rough(seed);
        simulated.network.loss = Chance::of(0.05);
        simulated.network.duplication = Chance::of(0.05);
        simulated.network.damage = Chance::of(0.05);
        simulated.network.jitter = Duration::from_millis(30);
        let mut world = World::converged(100, 20, config(8), simulated);
        for _ in 0..20 {
            let victim = world.anybody();
            world.kill(victim);
            world.join();
            world.run(3);
        }
        // What was damaged and could still be read has done its harm; now the net gets better.
        world.sim.network().damage = Chance::NEVER;
        world.assert_converges(900);
        let dropped = world.alive.iter().map(|&node| {
            let node = world.sim.node(node).expect("alive");
            node.dropped()
        });
        assert!(dropped.sum::<u32>() > 100, "damage is seen");
    });
}

#[test]
fn the_wire_changes_nothing() {
    let run = |form| {
        let mut simulated = rough(Seed(7));
        simulated.network.form = form;
        let mut world = World::converged(60, 20, config(6), simulated);
        for _ in 0..20 {
            let victim = world.anybody();
            world.kill(victim);
            world.join();
            world.look_up(3);
            world.run(2);
        }
        world.run(60);
        (world.sim.trace_hash(), world.sim.turns())
    };
    assert_eq!(run(Form::Values), run(Form::Bytes));
}
