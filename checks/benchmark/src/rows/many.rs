//! Many torrents that are seeded and that nobody wants: what does it cost to have them?

use std::path::{Path, PathBuf};
use std::time::Duration;

use manyhop_interop::{InfoHash, Stage};

use super::Question;
use crate::contenders::{Contender, Task};
use crate::interruption;
use crate::metric::Metric;
use crate::options::{Options, Size};
use crate::payload::Payload;
use crate::trial::Trial;

/// How large each is: the less there is to check, the more the torrents themselves count.
const SIZE: Size = Size(64 << 10);

const PIECE_LEN: usize = 16 << 10;

/// When all is ready, there are some last things to do.
const SETTLE: Duration = Duration::from_secs(1);

/// The row.
///
/// # Errors
/// Those of the disk.
pub(super) fn many(folder: &Path, options: &Options) -> anyhow::Result<Question> {
    let (count, idle) = (
        options.torrents.max(1),
        Duration::from_secs(options.idle.max(1)),
    );
    let payloads = (0..count)
        .map(|number| Payload::write(folder, number, SIZE, PIECE_LEN, &Trial::tracker_url()));
    let payloads: Vec<Payload> = payloads.collect::<anyhow::Result<_>>()?;
    let torrents: Vec<PathBuf> = payloads.iter().map(|one| one.torrent().into()).collect();
    let hashes: Vec<InfoHash> = payloads.iter().map(Payload::info_hash).collect();
    let trial = move |contender: &dyn Contender| {
        let stage = Stage::new()?;
        let trial = Trial::new(&stage)?;
        let place = trial.place("seed")?;
        for payload in &payloads {
            payload.link_into(&place.data)?;
        }
        let mut seed = trial.start(contender, Task::Seed(&torrents), &hashes, place)?;
        trial.watch(&mut [&mut seed])?;
        interruption::sleep(SETTLE)?;
        let before = seed.usage_now().cpu();
        interruption::sleep(idle)?;
        let usage = seed.usage_now();
        let idle_cpu = usage.cpu().saturating_sub(before);
        let anonymous_kib = usage.anonymous_mib() * 1024.0;
        Ok([
            (Metric::Wall, seed.wall()?.as_secs_f64()),
            (Metric::Cpu, seed.cpu()?.as_secs_f64()),
            (Metric::AnonymousPerTorrent, anonymous_kib / count as f64),
            (
                Metric::IdleCpu,
                100.0 * idle_cpu.as_secs_f64() / idle.as_secs_f64(),
            ),
        ]
        .into())
    };
    let title = format!(
        "many: {count} torrents of {SIZE} until all are seeded, then idle for {} s",
        idle.as_secs()
    );
    Ok((title, Box::new(trial)))
}
