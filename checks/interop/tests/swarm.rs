//! All clients in one swarm; and each of them at our own tracker, in every way to ask one.

use manyhop_interop::clients::{
    self, Aria2, Client, Libtorrent, QBittorrent, RTorrent, Role, Source, Transmission,
};
use manyhop_interop::{
    Case, InfoHash, Manyhop, PATIENCE, Payload, Place, Process, Requirement, Stage, Tracker,
    is_there, wait_until,
};

const PIECE_BYTES: usize = 64 << 10;

/// What the only seed gives a second at most, in words of ours: too little for all, so that whoever
/// has something must give it.
const SEED_RATE: &str = "4M";

#[test]
fn all_at_once_share_what_one_seed_gives() {
    let case = "one swarm";
    let Some(others) = those_there(case, &clients::ALL, Requirement::Program("opentracker")) else {
        return;
    };
    let stage = Stage::new().unwrap();
    stage.run(vec![Case::new(case, || share(case, &others, &stage))]);
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
    let mut seed = Manyhop::seed(&[torrent.clone()], &place)?;
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
    let count = u32::try_from(leeches.len())?;
    tracker.wait_for_complete(info_hash, count + 1, processes(&mut leeches))?;
    compare_all(&payload, &leeches)?;

    seed.stop(PATIENCE)?;
    let given = last_number(&seed.log()?, "uploaded_bytes");
    let given = given.ok_or_else(|| anyhow::anyhow!("the seed does not say what it gave"))?;
    let shared = u64::try_from(payload.size_bytes())? * u64::from(count);
    anyhow::ensure!(
        given < shared / 2,
        "the seed gave {given} of {shared} bytes: the others share too little"
    );
    Ok(())
}

#[test]
fn our_tracker_introduces_them_by_http() {
    meet_at_ours(
        "http over IPv4",
        &clients::ALL,
        Tracker::http(Tracker::ipv4(2)),
    );
}

#[test]
fn our_tracker_introduces_them_by_datagrams() {
    meet_at_ours(
        "datagrams over IPv4",
        &clients::ALL,
        Tracker::udp(Tracker::ipv4(2)),
    );
}

#[test]
fn our_tracker_introduces_them_over_ipv6() {
    let speakers: [&dyn Client; 3] = [&Libtorrent, &QBittorrent, &Aria2];
    meet_at_ours("http over IPv6", &speakers, Tracker::http(Tracker::ipv6(2)));
    let speakers: [&dyn Client; 1] = [&Libtorrent];
    meet_at_ours(
        "datagrams over IPv6",
        &speakers,
        Tracker::udp(Tracker::ipv6(2)),
    );
}

/// Has our seed, our leech and `others` meet at our tracker's `url`.
fn meet_at_ours(case: &str, others: &[&dyn Client], url: String) {
    let Some(others) = those_there(case, others, Requirement::Root) else {
        return;
    };
    let stage = Stage::new().unwrap();
    stage.run(vec![Case::new(case, || meet(case, &others, &url, &stage))]);
}

fn meet(case: &str, others: &[&dyn Client], url: &str, stage: &Stage) -> anyhow::Result<()> {
    let is_ipv6 = url.contains('[');
    let make_place = if is_ipv6 {
        Stage::place_v6
    } else {
        Stage::place
    };
    let tracker = if is_ipv6 {
        Tracker::ipv6(2)
    } else {
        Tracker::ipv4(2)
    };
    let tracker = Tracker::ours(stage, tracker)?;
    let payload = Payload::new("at our tracker", 2 << 20, PIECE_BYTES);
    let place = make_place(stage, case, "our seed")?;
    payload.write_files(&place.data)?;
    let torrent = payload.write_torrent(&place.home, &[url.to_owned()])?;
    let mut seed = stage.start(&place, Manyhop::seed(&[torrent.clone()], &place)?)?;
    tracker.wait_for_complete(payload.info_hash(), 1, [&mut seed])?;
    let source = Source::Torrent(torrent);
    let mut leeches = start_all(stage, case, others, &source, make_place)?;
    leeches.push(start_ours(
        stage,
        make_place(stage, case, "our leech")?,
        &source,
    )?);
    let count = u32::try_from(leeches.len())?;
    tracker.wait_for_complete(payload.info_hash(), count + 1, processes(&mut leeches))?;
    compare_all(&payload, &leeches)
}

/// The clients that are there; `None` if not even what all need is.
fn those_there<'a>(
    case: &str,
    clients: &[&'a dyn Client],
    also: Requirement,
) -> Option<Vec<&'a dyn Client>> {
    if !is_there(case, &[Requirement::Root, Requirement::Program("ip"), also]) {
        return None;
    }
    let is_possible = |client: &&&dyn Client| {
        is_there(
            &format!("{case}: {}", client.name()),
            &[client.requirement()],
        )
    };
    Some(clients.iter().filter(is_possible).copied().collect())
}

type Leech = (Process, Place);

fn start_all(
    stage: &Stage,
    case: &str,
    clients: &[&dyn Client],
    source: &Source,
    make_place: fn(&Stage, &str, &str) -> anyhow::Result<Place>,
) -> anyhow::Result<Vec<Leech>> {
    let start = |client: &&dyn Client| {
        let place = make_place(stage, case, client.name())?;
        let command = client.command(Role::Leech, std::slice::from_ref(source), &place)?;
        Ok((stage.start(&place, command)?, place))
    };
    clients.iter().map(start).collect()
}

fn start_ours(stage: &Stage, place: Place, source: &Source) -> anyhow::Result<Leech> {
    let mut command = Manyhop::get(source, &place)?;
    command.arg("--seed-after");
    Ok((stage.start(&place, command)?, place))
}

fn processes(leeches: &mut [Leech]) -> impl Iterator<Item = &mut Process> {
    leeches.iter_mut().map(|(process, _)| process)
}

fn compare_all(payload: &Payload, leeches: &[Leech]) -> anyhow::Result<()> {
    for (_, place) in leeches {
        // They may announce before the last byte has left their caches.
        let _ = wait_until("equal files", PATIENCE, || {
            Ok(payload.compare(&place.data).is_ok().then_some(()))
        });
        payload.compare(&place.data)?;
    }
    Ok(())
}

/// The last number that a log of objects gives for `member`.
fn last_number(log: &str, member: &str) -> Option<u64> {
    let objects = log
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok());
    objects
        .filter_map(|object: serde_json::Value| object[member].as_u64())
        .last()
}
