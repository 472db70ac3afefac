//! Measures SHA-1 in seconds of CPU a GiB, for each width and number of messages.
//!
//! `cargo run --release -p manyhop-hardware --example sha1_lanes`
#![allow(clippy::print_stdout, reason = "the table is the result")]

use std::hint::black_box;

use hardware::{Sha1Lanes, Width};
use rustix::time::{ClockId, clock_gettime};

const CACHE_LINE: usize = 64;
const GIB: f64 = (1u64 << 30) as f64;
/// Each figure is the least of this many.
const RUNS: usize = 5;
/// Bytes hashed in one run.
const WORK: usize = 256 << 20;

fn main() {
    println!("CPU s/GiB: each message 32 KiB, again and again (in the second-level cache)");
    table(32 << 10, &[1, 2, 3, 4, 5, 6, 8, 9, 12, 16]);
    println!("CPU s/GiB: each message 1 MiB, each time other memory");
    table(1 << 20, &[4, 8, 16]);
}

fn table(message_bytes: usize, counts: &[usize]) {
    for width in Width::available() {
        print!("{width:>12}:");
        for &count in counts {
            print!(
                "  {count:>2} x {:.3}",
                seconds_a_gib(width, count, message_bytes)
            );
        }
        println!();
    }
}

fn seconds_a_gib(width: Width, count: usize, message_bytes: usize) -> f64 {
    // Small messages share one batch of memory, which stays in the cache.
    let batches = if message_bytes < 1 << 20 { 1 } else { 8 };
    let memory = vec![0x5au8; batches * count * message_bytes + CACHE_LINE];
    let memory = &memory[memory.as_ptr().align_offset(CACHE_LINE)..];
    let batches: Vec<Vec<&[u8]>> = memory
        .chunks_exact(count * message_bytes)
        .map(|batch| batch.chunks_exact(message_bytes).collect())
        .collect();
    let rounds = WORK / (count * message_bytes);
    let once = || {
        let start = cpu_seconds();
        for batch in batches.iter().cycle().take(rounds) {
            let mut lanes = Sha1Lanes::new(width, count);
            lanes.update(batch);
            black_box(lanes.finish());
        }
        cpu_seconds() - start
    };
    let least = (0..RUNS).map(|_| once()).fold(f64::INFINITY, f64::min);
    least / (rounds * count * message_bytes) as f64 * GIB
}

/// The CPU time of this thread so far.
fn cpu_seconds() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}
