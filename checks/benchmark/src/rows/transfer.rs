//! From one peer to another; one of the two is measured, the other is the same for all.

use manyhop_interop::Stage;

use super::{Question, fixed};
use crate::contenders::{Aria2, Contender, Libtorrent, RTorrent, Task};
use crate::metric::{Figures, Metric};
use crate::options::Size;
use crate::payload::Payload;
use crate::traffic::Traffic;
use crate::trial::{Runner, Trial, Until};

/// To fetch.
///
/// # Errors
/// When there is nobody to fetch from.
pub(super) fn leech(payload: Payload, size: Size) -> anyhow::Result<Question> {
    let seed = seed_for_all()?;
    let trial = move |contender: &dyn Contender| {
        let stage = Stage::new()?;
        let trial = Trial::new(&stage)?;
        let mut seed = trial.seed(seed, &payload)?;
        let (leech, traffic) = fetch(&trial, &mut seed, contender, &payload, Until::Done)?;
        payload.compare_soon(&leech.place().data)?;
        let mut figures = Figures::from([
            (Metric::Wall, leech.wall()?.as_secs_f64()),
            (Metric::CpuPerGib, leech.cpu()?.as_secs_f64() / size.gib()),
            (Metric::Anonymous, leech.usage().anonymous_mib()),
        ]);
        figures.extend(to_first(&traffic));
        let stream = traffic.first_to_last();
        figures.extend(stream.map(|stream| (Metric::Stream, stream.as_secs_f64())));
        Ok(figures)
    };
    let title = format!("leech: {size} from {}, pieces of 1 MiB", seed.name());
    Ok((title, Box::new(trial)))
}

/// To begin to fetch.
///
/// # Errors
/// As [`leech`].
pub(super) fn first_byte(payload: Payload, size: Size) -> anyhow::Result<Question> {
    let seed = seed_for_all()?;
    let trial = move |contender: &dyn Contender| {
        let stage = Stage::new()?;
        let trial = Trial::new(&stage)?;
        let mut seed = trial.seed(seed, &payload)?;
        let (_leech, traffic) = fetch(&trial, &mut seed, contender, &payload, Until::FirstByte)?;
        Ok(to_first(&traffic).into_iter().collect())
    };
    let title = format!(
        "first-byte: from the start to the first byte of payload, {size} from {}",
        seed.name()
    );
    Ok((title, Box::new(trial)))
}

/// To give.
///
/// # Errors
/// When there is nobody to give to.
pub(super) fn seed(payload: Payload, size: Size) -> anyhow::Result<Question> {
    let leech = fixed(&[&Aria2, &Libtorrent::Default])?;
    let trial = move |contender: &dyn Contender| {
        let stage = Stage::new()?;
        let trial = Trial::new(&stage)?;
        let mut seed = trial.seed(contender, &payload)?;
        let before = seed.usage().cpu();
        let (leech, traffic) = fetch(&trial, &mut seed, leech, &payload, Until::Done)?;
        let usage = seed.usage_now();
        let cpu = usage.cpu().saturating_sub(before);
        let mut figures = Figures::from([
            (Metric::CpuPerGib, cpu.as_secs_f64() / size.gib()),
            (Metric::Anonymous, usage.anonymous_mib()),
        ]);
        let stream = traffic.first_to_last();
        figures.extend(stream.map(|stream| (Metric::Stream, stream.as_secs_f64())));
        payload.compare_soon(&leech.place().data)?;
        Ok(figures)
    };
    let title = format!("seed: {size} to {}, pieces of 1 MiB", leech.name());
    Ok((title, Box::new(trial)))
}

fn seed_for_all() -> anyhow::Result<&'static dyn Contender> {
    fixed(&[&RTorrent, &Aria2, &Libtorrent::Default])
}

fn fetch(
    trial: &Trial<'_>,
    seed: &mut Runner,
    contender: &dyn Contender,
    payload: &Payload,
    until: Until,
) -> anyhow::Result<(Runner, Traffic)> {
    let place = trial.place("leech")?;
    let mut traffic = trial.traffic()?;
    let torrents = [payload.info_hash()];
    let task = Task::Leech(payload.torrent());
    let mut leech = trial.start(contender, task, &torrents, place)?;
    trial.watch_with(&mut [seed, &mut leech], until, &mut traffic)?;
    Ok((leech, traffic))
}

fn to_first(traffic: &Traffic) -> Option<(Metric, f64)> {
    let time = traffic.to_first()?;
    Some((Metric::FirstByte, time.as_secs_f64()))
}
