//! A disk that takes nothing, and one that is full for a while.

use std::slice;

use manyhop_interop::clients::Source;
use manyhop_interop::{
    Manyhop, PATIENCE, Payload, Place, Process, Requirement, Stage, Tmpfs, Tracker, is_there,
    wait_until,
};

const SIZE_BYTES: usize = 8 << 20;
const PIECE_BYTES: usize = 64 << 10;

#[test]
fn a_read_only_folder_is_named_and_ends_the_download() -> anyhow::Result<()> {
    run("read-only folder", |case, stage| {
        let mut download = Download::prepare(case, stage)?;
        let disk = Tmpfs::mount(&download.place.data, SIZE_BYTES)?;
        disk.remount("ro")?;
        let mut leech = download.start()?;
        let status = leech.wait(PATIENCE)?;
        anyhow::ensure!(status.code() == Some(1), "it ends with {status}");
        let log = leech.log()?;
        let last = log.lines().last().unwrap_or_default();
        let folder = download.place.data.display().to_string();
        let is_told = last.starts_with(r#"{"event":"error""#) && last.contains(&folder);
        anyhow::ensure!(is_told, "it does not name the folder: {last}");
        // Once it may write, the same command does.
        disk.remount("rw,size=100%")?;
        download.start()?.wait_for_success(PATIENCE)?;
        download.payload.compare(&download.place.data)
    })
}

#[test]
fn a_full_disk_is_waited_for() -> anyhow::Result<()> {
    run("full disk", |case, stage| {
        let mut download = Download::prepare(case, stage)?;
        let disk = Tmpfs::mount(&download.place.data, SIZE_BYTES / 4)?;
        let mut leech = download.start()?;
        wait_until("the disk to be full", PATIENCE, || {
            leech.ensure_running()?;
            let is_told = leech.log()?.contains(r#"{"event":"warning""#);
            let piece = u64::try_from(PIECE_BYTES)?;
            Ok((is_told && disk.free_bytes()? < piece).then_some(()))
        })?;
        disk.remount(&format!("size={}", 2 * SIZE_BYTES))?;
        leech.wait_for_success(PATIENCE)?;
        download.payload.compare(&download.place.data)
    })
}

fn run(case: &str, work: fn(&str, &Stage) -> anyhow::Result<()>) -> anyhow::Result<()> {
    let needs = [Requirement::Namespaces, Requirement::Program("opentracker")];
    if !is_there(case, &needs) {
        return Ok(());
    }
    let stage = Stage::new()?;
    stage.run_one(case, || work(case, &stage))
}

/// A seed that runs, and a leech that does not yet.
struct Download<'a> {
    stage: &'a Stage,
    payload: Payload,
    source: Source,
    place: Place,
    _tracker: Tracker<'a>,
    _seed: Process,
}

impl<'a> Download<'a> {
    fn prepare(case: &str, stage: &'a Stage) -> anyhow::Result<Self> {
        let payload = Payload::new(case, SIZE_BYTES, PIECE_BYTES);
        let address = Tracker::ipv4(1);
        let tracker = Tracker::open(stage, address, &[payload.info_hash()])?;
        let place = stage.place(case, "seed")?;
        payload.write_files(&place.data)?;
        let torrent = payload.write_torrent(&place.home, &[Tracker::http(address)])?;
        let mut seed = stage.start(&place, Manyhop::seed(slice::from_ref(&torrent), &place)?)?;
        tracker.wait_for_complete(payload.info_hash(), 1, [&mut seed])?;
        Ok(Self {
            stage,
            payload,
            source: Source::Torrent(torrent),
            place: stage.place(case, "leech")?,
            _tracker: tracker,
            _seed: seed,
        })
    }

    fn start(&mut self) -> anyhow::Result<Process> {
        self.stage
            .start(&self.place, Manyhop::get(&self.source, &self.place)?)
    }
}
