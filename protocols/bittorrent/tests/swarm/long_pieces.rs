//! Pieces longer than the memory: they are written as they come and proven in the end.
//!
//! The simulated slots end where the memory ends, so a node that holds too much is caught at once.

use bittorrent::Config;
use machine::SlotPlan;

use super::*;

/// Four slots; of a long piece two are held.
const MEMORY: SlotPlan = SlotPlan {
    count: 4,
    len: 32 * KIB,
};

/// As a piece of 32 MiB is to 16 MiB of memory.
const PIECE_LEN: u32 = 256 * KIB;

fn small_memory(config: &mut Config) {
    config.slots = MEMORY;
    config.memory_bytes = u64::from(MEMORY.count) * u64::from(MEMORY.len);
    config.report_every = Some(Duration::from_secs(1));
}

/// Files that share long pieces; the last piece is short, and shorter than the memory.
fn long_sample(seed: Seed) -> world::Shared {
    random_torrent(seed, PIECE_LEN, &[400_000, 0, 5, 500_000, 200_000])
}

/// What a node fetched in vain so far, in bytes.
fn wasted(swarm: &Swarm, node: NodeId) -> u64 {
    let reports = swarm.told[&node].iter().filter_map(|(_, event)| {
        if let Event::Progress(progress) = event {
            Some(progress.wasted_bytes)
        } else {
            None
        }
    });
    reports.last().unwrap_or(0)
}

fn written(swarm: &Swarm, node: NodeId) -> u64 {
    let files = (0..5).map(|file| swarm.sim.disk_of(node).written(FileId(file)));
    files.sum()
}

fn proven(swarm: &Swarm, node: NodeId) -> u64 {
    let lens = swarm.stored(node).into_iter();
    lens.map(|piece| u64::from(swarm.shared.info.layout().piece_len(piece)))
        .sum()
}

#[test]
fn a_long_piece_is_written_as_it_comes() {
    seeds(0..10, |seed| {
        let mut swarm = Swarm::new(seed, Payload::Real, long_sample(seed));
        let givers: Vec<_> = (0..3)
            .map(|_| swarm.add(Start::Seed, megabit(2), &[]))
            .collect();
        let taker = swarm.add_with(Start::Leecher, UNLIMITED, &givers, small_memory);
        let mut unproven_most = 0;
        while !swarm.is_complete(taker) {
            swarm.sim.run_for(Duration::from_millis(10));
            swarm.listen();
            unproven_most = unproven_most.max(written(&swarm, taker) - proven(&swarm, taker));
            assert!(swarm.sim.now().as_nanos() < minutes(2).as_nanos() as u64);
        }
        swarm.assert_same_files(taker);
        assert!(unproven_most >= u64::from(MEMORY.len));
        let endgame = givers.len() as u64 * 16 * 1024;
        assert!(wasted(&swarm, taker) <= endgame);
    });
}

#[test]
fn who_spoils_long_pieces_is_found() {
    seeds(0..10, |seed| {
        let mut swarm = Swarm::new(seed, Payload::Real, long_sample(seed));
        let honest = swarm.add(Start::Seed, megabit(10), &[]);
        let liar = swarm.add(Start::Seed, megabit(10), &[]);
        for block in 0..40 {
            swarm.sim.disk(liar).damage(FileId(0), block * 16 * 1024);
            swarm.sim.disk(liar).damage(FileId(3), block * 16 * 1024);
            swarm.sim.disk(liar).damage(FileId(4), block * 16 * 1024);
        }
        let liar_at = swarm.sim.endpoint(liar);
        let taker = swarm.add_with(Start::Leecher, UNLIMITED, &[honest, liar], small_memory);
        assert!(swarm.run_until_complete(&[taker], minutes(10)));
        swarm.assert_same_files(taker);
        let mut failed = 0;
        for (_, event) in &swarm.told[&taker] {
            failed += usize::from(matches!(event, Event::Failed { .. }));
            assert!(!matches!(event, Event::Banned { peer, .. } if *peer != liar_at));
        }
        assert!(failed <= 4, "{failed} pieces failed");
    });
}

