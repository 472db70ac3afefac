//! What needs no peer: to make a torrent, and to check its content. The file is in the page cache.

use manyhop_interop::Stage;

use super::Question;
use crate::contenders::{Contender, Task, made_torrent};
use crate::metric::{Figures, Metric};
use crate::options::Size;
use crate::payload::Payload;
use crate::trial::{Runner, Trial};

/// To make a torrent.
pub(super) fn create(payload: Payload, size: Size) -> Question {
    let trial = move |contender: &dyn Contender| {
        let stage = Stage::new()?;
        let trial = Trial::new(&stage)?;
        let place = trial.place(contender.name())?;
        let made = made_torrent(&place);
        let mut runner = trial.start(contender, Task::Create(payload.path()), &[], place)?;
        trial.watch(&mut [&mut runner])?;
        // Not everybody writes a file.
        if made.exists() {
            payload.compare_hashes(&made)?;
        }
        figures(&runner, size)
    };
    let title = format!("create: a torrent of {size}, pieces of 1 MiB, page cache warm");
    (title, Box::new(trial))
}

/// To check all pieces.
pub(super) fn recheck(payload: Payload, size: Size) -> Question {
    let trial = move |contender: &dyn Contender| {
        let stage = Stage::new()?;
        let trial = Trial::new(&stage)?;
        let place = trial.place(contender.name())?;
        payload.link_into(&place.data)?;
        let torrents = [payload.info_hash()];
        let mut runner =
            trial.start(contender, Task::Check(payload.torrent()), &torrents, place)?;
        trial.watch(&mut [&mut runner])?;
        figures(&runner, size)
    };
    let title = format!("recheck: {size}, pieces of 1 MiB, page cache warm");
    (title, Box::new(trial))
}

fn figures(runner: &Runner, size: Size) -> anyhow::Result<Figures> {
    Ok([
        (Metric::Wall, runner.wall()?.as_secs_f64()),
        (Metric::CpuPerGib, runner.cpu()?.as_secs_f64() / size.gib()),
        (Metric::Anonymous, runner.usage().anonymous_mib()),
    ]
    .into())
}
