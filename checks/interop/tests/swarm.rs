//! All clients in one swarm; and each of them at our own tracker, in every way to ask one.

use std::net::SocketAddr;
use std::slice;

use manyhop_interop::clients::{
    self, Aria2, Client, Libtorrent, QBittorrent, RTorrent, Role, Source, Transmission,
};
use manyhop_interop::{
    Case, InfoHash, Manyhop, PATIENCE, Payload, Place, Process, Requirement, Stage, Tracker,
    is_there,
};

const OPENTRACKER: Requirement = Requirement::Program("opentracker");
const PIECE_BYTES: usize = 64 << 10;

/// What the only seed gives a second at most, in words of ours: too little for all, so that whoever
/// has something must give it.
const SEED_RATE: &str = "4M";

#[test]
fn all_at_once_share_what_one_seed_gives() -> anyhow::Result<()> {
    let case = "one swarm";
    let Some(others) = those_there(case, &clients::ALL, &[OPENTRACKER]) else {
        return Ok(());
    };
    let stage = Stage::new()?;
    stage.run_one(case, || share(case, &others, &stage))
}

fn share(case: &str, others: &[&dyn Client], stage: &Stage) -> anyhow::Result<()> {
    let url = Tracker::http(Tracker::ipv4(1));
    let payload = Payload::new("a whole swarm", 8 << 20, PIECE_BYTES);
    let place = stage.place(case, "our seed")?;
    payload.write_files(&place.data)?;
    // This time by a torrent of our own making.
    let torrent = place.home.join("swarm.torrent");
    let magnet = Manyhop::create(&place.data.join(payload.name()), &torrent, &[url])?;
    let info_hash = InfoHash::of_magnet(&magnet)?;
    let tracker = Tracker::open(stage, Tracker::ipv4(1), &[info_hash])?;
    let mut seed = Manyhop::seed(slice::from_ref(&torrent), &place)?;
    seed.args(["--limit-up", SEED_RATE]);
    let mut seed = stage.start(&place, seed)?;
    tracker.wait_for_complete(info_hash, 1, [&mut seed])?;

    let by_torrent = Source::Torrent(torrent);
    let mut leeches = start_all(stage, case, others, &by_torrent, Stage::place)?;
    for (source, program) in [
        (by_torrent, "our torrent"),
        (Source::Magnet(magnet), "our magnet"),
    ] {
        leeches.push(start_ours(stage, stage.place(case, program)?, &source)?);
    }
    wait_for_all(&payload, info_hash, &tracker, &mut leeches)?;

    seed.stop(PATIENCE)?;
    let given = last_number(&seed.log()?, "uploaded_bytes");
    let given = given.ok_or_else(|| anyhow::anyhow!("the seed does not say what it gave"))?;
    let shared = u64::try_from(payload.size_bytes() * leeches.len())?;
    anyhow::ensure!(
        given < shared / 2,
        "the seed gave {given} of {shared} bytes: the others share too little"
    );
    Ok(())
}

#[test]
fn our_tracker_introduces_them_in_every_way() -> anyhow::Result<()> {
    let ways = ways();
    let parts: Vec<_> = ways
        .iter()
        .filter_map(|way| Some((way, those_there(way.case, way.speakers, &[])?)))
        .collect();
    if parts.is_empty() {
        return Ok(());
    }
    let stage = &Stage::new()?;
    let cases = parts
        .iter()
        .map(|(way, others)| Case::new(way.case, move || meet(way, others, stage)));
    stage.run(cases.collect())
}

/// A way to ask our tracker, and who knows it.
struct Way {
    case: &'static str,
    tracker: SocketAddr,
    url: fn(SocketAddr) -> String,
    speakers: &'static [&'static dyn Client],
}

