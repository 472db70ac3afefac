//! Disks fill up, fail and are damaged; shared payload is watched as closely as real.

use core::time::Duration;

use crate::talk::{Heard, Talker, Tell};
use bytes::Bytes;
use machine::{
    BlockDigests, CloseReason, DiskDone, DiskError, DiskWork, Expect, FileId, FileSpan, Seed,
    SlotId, SlotPlan,
};
use sha1::{Digest, Sha1};
use simulator::{
    Bandwidth, Config, Content, DiskModel, NodeConfig, NodeId, Payload, Simulation, endpoint,
};

const FILE: FileId = FileId(1);
const SLOT: SlotId = SlotId(0);
const LEN: u32 = 40_000;

/// Two nodes, the first with an empty file.
fn simulation(payload: Payload) -> (Simulation<Talker>, NodeId) {
    let mut config = Config::new(Seed(1));
    config.disk = DiskModel::new(payload);
    let mut simulation = Simulation::new(config, ());
    let slots = SlotPlan { count: 2, len: LEN };
    let config = NodeConfig::at(endpoint(0)).with_slots(slots);
    let node = simulation.add(Talker::default(), config);
    simulation.add(Talker::default(), NodeConfig::at(endpoint(1)));
    let len = 2 * u64::from(LEN);
    simulation.disk(node).register(FILE, len, Content::Absent);
    (simulation, node)
}

fn span(offset: u32, len: u32) -> FileSpan {
    FileSpan {
        file: FILE,
        offset: offset.into(),
        len,
    }
}

fn zeros_expected() -> Expect {
    Expect::Sha1 {
        digest: Sha1::digest([0; LEN as usize]).into(),
        blocks: BlockDigests::WhenWrong,
    }
}

fn put(at: u32, bytes: impl Into<Vec<u8>>) -> Tell {
    Tell::Put {
        slot: SLOT,
        at,
        bytes: Bytes::from(bytes.into()),
    }
}

fn store(offset: u32) -> Tell {
    Tell::Disk(DiskWork::Store {
        slots: [(SLOT, LEN)].into_iter().collect(),
        expect: zeros_expected(),
        to: [span(offset, LEN)].into_iter().collect(),
    })
}

fn check() -> Tell {
    Tell::Disk(DiskWork::Check {
        from: [span(0, LEN)].into_iter().collect(),
        expect: zeros_expected(),
    })
}

/// Gives the commands and tells how the last job ended.
fn ask<const N: usize>(
    simulation: &mut Simulation<Talker>,
    node: NodeId,
    tells: [Tell; N],
) -> Result<DiskDone, DiskError> {
    for tell in tells {
        simulation.command(node, tell);
        simulation.run_for(Duration::from_secs(1));
    }
    match simulation.take_events().pop() {
        Some((_, _, Heard::Disk(result))) => result,
        other => panic!("no job ended: {other:?}"),
    }
}

fn mismatch(result: &Result<DiskDone, DiskError>) -> bool {
    matches!(result, Err(DiskError::Mismatch { blocks }) if blocks.len() == 3)
}

fn stored() -> Result<DiskDone, DiskError> {
    Ok(DiskDone::Stored { blocks: [].into() })
}

#[test]
fn a_gap_or_a_wrong_byte_makes_a_piece_wrong_whatever_payload_is() {
    for payload in [Payload::Real, Payload::Shared] {
        let (mut simulation, node) = simulation(payload);
        let mut damaged = vec![0; 30_000];
        damaged[7] = 1;
        let wrong = [put(0, [0; 10_000]), put(10_000, damaged), store(0)];
        assert!(mismatch(&ask(&mut simulation, node, wrong)), "{payload:?}");
        assert_eq!(simulation.disk(node).written(FILE), 0);
        let right = [put(10_000, [0; 30_000]), store(0), check()];
        assert_eq!(ask(&mut simulation, node, right), Ok(DiskDone::Checked));
        assert_eq!(simulation.disk(node).written(FILE), u64::from(LEN));
        simulation.disk(node).damage(FILE, 39_999);
        assert!(
            mismatch(&ask(&mut simulation, node, [check()])),
            "{payload:?}"
        );
        simulation.disk(node).truncate(FILE, 39_999);
        let missing = Err(DiskError::Missing(FILE));
        assert_eq!(ask(&mut simulation, node, [check()]), missing);
    }
    // Where payload is shared even zeros are missed: real ones would hash the same.
    let (mut simulation, node) = simulation(Payload::Shared);
    let gap = [put(0, [0; 10_000]), put(10_001, [0; 29_999]), store(0)];
    assert!(mismatch(&ask(&mut simulation, node, gap)));
}

