//! A download that is killed again and again: nothing is lost, and hardly anything comes twice.

use manyhop_interop::clients::{Client as _, Libtorrent, Role, Source};
use manyhop_interop::{
    Case, Manyhop, Numbers, PATIENCE, Payload, Process, Requirement, Stage, Tracker, is_there,
    wait_until,
};

const SIZE_BYTES: usize = 16 << 20;
const PIECE_BYTES: usize = 128 << 10;

/// How often it is killed.
const KILLS: usize = 10;

/// Each seed's, in bytes a second. A piece takes long enough to be killed within.
const SEED_RATE: &str = "4194304";

/// What headers, requests and greetings may add to the payload: one byte in so many.
const OVERHEAD: u64 = 25;

/// Draws other moments.
const SEED: &str = "MANYHOP_SEED";

#[test]
fn what_is_proven_is_never_fetched_again() {
    let case = "ten kills";
    let needs = [
        Requirement::Root,
        Requirement::Program("ip"),
        Requirement::Program("opentracker"),
        Libtorrent.requirement(),
    ];
    if !is_there(case, &needs) {
        return;
    }
    let seed = std::env::var(SEED).ok().and_then(|text| text.parse().ok());
    let seed = seed.unwrap_or_else(|| u64::from(std::process::id()));
    println!("{SEED}={seed}");
    let stage = Stage::new().unwrap();
    stage.run(vec![Case::new(case, || {
        kill_and_resume(case, &stage, seed)
    })]);
}

fn kill_and_resume(case: &str, stage: &Stage, seed: u64) -> anyhow::Result<()> {
    let payload = Payload::new("ten kills", SIZE_BYTES, PIECE_BYTES);
    let hash = payload.info_hash();
    let tracker = Tracker::open(stage, Tracker::ipv4(1), &[hash])?;
    let url = Tracker::http(Tracker::ipv4(1));

    let ours = stage.place(case, "our seed")?;
    payload.write_files(&ours.data)?;
    let torrent = payload.write_torrent(&ours.home, &[url])?;
    let mut command = Manyhop::seed(&[torrent.clone()], &ours)?;
    command.args(["--limit-up", SEED_RATE]);
    let mut our_seed = stage.start(&ours, command)?;
    let theirs = stage.place(case, "their seed")?;
    payload.write_files(&theirs.data)?;
    let source = Source::Torrent(torrent);
    let mut command = Libtorrent.command(Role::Seed, std::slice::from_ref(&source), &theirs)?;
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
        let mut c = Manyhop::command()?;
        let o = c
            .args(["--json", "check"])
            .arg(match &source {
                Source::Torrent(p) => p.clone(),
                _ => unreachable!(),
            })
            .arg(&leech.data)
            .output()?;
        let o = String::from_utf8_lossy(&o.stdout).into_owned();
        println!(
            "moment {moment} passed {} check {}",
            stage.namespace().passed_bytes()? - before,
            o.lines().last().unwrap_or("")
        );
    }
    start()?.wait_for_success(PATIENCE)?;
    let passed = stage.namespace().passed_bytes()? - before;
    payload.compare(&leech.data)?;

    let size = u64::try_from(SIZE_BYTES)?;
    let peers = 2;
    let twice = u64::try_from(KILLS * PIECE_BYTES * peers)?;
    let most = size + twice + size / OVERHEAD;
    println!("{passed} bytes passed for {size}, {most} may");
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
    wait_until("progress between two kills", PATIENCE, || {
        process.ensure_running()?;
        let passed = stage.namespace().passed_bytes()?;
        Ok((passed >= wanted).then_some(()))
    })
}
