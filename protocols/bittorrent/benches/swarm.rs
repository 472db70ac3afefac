//! What a swarm costs to simulate: one seed and 199 leechers with 40 neighbours each, 256 MiB in
//! pieces of 256 KiB, 10 Mbit/s up. Payload is one shared block, hashing is free.
//!
//! `cargo bench -p manyhop-bittorrent --bench swarm` says what happened; run the built file under
//! `/usr/bin/time -v` for its time and memory.

#[path = "../tests/swarm/world.rs"]
#[allow(dead_code, reason = "the tests use the rest of it")]
mod world;

use std::io::Write;
use std::time::Duration;

use machine::{Rng, Seed};
use simulator::{Bandwidth, Payload};
use world::{Start, Swarm, shared_torrent};

const SEED: Seed = Seed(1);
const LEECHERS: usize = 199;
const NEIGHBOURS: usize = 40;
const PIECE_LEN: u32 = 256 * 1024;
const CONTENT_LEN: usize = 256 * 1024 * 1024;
const BYTES_A_SECOND: u64 = 1_250_000;

fn main() -> std::io::Result<()> {
    let link = Bandwidth::bytes_a_second(BYTES_A_SECOND);
    let mut swarm = Swarm::new(
        SEED,
        Payload::Shared,
        shared_torrent(PIECE_LEN, CONTENT_LEN),
    );
    let mut rng = Rng::new(SEED, u64::MAX, 1);
    let mut nodes = vec![swarm.add(Start::Seed, link, &[])];
    for _ in 0..LEECHERS {
        let mut knows = nodes.clone();
        rng.shuffle(&mut knows);
        knows.truncate(NEIGHBOURS / 2);
        nodes.push(swarm.add(Start::Leecher, link, &knows));
    }
    let all = swarm.run_until_complete(&nodes, Duration::from_secs(3600));
    let finished = nodes.iter().filter_map(|&node| swarm.completed_at(node));
    let seconds = finished.max().map_or(0.0, |at| at.as_nanos() as f64 / 1e9);
    let optimum = CONTENT_LEN as f64 / BYTES_A_SECOND as f64;
    let (turns, trace) = (swarm.sim.turns(), swarm.sim.trace_hash());
    let mut out = std::io::stdout().lock();
    writeln!(out, "all complete: {all}; {turns} turns; trace {trace:?}")?;
    writeln!(
        out,
        "last after {seconds:.0} simulated s, {:.2} x size / rate",
        seconds / optimum
    )
}
