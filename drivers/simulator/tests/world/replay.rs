//! The same seed tells the same story, however datagrams travel and whoever looks on.

use core::cell::Cell;
use core::time::Duration;
use std::rc::Rc;

use crate::talk::{Heard, Talker, Tell};
use machine::Seed;
use simulator::{
    Bandwidth, Chance, Config, Cuts, Form, Latency, NodeConfig, NodeId, Simulation, TraceHash,
    endpoint,
};

/// A world with a bit of everything.
fn world(seed: Seed) -> Config {
    let mut config = Config::new(seed);
    let network = &mut config.network;
    network.latency = Latency::Uniform {
        min: Duration::from_millis(5),
        max: Duration::from_millis(80),
    };
    network.jitter = Duration::from_millis(20);
    network.loss = Chance::of(0.1);
    network.duplication = Chance::of(0.05);
    network.damage = Chance::of(0.05);
    network.cuts = Cuts::Anywhere;
    config
}

/// Streams, datagrams, wakes, a crash and a partition among twelve nodes.
fn play(config: Config, run: impl FnOnce(&mut Simulation<Talker>)) -> Simulation<Talker> {
    play_in(Simulation::new(config, ()), run)
}

fn play_in(
    mut simulation: Simulation<Talker>,
    run: impl FnOnce(&mut Simulation<Talker>),
) -> Simulation<Talker> {
    let nodes: Vec<_> = (0..12)
        .map(|number| {
            let speed = Bandwidth::bits_a_second(1_000_000 + 100_000 * u64::from(number));
            let config = NodeConfig::at(endpoint(number)).with_link(speed, speed);
            simulation.add(Talker::default(), config)
        })
        .collect();
    for (number, &node) in (0..).zip(&nodes) {
        let to = endpoint((number + 1) % 12);
        let len = 100_000;
        simulation.command(node, Tell::Send { to, len });
        let to = endpoint((number + 5) % 12);
        simulation.command(node, Tell::Words { to, count: 50 });
        simulation.command(node, Tell::Wakes(10));
    }
    let (first, rest) = (nodes[0], nodes[1]);
    simulation.after(Duration::from_millis(300), move |simulation| {
        simulation.crash(first);
    });
    simulation.after(Duration::from_millis(400), move |simulation| {
        simulation.partition(&[&[rest]]);
    });
    simulation.after(Duration::from_millis(600), |simulation| simulation.heal());
    simulation.after(Duration::from_millis(700), move |simulation| {
        simulation.restart(first, Talker::default());
    });
    run(&mut simulation);
    simulation
}

fn play_for_long(config: Config) -> Simulation<Talker> {
    play(config, |simulation| {
        simulation.run_for(Duration::from_secs(20))
    })
}

fn hash(config: Config) -> TraceHash {
    play_for_long(config).trace_hash()
}

#[test]
fn the_same_seed_gives_the_same_trace_and_another_another() {
    let (one, again, other) = (
        hash(world(Seed(1))),
        hash(world(Seed(1))),
        hash(world(Seed(2))),
    );
    assert_eq!(one, again);
    assert_ne!(one, other);
}

#[test]
fn the_wire_changes_nothing() {
    let mut config = world(Seed(3));
    let values = play_for_long(config.clone());
    config.network.form = Form::Bytes;
    let bytes = play_for_long(config);
    assert_eq!(values.trace_hash(), bytes.trace_hash());
    assert!(values.turns() > 500, "{values:?}");
}

#[test]
fn how_it_is_run_and_who_looks_on_changes_nothing() {
    let whole = play(world(Seed(4)), |simulation| {
        simulation.run_for(Duration::from_secs(20));
    });
    let watched = Rc::new(Cell::new(0));
    let count = Rc::clone(&watched);
    let stepped = play(world(Seed(4)), |simulation| {
        simulation.observe(move |_, _, _| count.set(count.get() + 1));
        while simulation.step() {}
    });
    assert_eq!(whole.trace_hash(), stepped.trace_hash());
    // The first commands came before the observer did.
    assert_eq!(watched.get() + 36, stepped.turns());
}

