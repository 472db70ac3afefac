//! One seed and leechers with fast links: the content should leave the seed little more than once.

use std::num::NonZeroU64;

use simulator::Latency;

use super::*;

const MIB: u64 = 1024 * 1024;

/// How a swarm with one seed went.
#[derive(Debug)]
struct Outcome {
    /// When the last leecher had everything, in times that the seed needs for one copy.
    time: f64,
    /// How many copies left the seed.
    copies: f64,
}

/// Who slows the seed down.
#[derive(Debug, Clone, Copy)]
enum Brake {
    /// Its link.
    Link,
    /// Its own limit.
    Limit,
}

fn scene(
    seed: Seed,
    leechers: usize,
    len: u64,
    piece_len: u32,
    rate: u64,
    brake: Brake,
) -> Outcome {
    let mut swarm = Swarm::new(
        seed,
        Payload::Shared,
        shared_torrent(piece_len, len as usize),
    );
    swarm.sim.network().latency = Latency::Constant(Duration::from_millis(1));
    let giver = match brake {
        Brake::Link => swarm.add(Start::Seed, Bandwidth::bytes_a_second(rate), &[]),
        Brake::Limit => swarm.add_with(Start::Seed, UNLIMITED, &[], |config| {
            config.limits.up = NonZeroU64::new(rate);
        }),
    };
    let mut knows = vec![giver];
    for _ in 0..leechers {
        let fast = Bandwidth::bytes_a_second(1000 * MIB);
        let node = swarm.add(Start::Leecher, fast, &knows);
        knows.push(node);
    }
    let copy = len as f64 / rate as f64;
    assert!(swarm.run_until_complete(&knows, Duration::from_secs_f64(4.0 * copy + 10.0)));
    let ends = knows.iter().filter_map(|&node| swarm.completed_at(node));
    let last = ends.max().expect("somebody").as_nanos() as f64 / 1e9;
    Outcome {
        time: last / copy,
        copies: swarm.sim.bytes_sent_by(giver) as f64 / len as f64,
    }
}

fn assert_near_one_copy(seeds: u128, scene: impl Fn(Seed, Brake) -> Outcome) {
    for brake in [Brake::Link, Brake::Limit] {
        for seed in 0..seeds {
            let outcome = scene(Seed(seed), brake);
            // In runs of six seeds the worst were 1.047 and 1.046.
            let is_near = outcome.time < 1.06 && outcome.copies < 1.06;
            assert!(is_near, "seed {seed}, {brake:?}: {outcome:?}");
        }
    }
}

#[test]
fn eight_leechers_finish_little_later_than_one_copy_leaves_the_seed() {
    assert_near_one_copy(1, |seed, brake| {
        scene(seed, 8, 256 * MIB, 1024 * KIB, 20 * MIB, brake)
    });
}

#[test]
fn three_leechers_too_where_a_copy_leaves_it_in_seconds() {
    assert_near_one_copy(3, |seed, brake| {
        scene(seed, 3, 64 * MIB, 256 * KIB, 8 * MIB, brake)
    });
}
