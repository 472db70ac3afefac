//! What a large world of datagrams costs: a ring of nodes that ask each other as Chord's do, each
//! checks its successor and looks a finger up every 30 seconds.
//!
//! `cargo bench -p manyhop-simulator --bench datagrams -- [NODES [SHARDS [SECONDS]]]`, without
//! arguments a table of sizes. An event is a datagram that came or a deadline that was due.
//! Machines differ, and some drift by half from one hour to the next: so beside each line stand the
//! figures of two loops that do nothing but reckon, and wait for memory.

#[path = "datagrams/ring.rs"]
mod ring;

use std::io::Write;
use std::time::{Duration, Instant};

use machine::Seed;
use ring::ring;
use simulator::{Config, Latency, NodeConfig, Simulation, endpoint};

/// The lines of the table: nodes, shards, simulated seconds.
const TABLE: [(u32, u32, u64); 4] = [
    (10_000, 1, 600),
    (100_000, 1, 120),
    (1_000_000, 1, 40),
    (1_000_000, 2, 40),
];

fn main() -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    let asked = std::env::args()
        .skip(1)
        .filter_map(|word| word.parse().ok());
    let asked: Vec<u32> = asked.collect();
    writeln!(
        out,
        "   nodes shards  build s  run s  cpu s  events M  events M/s  a cpu s  B/node  hops  \
         trace             reckon ns  memory ns"
    )?;
    if let Some(&nodes) = asked.first() {
        let shards = asked.get(1).copied().unwrap_or(1);
        let seconds = asked.get(2).copied().unwrap_or(30);
        return line(&mut out, nodes, shards, seconds.into());
    }
    for (nodes, shards, seconds) in TABLE {
        line(&mut out, nodes, shards, seconds)?;
    }
    Ok(())
}

/// Builds a ring, lets it run, and says what that took.
fn line(out: &mut impl Write, nodes: u32, shards: u32, seconds: u64) -> std::io::Result<()> {
    let reckoning = reckoning_nanos();
    let before = resident();
    let start = Instant::now();
    let mut config = Config::new(Seed(1));
    config.network.latency = Latency::Uniform {
        min: Duration::from_millis(20),
        max: Duration::from_millis(180),
    };
    let (ids, ring) = ring(config.seed, nodes);
    let mut simulation = Simulation::sharded(config, ids, shards);
    simulation.reserve(nodes as usize);
    for (number, node) in (0..).zip(ring) {
        simulation.add(node, NodeConfig::at(endpoint(number)));
    }
    let built = start.elapsed().as_secs_f64();
    // All have begun, and as much is under way as ever will be.
    simulation.run_for(Duration::from_secs(5));
    let (start, cpu, turns) = (Instant::now(), cpu_seconds(), simulation.turns());
    simulation.run_for(Duration::from_secs(seconds));
    let (run, cpu) = (start.elapsed().as_secs_f64(), cpu_seconds() - cpu);
    let events = (simulation.turns() - turns) as f64 / 1e6;
    let bytes = resident().saturating_sub(before) / u64::from(nodes);
    let all = simulation.nodes().filter_map(|node| simulation.node(node));
    let (hops, lookups) = all.fold((0, 0), |(hops, lookups), node| {
        (
            hops + u64::from(node.hops),
            lookups + u64::from(node.lookups),
        )
    });
    let trace = simulation.trace_hash().0;
    drop(simulation);
    let memory = memory_nanos();
    writeln!(
        out,
        "{nodes:>8} {shards:>6} {built:>8.2} {run:>6.2} {cpu:>6.2} {events:>9.1} {:>11.2} \
         {:>8.2} {bytes:>7} {:>5.2}  {trace:016x}  {reckoning:>9.2}  {memory:>9.1}",
        events / run,
        events / cpu,
        hops as f64 / lookups.max(1) as f64,
    )
}

/// The time of one step of a loop in which each step needs the one before.
fn reckoning_nanos() -> f64 {
    const STEPS: u32 = 100_000_000;
    let start = Instant::now();
    let mut state = 1_u64;
    for _ in 0..STEPS {
        state = (state ^ (state >> 7)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
    std::hint::black_box(state);
    start.elapsed().as_nanos() as f64 / f64::from(STEPS)
}

/// The time of one read from 256 MiB of memory whose place the read before told.
fn memory_nanos() -> f64 {
    const PLACES: usize = 1 << 25;
    const STEPS: u32 = 2_000_000;
    // Steps by a number that is 1 modulo 4 and an addend that is odd meet every place.
    let next = |place: usize| (place.wrapping_mul(0x9e37_79b5).wrapping_add(12345)) % PLACES;
    let places: Vec<u64> = (0..PLACES).map(|place| next(place) as u64).collect();
    let start = Instant::now();
    let mut place = 0;
    for _ in 0..STEPS {
        place = places[place] as usize;
    }
    std::hint::black_box(place);
    start.elapsed().as_nanos() as f64 / f64::from(STEPS)
}

/// The time that cores have worked for this process, in seconds, if the system tells; 0 if not.
fn cpu_seconds() -> f64 {
    /// What Linux counts in, on all machines of today.
    const TICKS_A_SECOND: f64 = 100.0;
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The second field is a name in parentheses; user and system time are the 14th and the 15th.
    let fields = stat.rsplit(')').next().unwrap_or_default();
    let times = fields.split_whitespace().skip(11).take(2);
    let ticks: f64 = times.filter_map(|time| time.parse::<f64>().ok()).sum();
    ticks / TICKS_A_SECOND
}

/// The memory of this process in bytes, if the system tells; 0 if not.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.and_then(|line| line.trim().strip_suffix("kB"));
    number.map_or(0, |number| number.trim().parse().unwrap_or(0) * 1024)
}
