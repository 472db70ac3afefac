//! Files that change under us, and files that nobody may write.

use machine::DiskError;

use super::*;

/// The fourth file of the sample: most of it.
const FILE: FileId = FileId(3);

const FILE_LEN: u64 = 300_000;

/// Where the file of the sample begins, in bytes of the torrent.
const FILE_START: u64 = 100_005;

fn count(swarm: &Swarm, node: NodeId, what: impl Fn(&Event) -> bool) -> usize {
    let told = swarm.told.get(&node).into_iter().flatten();
    told.filter(|(_, event)| what(event)).count()
}

fn is_lost(event: &Event) -> bool {
    matches!(event, Event::Lost { file, .. } if *file == FILE)
}

/// How many pieces have a byte of the file from `from` on.
fn pieces_from(swarm: &Swarm, from: u64) -> usize {
    let length = u64::from(swarm.shared.info.layout().piece_length());
    let (first, end) = (FILE_START + from, FILE_START + FILE_LEN);
    (end.div_ceil(length) - first / length) as usize
}

#[test]
fn of_a_file_that_was_shortened_only_what_is_gone_is_no_longer_offered() {
    seeds(0..5, |seed| {
        let mut swarm = Swarm::new(seed, Payload::Real, sample(seed));
        let giver = swarm.add(Start::Seed, megabit(10), &[]);
        swarm.sim.disk(giver).truncate(FILE, FILE_LEN / 2);
        let taker = swarm.add(Start::Leecher, UNLIMITED, &[giver]);
        assert!(!swarm.run_until_complete(&[taker], minutes(2)));
        assert_eq!(count(&swarm, giver, is_lost), 1);
        let gone = pieces_from(&swarm, FILE_LEN / 2);
        let pieces = swarm.pieces() as usize;
        assert_eq!(swarm.stored(taker).len(), pieces - gone);
        assert_eq!(swarm.stored(giver).len(), pieces_from(&swarm, 0) - gone);
        // Nobody is blamed for asking, so with another seed all goes on.
        let other = swarm.add(Start::Seed, megabit(10), &[taker]);
        assert!(swarm.run_until_complete(&[taker], minutes(2)), "{other:?}");
        swarm.assert_same_files(taker);
    });
}

#[test]
fn what_a_leecher_lost_it_fetches_again() {
    seeds(0..5, |seed| {
        let mut swarm = Swarm::new(seed, Payload::Real, sample(seed));
        // So slow that the loser still fetches when it notices.
        let giver = swarm.add(Start::Seed, Bandwidth::bits_a_second(200_000), &[]);
        let loser = swarm.add(Start::Leecher, UNLIMITED, &[giver]);
        while swarm.stored(loser).len() < 10 {
            swarm.sim.run_for(Duration::from_millis(50));
            swarm.listen();
        }
        swarm.sim.disk(loser).truncate(FILE, FILE_LEN / 4);
        let taker = swarm.add(Start::Leecher, UNLIMITED, &[loser]);
        assert!(swarm.run_until_complete(&[taker, loser], minutes(5)));
        assert_eq!(count(&swarm, loser, is_lost), 1);
        for node in [loser, taker] {
            swarm.assert_same_files(node);
        }
    });
}

#[test]
fn a_folder_that_is_read_only_loses_nothing_and_is_told_once() {
    seeds(0..5, |seed| {
        let mut swarm = Swarm::new(seed, Payload::Real, sample(seed));
        let giver = swarm.add(Start::Seed, megabit(10), &[]);
        let taker = swarm.add(Start::Leecher, UNLIMITED, &[giver]);
        (0..5).for_each(|file| swarm.sim.disk(taker).deny(FileId(file)));
        assert!(!swarm.run_until_complete(&[taker], minutes(1)));
        let denied = |event: &Event| matches!(event, Event::DiskTrouble { error, .. } if matches!(error, DiskError::Denied(_)));
        assert_eq!(count(&swarm, taker, denied), 1);
        assert_eq!(swarm.stored(taker), []);
        swarm.lay_files(taker, Start::Leecher);
        assert!(swarm.run_until_complete(&[taker], minutes(1)));
        swarm.assert_same_files(taker);
        assert_eq!(swarm.stored(taker).len(), swarm.pieces() as usize);
    });
}
