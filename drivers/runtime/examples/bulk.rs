//! What the bulk path costs: one process seeds a file, another fetches it over the loopback.
//!
//! The toy protocol has BitTorrent's sizes: requests of 17 bytes, blocks of 16 KiB behind heads of
//! 13 bytes, pieces of 1 MiB. Its logic is next to nothing, so what is measured is the runtime.
//!
//! ```text
//! cargo run --release -p manyhop-runtime --example bulk -- [MiB] [FOLDER]
//! ```
//!
//! It prints the seconds on the clock and the processor time of either side, twice. The first time
//! the file is new, and its pages are memory as it comes; in a virtual machine that may be memory
//! that the host has to find first, at ten times the price of the copy (`dd` pays it too). The
//! second time the file is overwritten in the pages that are there: that shows the program rather
//! than the machine.

#![expect(
    clippy::print_stdout,
    reason = "its results are what a benchmark is for"
)]

#[path = "bulk/leech.rs"]
mod leech;
#[path = "bulk/seed.rs"]
mod seed;

use std::error::Error;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use machine::{Expect, FileId, SlotPlan};
use runtime::{Access, Builder, Files, Place, Root};

use leech::Leech;
use seed::Seed;

/// The length of a piece, in bytes.
const PIECE: u32 = 1024 * 1024;
/// The length of a block, in bytes.
const BLOCK: u32 = 16 * 1024;
/// `request`: length 13, id 6, piece, offset, length.
const REQUEST_LEN: usize = 17;
/// `piece`: length 9 and more, id 7, piece, offset; then the block.
const HEAD_LEN: usize = 13;
/// Memory for pieces.
const SLOTS: SlotPlan = SlotPlan {
    count: 32,
    len: PIECE,
};
/// The file that is sent and the file that is made.
const FILE: FileId = FileId(0);

type Outcome = Result<(), Box<dyn Error>>;

fn main() -> Outcome {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["seed", folder, pieces] => run_seed(folder.as_ref(), pieces.parse()?),
        ["leech", folder, pieces, address] => run_leech(folder.as_ref(), pieces.parse()?, address),
        [] => compare(1024, std::env::temp_dir().as_ref()),
        [pieces] => compare(pieces.parse()?, std::env::temp_dir().as_ref()),
        [pieces, folder] => compare(pieces.parse()?, folder.as_ref()),
        _ => Err("usage: bulk [MiB] [FOLDER]".into()),
    }
}

/// Starts both sides and prints what each has used: first for a new file, then for the same again.
fn compare(pieces: u32, folder: &Path) -> Outcome {
    let folder = tempfile::tempdir_in(folder)?;
    let mut file = std::fs::File::create(folder.path().join("seeded"))?;
    let piece = piece();
    for _ in 0..pieces {
        file.write_all(&piece)?;
    }
    let count = pieces.to_string();
    let mut seed = start(&["seed", utf8(folder.path())?, &count])?;
    let mut tell = seed.stdin.take().ok_or("no input")?;
    let mut said = BufReader::new(seed.stdout.take().ok_or("no output")?).lines();
    let mut hear = || said.next().ok_or("the seed is silent");
    let address = hear()??;
    for round in ["new file", "overwritten"] {
        let leech = start(&["leech", utf8(folder.path())?, &count, &address])?;
        let leech = String::from_utf8(leech.wait_with_output()?.stdout)?;
        writeln!(tell, "{round}")?;
        println!("{round}:");
        println!("  leech {}", leech.trim());
        println!("  seed  {}", hear()??);
    }
    drop(tell);
    seed.wait()?;
    Ok(())
}

fn start(arguments: &[&str]) -> Result<Child, Box<dyn Error>> {
    Ok(Command::new(std::env::current_exe()?)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?)
}

fn run_seed(folder: &Path, pieces: u32) -> Outcome {
    let handle = Builder::new(Seed::default(), ())
        .listen(([127, 0, 0, 1], 0).into())
        .files(registry(folder, "seeded", pieces, Access::ReadOnly)?)
        .start(|()| {})?;
    println!("{}", handle.listeners()[0]);
    let mut before = Used::so_far()?;
    for _leech_done in std::io::stdin().lines() {
        let after = Used::so_far()?;
        println!("{}", after.since(before));
        before = after;
    }
    handle.stop();
    handle.join();
    Ok(())
}

fn run_leech(folder: &Path, pieces: u32, address: &str) -> Outcome {
    let digest = hardware::sha1_many(&[&piece()])[0];
    let expect = Expect::Sha1 {
        digest,
        blocks: machine::BlockDigests::WhenWrong,
    };
    let before = Used::so_far()?;
    let start = Instant::now();
    let (done, is_done) = mpsc::channel();
    let handle = Builder::new(Leech::new(pieces, expect), ())
        .slots(SLOTS)
        .files(registry(folder, "leeched", pieces, Access::ReadWrite)?)
        .start(move |all_stored| {
            let _ = done.send(all_stored);
        })?;
    handle.command(address.parse()?);
    is_done.recv()?;
    let clock = start.elapsed();
    handle.stop();
    handle.join();
    let after = Used::so_far()?;
    println!("{clock:6.2?} on the clock, {}", after.since(before));
    Ok(())
}

fn registry(
    folder: &Path,
    name: &str,
    pieces: u32,
    access: Access,
) -> Result<Files, Box<dyn Error>> {
    let files = Files::new();
    let len = u64::from(pieces) * u64::from(PIECE);
    let place = Place::new(&Root::open(folder)?, [name], len, access)?;
    files.register(FILE, place);
    Ok(files)
}

/// What every piece holds.
fn piece() -> Vec<u8> {
    (0..PIECE)
        .map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect()
}

fn utf8(path: &Path) -> Result<&str, Box<dyn Error>> {
    path.to_str()
        .ok_or_else(|| "the folder's name is no UTF-8".into())
}

/// Processor time of this process.
#[derive(Clone, Copy)]
struct Used {
    user: Duration,
    system: Duration,
}

impl Used {
    /// Reads it from the system, which counts in hundredths of a second (proc(5)).
    fn so_far() -> Result<Self, Box<dyn Error>> {
        let stat = std::fs::read_to_string("/proc/self/stat")?;
        let fields = stat.rsplit(')').next().unwrap_or_default();
        let mut ticks = fields.split_whitespace().skip(11).map(str::parse::<u64>);
        let mut next = || -> Result<Duration, Box<dyn Error>> {
            let ticks = ticks.next().ok_or("too few fields")??;
            Ok(Duration::from_millis(10 * ticks))
        };
        Ok(Self {
            user: next()?,
            system: next()?,
        })
    }

    fn since(self, before: Self) -> Self {
        Self {
            user: self.user - before.user,
            system: self.system - before.system,
        }
    }
}

impl std::fmt::Display for Used {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { user, system } = *self;
        let all = user + system;
        write!(
            f,
            "{all:.2?} processor ({user:.2?} user, {system:.2?} system)"
        )
    }
}
