//! Swarms in virtual time: whole downloads, faults, and what must hold for every seed.

mod changed_files;
mod long_pieces;
mod one_seed;
mod world;

use std::num::NonZeroU64;
use std::time::Duration;

use bittorrent::api::{Command, Event};
use bittorrent::bitfield::Bitfield;
use machine::{FileId, Rng, Seed};
use simulator::{Bandwidth, NodeId, Payload, TraceHash, seeds};
use world::{Start, Swarm, TORRENT, random_torrent, shared_torrent};

const KIB: u32 = 1024;

const UNLIMITED: Bandwidth = Bandwidth::UNLIMITED;

fn megabit(count: u64) -> Bandwidth {
    Bandwidth::bits_a_second(count * 1_000_000)
}

fn minutes(count: u64) -> Duration {
    Duration::from_secs(count * 60)
}

/// Files that share pieces, one of them empty, and a last piece that is short.
fn sample(seed: Seed) -> world::Shared {
    random_torrent(seed, 32 * KIB, &[100_000, 0, 5, 300_000, 77_777])
}

#[test]
fn a_leecher_gets_all_files_from_a_seed() {
    seeds(0..20, |seed| {
        let mut swarm = Swarm::new(seed, Payload::Real, sample(seed));
        let giver = swarm.add(Start::Seed, UNLIMITED, &[]);
        let taker = swarm.add(Start::Leecher, UNLIMITED, &[giver]);
        assert!(swarm.run_until_complete(&[taker], minutes(2)));
        swarm.assert_same_files(taker);
        let mut stored = swarm.stored(taker);
        stored.sort_unstable();
        assert!(
            stored.iter().map(|piece| piece.0).eq(0..swarm.pieces()),
            "each piece once"
        );
    });
}

#[test]
fn a_magnet_is_enough() {
    seeds(0..20, |seed| {
        let mut swarm = Swarm::new(seed, Payload::Real, sample(seed));
        let giver = swarm.add(Start::Seed, UNLIMITED, &[]);
        let taker = swarm.add(Start::Magnet, UNLIMITED, &[giver]);
        assert!(swarm.run_until_complete(&[taker], minutes(2)));
        swarm.assert_same_files(taker);
    });
}

#[test]
fn leechers_finish_without_the_seed_once_one_copy_has_left_it() {
    seeds(0..5, |seed| {
        let mut swarm = Swarm::new(seed, Payload::Real, sample(seed));
        let giver = swarm.add(Start::Seed, megabit(2), &[]);
        let mut knows = vec![giver];
        for _ in 0..8 {
            let node = swarm.add(Start::Leecher, megabit(2), &knows);
            knows.push(node);
        }
        let leechers = &knows[1..];
        let pieces = swarm.pieces();
        let one_copy = |swarm: &Swarm| {
            let mut union = Bitfield::none(pieces);
            for &node in leechers {
                swarm
                    .stored(node)
                    .into_iter()
                    .for_each(|piece| _ = union.set(piece));
            }
            union.is_all()
        };
        while !one_copy(&swarm) {
            swarm.sim.run_for(Duration::from_millis(100));
            swarm.listen();
            assert!(
                swarm.sim.now().as_nanos() < minutes(10).as_nanos() as u64,
                "no full copy"
            );
        }
        swarm.sim.crash(giver);
        assert!(
            swarm.run_until_complete(leechers, minutes(10)),
            "somebody did not finish"
        );
        for &node in leechers {
            swarm.assert_same_files(node);
        }
    });
}

#[test]
fn a_peer_that_sends_a_bad_block_is_banned_and_the_download_still_ends() {
    seeds(0..10, |seed| {
        let mut swarm = Swarm::new(seed, Payload::Real, sample(seed));
        let honest = swarm.add(Start::Seed, megabit(10), &[]);
        let liar = swarm.add(Start::Seed, megabit(10), &[]);
        for piece in 0..9 {
            swarm.sim.disk(liar).damage(FileId(3), piece * 32 * 1024);
        }
        let liar_at = swarm.sim.endpoint(liar);
        let taker = swarm.add(Start::Leecher, UNLIMITED, &[honest, liar]);
        assert!(swarm.run_until_complete(&[taker], minutes(10)));
        swarm.assert_same_files(taker);
        let told = &swarm.told[&taker];
        let failed = told
            .iter()
            .filter(|(_, it)| matches!(it, Event::Failed { .. }))
            .count();
        let banned: Vec<_> = told
            .iter()
            .filter_map(|(_, it)| {
                if let Event::Banned { peer, .. } = it {
                    Some(*peer)
                } else {
                    None
                }
            })
            .collect();
        assert!(failed <= 3, "{failed} pieces failed before the ban");
        if failed > 0 {
            assert_eq!(banned, [liar_at], "the liar and nobody else");
        }
    });
}