const fn ways() -> [Way; 4] {
    [
        Way {
            case: "http over IPv4",
            tracker: Tracker::ipv4(2),
            url: Tracker::http,
            speakers: &clients::ALL,
        },
        Way {
            case: "datagrams over IPv4",
            tracker: Tracker::ipv4(3),
            url: Tracker::udp,
            // aria2 has datagrams for its DHT only, which is off.
            speakers: &[&Transmission, &RTorrent, &Libtorrent, &QBittorrent],
        },
        Way {
            case: "http over IPv6",
            tracker: Tracker::ipv6(2),
            url: Tracker::http,
            speakers: &[&Aria2, &Libtorrent, &QBittorrent],
        },
        Way {
            case: "datagrams over IPv6",
            tracker: Tracker::ipv6(3),
            url: Tracker::udp,
            speakers: &[&Libtorrent, &QBittorrent],
        },
    ]
}

/// Has our seed, our leech and all who know the way meet at our tracker.
fn meet(way: &Way, others: &[&dyn Client], stage: &Stage) -> anyhow::Result<()> {
    let case = way.case;
    let make_place = match way.tracker {
        SocketAddr::V4(_) => Stage::place,
        SocketAddr::V6(_) => Stage::place_v6,
    };
    let tracker = Tracker::ours(stage, way.tracker)?;
    let payload = Payload::new(case, 2 << 20, PIECE_BYTES);
    let place = make_place(stage, case, "our seed")?;
    payload.write_files(&place.data)?;
    let torrent = payload.write_torrent(&place.home, &[(way.url)(way.tracker)])?;
    let mut seed = stage.start(&place, Manyhop::seed(slice::from_ref(&torrent), &place)?)?;
    tracker.wait_for_complete(payload.info_hash(), 1, [&mut seed])?;
    let source = Source::Torrent(torrent);
    let mut leeches = start_all(stage, case, others, &source, make_place)?;
    leeches.push(start_ours(
        stage,
        make_place(stage, case, "our leech")?,
        &source,
    )?);
    wait_for_all(&payload, payload.info_hash(), &tracker, &mut leeches)
}

/// Who has but a part, and wants the rest.
struct Leech {
    process: Process,
    place: Place,
}

/// The clients that are there; `None` if not even what all need is.
fn those_there<'a>(
    case: &str,
    clients: &[&'a dyn Client],
    also: &[Requirement],
) -> Option<Vec<&'a dyn Client>> {
    if !is_there(case, &[&[Requirement::Namespaces], also].concat()) {
        return None;
    }
    let is_possible = |client: &&&dyn Client| {
        is_there(&format!("{case}: {}", client.name()), client.requirements())
    };
    Some(clients.iter().filter(is_possible).copied().collect())
}

fn start_all(
    stage: &Stage,
    case: &str,
    clients: &[&dyn Client],
    source: &Source,
    make_place: fn(&Stage, &str, &str) -> anyhow::Result<Place>,
) -> anyhow::Result<Vec<Leech>> {
    let start = |client: &&dyn Client| {
        let place = make_place(stage, case, client.name())?;
        let command = client.command(Role::Leech, slice::from_ref(source), &place)?;
        let process = stage.start(&place, command)?;
        Ok(Leech { process, place })
    };
    clients.iter().map(start).collect()
}

fn start_ours(stage: &Stage, place: Place, source: &Source) -> anyhow::Result<Leech> {
    let mut command = Manyhop::get(source, &place)?;
    command.arg("--seed-after");
    let process = stage.start(&place, command)?;
    Ok(Leech { process, place })
}

/// Waits until all have all, and compares every file.
fn wait_for_all(
    payload: &Payload,
    info_hash: InfoHash,
    tracker: &Tracker<'_>,
    leeches: &mut [Leech],
) -> anyhow::Result<()> {
    let and_the_seed = u32::try_from(leeches.len())? + 1;
    let processes = leeches.iter_mut().map(|leech| &mut leech.process);
    tracker.wait_for_complete(info_hash, and_the_seed, processes)?;
    leeches
        .iter()
        .try_for_each(|leech| payload.wait_for(&leech.place.data))
}

/// The last number that a log of objects gives for `member`.
fn last_number(log: &str, member: &str) -> Option<u64> {
    let objects = log
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok());
    objects
        .filter_map(|object: serde_json::Value| object[member].as_u64())
        .next_back()
}
