//! A download that is killed again and again: nothing is lost, and hardly anything comes twice.

use std::time::{Duration, Instant};
use std::{slice, thread};

use anyhow::Context as _;
use manyhop_interop::clients::{Client as _, Libtorrent, Role, Source};
use manyhop_interop::{
    Manyhop, Numbers, PATIENCE, Payload, Process, Requirement, Stage, Tracker, is_there,
};

const SIZE_BYTES: usize = 16 << 20;
const PIECE_BYTES: usize = 128 << 10;

/// How often it is killed.
const KILLS: usize = 10;

/// Each seed's, in bytes a second. A piece takes long enough to be killed within.
const SEED_RATE: &str = "2097152";

/// What headers, requests and greetings may add to the payload: one byte in so many.
const OVERHEAD: u64 = 25;

/// Finer than other waits: the moments shall be anywhere within a piece.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// Draws other moments.
const SEED: &str = "MANYHOP_SEED";

#[test]
fn what_is_proven_is_never_fetched_again() -> anyhow::Result<()> {
    let case = "ten kills";
    let needs = [Requirement::Namespaces, Requirement::Program("opentracker")];
    let needs = [&needs, Libtorrent.requirements()].concat();
    if !is_there(case, &needs) {
        return Ok(());
    }
    let seed = std::env::var(SEED).ok().and_then(|text| text.parse().ok());
    let seed = seed.unwrap_or_else(|| u64::from(std::process::id()));
    let stage = Stage::new()?;
    let tried = stage.run_one(case, || kill_and_resume(case, &stage, seed));
    tried.with_context(|| format!("{SEED}={seed} draws the same moments"))
}

fn kill_and_resume(case: &str, stage: &Stage, seed: u64) -> anyhow::Result<()> {
    let payload = Payload::new("ten kills", SIZE_BYTES, PIECE_BYTES);
    let hash = payload.info_hash();
    let tracker = Tracker::open(stage, Tracker::ipv4(1), &[hash])?;
    let url = Tracker::http(Tracker::ipv4(1));

    let ours = stage.place(case, "our seed")?;
    payload.write_files(&ours.data)?;
    let torrent = payload.write_torrent(&ours.home, &[url])?;
    let mut command = Manyhop::seed(slice::from_ref(&torrent), &ours)?;
    command.args(["--limit-up", SEED_RATE]);
    let mut our_seed = stage.start(&ours, command)?;
    let theirs = stage.place(case, "their seed")?;
    payload.write_files(&theirs.data)?;
    let source = Source::Torrent(torrent);
    let mut command = Libtorrent.command(Role::Seed, slice::from_ref(&source), &theirs)?;
    command.env("UPLOAD_RATE", SEED_RATE);
    let mut their_seed = stage.start(&theirs, command)?;
    tracker.wait_for_complete(hash, 2, [&mut our_seed, &mut their_seed])?;

    let leech = stage.place(case, "our leech")?;
    let start = || stage.start(&leech, Manyhop::get(&source, &leech)?);
    let before = stage.namespace().passed_bytes()?;
    for moment in moments(seed) {
        let mut process = start()?;
        wait_for_bytes(stage, &mut process, before + moment)?;
        process.kill()?;
    }
    start()?.wait_for_success(PATIENCE)?;
    let passed = stage.namespace().passed_bytes()? - before;
    payload.compare(&leech.data)?;

    let size = u64::try_from(SIZE_BYTES)?;
    let peers = 2;
    let twice = u64::try_from(KILLS * PIECE_BYTES * peers)?;
    let most = size + twice + size / OVERHEAD;
    anyhow::ensure!(
        passed <= most,
        "{passed} bytes passed for {size}, more than {most}"
    );
    Ok(())
}

/// Draws the moments of all kills, each as the bytes that have come until then.
fn moments(seed: u64) -> Vec<u64> {
    // The last one leaves something to fetch.
    let most = (SIZE_BYTES - SIZE_BYTES / 16) as u64;
    let mut numbers = Numbers::new(seed);
    let mut moments: Vec<u64> = (0..KILLS).map(|_| numbers.next_number() % most).collect();
    moments.sort_unstable();
    moments
}

fn wait_for_bytes(stage: &Stage, process: &mut Process, wanted: u64) -> anyhow::Result<()> {
    let end = Instant::now() + PATIENCE;
    while stage.namespace().passed_bytes()? < wanted {
        process.ensure_running()?;
        anyhow::ensure!(Instant::now() < end, "no progress between two kills");
        thread::sleep(LOOK_EVERY);
    }
    Ok(())
}
