//! What a swarm costs to simulate: one seed and 199 leechers with 40 neighbours each, 256 MiB in
//! pieces of 256 KiB, 10 Mbit/s up. Payload is one shared block, hashing is free.
//!
//! `cargo bench -p manyhop-bittorrent --bench swarm [SEED]`

#[path = "../tests/swarm/world.rs"]
mod world;

use std::io::Write;
use std::time::Duration;

use machine::{Rng, Seed};
use simulator::{Bandwidth, Payload};
use world::{Start, Swarm, shared_torrent};

const LEECHERS: usize = 199;
const NEIGHBOURS: usize = 40;
const PIECE_LEN: u32 = 256 * 1024;
const CONTENT_LEN: usize = 256 * 1024 * 1024;
const LINK: Bandwidth = Bandwidth::bits_a_second(10_000_000);

fn main() -> std::io::Result<()> {
    let seed = std::env::args()
        .skip(1)
        .find_map(|argument| argument.parse().ok())
        .unwrap_or(1);
    let mut swarm = Swarm::new(
        Seed(seed),
        Payload::Shared,
        shared_torrent(PIECE_LEN, CONTENT_LEN),
    );
    let mut rng = Rng::new(Seed(seed), u64::MAX, 1);
    let mut nodes = vec![swarm.add(Start::Seed, LINK, &[])];
    for _ in 0..LEECHERS {
        let mut knows = nodes.clone();
        rng.shuffle(&mut knows);
        knows.truncate(NEIGHBOURS / 2);
        nodes.push(swarm.add(Start::Leecher, LINK, &knows));
    }
    let mut all = false;
    for i in 0..60 {
        all = swarm.run_until_complete(&nodes, Duration::from_secs(20));
        let done = nodes.iter().filter(|&&n| swarm.is_complete(n)).count();
        let stored: usize = nodes.iter().map(|&n| swarm.stored(n).len()).sum();
        eprintln!(
            "{} s: {done} complete, {stored} pieces, {} turns",
            i * 20 + 20,
            swarm.sim.turns()
        );
        if all {
            break;
        }
    }
    let last = nodes
        .iter()
        .filter_map(|&node| swarm.completed_at(node))
        .max();
    let seconds = last.map_or(0.0, |at| at.as_nanos() as f64 / 1e9);
    let optimum = CONTENT_LEN as f64 / 1_250_000.0;
    let mut out = std::io::stdout().lock();
    writeln!(
        out,
        "seed {seed}: all complete: {all}, trace {:?}",
        swarm.sim.trace_hash()
    )?;
    writeln!(
        out,
        "last after {seconds:.0} simulated s ({:.2} x size / rate)",
        seconds / optimum
    )?;
    writeln!(out, "{} inputs", swarm.sim.turns())?;
    let status = std::fs::read_to_string("/proc/self/status")?;
    let peak = status
        .lines()
        .find(|line| line.starts_with("VmHWM"))
        .unwrap_or("VmHWM unknown");
    writeln!(out, "{peak}")?;
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let ticks: u64 = stat
        .split(' ')
        .skip(13)
        .take(2)
        .filter_map(|t| t.parse::<u64>().ok())
        .sum();
    writeln!(out, "{:.1} s of CPU", ticks as f64 / 100.0)
}
