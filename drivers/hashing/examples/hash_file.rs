//! Hashes the pieces of a file and prints the time it took.
//!
//! `cargo run --release -p manyhop-hashing --example hash_file -- FILE PIECE_BYTES [THREADS [RUNS]]`
#![allow(clippy::print_stdout, reason = "the times are the result")]

use std::error::Error;
use std::fs::File;
use std::num::NonZero;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::Instant;

use hashing::{Cut, hash_pieces};
use rustix::time::{ClockId, clock_gettime};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().ok_or("which file?")?;
    let piece_bytes = arguments
        .next()
        .ok_or("pieces of how many bytes?")?
        .parse()?;
    let threads = match arguments.next() {
        Some(threads) => threads.parse()?,
        None => thread::available_parallelism()?,
    };
    let runs: u32 = arguments.next().map_or(Ok(3), |runs| runs.parse())?;

    let file = File::open(path)?;
    let cut = Cut::new(file.metadata()?.len(), piece_bytes)?;
    for _ in 0..runs {
        let (start, cpu_start) = (Instant::now(), cpu_seconds());
        let failures = hash_all(&file, cut, threads);
        let (wall, cpu) = (start.elapsed().as_secs_f64(), cpu_seconds() - cpu_start);
        println!(
            "{} pieces, {failures} unread, {threads} threads: wall {wall:.3} s, CPU {cpu:.3} s",
            cut.pieces(),
        );
    }
    Ok(())
}

/// Hashes all pieces, and returns how many could not be read.
fn hash_all(file: &File, cut: Cut, threads: NonZero<usize>) -> u32 {
    let failures = AtomicU32::new(0);
    hash_pieces(
        file,
        cut,
        &cut.all(),
        threads,
        &AtomicBool::new(false),
        |_, hash| {
            failures.fetch_add(hash.is_err().into(), Ordering::Relaxed);
        },
    );
    failures.into_inner()
}

/// The CPU time of all threads of this process so far.
fn cpu_seconds() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}
