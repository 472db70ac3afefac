//! Every client with us: they seed and we leech, we seed and they leech, by torrent and by magnet.
//!
//! Each client has two torrents of its own, so that nobody gets help from a third. One process
//! serves both, for it is their start that takes time.

use std::path::PathBuf;

use manyhop_interop::clients::{self, Client, Role, Source};
use manyhop_interop::{
    Case, InfoHash, Manyhop, PATIENCE, Payload, Requirement, Stage, Tracker, is_there,
};

const SIZE_BYTES: usize = 4 << 20;
const PIECE_BYTES: usize = 64 << 10;

/// A client and its two torrents: one is leeched by its file, the other by its link.
struct Row {
    client: &'static dyn Client,
    by_torrent: Payload,
    by_magnet: Payload,
}

impl Row {
    fn new(client: &'static dyn Client) -> Self {
        let payload = |way| {
            let name = format!("{} by {way}", client.name());
            Payload::new(&name, SIZE_BYTES, PIECE_BYTES)
        };
        Self {
            client,
            by_torrent: payload("torrent"),
            by_magnet: payload("magnet"),
        }
    }

    fn payloads(&self) -> [&Payload; 2] {
        [&self.by_torrent, &self.by_magnet]
    }
}

#[test]
fn they_seed_and_we_leech() -> anyhow::Result<()> {
    run("seeds", they_seed)
}

#[test]
fn we_seed_and_they_leech() -> anyhow::Result<()> {
    run("leeches", they_leech)
}

/// What is done for a row.
type Work = fn(&str, &Row, &Stage, &Tracker<'_>) -> anyhow::Result<()>;

/// Runs `work` for every client that is there, side by side.
fn run(role: &str, work: Work) -> anyhow::Result<()> {
    let always = [Requirement::Namespaces, Requirement::Program("opentracker")];
    let is_possible = |client: &&dyn Client| {
        let needs = [&always, client.requirements()].concat();
        is_there(&format!("{} {role}", client.name()), &needs)
    };
    let rows: Vec<Row> = clients::ALL
        .into_iter()
        .filter(is_possible)
        .map(Row::new)
        .collect();
    if rows.is_empty() {
        return Ok(());
    }
    let stage = Stage::new()?;
    let torrents: Vec<InfoHash> = rows
        .iter()
        .flat_map(|row| row.payloads().map(Payload::info_hash))
        .collect();
    let tracker = Tracker::open(&stage, Tracker::ipv4(1), &torrents)?;
    let cases = rows.iter().map(|row| {
        let name = format!("{} {role}", row.client.name());
        let (stage, tracker) = (&stage, &tracker);
        Case::new(name.clone(), move || work(&name, row, stage, tracker))
    });
    stage.run(cases.collect())
}

fn they_seed(case: &str, row: &Row, stage: &Stage, tracker: &Tracker<'_>) -> anyhow::Result<()> {
    let theirs = stage.place(case, "theirs")?;
    let torrents = write(row, &theirs)?;
    let sources = torrents.clone().map(Source::Torrent);
    let mut seed = stage.start(&theirs, row.client.command(Role::Seed, &sources, &theirs)?)?;
    for payload in row.payloads() {
        tracker.wait_for_complete(payload.info_hash(), 1, [&mut seed])?;
    }
    let [torrent, _] = torrents;
    let sources = [
        Source::Torrent(torrent),
        Source::Magnet(row.by_magnet.magnet(&url())),
    ];
    let mut leeches = Vec::new();
    for (source, program) in sources.iter().zip(["our torrent", "our magnet"]) {
        let place = stage.place(case, program)?;
        leeches.push((stage.start(&place, Manyhop::get(source, &place)?)?, place));
    }
    for ((leech, place), payload) in leeches.iter_mut().zip(row.payloads()) {
        leech.wait_for_success(PATIENCE)?;
        payload.compare(&place.data)?;
    }
    Ok(())
}

fn they_leech(case: &str, row: &Row, stage: &Stage, tracker: &Tracker<'_>) -> anyhow::Result<()> {
    let ours = stage.place(case, "ours")?;
    let torrents = write(row, &ours)?;
    let mut seed = stage.start(&ours, Manyhop::seed(&torrents, &ours)?)?;
    for payload in row.payloads() {
        tracker.wait_for_complete(payload.info_hash(), 1, [&mut seed])?;
    }
    let [torrent, _] = torrents;
    let sources = [
        Source::Torrent(torrent),
        Source::Magnet(row.by_magnet.magnet(&url())),
    ];
    let theirs = stage.place(case, "theirs")?;
    let mut leech = stage.start(&theirs, row.client.command(Role::Leech, &sources, &theirs)?)?;
    for payload in row.payloads() {
        tracker.wait_for_complete(payload.info_hash(), 2, [&mut seed, &mut leech])?;
        payload.wait_for(&theirs.data)?;
    }
    Ok(())
}

fn url() -> String {
    Tracker::http(Tracker::ipv4(1))
}

/// Writes what the seed at `place` has, and the torrents.
fn write(row: &Row, place: &manyhop_interop::Place) -> anyhow::Result<[PathBuf; 2]> {
    let mut torrents = Vec::new();
    for payload in row.payloads() {
        payload.write_files(&place.data)?;
        torrents.push(payload.write_torrent(&place.home, &[url()])?);
    }
    Ok(torrents.try_into().expect("two payloads have two torrents"))
}
