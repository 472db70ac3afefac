//! How fast are streams? 200 nodes with 40 neighbours each ask each other for blocks of 16 KiB
//! over links of 10 Mbit/s and tell all neighbours about every sixteenth: the traffic of a
//! BitTorrent swarm without its thoughts.
//!
//! `cargo run --release -p manyhop-simulator --example streams [SECONDS]`, in simulated seconds.

#![expect(clippy::print_stdout, reason = "it is a program that prints a table")]

use core::convert::Infallible;
use core::time::Duration;

use bytes::Bytes;
use machine::{
    ConnId, Endpoint, FileId, FileSpan, Input, Instant, Io, Protocol, Seed, StreamInput, Target,
};
use simulator::{Bandwidth, Config, Content, DiskModel, NodeConfig, Payload, Simulation, endpoint};
use wire::StreamBuffer;

const NODES: u32 = 200;
const NEIGHBOURS: u32 = 40;
/// How many neighbours a node asks for blocks, and how many blocks of each at a time.
const SOURCES: usize = 5;
const PIPELINE: usize = 8;
const BLOCK_LEN: u32 = 16 * 1024;
const BLOCKS_IN_PIECE: u64 = 16;
const FILE: FileId = FileId(0);
const UP: Bandwidth = Bandwidth::bits_a_second(10_000_000);

/// A node that asks, answers and tells.
struct Node {
    neighbours: Vec<Endpoint>,
    conns: Vec<(ConnId, StreamBuffer)>,
    sources: usize,
    blocks: u64,
    told: u64,
}

/// The first byte of a message; its length follows from it.
const REQUEST: [u8; 17] = [6; 17];
const PIECE: [u8; 13] = [7; 13];
const HAVE: [u8; 9] = [4; 9];

impl Protocol for Node {
    type Message = Infallible;
    type Command = ();
    type Event = ();
    type Shared = ();

    fn handle(&mut self, input: Input<Self>, io: &mut Io<'_, Self>) {
        match input {
            Input::Command(()) => {
                for &to in &self.neighbours {
                    io.connect(Target::Endpoint(to));
                }
            }
            Input::Stream { conn, input } => match input {
                StreamInput::Accepted { .. } => self.conns.push((conn, StreamBuffer::new())),
                StreamInput::Connected { .. } => {
                    self.conns.push((conn, StreamBuffer::new()));
                    if self.sources < SOURCES {
                        self.sources += 1;
                        for _ in 0..PIPELINE {
                            io.send(conn, &REQUEST);
                        }
                    }
                }
                StreamInput::Received(bytes) => self.received(conn, bytes, io),
                StreamInput::Flushed | StreamInput::Closed(_) => {}
            },
            Input::Message { message, .. } => match message {},
            Input::Garbled { .. } | Input::Disk { .. } | Input::Resolved { .. } | Input::Wake => {}
        }
    }

    fn next_wakeup(&self) -> Option<Instant> {
        None
    }
}

impl Node {
    fn received(&mut self, conn: ConnId, bytes: Bytes, io: &mut Io<'_, Self>) {
        let Some((_, buffer)) = self.conns.iter_mut().find(|(other, _)| *other == conn) else {
            return;
        };
        buffer.push(bytes);
        while let Some([kind]) = buffer.peek_array::<1>() {
            let len = match kind {
                6 => REQUEST.len(),
                7 => PIECE.len() + BLOCK_LEN as usize,
                _ => HAVE.len(),
            };
            if buffer.len() < len {
                return;
            }
            buffer.skip(len);
            match kind {
                6 => {
                    io.send(conn, &PIECE);
                    let span = FileSpan {
                        file: FILE,
                        offset: 0,
                        len: BLOCK_LEN,
                    };
                    io.send_span(conn, span);
                }
                7 => {
                    io.send(conn, &REQUEST);
                    self.blocks += 1;
                }
                _ => self.told += 1,
            }
        }
        if self.blocks >= BLOCKS_IN_PIECE {
            self.blocks -= BLOCKS_IN_PIECE;
            for &(conn, _) in &self.conns {
                io.send(conn, &HAVE);
            }
        }
    }
}

fn main() {
    let seconds = std::env::args().nth(1).and_then(|text| text.parse().ok());
    let seconds = seconds.unwrap_or(60);
    let mut config = Config::new(Seed(1));
    config.disk = DiskModel::new(Payload::Shared);
    let mut simulation = Simulation::new(config, ());
    for number in 0..NODES {
        let neighbours = (1..=NEIGHBOURS / 2).map(|step| endpoint((number + step) % NODES));
        let node = Node {
            neighbours: neighbours.collect(),
            conns: Vec::new(),
            sources: 0,
            blocks: 0,
            told: 0,
        };
        let config = NodeConfig::at(endpoint(number)).with_link(UP, Bandwidth::UNLIMITED);
        let id = simulation.add(node, config);
        let len = u64::from(BLOCK_LEN);
        simulation.disk(id).register(FILE, len, Content::Zeros);
    }
    for id in simulation.nodes() {
        simulation.command(id, ());
    }
    let before = cpu_seconds();
    simulation.run_until(Instant::ZERO + Duration::from_secs(seconds));
    let cpu = cpu_seconds() - before;
    let turns = simulation.turns();
    let bytes = simulation.bytes_sent();
    println!("{:>14} simulated seconds", seconds);
    println!("{cpu:>14.2} seconds of CPU");
    println!(
        "{turns:>14} turns, {:.2} million a CPU second",
        turns as f64 / cpu / 1e6
    );
    println!(
        "{:>14.0} blocks a CPU second",
        bytes as f64 / f64::from(BLOCK_LEN) / cpu
    );
    println!(
        "{:>14.1} MB/s up each",
        bytes as f64 / seconds as f64 / f64::from(NODES) / 1e6
    );
    println!("{:>14x} trace", simulation.trace_hash().0);
}

/// The CPU time of this process so far: Linux tells it in nanoseconds; elsewhere it is 0.
fn cpu_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
    let nanos = text
        .split(' ')
        .next()
        .and_then(|nanos| nanos.parse::<f64>().ok());
    nanos.unwrap_or(0.0) / 1e9
}