#[test]
fn a_full_disk_loses_nothing_and_the_download_goes_on_when_there_is_room() {
    seeds(0..5, |seed| {
        let mut swarm = Swarm::new(seed, Payload::Real, sample(seed));
        let giver = swarm.add(Start::Seed, megabit(10), &[]);
        let taker = swarm.add(Start::Leecher, UNLIMITED, &[giver]);
        swarm.sim.disk(taker).fill_after(200_000);
        assert!(!swarm.run_until_complete(&[taker], minutes(1)));
        let trouble = |event: &Event| matches!(event, Event::DiskTrouble { .. });
        let troubles = swarm.told[&taker]
            .iter()
            .filter(|(_, event)| trouble(event))
            .count();
        assert_eq!(troubles, 1, "told once, not each time it is tried");
        swarm.sim.disk(taker).fill_after(u64::MAX);
        assert!(swarm.run_until_complete(&[taker], minutes(1)));
        swarm.assert_same_files(taker);
        let mut stored = swarm.stored(taker);
        stored.dedup();
        assert_eq!(
            stored.len(),
            swarm.pieces() as usize,
            "no piece was fetched twice"
        );
    });
}

#[test]
fn a_rate_limit_holds() {
    seeds(0..3, |seed| {
        let shared = random_torrent(seed, 32 * KIB, &[1024 * 1024]);
        let mut swarm = Swarm::new(seed, Payload::Real, shared);
        let rate = NonZeroU64::new(64 * 1024);
        let slow = |config: &mut bittorrent::Config| config.limits.up = rate;
        let giver = swarm.add_with(Start::Seed, UNLIMITED, &[], slow);
        let first = swarm.add(Start::Leecher, UNLIMITED, &[giver]);
        let slow = |config: &mut bittorrent::Config| config.limits.down = rate;
        let second = swarm.add_with(Start::Leecher, UNLIMITED, &[giver, first], slow);
        assert!(swarm.run_until_complete(&[first, second], minutes(3)));
        // 1 MiB at 64 KiB a second takes 16 s, less the burst at the start.
        for node in [first, second] {
            let at = swarm.completed_at(node).expect("complete").as_nanos() / 1_000_000_000;
            assert!((14..40).contains(&at), "{node:?} finished after {at} s");
        }
    });
}

#[test]
fn a_removed_torrent_is_gone_and_its_peers_go_on() {
    seeds(0..3, |seed| {
        let mut swarm = Swarm::new(seed, Payload::Real, sample(seed));
        let giver = swarm.add(Start::Seed, megabit(10), &[]);
        let leaver = swarm.add(Start::Leecher, megabit(1), &[giver]);
        let taker = swarm.add(Start::Leecher, megabit(1), &[giver, leaver]);
        swarm.sim.run_for(Duration::from_millis(600));
        swarm.sim.command(leaver, Command::Remove(TORRENT));
        assert!(swarm.run_until_complete(&[taker], minutes(5)));
        assert!(!swarm.is_complete(leaver));
        assert!(
            swarm.told[&leaver]
                .iter()
                .any(|(_, it)| matches!(it, Event::Removed(TORRENT)))
        );
        assert_eq!(swarm.sim.connections(leaver), 0);
    });
}

/// One seed and `leechers`, each of whom knows up to `neighbours` that came before.
fn crowd(seed: Seed, leechers: usize, neighbours: usize, len: usize) -> (Swarm, Vec<NodeId>) {
    let mut swarm = Swarm::new(seed, Payload::Shared, shared_torrent(256 * KIB, len));
    let mut rng = Rng::new(seed, u64::MAX, 1);
    let mut nodes = vec![swarm.add(Start::Seed, megabit(10), &[])];
    for _ in 0..leechers {
        let mut knows = nodes.clone();
        rng.shuffle(&mut knows);
        knows.truncate(neighbours / 2);
        nodes.push(swarm.add(Start::Leecher, megabit(10), &knows));
    }
    (swarm, nodes)
}

#[test]
fn two_hundred_peers_finish_and_the_same_seed_tells_the_same_story() {
    let story = |seed| -> TraceHash {
        let (mut swarm, nodes) = crowd(Seed(seed), 199, 40, 8 * 1024 * 1024);
        assert!(swarm.run_until_complete(&nodes, minutes(10)), "seed {seed}");
        swarm.sim.trace_hash()
    };
    let first = story(1);
    assert_eq!(first, story(1), "seed 1 twice");
    assert_ne!(first, story(2), "another seed");
}