#[test]
fn a_full_disk_keeps_the_slots() {
    let (mut simulation, node) = simulation(Payload::Real);
    simulation.disk(node).fill_after(u64::from(LEN));
    let first = [put(0, [0; LEN as usize]), store(0)];
    assert_eq!(ask(&mut simulation, node, first), stored());
    let second = [put(0, [0; LEN as usize]), store(LEN)];
    let full = Err(DiskError::NoSpace(FILE));
    assert_eq!(ask(&mut simulation, node, second), full);
    simulation.disk(node).fill_after(u64::MAX);
    assert_eq!(ask(&mut simulation, node, [store(LEN)]), stored());
    simulation.disk(node).deny(FILE);
    let denied = Err(DiskError::Denied(FILE));
    assert_eq!(ask(&mut simulation, node, [check()]), denied);
}

#[test]
fn a_crash_loses_what_was_under_way_only() {
    let (mut simulation, node) = simulation(Payload::Real);
    let first = [put(0, [0; LEN as usize]), store(0)];
    assert_eq!(ask(&mut simulation, node, first), stored());
    simulation.command(node, put(0, [0; LEN as usize]));
    simulation.command(node, store(LEN));
    simulation.crash(node);
    simulation.restart(node, Talker::default());
    simulation.run_for(Duration::from_secs(1));
    assert_eq!(simulation.take_events(), []);
    assert_eq!(simulation.disk(node).written(FILE), u64::from(LEN));
    assert_eq!(ask(&mut simulation, node, [check()]), Ok(DiskDone::Checked));
}

#[test]
fn a_slow_disk_takes_its_time() {
    let mut config = Config::new(Seed(1));
    config.disk.speed = Bandwidth::bytes_a_second(1000);
    let mut simulation = Simulation::new(config, ());
    let node = simulation.add(Talker::default(), NodeConfig::at(endpoint(0)));
    let content = Content::Bytes(vec![1; 5000]);
    simulation.disk(node).register(FILE, 5000, content);
    for _ in 0..2 {
        let read = DiskWork::Read {
            span: span(0, 5000),
        };
        simulation.command(node, Tell::Disk(read));
    }
    simulation.run_for(Duration::from_secs(20));
    let events = simulation.take_events();
    let seconds: Vec<u64> = events
        .iter()
        .map(|(_, at, _)| at.as_nanos() / 1_000_000_000)
        .collect();
    assert_eq!(seconds, [5, 10]);
}

#[test]
fn a_span_that_became_unreadable_breaks_the_stream() {
    for payload in [Payload::Real, Payload::Shared] {
        let (mut simulation, node) = simulation(payload);
        simulation
            .disk(node)
            .register(FILE, 100_000, Content::Zeros);
        let tell = Tell::Span {
            to: endpoint(1),
            span: span(0, 100_000),
        };
        simulation.command(node, tell.clone());
        simulation.run_for(Duration::from_secs(5));
        let whole = Heard::Whole(100_000);
        assert_eq!(
            simulation.take_events().pop().map(|(_, _, heard)| heard),
            Some(whole)
        );
        simulation.disk(node).truncate(FILE, 50_000);
        simulation.command(node, tell);
        simulation.run_for(Duration::from_secs(5));
        let reset = Heard::Closed(CloseReason::Reset);
        assert_eq!(
            simulation.take_events().pop().map(|(_, _, heard)| heard),
            Some(reset)
        );
        assert_eq!(simulation.connections(node), 0);
    }
}