#[test]
fn shards_tell_the_story_of_one() {
    // With damage messages come as bytes, and the shards work in turn; without, at the same time.
    let mut undamaged = world(Seed(8));
    undamaged.network.damage = Chance::NEVER;
    undamaged.network.duplication = Chance::NEVER;
    for config in [undamaged, world(Seed(8))] {
        let mut stories = (1..=5).map(|shards| {
            let simulation = Simulation::sharded(config.clone(), (), shards);
            let mut simulation = play_in(simulation, |simulation| {
                simulation.run_for(Duration::from_secs(20));
            });
            let (trace, turns) = (simulation.trace_hash(), simulation.turns());
            (
                trace,
                turns,
                simulation.bytes_sent(),
                simulation.take_events(),
            )
        });
        let one = stories.next().expect("one shard");
        for (shards, story) in (2..).zip(stories) {
            assert_eq!(one, story, "one shard and {shards}");
        }
    }
}

#[test]
#[should_panic(expected = "a scoped thread panicked")]
fn a_panic_in_one_shard_ends_all() {
    let mut simulation = Simulation::sharded(Config::new(Seed(1)), (), 2);
    for number in 0..2 {
        simulation.add(Talker::default(), NodeConfig::at(endpoint(number)));
    }
    // The disk of a node without slots takes nothing.
    let put = Tell::Put {
        slot: machine::SlotId(0),
        at: 0,
        bytes: bytes::Bytes::new(),
    };
    simulation.command(NodeId(1), Tell::Later(Box::new(put)));
    simulation.run_for(Duration::from_secs(5));
}

#[test]
fn a_failure_names_its_seed() {
    let told = format!("{:?}", play_for_long(world(Seed(5))));
    assert!(told.starts_with("replay: seed=5 "), "{told}");
}

#[test]
fn a_replay_goes_to_any_turn() {
    let mut first = play(world(Seed(9)), |simulation| {
        assert!(simulation.run_until_turn(200));
    });
    assert!((200..220).contains(&first.turns()), "{first:?}");
    let (turns, trace, now) = (first.turns(), first.trace_hash(), first.now());
    let again = play(world(Seed(9)), |simulation| {
        while simulation.turns() < turns {
            simulation.step();
        }
    });
    assert_eq!((again.trace_hash(), again.now()), (trace, now));
    assert!(!first.run_until_turn(u64::MAX), "it ends some day");
}

#[test]
fn seeds_are_run_one_by_one() {
    let mut seen = Vec::new();
    simulator::seeds(3..6, |seed| seen.push(seed.0));
    if std::env::var(simulator::SEED_VARIABLE).is_err() {
        assert_eq!(seen, [3, 4, 5]);
    }
}

#[test]
fn datagrams_meet_their_fates() {
    let mut config = Config::new(Seed(6));
    config.network.loss = Chance::of(0.2);
    config.network.duplication = Chance::of(0.1);
    config.network.damage = Chance::of(0.1);
    config.network.jitter = Duration::from_millis(10);
    let mut simulation = Simulation::new(config, ());
    let alice = simulation.add(Talker::default(), NodeConfig::at(endpoint(1)));
    simulation.add(Talker::default(), NodeConfig::at(endpoint(2)));
    let count = 2000;
    simulation.command(
        alice,
        Tell::Words {
            to: endpoint(2),
            count,
        },
    );
    simulation.run_for(Duration::from_secs(1));
    let events = simulation.take_events();
    let garbled = events
        .iter()
        .filter(|(_, _, heard)| *heard == Heard::Garbled)
        .count();
    let words: Vec<u32> = events
        .iter()
        .filter_map(|(_, _, heard)| {
            let Heard::Word(word) = heard else {
                return None;
            };
            Some(*word)
        })
        .collect();
    // Of 2000 some 1600 arrive, 1760 with the doubled ones, of which a tenth is damaged. Six
    // standard deviations of each binomial are below 110.
    assert!(
        (1470..=1700).contains(&words.len()),
        "{} words",
        words.len()
    );
    assert!((90..=260).contains(&garbled), "{garbled} garbled");
    assert!(!words.is_sorted(), "nothing was overtaken");
    let [traffic] = simulation.traffic()[..] else {
        panic!("one kind of messages")
    };
    assert_eq!(
        (traffic.kind, traffic.messages, traffic.bytes),
        ("message", 2000, 8 * 2000)
    );
    let fates = simulation.fates();
    assert_eq!(fates.garbled, garbled as u64);
    assert!((292..=508).contains(&fates.lost), "{fates:?}");
}