#[test]
fn a_crash_within_a_long_piece_leaves_nothing_that_is_trusted() {
    seeds(0..10, |seed| {
        let mut swarm = Swarm::new(seed, Payload::Real, long_sample(seed));
        let giver = swarm.add(Start::Seed, megabit(2), &[]);
        let taker = swarm.add_with(Start::Leecher, UNLIMITED, &[giver], small_memory);
        // Somewhere within the second piece or later, when some of it is written.
        while proven(&swarm, taker) == 0 || written(&swarm, taker) == proven(&swarm, taker) {
            swarm.sim.run_for(Duration::from_millis(10));
            swarm.listen();
        }
        swarm.sim.crash(taker);
        swarm.listen();
        let stored = swarm.stored(taker);
        assert!(stored.len() < swarm.pieces() as usize);
        let mut have = Bitfield::none(swarm.pieces());
        stored.iter().for_each(|&piece| _ = have.set(piece));
        // What was written without proof may be damaged; what is proven may not.
        for piece in have.missing() {
            let at = u64::from(piece.0) * u64::from(PIECE_LEN);
            for (file, start) in [(0, 0), (3, 400_005), (4, 900_005)] {
                if at >= start {
                    swarm.sim.disk(taker).damage(FileId(file), at - start);
                }
            }
        }
        swarm.restart(taker, have, &[giver], small_memory);
        assert!(swarm.run_until_complete(&[taker], minutes(5)));
        swarm.assert_same_files(taker);
        let all: std::collections::BTreeSet<_> = swarm.stored(taker).into_iter().collect();
        assert_eq!(
            all.len(),
            swarm.stored(taker).len(),
            "what was proven came once"
        );
    });
}

#[test]
fn a_disk_that_fills_up_within_a_long_piece_loses_nothing() {
    seeds(0..5, |seed| {
        let mut swarm = Swarm::new(seed, Payload::Real, long_sample(seed));
        let giver = swarm.add(Start::Seed, megabit(10), &[]);
        let taker = swarm.add_with(Start::Leecher, UNLIMITED, &[giver], small_memory);
        swarm.sim.disk(taker).fill_after(350_000);
        assert!(!swarm.run_until_complete(&[taker], minutes(1)));
        let trouble = |event: &Event| matches!(event, Event::DiskTrouble { .. });
        let told = swarm.told[&taker].iter();
        assert_eq!(told.filter(|(_, event)| trouble(event)).count(), 1);
        swarm.sim.disk(taker).fill_after(u64::MAX);
        assert!(swarm.run_until_complete(&[taker], minutes(1)));
        swarm.assert_same_files(taker);
        assert_eq!(wasted(&swarm, taker), 0, "nothing is fetched twice");
    });
}

#[test]
fn a_torrent_that_goes_within_a_long_piece_leaves_no_memory_behind() {
    seeds(0..5, |seed| {
        let mut swarm = Swarm::new(seed, Payload::Real, long_sample(seed));
        let giver = swarm.add(Start::Seed, megabit(2), &[]);
        let taker = swarm.add_with(Start::Leecher, UNLIMITED, &[giver], small_memory);
        // Twice as often as there are slots.
        for again in 0..8 {
            swarm.sim.run_for(Duration::from_millis(900));
            let written = written(&swarm, taker);
            assert!(written > 0 && !swarm.is_complete(taker), "{written}");
            swarm.sim.command(taker, Command::Remove(TORRENT));
            swarm.sim.run_for(Duration::from_secs(6));
            swarm.listen();
            let gone = |event: &Event| matches!(event, Event::Removed(_));
            let told = swarm.told[&taker].iter();
            assert_eq!(told.filter(|(_, event)| gone(event)).count(), again + 1);
            swarm.take_up(taker, Bitfield::none(swarm.pieces()), &[giver]);
        }
        assert!(swarm.run_until_complete(&[taker], minutes(5)));
        swarm.assert_same_files(taker);
    });
}
